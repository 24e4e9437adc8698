"""Histograms."""

from __future__ import annotations

from typing import Self

import numpy as np

from tocsin.core.detector import Detector
from tocsin.core.least import at_least
from tocsin.core.tags import Tags
from tocsin.data.moments import moments, standardise
from tocsin.memory.product import times

_TAIL = 0.005  # share of the rows beyond either end of the bins
_WIDE = 200  # columns above which no axes are taken


class Hbos(Detector):
    """Histograms: how rare a row's values are, column by column, and along the axes on which the columns move together.

    Each column gets a histogram, and so does each principal axis of the columns: plain histograms see no relation between columns. The
    score is the mean −log density of the columns plus that of the axes. Learned and scored in one pass, at a cost that does not grow
    with the training rows: the detector for very many rows. Weak when normal rows form groups that only a joint view separates: take
    ``knn`` or ``gaussian_mixture``.

    ``bins``: how many bins of equal width a histogram has; None takes the square root of the rows, at least 5 and at most 50. Beyond the
    bins the density falls off exponentially, so far values stay ordered. ``axes``: whether the axes count (up to 200 columns).
    ``anomaly_map`` is the −log density of each cell in its column. Shapes: X (n, d). Raises ConfigError TOC-202 for bins below 2.
    Source: Goldstein and Dengel, "Histogram-based outlier score (HBOS): a fast unsupervised anomaly detection algorithm" (2012);
    histograms along projections: Pevny, "LODA: lightweight on-line detector of anomalies" (2016).

    >>> model = Hbos().fit(np.linspace(0, 1, 200)[:, None])
    >>> inside, near, far = model.anomaly_score([[0.5], [1.2], [3.0]])
    >>> bool(inside < near < far)
    True
    """

    tags = Tags(modality="vector", min_rows=2, gives_map=True, exportable=True)

    def __init__(self, bins: int | None = None, axes: bool = True) -> None:
        self.bins = bins
        self.axes = axes

    @classmethod
    def small(cls) -> Self:
        return cls()

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        at_least(self, bins=2)
        self.mean_, self.std_ = moments(X)
        Z = standardise(X, self.mean_, self.std_)
        n, d = Z.shape
        wanted = self.axes and 1 < d <= _WIDE
        self.axes_ = np.ascontiguousarray(np.linalg.eigh(Z.T @ Z)[1].T) if wanted else np.zeros((0, d))  # (d, d), or none
        values = self._values(Z)
        bins = self.bins or int(np.clip(np.sqrt(n), 5, 50))
        self.low_, high = np.quantile(values, [_TAIL, 1 - _TAIL], axis=0)
        size = high - self.low_
        least = 1e-3  # of a standardised column: a direction in which nothing varies must not tell rounding apart
        self.low_, size = np.where(size < least, self.low_ - least / 2, self.low_), np.maximum(size, least)
        self.width_of_bin_ = size / bins
        self.surprise_ = self._learned_surprise(values, bins)

    def _learned_surprise(self, values: np.ndarray, bins: int) -> np.ndarray:
        """(c, bins + 2) −log density in each bin, the first and the last for what lies beyond; for ``values`` (n, c)."""
        n, c = values.shape
        place = self._places(values, bins) + np.arange(c) * (bins + 2)
        count = np.bincount(place.ravel(), minlength=c * (bins + 2)).reshape(c, bins + 2)
        density = (count + 0.5) / (n + 0.5 * (bins + 2)) / self.width_of_bin_[:, None]
        return np.asarray(-np.log(density))

    def _places(self, values: np.ndarray, bins: int) -> np.ndarray:
        """(n, c) which bin: 0 below all, bins + 1 above all."""
        steps = (values - self.low_) / self.width_of_bin_
        within = np.clip(np.floor(steps), 0, bins - 1) + 1
        return np.where(steps < 0, 0, np.where(steps > bins * (1 + 1e-12), bins + 1, within)).astype(np.int64)

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        scores: np.ndarray = self._cells(self._values(standardise(X, self.mean_, self.std_))).sum(axis=1) / X.shape[1]
        return scores

    def _map(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._cells(self._values(standardise(X, self.mean_, self.std_)))[:, :X.shape[1]]

    def _values(self, Z: np.ndarray) -> np.ndarray:
        """(n, c) the columns, and beside them the places along the axes."""
        return np.hstack([Z, times(Z, self.axes_.T)]) if len(self.axes_) else Z

    def _cells(self, values: np.ndarray) -> np.ndarray:
        """(n, c) −log density."""
        bins = self.surprise_.shape[1] - 2
        place = self._places(values, bins)
        end = self.low_ + bins * self.width_of_bin_
        beyond = np.maximum(np.maximum(self.low_ - values, values - end), 0.0) / self.width_of_bin_ / bins
        made: np.ndarray = self.surprise_[np.arange(values.shape[1]), place] + 5 * beyond  # e-fold in a fifth of the range
        return made
