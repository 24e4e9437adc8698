"""Requested against delivered false-alarm rate on held-out normal rows, set by set.

    python benchmarks/false_alarms.py --data DIR [--detectors knn,gaussian,iforest] [--seeds 0,1,2] [--peers KNN,IForest] [--csv FILE]

DIR holds ADBench tables (``*.npz`` with X (n, d) and y (n,), 1 = anomaly), itself or below ``tabular/adbench``. For each set, seed and
detector: half of the normal rows, seeded, at most 10,000, are for training; of the other half at most 10,000 are judged. Labels serve
for nothing but to leave the anomalies out. Delivered = the share of judged rows that is flagged; all of them are false alarms.

Peers (PyOD, when it is installed) decide with their own threshold, the contamination quantile of their training scores: with its
default, 0.1, and with the rate asked of Tocsin. Prints a markdown table.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

CAP = 10_000
PEERS = {"KNN": "knn", "IForest": "iforest", "ECOD": "ecod", "LOF": "lof", "AutoEncoder": "auto_encoder"}
Judge = Callable[[np.ndarray, np.ndarray, int], np.ndarray]  # (training rows, judged rows, seed) → flags


def sets(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """(name, normal rows (n, d)) of each table."""
    below = folder / "tabular" / "adbench"
    for path in sorted((below if below.is_dir() else folder).glob("*.npz"), key=lambda path: (len(path.name.split("_")[0]), path.name)):
        with np.load(path) as stored:
            yield path.stem, np.asarray(stored["X"], dtype=float)[np.asarray(stored["y"]).ravel() == 0]


def halves(normal: np.ndarray, name: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Training and judged rows, disjoint."""
    from tocsin.core.seed import generator

    order = generator(seed, "false alarms", name).permutation(len(normal))
    middle = len(order) // 2
    return normal[order[:middle][:CAP]], normal[order[middle:][:CAP]]


def tocsin_judge(detector: str, rate: float) -> Judge:
    """What a user gets from ``tocsin.fit(train, detector).detect(test)``."""
    import tocsin

    def judge(train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
        return tocsin.fit(train, detector=detector, threshold=f"false_alarm_rate={rate}", seed=seed).detect(test).is_anomaly

    return judge


def peer_judge(name: str, contamination: float) -> Judge:
    """A PyOD detector with its own threshold, on rows standardised as its manual advises."""
    made = getattr(importlib.import_module(f"pyod.models.{PEERS[name]}"), name)

    def judge(train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
        middle, spread = train.mean(axis=0), train.std(axis=0)
        spread[spread == 0] = 1.0
        model = made(contamination=contamination)
        if "random_state" in model.get_params():
            model.set_params(random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return model.fit((train - middle) / spread).predict((test - middle) / spread).astype(bool)

    return judge


def main() -> int:
    """Run, print the table, write the rates of each set when a file is named."""
    options = parse()
    judges = {f"tocsin {name}": tocsin_judge(name, options.rate) for name in options.detectors.split(",")}
    if options.peers:
        try:
            judges |= {f"PyOD {name}, contamination {c:g}": peer_judge(name, c)
                       for name in options.peers.split(",") for c in (0.1, options.rate)}
        except ImportError as error:
            print(f"peers need PyOD: pip install 'tocsin[bench]' ({error})", file=sys.stderr)
            return 1
    rows = list(measure(options, judges))
    if not rows:
        print(f"no tables (*.npz) under {options.data}", file=sys.stderr)
        return 1
    if options.csv:
        with open(options.csv, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    print(table(rows, list(judges), options.rate))
    return 0


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with ADBench tables")
    parser.add_argument("--detectors", default="knn,gaussian,iforest,autoencoder", help="catalog names, separated by commas")
    parser.add_argument("--rate", type=float, default=0.01, help="requested false-alarm rate")
    parser.add_argument("--seeds", default="0", help="seeds, separated by commas")
    parser.add_argument("--only", default="", help="only sets whose name contains this")
    parser.add_argument("--peers", default="", help=f"PyOD's detectors beside, of {', '.join(PEERS)}")
    parser.add_argument("--csv", type=Path, help="write the rate of each set, detector and seed here")
    return parser.parse_args()


def measure(options: argparse.Namespace, judges: dict[str, Judge]) -> Iterator[dict[str, object]]:
    """One row per set, seed and detector."""
    for name, normal in sets(options.data):
        if options.only not in name:
            continue
        for seed in map(int, options.seeds.split(",")):
            train, test = halves(normal, name, seed)
            for who, judge in judges.items():
                start = time.perf_counter()
                flags = judge(train, test, seed)
                seconds = time.perf_counter() - start
                print(f"{name} seed {seed} {who}: {flags.mean():.4f} of {len(test)}, {seconds:.1f} s", file=sys.stderr, flush=True)
                yield {"set": name, "seed": seed, "detector": who, "train": len(train), "judged": len(test),
                       "delivered": float(flags.mean()), "seconds": round(seconds, 2)}


def table(rows: list[dict[str, object]], names: list[str], rate: float) -> str:
    """Markdown: over sets (the mean over seeds of each), how the delivered rate compares with the requested one."""
    lines = [f"Requested: {rate:.2%} of normal rows. Each set counts once (mean over seeds).", "",
             "| detector | sets | mean delivered | mean / requested | median | sets within ±50 % | sets above twice |",
             "|---|---|---|---|---|---|---|"]
    for name in names:
        by_set: dict[object, list[float]] = {}
        for row in rows:
            if row["detector"] == name:
                by_set.setdefault(row["set"], []).append(float(str(row["delivered"])))
        delivered = np.array([np.mean(values) for values in by_set.values()])
        near = np.abs(delivered / rate - 1) <= 0.5
        lines.append(f"| {name} | {len(delivered)} | {delivered.mean():.2%} | {delivered.mean() / rate:.2f} | {np.median(delivered):.2%} | "
                     f"{near.mean():.0%} | {(delivered > 2 * rate).mean():.0%} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
