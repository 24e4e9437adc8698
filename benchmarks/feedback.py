"""What a person's answers are worth: rows are asked about, answered by the labels, and heeded at once; judged are the rows never asked.

    python benchmarks/feedback.py --data DIR [--rows 3000] [--sets 18] [--detector auto] [--reach all] [--judge unseen]

Each set is learned from with its anomalies left in: half of the rows, to judge the others (``unseen``), or all, to judge the ``same``.
Rows to ask about are chosen by `Pipeline.ask`, or are the highest-scored ones; what was answered counts when the next are chosen.
Given are means over sets: average precision of the rows never asked before and after the answers, the share of normal ones among them
that was flagged (1 % is promised), and the share of anomalies. Sets with fewer than 60 anomalies are left out: too few would remain.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score

import tocsin
from tocsin.evaluation.sets import find, load

ASKED = (5, 10, 20, 40)
_FEWEST, _WIDEST = 60, 100


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--rows", type=int, default=3_000)
    parser.add_argument("--sets", type=int, default=18)
    parser.add_argument("--detector", default="auto")
    parser.add_argument("--reach", default="all")
    parser.add_argument("--judge", choices=("unseen", "same"), default="unseen")
    given = parser.parse_args()
    seen: dict[str, list[np.ndarray]] = {"ask": [], "highest": []}
    names = []
    for name, path in sorted(find(given.data, "adbench").items()):
        trial = load(path, "adbench", "unsupervised", seed=0, cap=given.rows)
        if trial.d > _WIDEST or trial.anomalies < _FEWEST or len(names) == given.sets:
            continue
        order = np.random.default_rng(0).permutation(len(trial.y))
        learned, judged = (order, order) if given.judge == "same" else np.split(order, [len(order) // 2])
        model = tocsin.fit(trial.train[learned], detector=given.detector, clean=False)
        names.append(name)
        for policy, choose in (("ask", _asked), ("highest", _highest)):
            seen[policy].append(played(model, trial.train[judged], trial.y[judged], choose, given.reach))
        print(name, *(np.round(100 * (runs[-1][:, 1] - runs[-1][:, 0]), 1).tolist() for runs in seen.values()), flush=True)
    print(f"\n{len(names)} sets: {', '.join(names)}\n")
    print("| asked | by | anomalies among them | AP | after | worst set | false alarms, % | after | found, % | after |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for i, count in enumerate(ASKED):
        for policy, runs in seen.items():
            part = 100 * np.array([run[i] for run in runs])
            mean, worst = part.mean(axis=0), (part[:, 1] - part[:, 0]).min()
            print(f"| {count} | {policy} | {mean[6] / 100:.1f} | {mean[0]:.1f} | {mean[1]:.1f} | {worst:+.1f} "
                  f"| {mean[2]:.2f} | {mean[3]:.2f} | {mean[4]:.1f} | {mean[5]:.1f} |")
    print(f"\nseconds for 40 answers: {np.mean([run[-1, 7] for runs in seen.values() for run in runs]):.3f}")


def played(model: Any, X: np.ndarray, y: np.ndarray, choose: Callable[[Any, np.ndarray, int, np.ndarray], np.ndarray],
           reach: str) -> np.ndarray:
    """(len(ASKED), 8): AP before and after, false alarms before and after, found before and after, anomalies asked, seconds."""
    before, now, asked = model.detect(X), model, np.zeros(0, dtype=np.int64)
    made = []
    for count in ASKED:
        asked = np.r_[asked, choose(now, X, count - len(asked), asked)]
        started = time.perf_counter()
        now = model.answered(X[asked], y[asked], reach=reach)
        seconds = time.perf_counter() - started
        after, rest = now.detect(X), np.setdiff1d(np.arange(len(y)), asked)
        odd, normal = rest[y[rest] == 1], rest[y[rest] == 0]
        made.append([average_precision_score(y[rest], before.score[rest]), average_precision_score(y[rest], after.score[rest]),
                     before.is_anomaly[normal].mean(), after.is_anomaly[normal].mean(), before.is_anomaly[odd].mean(),
                     after.is_anomaly[odd].mean(), y[asked].sum(), seconds])
    return np.array(made)


def _asked(model: Any, X: np.ndarray, n: int, asked: np.ndarray) -> np.ndarray:
    return np.asarray(model.ask(X, n))


def _highest(model: Any, X: np.ndarray, n: int, asked: np.ndarray) -> np.ndarray:
    order = model.detect(X).top(len(X))
    return np.asarray(order[~np.isin(order, asked)][:n])


if __name__ == "__main__":
    main()
