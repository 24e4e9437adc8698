"""The labelled data sets of a benchmark folder, and the splits that its protocols prescribe.

    tabular/adbench/*.npz                    X (n, d), y (n,)                     protocols "one-class", "unsupervised"
    tabular/oddbench, tabular/ovrbench       X_train, X_test, y_test              protocol "split"
    series/tsbad_u, series/tsbad_m           x (t, c), y (t,), train_end          protocol "prefix"

one-class     learn from a seeded half of the normal rows, judge the other half and all anomalies
unsupervised  learn from all rows, judge the same rows
split         as the set says: training rows are normal
prefix        learn from x[:train_end], judge the whole series

Every set is standardised with the mean and deviation of its training rows. Labels are used to evaluate, never to learn.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from tocsin.core.errors import ConfigError
from tocsin.evaluation.ranges import acf_window

Form = Literal["table", "series"]


@dataclass(frozen=True)
class Suite:
    """One folder of sets of a kind."""

    name: str
    folder: str
    form: Form
    protocols: tuple[str, ...]


@dataclass(frozen=True)
class Trial:
    """What one run gets: training rows, rows to judge (None: judge the training rows), and their labels.

    ``window`` is the widest shoulder of the volume under the surface, for a series. ``n`` and ``d`` are the size of the set after the cap.
    """

    train: np.ndarray
    test: np.ndarray | None
    y: np.ndarray
    n: int
    d: int
    anomalies: int
    window: int | None = None


SUITES = {suite.name: suite for suite in (
    Suite("adbench", "tabular/adbench", "table", ("one-class", "unsupervised")), Suite("oddbench", "tabular/oddbench", "table", ("split",)),
    Suite("ovrbench", "tabular/ovrbench", "table", ("split",)), Suite("tsbad_u", "series/tsbad_u", "series", ("prefix",)),
    Suite("tsbad_m", "series/tsbad_m", "series", ("prefix",)))}
"""Known folders by name."""


def find(data: str | Path, suite: str) -> dict[str, Path]:
    """Set name → file, smallest files first, so that a run cut short has finished the most sets. Raises ConfigError TOC-267 for none."""
    files = sorted((Path(data) / SUITES[suite].folder).glob("*.npz"), key=lambda path: (path.stat().st_size, path.name))
    if not files:
        raise ConfigError("TOC-267", "there are no benchmark sets here", came=str(Path(data) / SUITES[suite].folder),
                        todo="pass a folder of the layout that benchmarks/README.md describes, or leave this suite out")
    return {path.stem: path for path in files}


def load(path: str | Path, suite: str, protocol: str, *, seed: int, cap: int) -> Trial:
    """The trial of one set. ``cap`` rows at most for sets that are not already split, 0 for all. Raises ConfigError TOC-267."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as held:
            parts = {name: held[name] for name in held.files if name != "feature_names"}
        if SUITES[suite].form == "series":
            return _prefix(parts)
        return _given(parts) if protocol == "split" else _drawn(parts, protocol, seed, cap)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ConfigError("TOC-267", "this is not a benchmark set of the stated form", came=f"{Path(path).name}: {error!r}"[:200],
                        todo="see benchmarks/README.md for the layout") from error


def _drawn(parts: dict[str, np.ndarray], protocol: str, seed: int, cap: int) -> Trial:
    X, y = parts["X"].astype(np.float64), parts["y"].astype(int).ravel()
    if cap and len(X) > cap:
        X, y = _capped(X, y, cap)
    n, d, anomalies = len(X), X.shape[1], int(y.sum())
    if protocol == "unsupervised":
        return Trial(_standard(X, X), None, y, n, d, anomalies)
    normal = np.random.default_rng(seed).permutation(np.flatnonzero(y == 0))
    train, rest = np.split(normal, [len(normal) // 2])
    test = np.concatenate([rest, np.flatnonzero(y == 1)])
    return Trial(_standard(X[train], X[train]), _standard(X[train], X[test]), y[test], n, d, anomalies)


def _capped(X: np.ndarray, y: np.ndarray, cap: int) -> tuple[np.ndarray, np.ndarray]:
    """``cap`` rows with the set's share of anomalies, at least 30 of them. The draws are those that published figures were made with."""
    rng, anomalous = np.random.default_rng(0), np.flatnonzero(y == 1)
    k = max(round(cap * len(anomalous) / len(y)), min(len(anomalous), 30))
    rows = np.concatenate([rng.choice(anomalous, k, replace=False), rng.choice(np.flatnonzero(y == 0), cap - k, replace=False)])
    rng.shuffle(rows)
    return X[rows], y[rows]


def _given(parts: dict[str, np.ndarray]) -> Trial:
    train, test, y = parts["X_train"].astype(np.float64), parts["X_test"].astype(np.float64), parts["y_test"].astype(int).ravel()
    return Trial(_standard(train, train), _standard(train, test), y, len(train) + len(test), train.shape[1], int(y.sum()))


def _prefix(parts: dict[str, np.ndarray]) -> Trial:
    x, y, end = parts["x"].astype(np.float64), parts["y"].astype(int).ravel(), int(parts["train_end"])
    return Trial(_standard(x[:end], x[:end]), _standard(x[:end], x), y, len(x), x.shape[1], int(y.sum()), acf_window(x[:, 0]))


def _standard(train: np.ndarray, rows: np.ndarray) -> np.ndarray:
    deviation = train.std(0)
    deviation[deviation < 1e-12] = 1.0
    return np.asarray((rows - train.mean(0)) / deviation)
