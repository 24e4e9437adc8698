"""Some anomalies are known: detectors that learn from labels, beside XGBoost on the same labels and detectors that need none.

    python benchmarks/with_labels.py --data DIR [--share 0.05 0.2] [--seeds 0] [--sets TEXT ...] [--methods NAME ...] [--out FILE.csv]

ADBench sets, at most 5,000 rows each, split 70/30 so that both parts hold the set's share of anomalies. The training part keeps all of its
rows; a share of its anomalies (one at least) is labelled 1, all other rows 0. Average precision and area under the ROC curve of the
rest. A method is a detector of the catalog, "xgboost" as it comes, "xgboost_balanced" with the classes weighed alike (both need pip
install xgboost) or "xgbod" (PyOD's; needs pyod and xgboost). Sets run from the smallest; FILE.csv gets each figure at once, and figures
that it holds already are not made again.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.stats import wilcoxon
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import train_test_split

from tocsin.core import catalog
from tocsin.evaluation.sets import find

METHODS = ("guided_fusion", "boosting", "labelled_forest", "xgboost", "xgboost_balanced", "iforest", "knn")
FIELDS = ("set", "seed", "share", "known", "method", "ap", "auroc", "seconds")
Scores = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--sets", nargs="*", default=[""])
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    parser.add_argument("--share", nargs="*", type=float, default=[0.05, 0.2])
    parser.add_argument("--methods", nargs="*", default=list(METHODS))
    parser.add_argument("--rows", type=int, default=5_000)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    rows = _held(given.out)
    done = {(row["set"], row["seed"], row["share"], row["method"]) for row in rows}
    for name, path in find(given.data, "adbench").items():
        if any(part in name for part in given.sets):
            for seed in given.seeds:
                for share in given.share:
                    missing = [method for method in given.methods if (name, seed, share, method) not in done]
                    rows += _run(name, path, seed, share, missing, given.rows, given.out)
    asked = [row for row in rows if row["method"] in given.methods and row["share"] in given.share and row["seed"] in given.seeds]
    _show(asked, given.methods, given.share)


def _run(name: str, path: Path, seed: int, share: float, methods: list[str], cap: int, out: Path | None) -> list[dict]:
    if not methods:
        return []
    X, y, T, truth = _parts(path, seed, share, cap)
    made = []
    for method in methods:
        start = time.perf_counter()
        score = _scores(method)(X, y, T)
        made.append({"set": name, "seed": seed, "share": share, "known": int(y.sum()), "method": method,
                     "ap": average_precision_score(truth, score), "auroc": roc_auc_score(truth, score),
                     "seconds": round(time.perf_counter() - start, 2)})
        _keep(out, made[-1])
    return made


def _parts(path: Path, seed: int, share: float, cap: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training rows, their labels as known, rows to judge, and what these are."""
    with np.load(path, allow_pickle=False) as held:
        X, y = held["X"].astype(np.float64), held["y"].astype(int).ravel()
    if len(X) > cap:
        rows = _capped(y, cap)
        X, y = X[rows], y[rows]
    train, test = train_test_split(np.arange(len(y)), test_size=0.3, stratify=y, random_state=seed)
    odd = train[y[train] == 1]
    known = np.random.default_rng([seed, int(share * 1000)]).choice(odd, max(1, round(share * len(odd))), replace=False)
    return X[train], np.isin(train, known).astype(int), X[test], y[test]


def _capped(y: np.ndarray, cap: int) -> np.ndarray:
    """``cap`` rows with the set's share of anomalies, at least 30 of them."""
    rng, odd = np.random.default_rng(0), np.flatnonzero(y == 1)
    k = max(round(cap * len(odd) / len(y)), min(len(odd), 30))
    rows = np.concatenate([rng.choice(odd, k, replace=False), rng.choice(np.flatnonzero(y == 0), cap - k, replace=False)])
    rng.shuffle(rows)
    return rows


def _scores(method: str) -> Scores:
    if method in ("xgboost", "xgboost_balanced"):
        from xgboost import XGBClassifier

        def boosted(X: np.ndarray, y: np.ndarray, T: np.ndarray) -> np.ndarray:
            weight = 1 / y.mean() - 1 if method == "xgboost_balanced" else 1
            made: np.ndarray = XGBClassifier(n_jobs=1, scale_pos_weight=weight).fit(X, y).predict_proba(T)[:, 1]
            return made
        return boosted
    if method == "xgbod":
        from pyod.models.xgbod import XGBOD
        return lambda X, y, T: XGBOD(n_jobs=1, random_state=0).fit(X, y).decision_function(T)
    return lambda X, y, T: catalog.make(method).fit(X, y).anomaly_score(T)


def _held(out: Path | None) -> list[dict]:
    if out is None or not out.exists():
        return []
    with out.open(newline="") as file:
        return [{**row, "seed": int(row["seed"]), "share": float(row["share"]), "ap": float(row["ap"]), "auroc": float(row["auroc"])}
                for row in csv.DictReader(file)]


def _keep(out: Path | None, row: dict) -> None:
    if out is None:
        return
    fresh = not out.exists()
    with out.open("a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        if fresh:
            writer.writeheader()
        writer.writerow(row)


def _show(rows: list[dict], methods: list[str], shares: list[float]) -> None:
    """Means over the runs that every method has finished, and the first method's lead over each other."""
    for share in shares:
        of = {method: {(row["set"], row["seed"]): row for row in rows if row["method"] == method and row["share"] == share}
              for method in methods}
        runs = sorted(set.intersection(*(set(found) for found in of.values())))
        if not runs:
            continue
        print(f"\n| {share:.0%} of the anomalies known, {len(runs)} runs | AP | AUROC | AP lead of {methods[0]}, wins, p |")
        print("|---|---|---|---|")
        first = np.array([of[methods[0]][run]["ap"] for run in runs])
        for method in methods:
            ap, auroc = (np.array([of[method][run][key] for run in runs]) for key in ("ap", "auroc"))
            lead = first - ap
            p = wilcoxon(lead).pvalue if np.any(lead) and len(runs) > 5 else 1.0
            ahead = f"{100 * lead.mean():+.1f}, {(lead > 0).mean():.0%}, {p:.2g}"
            print(f"| {method} | {100 * ap.mean():.1f} | {100 * auroc.mean():.1f} | {ahead} |")


if __name__ == "__main__":
    main()
