"""Half-space trees over short lags: how much of the recent past fell into the same cell, step by step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from tocsin.core.errors import ConfigError
from tocsin.core.online import OnlineDetector, Stepper
from tocsin.core.seed import generator
from tocsin.core.tags import Tags

_ENOUGH = 0.1  # of a window: a cell with less mass than this is not looked into further
_MOST = 1e100  # larger values are cut: their differences would overflow


class HalfSpaceTrees(OnlineDetector):
    """Online: random trees that halve the space of a value and its lags, and count how much of the last window fell where.

    A step is described by its value and by its changes since 1 to ``lags`` - 1 steps before: so a wrong order of ordinary values is seen,
    too. Each of ``trees`` perfect binary trees halves a random part of this space ``depth`` times, along a random direction each time,
    without seeing data. The mass of a cell is how many steps of the last full window of ``window`` steps fell into it; a step in a thin
    cell is anomalous. Counts of the running window replace the old ones when it is full, so the trees follow drift; an anomaly that is
    longer than a window becomes normal.

    Works for streams with a bounded number of states (machines, traffic), at some 15 microseconds a step. Weak when the value wanders
    far from where the first window lay (all falls into the outermost cells; ``seasonal_forecaster`` follows a level), on periods far
    longer than a window, and with many channels or lags (each tree looks at few of them). The first window scales (lowest and highest
    value of each direction) and counts; its scores are 0.

    ``window``: steps in a window. ``lags``: steps that describe a step; 1 is the value alone. ``seed``: of the trees.
    Scores: mean over the trees of log2(window 2^depth / ((mass + 1) 2^level)), least 0: a cell twice as thin adds 1. Shapes: X (t, c).
    Memory is trees x 2^(depth + 2) numbers. Raises ConfigError TOC-202 for values out of range.
    Source: Tan, Ting and Liu, "Fast anomaly detection for streaming data" (2011); changes are an addition.

    >>> X = np.sin(np.arange(1000) / 4)
    >>> X[900:910] = 0.0
    >>> score = HalfSpaceTrees(window=100).fit(X[:500]).anomaly_score(X[500:])
    >>> int(score.argmax())
    400
    """

    tags = Tags(modality="series", min_rows=2, online=True)

    def __init__(self, trees: int = 10, depth: int = 8, window: int = 250, lags: int = 3, seed: int = 0) -> None:
        self.trees = trees
        self.depth = depth
        self.window = window
        self.lags = lags
        self.seed = seed

    @classmethod
    def small(cls) -> Self:
        return cls(depth=6, window=100)

    def _stepper(self, state: dict[str, Any] | None, channels: int) -> Stepper:
        for name, least, most in (("trees", 1, 1000), ("depth", 1, 15), ("window", 2, 10**9), ("lags", 1, 1000)):
            if not least <= getattr(self, name) <= most:
                raise ConfigError("TOC-202", f"HalfSpaceTrees: {name} must be from {least} to {most}", came=repr(getattr(self, name)),
                                  todo=f"give a whole number from {least} to {most}")
        return _Run(self, state or self._cold(channels))

    def _cold(self, c: int) -> dict[str, Any]:
        """Trees in heap order: node i has the children 2 i + 1 and 2 i + 2. A cut is across one of d = c lags directions, in its range."""
        random = generator(self.seed, "half_space_trees")
        d, inner = c * self.lags, 2**self.depth - 1
        way = random.integers(d, size=(self.trees, inner))
        centre = random.uniform(size=(self.trees, d))
        reach = 2 * np.maximum(centre, 1 - centre)
        cut = np.zeros((self.trees, inner))
        low, high = np.zeros((self.trees, 2 * inner + 1, d)), np.zeros((self.trees, 2 * inner + 1, d))
        low[:, 0], high[:, 0] = centre - reach, centre + reach
        each = np.arange(self.trees)
        for i in range(inner):
            k = way[:, i]
            cut[:, i] = (low[each, i, k] + high[each, i, k]) / 2
            for child in (2 * i + 1, 2 * i + 2):
                low[:, child], high[:, child] = low[:, i], high[:, i]
            high[each, 2 * i + 1, k] = low[each, 2 * i + 2, k] = cut[:, i]
        masses = np.zeros((self.trees, 2 * inner + 1))
        return {"n": 0, "way": way, "cut": cut, "mass": masses, "coming": masses.copy(), "recent": np.zeros((0, c)),
                "first": np.zeros((0, d))}


class _Run(Stepper):
    """The state of one stream, in plain lists: a few hundred steps down the trees cost less than as many calls on small arrays."""

    def __init__(self, owner: HalfSpaceTrees, state: dict[str, Any]) -> None:
        self.window, self.lags, self.depth = owner.window, owner.lags, owner.depth
        self.n: int = state["n"]
        self.warm = self.n >= self.window
        self.way: list[list[int]] = state["way"].tolist()
        self.cut_at: list[list[float]] = state["cut"].tolist()
        self.mass: list[list[float]] = state["mass"].tolist()
        self.coming: list[list[float]] = state["coming"].tolist()
        self.recent: list[list[float]] = state["recent"].tolist()  # the last rows, newest last
        self.first: list[list[float]] = state["first"].tolist()    # of the first window: what it will be scaled by
        self.least = _ENOUGH * self.window
        self.c = state["recent"].shape[1]

    def step(self, row: Sequence[float], time: float | None = None) -> float:
        point = self._point(row)
        self.n += 1
        if not self.warm:
            self.first.append(point)
            if self.n >= self.window:
                self._scale()
            return 0.0
        score = self._walk(point)
        if self.n % self.window == 0:
            self._turn()
        return score

    def state(self) -> dict[str, Any]:
        return {"n": self.n, "way": np.array(self.way), "cut": np.array(self.cut_at), "mass": np.array(self.mass),
                "coming": np.array(self.coming), "recent": np.array(self.recent).reshape(-1, self.c),
                "first": np.array(self.first).reshape(-1, self.c * self.lags)}

    def cut(self) -> None:
        self.recent = []

    def _point(self, row: Sequence[float]) -> list[float]:
        """The row, and its changes since each of the rows before; where a segment has not so many, its first row stands in."""
        recent = self.recent
        now = [-_MOST if x < -_MOST else _MOST if x > _MOST else x for x in row]
        point = now.copy()
        for back in range(1, self.lags):
            point += [x - old for x, old in zip(now, recent[max(-back, -len(recent))])] if recent else [0.0] * len(now)
        recent.append(now)
        if len(recent) >= self.lags:
            del recent[0]
        return point

    def _scale(self) -> None:
        """Cuts into the units of the data, by the lowest and highest of the first window, which is then counted and becomes the past."""
        points = np.array(self.first)
        low, high = points.min(axis=0), points.max(axis=0)
        still = 1e-3 * (np.abs(low) + np.abs(high)) + 1e-12
        span = np.maximum(high - low, still)
        way, cut = np.array(self.way), np.array(self.cut_at)
        self.cut_at = (low[way] + cut * span[way]).tolist()
        self.warm = True
        for point in self.first:
            self._walk(point)
        self.first = []
        self._turn()

    def _turn(self) -> None:
        """The window is full: its counts become the past."""
        self.mass, self.coming = self.coming, [[0.0] * len(masses) for masses in self.mass]

    def _walk(self, point: list[float]) -> float:
        """Down every tree: count, and take the mass of the last cell that holds enough of the past to be looked into."""
        least, inner, total = self.least, 2**self.depth - 1, 0.0
        for way, cut, mass, coming in zip(self.way, self.cut_at, self.mass, self.coming):
            node, share, judged = 0, 1.0, 0.0
            while True:
                coming[node] += 1.0
                if not judged:
                    held = mass[node]
                    if held < least or node >= inner:
                        judged = (held + 1.0) * share
                if node >= inner:
                    break
                node = 2 * node + (1 if point[way[node]] < cut[node] else 2)
                share += share
            total += math.log2(judged)
        return max(0.0, math.log2(self.window * 2.0**self.depth) - total / len(self.way))
