"""NSL-KDD's raw file: Tocsin as a user gives it the csv, against PyOD's detectors on the best encoding that could be given to them.

    python benchmarks/nsl_kdd.py --data DIR [--rows N] [--peers KNN,LOF,...] [--ours auto,knn] [--scales standard,log] [--seeds 1]
                                          [--out FILE.csv]

DIR holds network/nsl_kdd_train.csv.gz and network/nsl_kdd_test.csv.gz: no line of names, column x41 is the label ("normal", or the
attack's name), x42 a difficulty which tells the label and is ignored. Everything learns from the normal rows of the training file (or
``--rows`` of them, by seed) and scores the whole test file, attack = 1.

Ours gets the file's path, the name of the label's column and that x42 is to be ignored; that 'normal' is normal is found out. "standard"
is the scaling when none is named; every other one of ``--scales`` is a setting (``tocsin fit --scale log``), and a row of its own.
A peer gets each of seven encodings, made for it by hand (``ENCODINGS``), and the one with the highest AUROC and the one with the highest
AP on the test file are told: a choice with the labels, in the peer's favour. PyOD's defaults otherwise. One core, CPU seconds of
learning and scoring.
"""

from __future__ import annotations

import os

os.environ.update({name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")})

import argparse
import csv
import gzip
import importlib
import inspect
import itertools
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, QuantileTransformer, StandardScaler

PEERS = "KNN,LOF,IForest,ECOD,COPOD,HBOS,PCA,OCSVM,GMM,CBLOF,MCD,INNE,LUNAR,AutoEncoder"
MODULES = {"AutoEncoder": "auto_encoder"}
CATEGORIES, LABEL, DIFFICULTY = (1, 2, 3), 41, 42
COLUMNS = ("side", "method", "encoding", "seed", "auroc", "ap", "cpu_s", "fault")
Pair = tuple[np.ndarray, np.ndarray]  # training rows (n, d), test rows (m, d)


def read(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """numbers (n, 38), words (n, 3), attack (n,)."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    words = np.array([[row[j] for j in CATEGORIES] for row in rows], dtype=object)
    numbers = np.array([[row[j] for j in range(LABEL) if j not in CATEGORIES] for row in rows], dtype=float)
    return numbers, words, np.array([row[LABEL] != "normal" for row in rows]).astype(int)


def _varying(train: np.ndarray, test: np.ndarray) -> Pair:
    keep = train.std(axis=0) > 0
    return train[:, keep], test[:, keep]


def _scaled(numbers: Pair, scaler: object) -> Pair:
    return scaler.fit_transform(numbers[0]), scaler.transform(numbers[1])  # type: ignore[attr-defined]


def _logs(numbers: Pair) -> Pair:
    """log(1 + x) of columns with a heavy tail: the largest value beyond ten times the 90th percentile, and beyond 10."""
    heavy = numbers[0].max(axis=0) > np.maximum(10 * np.quantile(numbers[0], 0.9, axis=0), 10)
    return tuple(np.where(heavy, np.log1p(np.maximum(part, 0)), part) for part in numbers)  # type: ignore[return-value]


def _one_hot(words: Pair) -> Pair:
    return _scaled(words, OneHotEncoder(handle_unknown="ignore", sparse_output=False))


def _ordinal(words: Pair) -> Pair:
    return _scaled(_scaled(words, OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)), StandardScaler())


def _frequency(words: Pair) -> Pair:
    shares = []
    for j in range(words[0].shape[1]):
        level, count = np.unique(words[0][:, j], return_counts=True)
        known = dict(zip(level, np.log(count)))
        shares.append([np.array([known.get(cell, -np.log(2)) for cell in part[:, j]]) for part in words])
    return _scaled((np.column_stack([one[0] for one in shares]), np.column_stack([one[1] for one in shares])), StandardScaler())


def _beside(*parts: Pair) -> Pair:
    return np.column_stack([part[0] for part in parts]), np.column_stack([part[1] for part in parts])


ENCODINGS: dict[str, Callable[[Pair, Pair], Pair]] = {
    "one-hot 0/1, standard": lambda x, w: _beside(_scaled(x, StandardScaler()), _one_hot(w)),
    "one-hot and all standard": lambda x, w: _scaled(_beside(x, _one_hot(w)), StandardScaler()),
    "one-hot 0/1, min-max": lambda x, w: _beside(_scaled(x, MinMaxScaler()), _one_hot(w)),
    "one-hot 0/1, log, standard": lambda x, w: _beside(_scaled(_logs(x), StandardScaler()), _one_hot(w)),
    "one-hot 0/1, quantile": lambda x, w: _beside(
        _scaled(x, QuantileTransformer(output_distribution="normal", n_quantiles=1000, random_state=0)), _one_hot(w)),
    "ordinal, standard": lambda x, w: _beside(_scaled(x, StandardScaler()), _ordinal(w)),
    "frequency, log, standard": lambda x, w: _beside(_scaled(_logs(x), StandardScaler()), _frequency(w)),
}


def peer(name: str, pair: Pair, seed: int) -> np.ndarray:
    """(m,) scores of PyOD's detector ``name`` with its defaults."""
    made = getattr(importlib.import_module(f"pyod.models.{MODULES.get(name, name.lower())}"), name)
    takes = inspect.signature(made.__init__).parameters
    given = {"random_state": seed} if "random_state" in takes else {}
    return np.asarray(made(**given, **({"verbose": 0} if "verbose" in takes else {})).fit(pair[0]).decision_function(pair[1]))


def ours(detector: str, scale: str, folder: Path, rows: int | None, seed: int) -> np.ndarray:
    """(m,) scores; the raw files go in."""
    import tocsin

    train = tocsin.read(folder / "nsl_kdd_train.csv.gz", label=f"x{LABEL}", ignore=[f"x{DIFFICULTY}"])
    train = train[np.sort(_drawn(train.y, rows, seed))]  # without the labelled attacks, which "auto" would learn from
    model = tocsin.fit(train, detector=detector, scale=scale, seed=seed)
    return np.asarray(model.anomaly_score(tocsin.read(folder / "nsl_kdd_test.csv.gz", schema=model.schema_)))


def _drawn(y: np.ndarray | None, rows: int | None, seed: int) -> np.ndarray:
    """The training rows to learn from: normal ones, all or ``rows`` of them."""
    normal = np.flatnonzero(np.asarray(y) == 0)
    return normal if rows is None or rows >= len(normal) else np.random.default_rng(seed).choice(normal, rows, replace=False)


def measured(side: str, method: str, encoding: str, seed: int, attack: np.ndarray, score: Callable[[], np.ndarray]) -> dict[str, object]:
    row: dict[str, object] = {"side": side, "method": method, "encoding": encoding, "seed": seed}
    begin = time.process_time()
    try:
        scores = score()
        row |= {"cpu_s": round(time.process_time() - begin, 1), "auroc": round(100 * roc_auc_score(attack, scores), 2),
                "ap": round(100 * average_precision_score(attack, scores), 2)}
    except (ValueError, TypeError, ImportError, np.linalg.LinAlgError) as error:
        row["fault"] = f"{type(error).__name__}: {error}"[:120]
    return row


def table(rows: list[dict[str, object]]) -> str:
    """Markdown: each method's means over the seeds at its best encoding, by AUROC and by AP."""
    lines = ["| | method | AUROC | with | AP | with | CPU s |", "|---|---|---|---|---|---|---|"]
    found = []
    for side, method in dict.fromkeys((str(row["side"]), str(row["method"])) for row in rows if "auroc" in row):
        mean = {}
        own = [row for row in rows if (row["side"], row["method"]) == (side, method) and "auroc" in row]
        for encoding in dict.fromkeys(str(row["encoding"]) for row in own):
            some = [row for row in own if row["encoding"] == encoding]
            mean[encoding] = {key: float(np.mean([float(str(row[key])) for row in some])) for key in ("auroc", "ap", "cpu_s")}
        by = {key: max(mean, key=lambda one: mean[one][key]) for key in ("auroc", "ap")}
        found.append((mean[by["auroc"]]["auroc"], f"| {side} | {method} | {mean[by['auroc']]['auroc']:.2f} | {by['auroc']} | "
                      f"{mean[by['ap']]['ap']:.2f} | {by['ap']} | {mean[by['auroc']]['cpu_s']:.1f} |"))
    return "\n".join([*lines, *(line for _, line in sorted(found, reverse=True))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--peers", default=PEERS)
    parser.add_argument("--ours", default="auto")
    parser.add_argument("--scales", default="standard,log")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    folder = given.data / "network"
    (numbers, words, y), (new, new_words, attack) = (read(folder / f"nsl_kdd_{part}.csv.gz") for part in ("train", "test"))
    print(f"{int((y == 0).sum())} normal training rows, {len(attack)} test rows, {int(attack.sum())} attacks", flush=True)
    rows: list[dict[str, object]] = []
    warnings.simplefilter("ignore")
    for seed in range(given.seeds):
        for detector, scale in itertools.product(filter(None, given.ours.split(",")), given.scales.split(",")):
            score = lambda: ours(detector, scale, folder, given.rows, seed)  # noqa: B023, E731
            named = detector if scale == "standard" else f"{detector}, scale={scale}"
            rows.append(measured("tocsin", named, "the raw file", seed, attack, score))
            print(*rows[-1].values(), flush=True)
        some = _drawn(y, given.rows, seed)
        varying = _varying(numbers[some], new)
        for encoding, make in ENCODINGS.items() if given.peers else ():
            pair = make(varying, (words[some], new_words))
            for name in given.peers.split(","):
                rows.append(measured("pyod", name, encoding, seed, attack, lambda: peer(name, pair, seed)))  # noqa: B023
                print(*rows[-1].values(), flush=True)
    if given.out is not None:
        with given.out.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
    print(table(rows))


if __name__ == "__main__":
    main()
