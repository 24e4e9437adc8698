"""The Numenta Anomaly Benchmark, streams only: every record is scored before the next one is seen, from a cold start in each file.

    python benchmarks/nab.py --data DIR [--detectors seasonal_forecaster half_space_trees] [--halvings 20] [--misses]

DIR holds one CSV per file: timestamp, value, label (1 inside an anomaly window), named "category__file.csv". No detector is told a file's
lowest and highest value, which NAB allows. One threshold for the whole corpus, chosen with the labels, as NAB does. So that this choice
can be judged, the corpus is halved at random: the threshold of one half, used on the other.
"""

from __future__ import annotations

import argparse
import csv
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tocsin.core import catalog
from tocsin.core.online import OnlineDetector
from tocsin.core.seed import generator
from tocsin.evaluation.nab import PROFILES, nab_score, nab_windows


class Series(NamedTuple):
    name: str
    time: list[float]
    value: list[float]
    label: np.ndarray


def read(folder: Path) -> list[Series]:
    found = []
    for path in sorted(folder.glob("*.csv")):
        with path.open(newline="") as lines:
            rows = list(csv.DictReader(lines))
        times = [datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC).timestamp() for row in rows]
        found.append(Series(path.stem, times, [float(row["value"]) for row in rows], np.array([int(row["label"]) for row in rows])))
    if not found:
        raise SystemExit(f"no CSV files in {folder}")
    return found


def stream(name: str, series: list[Series]) -> tuple[list[np.ndarray], float]:
    """Scores of every file, each from a cold start, and events per CPU second."""
    detector = catalog.make(name)
    if not isinstance(detector, OnlineDetector):
        raise SystemExit(f"{name} is not an online detector")
    scores, used = [], 0.0
    for one in series:
        stepper = detector.stepper(channels=1)
        rows = [(value,) for value in one.value]
        start = time.process_time()
        if stepper.takes_time:
            made = [stepper.step(row, time=at) for row, at in zip(rows, one.time)]
        else:
            made = [stepper.step(row) for row in rows]
        used += time.process_time() - start
        scores.append(np.array(made))
    return scores, sum(map(len, scores)) / used


def halved(files: list[tuple[np.ndarray, np.ndarray]], times: int) -> tuple[float, float]:
    """Mean standard score of random halves with their own threshold, and with the other half's."""
    own, other = [], []
    for i in range(times):
        order = generator(0, "halving", i).permutation(len(files)).tolist()
        halves = [[files[j] for j in part] for part in (order[::2], order[1::2])]
        for half, rest in (halves, halves[::-1]):
            best = nab_score(half)
            own.append(best.score)
            other.append(nab_score(rest, threshold=best.threshold).score)
    return float(np.mean(own)), float(np.mean(other))


def report(name: str, series: list[Series], halvings: int, misses: bool) -> None:
    scores, speed = stream(name, series)
    files = [(score, one.label) for score, one in zip(scores, series)]
    made = {profile: nab_score(files, profile) for profile in PROFILES}
    best = made["standard"]
    print(f"{name}: " + ", ".join(f"{profile} {score.score:.2f}" for profile, score in made.items()))
    print(f"  standard: threshold {best.threshold:.4g}, windows found {best.found} of {best.windows}, false alarms {best.false_alarms}")
    if halvings:
        own, other = halved(files, halvings)
        print(f"  threshold of its own half {own:.2f}, of the other half {other:.2f} (mean over {halvings} halvings)")
    for category in dict.fromkeys(one.name.partition("__")[0] for one in series):
        part = [file for file, one in zip(files, series) if one.name.startswith(category + "__")]
        if any(label.any() for _, label in part):
            score = nab_score(part, threshold=best.threshold)
            print(f"  {category:<24}{score.score:7.2f}   {score.found} of {score.windows} windows, {score.false_alarms} false alarms")
        else:
            print(f"  {category:<24}   none   {sum(alarms(score, best.threshold) for score, _ in part)} false alarms")
    if misses:
        for one, stream_of in zip(series, scores):
            lost = [(a, b) for a, b in nab_windows(one.label) if not (stream_of[a:b + 1] >= best.threshold).any()]
            print(f"    {one.name}: missed {lost or 'none'}, alarms {alarms(stream_of, best.threshold)}")
    print(f"  {speed:,.0f} events per CPU second", flush=True)


def alarms(score: np.ndarray, threshold: float) -> int:
    return int((score[int(min(0.15 * len(score), 750)):] >= threshold).sum())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--detectors", nargs="+", default=["seasonal_forecaster", "half_space_trees"])
    parser.add_argument("--halvings", type=int, default=20)
    parser.add_argument("--misses", action="store_true", help="also list the missed windows of each file")
    given = parser.parse_args()
    series = read(given.data)
    for name in given.detectors:
        report(name, series, given.halvings, given.misses)


if __name__ == "__main__":
    main()
