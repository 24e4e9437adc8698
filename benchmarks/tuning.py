"""What the search for settings is worth on labelled tables: default against tuned, without labels and with a fifth of them.

    python benchmarks/tuning.py --data DATA [--detector knn] [--detector autoencoder] [--trials 30] [--budget SECONDS] [--out tuning.csv]

One-class protocol of ``tocsin benchmark``, at most 2,000 rows a set: normal rows to learn from, the other normal rows and the anomalies to
judge. "label-free" searches on the training rows alone. "labelled" moves a fifth of the anomalies (three at least) into the training rows,
labelled; detectors that cannot use labels still leave them out. Both rows of a set are judged on the same test rows, those without the
moved anomalies. ``rank`` is the rank correlation between a trial's value and its AUROC on the test rows.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import csv
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from tocsin.core import catalog
from tocsin.core.errors import TocsinError
from tocsin.core.types import Dataset
from tocsin.evaluation import sets
from tocsin.evaluation.metrics import auroc, average_precision
from tocsin.evaluation.spaces import nested
from tocsin.flows.tune import Tuned, tune

_SETS = ("42_WBC", "4_breastw", "14_glass", "29_Pima", "7_Cardiotocography", "38_thyroid", "18_Ionosphere", "43_WDBC", "6_cardio",
         "44_Wilt", "40_vowels", "2_annthyroid")
_CAP, _SHARE, _FEWEST = 2_000, 0.2, 3


def _parts(trial: sets.Trial, seed: int) -> tuple[Dataset, Dataset, np.ndarray, np.ndarray]:
    """Training rows without labels, the same with a fifth of the anomalies labelled, and the test rows and labels of both."""
    assert trial.test is not None
    odd = np.flatnonzero(trial.y == 1)
    moved = np.random.default_rng(seed).choice(odd, max(_FEWEST, round(_SHARE * len(odd))), replace=False)
    kept = np.setdiff1d(np.arange(len(trial.y)), moved)
    known = np.concatenate([trial.train, trial.test[moved]])
    y = np.repeat([0, 1], [len(trial.train), len(moved)])
    return Dataset.of(trial.train), Dataset.of(known, y=y), trial.test[kept], trial.y[kept]


def _figures(name: str, settings: dict[str, Any], learned: Dataset, X: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    rows = learned.X if learned.y is None else learned.X[learned.y == 0]
    score = catalog.make(name, **nested(settings)).fit(rows).anomaly_score(X)
    return 100 * float(auroc(y, score) or 0), 100 * float(average_precision(y, score) or 0)


def _row(tuned: Tuned, learned: Dataset, X: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    found = tuned.found
    judged = [trial for trial in found.trials if trial.value is not None]
    truth = {trial.number: _figures(trial.detector, trial.settings, learned, X, y) for trial in judged}
    rank = stats.spearmanr([trial.value for trial in judged], [truth[t.number][0] for t in judged]).statistic if len(judged) > 3 else np.nan
    row = {"trials": len(found.trials), "failed": len(found.trials) - len(judged), "seconds": found.seconds, "gain": found.gain,
           "noise": found.noise, "preferred": int(found.preferred), "rank": rank, "settings": str(found.best.settings)}
    for part, trial in (("default", found.default), ("best", found.best), ("chosen", found.chosen)):
        row |= {f"{part}_auroc": truth[trial.number][0], f"{part}_ap": truth[trial.number][1]}
    top = max(truth.values())
    return {**row, "oracle_auroc": top[0], "oracle_ap": max(value[1] for value in truth.values())}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--data", required=True)
    words.add_argument("--detector", action="append")
    words.add_argument("--set", action="append", dest="only")
    words.add_argument("--objective", action="append", choices=("label-free", "labelled"))
    words.add_argument("--trials", type=int)
    words.add_argument("--budget", type=float)
    words.add_argument("--space", action="append", default=[])
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--out", type=Path, default=Path("tuning.csv"))
    given = words.parse_args()
    if given.trials is None and given.budget is None:
        given.budget = 15.0
    files, rows = sets.find(given.data, "adbench"), []
    for name in given.only or _SETS:
        plain, labelled, X, y = _parts(sets.load(files[name], "adbench", "one-class", seed=given.seed, cap=_CAP), given.seed)
        for detector in given.detector or ("knn",):
            for objective in given.objective or ("label-free", "labelled"):
                learned = plain if objective == "label-free" else labelled
                try:
                    tuned = tune(learned, detector, space=given.space, budget=given.budget, trials=given.trials, seed=given.seed)
                except TocsinError as error:
                    print(name, detector, objective, error, flush=True)
                    continue
                rows.append({"set": name, "detector": detector, "objective": objective, **_row(tuned, learned, X, y)})
                print({key: round(value, 3) if isinstance(value, float) else value for key, value in rows[-1].items()}, flush=True)
                with given.out.open("w", newline="", encoding="utf-8") as file:
                    table = csv.DictWriter(file, fieldnames=list(rows[0]))
                    table.writeheader()
                    table.writerows(rows)
    _summary(rows)


def _summary(rows: list[dict[str, Any]]) -> None:
    for detector, objective in dict.fromkeys((row["detector"], row["objective"]) for row in rows):
        mine = [row for row in rows if (row["detector"], row["objective"]) == (detector, objective)]
        mean = {key: np.nanmean([row[key] for row in mine]) for key in mine[0] if key.endswith(("_auroc", "_ap")) or key == "rank"}
        print(detector, objective, len(mine), "sets,", sum(row["preferred"] for row in mine), "preferred:",
              ", ".join(f"{key} {value:.2f}" for key, value in mean.items()))


if __name__ == "__main__":
    main()
