"""Time on tables: the default's fit and score against PyOD's networks, and one row scored by fitted models.

    python benchmarks/table_speed.py [--rows 10000] [--columns 30] [--peers LUNAR,DIF,AutoEncoder] [--many 200000]

Everything runs in this process on one thread, one after the other; CPU seconds. The rows are made: correlated columns of several kinds.
"fit + score" is ``tocsin.fit`` (preparation, detector, calibration, threshold) and ``detect`` on as many new rows; a peer's is ``fit`` and
``decision_function``. One row: the median of 30 calls of ``anomaly_score`` (a peer: ``decision_function``) after ``--many`` training rows.
"""

from __future__ import annotations

import os

os.environ.update({name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")})

import argparse
import importlib
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import tocsin

MODULES = {"AutoEncoder": "auto_encoder"}
PARAMETRIC = ("gaussian", "gaussian_mixture", "pca", "copula", "hbos", "mcd", "ocsvm", "iforest", "deep_svdd")


def rows(n: int, d: int, seed: int) -> np.ndarray:
    """(n, d) correlated columns in three groups; every third is heavy-tailed."""
    rng = np.random.default_rng(seed)
    mix = np.random.default_rng(99).normal(size=(3, d, d)) / np.sqrt(d)
    made = np.einsum("nd,nde->ne", rng.normal(size=(n, d)), mix[rng.integers(0, 3, n)])
    made[:, ::3] = np.exp(made[:, ::3])
    return made


def seconds(call: Callable[[], Any]) -> float:
    """CPU seconds of one call."""
    start = time.process_time()
    call()
    return time.process_time() - start


def peer(name: str, d: int) -> Any:
    """A detector of PyOD with its defaults."""
    made = getattr(importlib.import_module(f"pyod.models.{MODULES.get(name, name.lower())}"), name)
    return made(verbose=0) if name == "AutoEncoder" else made()


def one_row(score: Callable[[np.ndarray], Any], row: np.ndarray) -> float:
    """Median milliseconds of scoring ``row`` (1, d) alone."""
    score(row)
    spent = []
    for _ in range(30):
        start = time.perf_counter()
        score(row)
        spent.append(time.perf_counter() - start)
    return 1e3 * float(np.median(spent))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--columns", type=int, default=30)
    parser.add_argument("--many", type=int, default=200_000)
    parser.add_argument("--peers", default="LUNAR,DIF,AutoEncoder")
    given = parser.parse_args()
    warnings.simplefilter("ignore")  # the peers'
    d, train, test = given.columns, rows(given.rows, given.columns, 0), rows(given.rows, given.columns, 1)
    tocsin.fit(train[:200]).detect(test[:200])  # imports are not timed
    print(f"fit + score, {given.rows} x {d}, CPU seconds")
    ours = seconds(lambda: tocsin.fit(train).detect(test))
    print(f"  tocsin.fit + detect (auto)         {ours:8.2f}")
    print(f"  tocsin.detect (auto, by itself)    {seconds(lambda: tocsin.detect(train)):8.2f}")
    for name in filter(None, given.peers.split(",")):
        peer(name, d).fit(train[:200])
        spent = seconds(lambda: peer(name, d).fit(train).decision_function(test))  # noqa: B023
        print(f"  pyod:{name:<30}{spent:8.2f}   {spent / ours:.1f} times ours")
    many = rows(given.many, d, 2)
    print(f"one row after {given.many} training rows, ms")
    for name, params in [*((name, {}) for name in PARAMETRIC), ("neighbour_fusion", {}), ("robust_knn", {}), ("knn", {}),
                         ("knn", {"rows": given.many})]:
        some = many[:20_000] if name == "deep_svdd" else many
        model = tocsin.make(name, **params).fit(some)
        label = name + (f"(rows={params['rows']})" if params else "")
        print(f"  {label:<32}{one_row(model.anomaly_score, test[:1]):8.2f}")
    if given.peers:
        ecod = peer("ECOD", d).fit(many)
        print(f"  pyod:ECOD                      {one_row(ecod.decision_function, test[:1]):8.2f}")


if __name__ == "__main__":
    main()
