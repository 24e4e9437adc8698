"""Log sessions: AUROC on HDFS and on faults of order and number made in held-out normal sessions, false alarms, speed.

    python benchmarks/sessions.py --data DIR [--train 3800,200] [--seeds 0,1,2] [--draws 3] [--network]

DIR/logs/hdfs_sessions_{normal,abnormal}.txt hold event numbers, one session a line. Per seed: of the shuffled normal sessions the first
3,800 (of these the first --train) are learned from, the rest judged; of 3,000 abnormal ones drawn those made of events known from the
normal file ("known"), and all of them ("all"). Faults are made in the judged normal sessions, --draws times: two unlike neighbours
swapped, five events in a row shuffled, an event dropped, an event doubled. "fa" is the share of judged normal sessions whose p-value,
by the training sessions as if unseen, is at most .01 and .05.

Peers in the same run: distance of the log-counts to the nearest training session, mean surprise by the last two events (3-gram), and
with --network ``logs.next_event``, a GRU like DeepLog's. Columns are means over seeds; one process, one thread, CPU seconds.
"""

from __future__ import annotations

import os

os.environ.update({name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")})

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

import tocsin
from tocsin.data.templates import Templates
from tocsin.memory.bags import bags
from tocsin.memory.grams import Grams
from tocsin.memory.sessions import learned, read

SPLIT, ABNORMAL = 3800, 3000
COLUMNS = ("known", "all", "swap", "shuffle", "drop", "double", "fa 1%", "fa 5%", "fit s", "per s", "kB")
Session = tuple[int, ...]


def sessions(path: Path) -> list[Session]:
    """One session a line."""
    return [tuple(map(int, line.split())) for line in path.read_text().splitlines() if line.strip()]


def items(found: list[Session]) -> list[str]:
    """Sessions as the lines of a log."""
    return ["\n".join(f"E{event}" for event in session) for session in found]


def swap(session: Session, random: np.random.Generator) -> Session:
    """Two unlike neighbours swapped."""
    places = [i for i in range(len(session) - 1) if session[i] != session[i + 1]]
    if not places:
        return session
    i = int(random.choice(places))
    return (*session[:i], session[i + 1], session[i], *session[i + 2:])


def shuffle(session: Session, random: np.random.Generator) -> Session:
    """Five events in a row in a new order."""
    i = int(random.integers(max(1, len(session) - 4)))
    part = session[i:i + 5]
    return (*session[:i], *(part[j] for j in random.permutation(len(part))), *session[i + 5:])


def drop(session: Session, random: np.random.Generator) -> Session:
    """One event missing."""
    i = int(random.integers(len(session)))
    return session[:i] + session[i + 1:]


def double(session: Session, random: np.random.Generator) -> Session:
    """One event twice."""
    i = int(random.integers(len(session)))
    return session[:i + 1] + session[i:]


FAULTS = (swap, shuffle, drop, double)


class NearestCounts:
    """Peer: distance of the log-counts to the nearest training session."""

    def fit(self, train: list[str]) -> None:
        self.templates = Templates()
        rows = np.log1p(bags(learned(train, self.templates, False), len(self.templates.templates)))
        self.search = NearestNeighbors(n_neighbors=1).fit(np.unique(rows, axis=0))

    def score(self, given: list[str]) -> np.ndarray:
        rows = np.log1p(bags(read(given, self.templates, False), len(self.templates.templates)))
        return np.asarray(self.search.kneighbors(rows)[0][:, 0])


class Trigrams:
    """Peer: mean surprise by the last two events."""

    def fit(self, train: list[str]) -> None:
        self.templates = Templates()
        self.grams = Grams.learn(learned(train, self.templates, False).distinct(), ((0, 0), (0, 1), (0, 2)))

    def score(self, given: list[str]) -> np.ndarray:
        return np.array([each.mean() for each in self.grams.surprise(read(given, self.templates, False))])


class Ours:
    """A detector of the catalog."""

    def __init__(self, name: str) -> None:
        self.model = tocsin.make(name)

    def fit(self, train: list[str]) -> None:
        self.held = np.sort(self.model.fit_held_out(train))

    def score(self, given: list[str]) -> np.ndarray:
        return self.model.anomaly_score(given)

    def alarms(self, scores: np.ndarray) -> list[float]:
        """Share of ``scores`` (n,) with p-values up to 1 % and 5 %."""
        above = len(self.held) - np.searchsorted(self.held, scores)
        p = (above + 1) / (len(self.held) + 1)
        return [float((p <= level).mean()) for level in (0.01, 0.05)]

    def size(self) -> float:
        """Bytes of arrays in the state, and of the rest as JSON, in thousands."""
        arrays: list[int] = []

        def plain(value: Any) -> Any:
            if isinstance(value, np.ndarray):
                arrays.append(value.nbytes)
                return None
            if isinstance(value, dict):
                return {name: plain(each) for name, each in value.items()}
            return [plain(each) for each in value] if isinstance(value, (list, tuple)) else value
        return (len(json.dumps(plain(self.model.state()))) + sum(arrays)) / 1000


def judged(make: Callable[[], Any], normal: list[Session], abnormal: list[Session], train: int, seed: int, draws: int) -> list[float]:
    """One line of the table for one seed."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(normal))
    learn, test = [normal[i] for i in order[:SPLIT]][:train], [normal[i] for i in order[SPLIT:]]
    bad = [abnormal[i] for i in random.choice(len(abnormal), min(ABNORMAL, len(abnormal)), replace=False)]
    known = {event for session in normal for event in session}
    model = make()
    given = items(learn)
    start = time.process_time()
    model.fit(given)
    spent = time.process_time() - start
    fine = items(test)
    model.score(fine[:10])
    start = time.process_time()
    usual = model.score(fine)
    pace = len(fine) / (time.process_time() - start)

    def auroc(odd: list[Session]) -> float:
        scores = model.score(items(odd))
        return float(roc_auc_score(np.repeat([0, 1], [len(usual), len(scores)]), np.concatenate([usual, scores])))
    faults = [float(np.mean([auroc([fault(session, random) for session in test]) for _ in range(draws)])) for fault in FAULTS]
    alarms = model.alarms(usual) if isinstance(model, Ours) else [np.nan, np.nan]
    size = model.size() if isinstance(model, Ours) else np.nan
    return [auroc([session for session in bad if set(session) <= known]), auroc(bad), *faults, *alarms, spent, pace, size]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--train", default="3800,200")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--network", action="store_true", help="train logs.next_event, too (minutes)")
    given = parser.parse_args()
    normal, abnormal = (sessions(given.data / "logs" / f"hdfs_sessions_{name}.txt") for name in ("normal", "abnormal"))
    makers: dict[str, Callable[[], Any]] = {"peer: nearest counts": NearestCounts, "peer: 3-gram mean": Trigrams}
    for name in ("logs.counts", "logs.sequence", "logs.sessions", *["logs.next_event"] * given.network):
        makers[name] = lambda name=name: Ours(name)
    for train in map(int, given.train.split(",")):
        print(f"{train} training sessions\n{'':<22}" + "".join(f"{column:>9}" for column in COLUMNS))
        for name, make in makers.items():
            found = [judged(make, normal, abnormal, train, int(seed), given.draws) for seed in given.seeds.split(",")]
            mean = np.mean(found, axis=0)
            digits = [4] * 6 + [3] * 3 + [0] * 2
            print(f"{name:<22}" + "".join(f"{value:9.{k}f}" for value, k in zip(mean, digits)), flush=True)


if __name__ == "__main__":
    main()
