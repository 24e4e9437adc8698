"""Few rows of a related table: the source model as it is, a model from scratch on the few rows, and the adapted one.

    python benchmarks/transfer.py --data DIR [--detector knn gaussian autoencoder] [--kind same plant cluster half protocol]
                                  [--rows 10 20 50 100 500] [--sets 15] [--cap 3000]

Related tables are made from real ones; no anomaly label decides which row is on which side.
same      source and target are random halves (adapting should cost nothing)
plant     random halves; each column of the target gets its own gain (lognormal, 0.5) and offset (normal, 2 standard deviations)
cluster   two clusters (k-means on normal rows)
half      below and above the median of the column with the largest variance
protocol  NSL-KDD: source tcp, target udp (its file of training rows)

The target is the smaller side that has ten anomalies. Half of its normal rows are there to draw the few rows from; the other half and its
anomalies are judged. Figures: mean AUROC / AP, and the share of normal rows raised at the promise of 1 %.
"""

from __future__ import annotations

import argparse
import csv
import gzip
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.cluster import KMeans
from sklearn.metrics import average_precision_score, roc_auc_score

from tocsin.core.types import Dataset
from tocsin.data.read import read
from tocsin.flows.adapt import adapt
from tocsin.pipeline.pipeline import Pipeline

WAYS = ("source", "scratch", "adapted")
SETS = ("2_annthyroid", "6_cardio", "7_Cardiotocography", "12_fault", "19_landsat", "20_letter", "22_magic.gamma", "27_PageBlocks",
        "28_pendigits", "30_satellite", "32_shuttle", "35_SpamBase", "38_thyroid", "40_vowels", "41_Waveform", "43_WDBC", "23_mammography",
        "25_musk", "1_ALOI", "44_Wilt")
_NSL = ["duration", "protocol", "service", "flag", "src_bytes", "dst_bytes", "land", "wrong_fragment", "urgent", "hot", "failed_logins",
        "logged_in", "compromised", "root_shell", "su_attempted", "num_root", "file_creations", "shells", "access_files", "outbound",
        "host_login", "guest_login", "count", "srv_count", "serror", "srv_serror", "rerror", "srv_rerror", "same_srv", "diff_srv",
        "srv_diff_host", "dst_count", "dst_srv_count", "dst_same_srv", "dst_diff_srv", "dst_same_src_port", "dst_srv_diff_host",
        "dst_serror", "dst_srv_serror", "dst_rerror", "dst_srv_rerror", "attack", "difficulty"]
Table = tuple[Any, Any, Any, np.ndarray]  # normal source rows, target rows to draw from, target rows to judge, their labels


