"""Distance to the nearest training rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from scipy.spatial.distance import cdist

from tocsin.core.detector import Detector
from tocsin.core.errors import ConfigError
from tocsin.core.seed import some
from tocsin.core.tags import Tags
from tocsin.data.moments import moments, spread, standardise

_CELLS = 1 << 20  # distances held at once, 8 MB: memory does not grow with the number of rows
_SPARE = 8  # candidates kept beyond k, so that rounding in the fast search cannot push a true neighbour out
_STRIPES = 16  # the fast search looks at the minimum of this many distances first
_CLOSE = 1e-10  # relative error of a squared distance that no one will see


class Knn(Detector):
    """Nearest neighbours: how far a row is from the training rows next to it.

    The score is a weighted mean of the distances to the first ``k`` training rows: the mean over j = 1…k of "mean distance to the first j",
    so that no single number of neighbours has to be right. The strongest simple detector when the training rows are clean. When they hold
    anomalies that resemble each other, take a larger ``k`` or ``iforest``. Cost grows with training rows × scored rows × columns; of more
    than ``rows`` training rows a random sample (by ``seed``) is kept: that bounds time and memory, and coarsens the finest structure only.

    ``k``: how many neighbours; with fewer training rows, all of them. ``metric``: "l2" (Euclidean) or "l1" (sum of absolute
    differences). ``scale``: standardise the columns first (default), so that raw columns of any unit can be given; without it the distances
    are in the unit of the columns. Distances are exact: a copy of a training row is at distance 0.
    ``expected`` is the mean of the k nearest rows, in the unit of the columns. Shapes: X (n, d).
    Raises ConfigError TOC-202 for an unknown metric or k below 1.
    Source: Ramaswamy, Rastogi and Shim, "Efficient algorithms for mining outliers from large data sets" (2000); the mean of distances:
    Angiulli and Pizzuti, "Fast outlier detection in high dimensional spaces" (2002).

    >>> model = Knn(k=2, scale=False).fit([[0.0], [1.0], [2.0]])
    >>> model.anomaly_score([[0.0], [5.0]]).tolist()
    [0.25, 3.25]
    >>> model.neighbours([[5.0]]).tolist()
    [[2, 1]]
    """

    tags = Tags(modality="vector", min_rows=2, gives_expected=True, exportable=True)

    def __init__(self, k: int = 5, metric: str = "l2", scale: bool = True, rows: int = 20_000, seed: int = 0) -> None:
        self.k = k
        self.metric = metric
        self.scale = scale
        self.rows = rows
        self.seed = seed

    @classmethod
    def small(cls) -> Self:
        return cls()

    def neighbours(self, X: Any, k: int | None = None) -> np.ndarray:
        """(n, k) numbers of the nearest training rows, nearest first, equally near ones in their order; ``k`` None is the constructor's.

        Raises what ``anomaly_score`` raises, and ConfigError TOC-202 for k below 1.
        """
        X, _ = self._fitted_rows(X, None)
        k = self._within(self.k if k is None else k)
        return np.concatenate([self.kept_[index] for _, index in self._blocks(X, k, ties=True)])

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        if self.metric not in ("l2", "l1"):
            raise ConfigError("TOC-202", "Knn: metric is not known", came=repr(self.metric), todo="use 'l2' or 'l1'")
        self._at_least_one(self.k)
        if self.rows < 2:
            raise ConfigError("TOC-202", "Knn: rows must be at least 2", came=repr(self.rows), todo="give a whole number from 2")
        self.mean_, std = moments(X)
        self.spread_ = spread(self.mean_, std) if self.scale else np.ones(X.shape[1])
        self.kept_ = some(len(X), self.rows, self.seed, "knn")  # of the training rows, which are remembered
        self.rows_ = self._centred(X[self.kept_])

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        k = self._within(self.k)
        weights = np.cumsum(1 / np.arange(k, 0, -1))[::-1] / k  # distance j is in the means over the first j, j + 1, … k
        return np.concatenate([(distance * weights).sum(axis=1) for distance, _ in self._blocks(X, k, ties=False)])

    def _expected(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        blocks = self._blocks(X, self._within(self.k), ties=True)
        near: np.ndarray = np.concatenate([self.rows_[index].mean(axis=1) for _, index in blocks])
        made: np.ndarray = self.mean_ + near * self.spread_
        return made

    def _centred(self, X: np.ndarray) -> np.ndarray:
        return standardise(X, self.mean_, self.spread_)

    def _within(self, k: int) -> int:
        self._at_least_one(k)
        return min(k, len(self.rows_))

    def _at_least_one(self, k: int) -> None:
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
            raise ConfigError("TOC-202", "Knn: k must be at least 1", came=repr(k), todo="give a whole number from 1")

    def _blocks(self, X: np.ndarray, k: int, ties: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pairs (distances (b, k) ascending, row numbers (b, k)). With ``ties``, equally near rows come in their order, always."""
        n, d = self.rows_.shape
        size = max(1, _CELLS // max(n, (k + _SPARE) * d))
        squares = np.square(self.rows_).sum(axis=1)
        for start in range(0, len(X), size):
            Q = self._centred(X[start:start + size])
            if self.metric == "l1":
                yield _full(Q, self.rows_, k, "cityblock", ties)
            else:
                squared, index = _euclidean(Q, self.rows_, squares, k, ties)
                yield np.sqrt(squared), index


def _euclidean(Q: np.ndarray, rows: np.ndarray, squares: np.ndarray, k: int, ties: bool) -> tuple[np.ndarray, np.ndarray]:
    """Exact squared distances (b, k) and row numbers: candidates by one matrix product, then their true differences.

    |q − r|² = |q|² + |r|² − 2 q·r is fast and loses digits where rows lie close together. The candidates' distances are therefore
    taken again from the differences; and where the error bound says that a row left out could belong in, all distances of that row are.
    """
    n, d = rows.shape
    rough = Q @ rows.T  # (b, n); |q|² is the same for all rows of a line and left out
    rough *= -2.0
    rough += squares
    candidates, edge = _candidates(rough, min(k + _SPARE, n))  # (b, m), (b,): no row left out is nearer than edge
    exact = np.square(Q[:, None, :] - rows[candidates]).sum(axis=2)
    order = np.lexsort((candidates, exact), axis=1)[:, :k]
    squared, index = np.take_along_axis(exact, order, 1), np.take_along_axis(candidates, order, 1)
    if candidates.shape[1] < n:
        own = np.square(Q).sum(axis=1)
        error = 4 * (d + 4) * np.finfo(float).eps * (own + squares.max())
        last = squared[:, -1]
        sure = last < edge + own - error
        if not ties:  # only the distance matters, not whose it is
            sure |= (last == 0) | (error <= _CLOSE * last)
        unsure = np.flatnonzero(~sure)
        if len(unsure):
            squared[unsure], index[unsure] = _full(Q[unsure], rows, k, "sqeuclidean", ties)
    return squared, index


def _candidates(rough: np.ndarray, m: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns (b, m) of the m smallest values in each line of ``rough`` (b, n), and the largest of those values (b,).

    The m smallest values lie in the m stripes with the smallest minima; finding minima is several times cheaper than sorting.
    """
    b, n = rough.shape
    width = n // _STRIPES
    columns = None
    if width >= 4 * m:
        minima = rough[:, :width * _STRIPES].reshape(b, _STRIPES, width).min(axis=1)  # stripe i holds columns i, i + width, …
        stripes = np.argpartition(minima, m - 1, axis=1)[:, :m]
        columns = (stripes[:, None, :] + (np.arange(_STRIPES) * width)[:, None]).reshape(b, -1)
        rest = np.broadcast_to(np.arange(width * _STRIPES, n), (b, n - width * _STRIPES))
        columns = np.concatenate([columns, rest], axis=1)
        rough = np.take_along_axis(rough, columns, 1)
    chosen = np.argpartition(rough, m - 1, axis=1)[:, :m]
    edge = np.take_along_axis(rough, chosen, 1).max(axis=1)
    return (chosen if columns is None else np.take_along_axis(columns, chosen, 1)), edge


def _full(Q: np.ndarray, rows: np.ndarray, k: int, metric: str, ties: bool) -> tuple[np.ndarray, np.ndarray]:
    """The k smallest of all true distances (b, k), ascending, and their row numbers."""
    distance = cdist(Q, rows, metric)
    if ties:
        index = np.argsort(distance, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(distance, index, 1), index
    index = np.argpartition(distance, k - 1, axis=1)[:, :k]
    index = np.take_along_axis(index, np.take_along_axis(distance, index, 1).argsort(axis=1), 1)
    return np.take_along_axis(distance, index, 1), index
