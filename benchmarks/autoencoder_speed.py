"""Scoring 20,000 × 30 with the autoencoder, beside PyOD's, in one run on one core.

    python benchmarks/autoencoder_speed.py            # with PyOD when it is installed: pip install 'tocsin[bench]'
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
import torch

import tocsin

RUNS = 7


def median_seconds(call: Callable[[], object]) -> float:
    """Median wall seconds of ``RUNS`` calls, after one that is not counted."""
    call()
    taken = []
    for _ in range(RUNS):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def main() -> None:
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    train, test = rng.normal(size=(5_000, 30)), rng.normal(size=(20_000, 30))
    ours = tocsin.make("autoencoder", training={"epochs": 5}).fit(train)
    figures = {"tocsin autoencoder, detector": median_seconds(lambda: ours.anomaly_score(test))}
    model = tocsin.fit(train, "autoencoder", training={"epochs": 5})
    figures["tocsin autoencoder, whole pipeline (score, p-value, decision)"] = median_seconds(lambda: model.detect(test))
    try:
        from pyod.models.auto_encoder import AutoEncoder
    except ImportError:
        print("PyOD is not installed: no peer in this run (pip install 'tocsin[bench]')")
    else:
        peer = AutoEncoder(epoch_num=1, verbose=0, device="cpu", random_state=0)
        peer.fit(train)
        figures["PyOD AutoEncoder.decision_function"] = median_seconds(lambda: peer.decision_function(test))
    first = next(iter(figures.values()))
    print("| scoring 20,000 × 30, one core | median s | ratio |\n|---|---|---|")
    for name, seconds in figures.items():
        print(f"| {name} | {seconds:.4f} | {seconds / first:.1f} |")


if __name__ == "__main__":
    main()
