"""Toy data with structure: every single value of an anomaly is ordinary, only its relation to the others is broken."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from tocsin.core.errors import ConfigError
from tocsin.core.seed import generator
from tocsin.core.tags import Modality
from tocsin.testing import toy_items


@dataclass(frozen=True)
class Toy:
    """``train`` is normal but for what its labels ``y`` (n,) mark; ``test`` holds what ``truth`` (n,) marks; ``planted`` holds gross
    anomalies at ``where`` (n,), and ``clear`` (n,) marks the rows that these cannot reach. All arrays are read-only.
    """

    train: np.ndarray
    y: np.ndarray
    test: np.ndarray
    truth: np.ndarray
    planted: np.ndarray
    where: np.ndarray
    clear: np.ndarray

    def __post_init__(self) -> None:
        for array in vars(self).values():
            array.setflags(write=False)


@cache
def toy(modality: Modality, labelled: bool = False) -> Toy:
    """Toy data for a modality; raises ConfigError TOC-208 where there is none yet. ``labelled``: for detectors that learn from labels.

    >>> toy("vector").train.shape, toy("series").train.shape
    ((300, 6), (500, 2))
    >>> toy("vector", labelled=True).y[:8].tolist()
    [0, 1, 0, 0, 0, 1, 0, 0]
    """
    if modality == "vector":
        return _labelled(_vector()) if labelled else _vector()
    if modality == "series" and not labelled:
        return _series()
    if modality in toy_items.MAKERS:
        return Toy(*toy_items.made(modality, labelled=labelled))
    raise ConfigError("TOC-208", "there is no toy data for this modality", came=repr(modality), todo="test the detector by hand for now")


def _vector() -> Toy:
    """Six columns that follow one hidden number. Anomalies: each column taken from another row."""
    random = generator(0, "toy", "vector")

    def rows(n: int) -> np.ndarray:
        hidden = random.uniform(-1.7, 1.7, size=(n, 1))
        return hidden * [1.0, 2.0, -1.0, 3.0, -1.0, 2.0] + 0.1 * random.normal(size=(n, 6)) + [0.0, 5.0, -3.0, 0.0, 1.0, 0.0]

    train, normal = rows(300), rows(150)
    broken = random.permuted(rows(50), axis=0)
    planted = normal.copy()
    planted[75] += 10 * train.std(axis=0)
    where = np.arange(150) == 75
    return Toy(train, np.zeros(300, dtype=np.int64), np.concatenate([normal, broken]), np.repeat([0, 1], [150, 50]), planted, where, ~where)


def _labelled(data: Toy) -> Toy:
    """The same with every fourth training row broken as the anomalies are, and said to be: any first rows, from two on, hold a label."""
    y = (np.arange(len(data.train)) % 4 == 1).astype(np.int64)
    train = data.train.copy()
    train[y == 1] = generator(0, "toy", "labelled").permuted(train[y == 1], axis=0)
    return replace(data, train=train, y=y)


def _series() -> Toy:
    """Two waves of period 25, the second half a period behind. Anomaly: two periods in which one wave runs at twice the pace."""
    random = generator(0, "toy", "series")

    def wave(t: int) -> np.ndarray:
        phase = (np.arange(t) + int(random.integers(25))) * 2 * np.pi / 25
        return np.column_stack([np.sin(phase), 2 * np.cos(phase) + 1]) + 0.05 * random.normal(size=(t, 2))

    train, test, planted = wave(500), wave(400), wave(400)
    stretch, at = slice(180, 230), np.arange(400)
    phase = np.arange(50) * 4 * np.pi / 25
    test[stretch] = np.column_stack([np.sin(phase), 2 * np.cos(phase) + 1]) + 0.05 * random.normal(size=(50, 2))
    where = (at >= 200) & (at < 210)
    planted[where] += 10
    truth = ((at >= 180) & (at < 230)).astype(np.int64)
    return Toy(train, np.zeros(500, dtype=np.int64), test, truth, planted, where, np.abs(at - 205) > 120)
