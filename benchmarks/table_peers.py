"""Peers on tables with a given split that are no plain detectors: PyOD's ADEngine, and the non-parametric diffusion time (DTE-NP).

    python benchmarks/table_peers.py --data DIR [--suites oddbench,ovrbench] [--cap 5000] [--seed 0] [--out FILE.csv]

Beside each, in the same run, ``neighbour_fusion``. ADEngine learns from the training rows, settles on a detector by its own analysis, and
that detector scores the test rows. DTE-NP (Livernoche et al. 2023) estimates how much noise a row bears from its five nearest training
rows of standardised columns; the estimate rises with their mean squared distance, which is the score here. One core; needs PyOD.
"""

from __future__ import annotations

import os

os.environ.update({name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")})

import argparse
import contextlib
import csv
import io
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

import tocsin
from tocsin.evaluation.compare import paired, ranks
from tocsin.evaluation.metrics import auroc, average_precision
from tocsin.evaluation.sets import find, load


def ad_engine(train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    """(m,) scores by the detector that ADEngine finds best."""
    from pyod.utils.ad_engine import ADEngine

    engine = ADEngine(random_state=seed)
    state = engine.analyze(engine.run(engine.plan(engine.start(train))))
    best = state.analysis["best_detector"]
    for result in state.results:
        if best in (result.get("detector_name"), result.get("plan", {}).get("detector_name")) and "detector" in result:
            return np.asarray(result["detector"].decision_function(test)).ravel()
    raise RuntimeError(f"ADEngine chose {best!r} and holds no such detector: {[sorted(result) for result in state.results][:1]}")


def dte_np(train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    """(m,) mean squared distances to five training rows."""
    scaler = StandardScaler().fit(train)
    distance, _ = NearestNeighbors(n_neighbors=min(5, len(train))).fit(scaler.transform(train)).kneighbors(scaler.transform(test))
    return np.asarray(np.square(distance).mean(axis=1))


def ours(train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    """(m,) scores of the default."""
    return tocsin.make("neighbour_fusion", seed=seed).fit(train).anomaly_score(test)


METHODS: dict[str, Callable[[np.ndarray, np.ndarray, int], np.ndarray]] = {
    "neighbour_fusion": ours, "ADEngine": ad_engine, "DTE-NP": dte_np}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--suites", default="oddbench,ovrbench")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--cap", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    names, lines = given.methods.split(","), []
    for suite in given.suites.split(","):
        for name, path in find(given.data, suite).items():
            trial = load(str(path), suite, "split", seed=given.seed, cap=given.cap)
            assert trial.test is not None
            for method in names:
                start = time.process_time()
                try:
                    with contextlib.redirect_stdout(io.StringIO()):
                        scores = METHODS[method](trial.train, trial.test, given.seed)
                    figures = [auroc(trial.y, scores), average_precision(trial.y, scores)]
                except Exception as error:  # a peer's failure is a result
                    print(f"{suite} {name} {method}: {type(error).__name__}: {error}"[:200], flush=True)
                    figures = [float("nan")] * 2
                lines.append([suite, name, method, *figures, time.process_time() - start])
            if given.out:
                with Path(given.out).open("w", newline="", encoding="utf-8") as file:
                    csv.writer(file).writerows([["suite", "set", "method", "auroc", "ap", "cpu_s"], *lines])
    for suite in [*given.suites.split(","), ""]:
        values = np.array([line[3:] for line in lines if suite in ("", line[0])]).reshape(-1, len(names), 3)  # (sets, methods, figures)
        values = values[np.isfinite(values).all(axis=(1, 2))]
        print(f"{suite or 'all'}: {len(values)} sets that all finished")
        for i, method in enumerate(names):
            p = "" if i == 0 else f"  p {paired(values[:, 0, 0], values[:, i, 0])['p_value']:.2g}"
            print(f"  {method:<18}{100 * values[:, i, 0].mean():6.2f} /{100 * values[:, i, 1].mean():6.2f}   mean rank "
                  f"{ranks(values[:, :, 0])[i]:.2f}   {values[:, i, 2].mean():.1f} CPU s{p}")


if __name__ == "__main__":
    main()
