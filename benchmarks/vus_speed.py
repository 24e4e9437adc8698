"""The volume under the surface and the affiliation F1: ours against TSB-AD 1.5's, numbers and CPU seconds.

    python benchmarks/vus_speed.py --data DIR --peer-python PATH [--files 12] [--steps 10000]

On each of the ``tsbad_u`` series, cut to its ``--steps`` steps around its first anomaly, with six kinds of score: noise, a smooth one, one
with many ties, all equal, the shifted labels, one that goes with the labels in part. One core.
"""

from __future__ import annotations

import os

os.environ.update({name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")})

import argparse
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from tocsin.evaluation.affiliation import affiliation
from tocsin.evaluation.ranges import acf_window, vus

KINDS = ("noise", "smooth", "ties", "equal", "shifted", "partly")
REPEATS = 20  # of ours: a call is too short for the clock


def scores(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(6, t) one row for each of KINDS."""
    t = len(y)
    smooth = np.convolve(np.abs(x - np.median(x)), np.ones(25) / 25, "same")
    part = np.convolve(y + rng.normal(0, 0.7, t), np.ones(9) / 9, "same")
    return np.stack([rng.normal(size=t), smooth, np.round(rng.normal(size=t) + y), np.zeros(t), np.roll(y, 7).astype(float), part])


def cut(x: np.ndarray, y: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """At most ``steps`` steps, those around the first anomaly."""
    begin = int(np.clip(np.flatnonzero(y)[0] - steps // 2, 0, max(len(y) - steps, 0)))
    return x[begin : begin + steps], y[begin : begin + steps]


def ours(y: np.ndarray, rows: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """(k, 3) figures and (k, 2) CPU seconds."""
    figures, cpu = [], []
    for one in rows:
        decided = one > one.mean() + 3 * one.std()
        begin = time.process_time()
        for _ in range(REPEATS):
            volume = vus(y, one, window)
        middle = time.process_time()
        for _ in range(REPEATS):
            near = affiliation(y, decided)
        end = time.process_time()
        assert volume is not None
        figures.append((volume.pr, volume.roc, np.nan if near.precision is None else near.f1))
        cpu.append(((middle - begin) / REPEATS, (end - middle) / REPEATS))
    return np.array(figures, float), np.array(cpu)


def theirs(python: str, y: np.ndarray, rows: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """The same of the peer, in its own interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / "in.npz", Path(folder) / "out.npz"
        np.savez(given, y=y, scores=rows, window=window)
        subprocess.run([python, str(Path(__file__).with_name("tsbad_peer.py")), "metrics", str(given), str(made)], check=True)
        with np.load(made) as held:
            return held["figures"], held["cpu"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--peer-python", required=True, help="an interpreter that has TSB-AD 1.5")
    parser.add_argument("--files", type=int, default=12)
    parser.add_argument("--steps", type=int, default=10_000)
    given = parser.parse_args()
    paths = sorted((Path(given.data) / "series" / "tsbad_u").glob("*.npz"))
    paths = [paths[i] for i in np.unique(np.linspace(0, len(paths) - 1, given.files).astype(int))]
    worst, spent = np.zeros(3), []
    print("| series | steps | window | difference: VUS-PR | VUS-ROC | affiliation | CPU s: ours | theirs | ratio | affiliation: ours "
          "| theirs |\n" + "|---" * 11 + "|")
    for path in paths:
        with np.load(path, allow_pickle=False) as held:
            x, y = cut(held["x"][:, 0].astype(float), held["y"].astype(int), given.steps)
        window, rows = acf_window(x), scores(x, y, np.random.default_rng(0))
        (a, fast), (b, slow) = ours(y, rows, window), theirs(given.peer_python, y, rows, window)
        gap = np.nanmax(np.abs(a - b), axis=0, initial=0.0)
        for i in np.flatnonzero((np.isnan(a) != np.isnan(b)).any(axis=1)):
            print(f"undefined on one side only: {KINDS[i]}, {a[i].tolist()}, {b[i].tolist()}")
        worst = np.maximum(worst, gap)
        spent.append((len(y), fast.mean(0), slow.mean(0)))
        quick, long = fast.mean(0), slow.mean(0)
        print(f"| {path.stem.split('_1st')[0]} | {len(y)} | {window} | " + " | ".join(f"{one:.1e}" for one in gap)
              + f" | {quick[0]:.5f} | {long[0]:.3f} | {long[0] / quick[0]:.0f} | {quick[1]:.5f} | {long[1]:.5f} |", flush=True)
    quick, long = (np.sum([one[i] for one in spent], axis=0) for i in (1, 2))
    steps = sum(one[0] for one in spent)
    print(f"\nlargest difference: VUS-PR {worst[0]:.1e}, VUS-ROC {worst[1]:.1e}, affiliation F1 {worst[2]:.1e}")
    fast, slow = quick / steps * 1e4, long / steps * 1e4
    print(f"CPU seconds for 10,000 steps: volume {fast[0]:.5f} against {slow[0]:.3f}, {slow[0] / fast[0]:.0f} times; "
          f"affiliation {fast[1]:.5f} against {slow[1]:.4f}, {slow[1] / fast[1]:.1f} times")


if __name__ == "__main__":
    main()
