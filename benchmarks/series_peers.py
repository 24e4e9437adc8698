"""Several channels: Tocsin's detectors against TSB-AD 1.5's PCA, CNN, KMeansAD and USAD on smd and skab, mean VUS-PR.

    python benchmarks/series_peers.py --data DIR --out FILE.csv [--detectors auto,windows] [--peer-python PATH] [--suites smd,skab]
    python benchmarks/series_peers.py --out FILE.csv --table

smd    learn from x_train, score x_test;  skab    learn from a file's first 400 rows, score the whole file (other_2 holds anomalies there).
The window of the volume is the first peak of the autocorrelation of channel 0 of the scored series. One core; CPU seconds are those of
learning and scoring, without imports on our side. Each finished pair of file and method is appended to the csv and not run again.
PCA and KMeansAD learn from the scored series, as their package has it; with "+train" from the training rows alone.
"""

from __future__ import annotations

import os

os.environ.update({name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")})

import argparse
import csv
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tocsin.evaluation.ranges import acf_window, vus

PEERS = ("KMeansAD+train", "KMeansAD", "PCA+train", "PCA", "USAD", "CNN")
COLUMNS = ("suite", "file", "side", "method", "vus_pr", "vus_roc", "cpu_s", "steps", "channels", "window", "fault")
HEAD = 400  # rows of a skab file to learn from
Sets = Iterator[tuple[str, str, np.ndarray, np.ndarray, np.ndarray]]


def sets(data: Path, suites: list[str]) -> Sets:
    """(suite, file, train (n, c), rows (t, c), y (t,)), smallest files first."""
    for path in sorted((data / "series" / "skab").glob("*.csv")) if "skab" in suites else ():
        text = path.read_text(encoding="utf-8")
        names = text.split("\n", 1)[0].strip().split(";" if ";" in text.split("\n", 1)[0] else ",")
        sensors = [i for i, name in enumerate(names) if name not in ("datetime", "anomaly", "changepoint")]
        cells = np.genfromtxt(path, delimiter=";" if ";" in text.split("\n", 1)[0] else ",", skip_header=1,
                              usecols=[*sensors, names.index("anomaly")])
        yield "skab", path.stem, cells[:HEAD, :-1], cells[:, :-1], cells[:, -1].astype(int)
    for path in sorted((data / "series" / "smd").glob("*.npz"), key=lambda one: one.stat().st_size) if "smd" in suites else ():
        with np.load(path, allow_pickle=False) as held:
            yield "smd", path.stem, held["x_train"].astype(float), held["x_test"].astype(float), held["y_test"].astype(int)


def ours(detector: str, train: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, float]:
    """(t,) scores and CPU seconds."""
    import tocsin
    from tocsin.core.types import Dataset

    begin = time.process_time()
    score = tocsin.fit(Dataset.of(train, kind="series"), detector=detector).anomaly_score(Dataset.of(rows, kind="series"))
    return np.asarray(score), time.process_time() - begin


class Peer:
    """The peer in an interpreter of its own, started at the first call."""

    def __init__(self, python: str) -> None:
        self.python, self.process = python, None

    def __call__(self, method: str, train: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, float]:
        """(t,) scores and CPU seconds."""
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen([self.python, str(Path(__file__).with_name("tsbad_peer.py")), "serve"], text=True,
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        with tempfile.TemporaryDirectory() as folder:
            given, made = Path(folder) / "in.npz", Path(folder) / "out.npz"
            np.savez(given, train=train, rows=rows)
            self.process.stdin.write(f"{method}\t{given}\t{made}\n")
            self.process.stdin.flush()
            said = self.process.stdout.readline().strip()
            if said != "ok":
                raise RuntimeError(said or "the peer's interpreter ended")
            with np.load(made) as held:
                return held["score"], float(held["cpu"])


def run(given: argparse.Namespace) -> None:
    out = Path(given.out)
    done = {(row["suite"], row["file"], row["side"], row["method"]) for row in rows_of(out)}
    theirs = Peer(given.peer_python)
    names = [("peer", name) for name in given.peers.split(",") if given.peer_python and name]
    names += [("tocsin", name) for name in given.detectors.split(",") if name]
    if not out.exists():
        out.write_text(",".join(COLUMNS) + "\n")
    for suite, file, train, rows, y in sets(Path(given.data), given.suites.split(",")):
        window = acf_window(rows[:, 0])
        for side, method in names:
            if (suite, file, side, method) in done:
                continue
            fault, score, cpu = "", np.zeros(len(y)), float("nan")
            try:
                score, cpu = ours(method, train, rows) if side == "tocsin" else theirs(method, train, rows)
                if not np.isfinite(score).all() or len(score) != len(y):
                    raise ValueError(f"{len(score)} scores for {len(y)} steps, {int((~np.isfinite(score)).sum())} not finite")
            except Exception as error:  # a method that fails is told and counts as one that says nothing: all scores equal
                fault, score = " ".join(repr(error).split()).replace(",", ";")[-200:], np.zeros(len(y))
            volume = vus(y, score, window)
            made = (volume.pr, volume.roc) if volume else (float("nan"), float("nan"))
            with out.open("a", newline="") as lines:
                csv.writer(lines).writerow([suite, file, side, method, *(f"{one:.6f}" for one in made), f"{cpu:.2f}", *rows.shape, window,
                                            fault])
            print(f"{suite} {file} {side} {method}: VUS-PR {made[0]:.3f}, VUS-ROC {made[1]:.3f}, {cpu:.1f} CPU s {fault}", flush=True)


def rows_of(out: Path) -> list[dict[str, str]]:
    if not out.exists():
        return []
    with out.open(newline="") as lines:
        return list(csv.DictReader(lines))


def table(out: Path) -> None:
    """Means by method and suite, and on how many files each method of ours is ahead of the best peer of that file."""
    rows = rows_of(out)
    suites = sorted({row["suite"] for row in rows})
    value = {(row["suite"], row["file"], row["side"], row["method"]): float(row["vus_pr"]) for row in rows}
    files = {suite: sorted({row["file"] for row in rows if row["suite"] == suite}) for suite in suites}
    methods = sorted({(row["side"], row["method"]) for row in rows})
    print("| method | " + " | ".join(f"{suite} ({len(files[suite])})" for suite in suites)
          + " | mean of the two | ahead of the best peer's mean, files | CPU s a file | faults |")
    print("|---" * (len(suites) + 5) + "|")
    means = {one: {suite: _mean([value.get((suite, file, *one)) for file in files[suite]]) for suite in suites} for one in methods}
    peers = [one for one in methods if one[0] == "peer"]
    best = {suite: max((one for one in peers if means[one][suite] is not None), key=lambda one: means[one][suite], default=None)
            for suite in suites}
    for one in sorted(methods, key=lambda one: -sum(means[one][suite] or 0 for suite in suites)):
        pairs = [(value[(suite, file, *one)], value[(suite, file, *best[suite])]) for suite in suites for file in files[suite]
                 if best[suite] and (suite, file, *one) in value and (suite, file, *best[suite]) in value]
        cost = [float(row["cpu_s"]) for row in rows if (row["side"], row["method"]) == one]
        faults = sum(bool(row["fault"]) for row in rows if (row["side"], row["method"]) == one)
        cells = [_said(means[one][suite]) for suite in suites] + [_said(_mean([means[one][suite] for suite in suites]))]
        ahead = sum(a > b for a, b in pairs)
        print(f"| {one[0]}: {one[1]} | {' | '.join(cells)} | {ahead} of {len(pairs)} | {np.nanmean(cost):.1f} | {faults} |")


def _mean(values: list[float | None]) -> float | None:
    """None while a value is missing: a mean over some files would not compare."""
    return None if not values or any(value is None for value in values) else float(np.mean(values))


def _said(value: float | None) -> str:
    return "not all run" if value is None else f"{value:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data")
    parser.add_argument("--out", required=True)
    parser.add_argument("--suites", default="skab,smd")
    parser.add_argument("--detectors", default="", help="catalog names, separated by commas")
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--peer-python", help="an interpreter that has TSB-AD 1.5")
    parser.add_argument("--table", action="store_true", help="only print the table of FILE.csv")
    given = parser.parse_args()
    if not given.table:
        run(given)
    table(Path(given.out))


if __name__ == "__main__":
    main()