def sides(kind: str, X: np.ndarray, normal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n,) 0 or 1."""
    if kind == "cluster":
        spread = np.where(X[normal].std(axis=0) > 0, X[normal].std(axis=0), 1)
        return np.asarray(KMeans(2, n_init=3, random_state=0).fit(X[normal] / spread).predict(X / spread))
    if kind == "half":
        j = int(np.argmax(X[normal].var(axis=0)))
        return (X[:, j] > np.median(X[normal, j])).astype(int)
    return rng.integers(0, 2, len(X))


def tables(data: Path, kind: str, cap: int, most: int) -> Iterator[tuple[str, Table]]:
    """Name and parts of each related pair."""
    if kind == "protocol":
        yield "nsl_kdd", protocols(data, cap)
        return
    for name in SETS[:most]:
        with np.load(data / "tabular" / "adbench" / f"{name}.npz", allow_pickle=False) as held:
            X, y = held["X"].astype(float), held["y"].astype(int).ravel()
        rng = np.random.default_rng(0)
        rows = rng.permutation(len(X))
        odd = rows[y[rows] == 1]
        odd = odd[:max(round(cap * len(odd) / len(X)), 100)] if len(X) > cap else odd
        rows = np.concatenate([odd, rows[y[rows] == 0][:cap - len(odd)]])
        X, y = X[rows], y[rows]
        side = sides(kind, X, y == 0, rng)
        order = np.argsort([((side == s) & (y == 0)).sum() for s in (0, 1)])
        fit = [s for s in order if ((side == s) & (y == 1)).sum() >= 10 and min(((side == t) & (y == 0)).sum() for t in (0, 1)) >= 150]
        if not fit:
            continue
        source, T, labels = X[(side != fit[0]) & (y == 0)], X[side == fit[0]], y[side == fit[0]]
        if kind == "plant":
            spread = X[y == 0].std(axis=0)
            T = T * np.exp(rng.normal(0, 0.5, X.shape[1])) + rng.normal(0, 2, X.shape[1]) * spread
        usual = rng.permutation(np.flatnonzero(labels == 0))
        pool, test = usual[:len(usual) // 2], np.concatenate([usual[len(usual) // 2:], np.flatnonzero(labels == 1)])
        yield name, (source, T[pool], T[test], labels[test])


def protocols(data: Path, cap: int) -> Table:
    """NSL-KDD as raw columns: tcp → udp."""
    with gzip.open(data / "network" / "nsl_kdd_train.csv.gz", "rt", encoding="utf-8") as file:
        lines = [line for line in csv.reader(file) if line[1] in ("tcp", "udp")]
    rng = np.random.default_rng(0)
    parts: dict[tuple[str, bool], list[list[str]]] = defaultdict(list)
    for i in rng.permutation(len(lines)):
        kept = parts[lines[i][1], lines[i][41] == "normal"]
        if len(kept) < cap:
            kept.append(lines[i])

    def table(rows: list[list[str]]) -> Dataset:
        names = [name for name in _NSL[:41] if name != "protocol"]
        return read(pa.table({name: pa.array([row[_NSL.index(name)] for row in rows]) for name in names}), label=False)

    usual, odd = parts["udp", True], parts["udp", False]
    half = len(usual) // 2
    y = np.r_[np.zeros(len(usual) - half, dtype=int), np.ones(len(odd), dtype=int)]
    return table(parts["tcp", True]), table(usual[:half]), table(usual[half:] + odd), y


def measured(model: Pipeline, rows: Any, y: np.ndarray) -> tuple[float, float, float]:
    """AUROC, AP, share of normal rows with p <= 0.01."""
    found = model.detect(rows)
    raised = float((found.p_value <= 0.01)[y == 0].mean())
    return float(roc_auc_score(y, found.score)), float(average_precision_score(y, found.score)), raised


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--detector", nargs="+", default=["knn", "gaussian", "autoencoder"])
    parser.add_argument("--kind", nargs="+", default=["same", "plant", "cluster", "half", "protocol"])
    parser.add_argument("--rows", nargs="+", type=int, default=[10, 20, 50, 100, 500])
    parser.add_argument("--sets", type=int, default=15)
    parser.add_argument("--cap", type=int, default=3_000)
    given = parser.parse_args()
    print("| detector | tables | rows | sets | " + " | ".join(f"{way}: AUROC / AP, raised %" for way in WAYS) + " | related | at worst |")
    print("|---|---|---|---|" + "---|" * (len(WAYS) + 2))
    for detector in given.detector:
        for kind in given.kind:
            seen: dict[int, list[Any]] = defaultdict(list)
            for _, (source, pool, test, y) in tables(given.data, kind, given.cap, given.sets):
                model = Pipeline(detector).fit(source)
                before = measured(model, test, y)
                for n in given.rows:
                    if n <= len(pool):
                        few = pool[np.random.default_rng(n).choice(len(pool), n, replace=False)]
                        adapted = adapt(model, few)
                        figures = (before, measured(Pipeline(detector).fit(few), test, y), measured(adapted.model, test, y))
                        seen[n].append((figures, adapted.report.related))
            for n, lines in seen.items():
                figures = np.array([line[0] for line in lines])  # (sets, ways, 3)
                mean = figures.mean(axis=0)
                cells = " | ".join(f"{100 * auroc:.1f} / {100 * ap:.1f}, {100 * raised:.1f}" for auroc, ap, raised in mean)
                worst = 100 * (figures[:, 2, 0] - figures[:, 1, 0]).min()
                related = sum(line[1] for line in lines)
                print(f"| {detector} | {kind} | {n} | {len(lines)} | {cells} | {related} | {worst:+.1f} |", flush=True)


if __name__ == "__main__":
    main()
