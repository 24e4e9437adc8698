"""What the peer package TSB-AD 1.5 makes of arrays: run by an interpreter of its own that has the package, never by Tocsin's.

    PYTHON benchmarks/tsbad_peer.py serve                       lines of METHOD IN OUT: train (n, c), rows (t, c) -> score (t,), cpu
    PYTHON benchmarks/tsbad_peer.py metrics IN.npz OUT.npz      y (t,), scores (k, t), window -> figures (k, 3), cpu (k, 2)

Methods are those of the package with its recommended settings for several channels. Its protocol lets PCA and KMeansAD learn from the
series that they score; PCA+train and KMeansAD+train learn from the training rows alone, as CNN and USAD always do.
"""

from __future__ import annotations

import contextlib
import io
import random
import sys
import time

import numpy as np


def score(method: str, train: np.ndarray, rows: np.ndarray) -> np.ndarray:
    import torch
    from TSB_AD import model_wrapper
    from TSB_AD.HP_list import Optimal_Multi_algo_HP_dict

    torch.set_num_threads(1)
    torch.manual_seed(2024)
    np.random.seed(2024)  # noqa: NPY002 - the peer draws from it
    random.seed(2024)
    name, apart = method.removesuffix("+train"), method.endswith("+train")
    settings = Optimal_Multi_algo_HP_dict[name]
    if apart and name == "PCA":
        from TSB_AD.models.PCA import PCA
        model = PCA(slidingWindow=100, zero_pruning=False, **settings)  # pruning fails on rows that vary where training rows do not
        model.fit(train)
        return model.decision_function(rows)
    if apart and name == "KMeansAD":
        from TSB_AD.models.KMeansAD import KMeansAD
        model = KMeansAD(k=settings["n_clusters"], window_size=settings["window_size"], stride=1)
        return model.fit(train).predict(rows)
    if name == "USAD" and len(train) // 5 <= settings["win_size"]:
        from TSB_AD.models.USAD import USAD
        share = (settings["win_size"] + 20) / len(train)  # it fails when the fifth that it validates on is shorter than its window
        model = USAD(feats=rows.shape[1], validation_size=share, **settings)
        model.fit(train)
        return model.decision_function(rows)
    call = getattr(model_wrapper, f"run_{name}")
    return call(rows, **settings) if name in ("PCA", "KMeansAD") else call(train, rows, **settings)


def metrics(y: np.ndarray, scores: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """VUS-PR, VUS-ROC and affiliation F1 (of decisions score > mean + 3 sd) of each score; and both CPU seconds."""
    from TSB_AD.evaluation.basic_metrics import basic_metricor, generate_curve

    figures, cpu = [], []
    for one in scores:
        begin = time.process_time()
        roc, pr = generate_curve(y, one, window, "opt", 100)[-2:]
        middle = time.process_time()
        try:
            affiliation = basic_metricor().metric_Affiliation(y, one, preds=one > one.mean() + 3 * one.std())
        except ValueError:  # its answer to decisions without an alarm
            affiliation = np.nan
        figures.append((pr, roc, affiliation))
        cpu.append((middle - begin, time.process_time() - middle))
    return np.array(figures, dtype=float), np.array(cpu)


def warm() -> None:
    """Load what scoring needs, so that its CPU seconds are without imports."""
    import torch  # noqa: F401
    from TSB_AD import model_wrapper  # noqa: F401
    from TSB_AD.models import CNN, PCA, USAD, KMeansAD  # noqa: F401


def serve() -> None:
    """Answer one line for each line "METHOD<tab>IN.npz<tab>OUT.npz" until there are no more: "ok", or what went wrong."""
    answers, sys.stdout = sys.stdout, io.StringIO()  # the package prints while it works
    warm()
    for line in sys.stdin:
        method, given, made = line.rstrip("\n").split("\t")
        said = "ok"
        with np.load(given, allow_pickle=False) as held, contextlib.redirect_stderr(io.StringIO()):
            begin = time.process_time()
            try:
                found = score(method, held["train"].astype(float), held["rows"].astype(float))
                np.savez(made, score=np.asarray(found, dtype=float).ravel(), cpu=time.process_time() - begin)
            except Exception as error:  # told to the caller, who goes on with the next
                said = " ".join(repr(error).split())
        sys.stdout = io.StringIO()
        print(said, file=answers, flush=True)


def main() -> None:
    if sys.argv[1] == "serve":
        return serve()
    given, made = sys.argv[2:]
    with np.load(given, allow_pickle=False) as held, contextlib.redirect_stdout(io.StringIO()):
        figures, cpu = metrics(held["y"].astype(int), held["scores"], int(held["window"]))
    np.savez(made, figures=figures, cpu=cpu)


if __name__ == "__main__":
    main()
