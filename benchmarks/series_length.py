"""Time and memory of judging a long series with the default detector, fitted on 10,000 steps of a noisy wave.

    python benchmarks/series_length.py --steps 50000 200000 1000000

Each length runs in a process of its own. Seconds are CPU time of ``detect``; memory is the process's highest, before it and after.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time

import numpy as np

FIRST = 10_000


def judge(steps: int) -> str:
    import tocsin
    from tocsin.core.types import Dataset

    at = np.arange(FIRST + steps)
    x = (np.sin(at * 2 * np.pi / 96) + 0.1 * np.random.default_rng(0).normal(size=len(at)))[:, None]
    model = tocsin.fit(Dataset.of(x[:FIRST], kind="series"))
    before, begun = memory(), time.process_time()
    model.detect(Dataset.of(x[FIRST:], kind="series"))
    return f"{steps:,} steps: {time.process_time() - begun:.1f} CPU s, {before:.0f} MB before, {memory():.0f} MB after"


def memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--steps", type=int, nargs="+", default=[50_000, 200_000])
    given.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    asked = given.parse_args()
    for steps in asked.steps:
        if asked.here:
            print(judge(steps), flush=True)
        else:
            again = [sys.executable, __file__, "--here", "--steps", str(steps)]
            subprocess.run(again, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})


if __name__ == "__main__":
    main()
