"""VUS-PR of Tocsin's detectors on tsbad_u and tsbad_m, series by series, beside what published methods scored on the same series.

    python benchmarks/series_vus.py --data DIR [--suite u|m] [--detectors auto,profile,...] [--published FILE.csv] [--out FILE.csv]

Three ways to judge, all of the whole series, as a user would ask for them:

prefix   ``tocsin.fit(first rows, which are normal).anomaly_score(series)``: nothing of what is judged is learned from
alone    ``tocsin.detect(series).score``: nothing is known
known    ``tocsin.detect(series, clean=rows)``: the series by itself, and how many of its first rows are normal ("auto" only)

The window of the volume is the first peak of the autocorrelation of channel 0. CPU seconds of one core, learning, calibrating and scoring.
"""

from __future__ import annotations

import os

os.environ.update({name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")})

import argparse
import csv
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import tocsin
from tocsin.core.errors import TocsinError
from tocsin.core.types import Dataset
from tocsin.evaluation.ranges import acf_window, vus

COLUMNS = ("suite", "file", "method", "way", "vus_pr", "cpu_s", "steps", "channels")


def ways(detector: str, x: np.ndarray, known: int) -> dict[str, Callable[[], np.ndarray]]:
    """way → scores (t,)."""
    whole, first = Dataset.of(x, kind="series"), Dataset.of(x[:known], kind="series")
    made = {"prefix": lambda: tocsin.fit(first, detector).anomaly_score(whole)}
    if detector == "auto":
        made |= {"alone": lambda: tocsin.detect(whole).score, "known": lambda: tocsin.detect(whole, clean=known).score}
    return made


def interval(gaps: np.ndarray, rounds: int = 4000) -> tuple[float, float]:
    """Bootstrap over series, 95 %, of the mean of ``gaps``."""
    rng = np.random.default_rng(0)
    means = rng.choice(gaps, size=(rounds, len(gaps))).mean(axis=1)
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def run(folder: Path, suite: str, detectors: list[str], out: Path) -> None:
    done = {(row["file"], row["method"], row["way"]) for row in read(out)}
    fresh = not out.exists()
    with out.open("a", newline="") as file:
        writer = csv.writer(file)
        if fresh:
            writer.writerow(COLUMNS)
        for path in sorted(folder.glob("*.npz")):
            with np.load(path, allow_pickle=False) as held:
                x, y, known = held["x"].astype(float), held["y"].astype(int), int(held["train_end"])
            window = acf_window(x[:, 0])
            for detector in detectors:
                for way, judge in ways(detector, x, known).items():
                    if (path.stem, detector, way) in done:
                        continue
                    begun = time.process_time()
                    try:
                        volume = vus(y, judge(), window)
                    except TocsinError as error:
                        print(f"{path.stem} {detector} {way}: {error.code}", flush=True)
                        continue
                    assert volume is not None
                    seconds = time.process_time() - begun
                    writer.writerow([suite, path.stem, detector, way, f"{volume.pr:.6f}", f"{seconds:.2f}", len(x), x.shape[1]])
                    file.flush()
                    print(f"{path.stem} {detector} {way}: VUS-PR {volume.pr:.3f}, {seconds:.1f} CPU s", flush=True)


def read(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.open())) if path.exists() else []


def table(rows: list[dict[str, str]], published: Path | None) -> None:
    """Means, CPU seconds per 10,000 points, and against the published methods: difference with its interval, wins and losses."""
    others = {row["file"]: row for row in read(published)} if published else {}
    names = [name for name in next(iter(others.values()), {}) if name != "file"]
    ranked = sorted(names, key=lambda name: -np.mean([float(row[name]) for row in others.values()]))
    for name in ranked[:3]:
        print(f"published {name}: {np.mean([float(row[name]) for row in others.values()]):.3f}")
    for method, way in sorted({(row["method"], row["way"]) for row in rows}):
        mine = {row["file"]: row for row in rows if (row["method"], row["way"]) == (method, way)}
        steps = sum(int(row["steps"]) for row in mine.values())
        line = f"{method} {way}: {np.mean([float(row['vus_pr']) for row in mine.values()]):.3f} on {len(mine)} series, "
        line += f"{sum(float(row['cpu_s']) for row in mine.values()) / steps * 1e4:.2f} CPU s per 10,000 points"
        for name in ranked[:1]:
            gaps = np.array([float(row["vus_pr"]) - float(others[file][name]) for file, row in mine.items() if file in others])
            low, high = interval(gaps)
            line += f"; {name} {gaps.mean():+.3f} [{low:+.3f}, {high:+.3f}], {(gaps > 0.02).sum()} better, {(gaps < -0.02).sum()} worse"
        print(line)


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--data", type=Path, required=True)
    given.add_argument("--suite", choices=("u", "m"), default="u")
    given.add_argument("--detectors", default="auto")
    given.add_argument("--published", type=Path)
    given.add_argument("--out", type=Path, default=Path("series_vus.csv"))
    asked = given.parse_args()
    run(asked.data / "series" / f"tsbad_{asked.suite}", asked.suite, asked.detectors.split(","), asked.out)
    table([row for row in read(asked.out) if row["suite"] == asked.suite], asked.published)


if __name__ == "__main__":
    main()
