"""Empirical tails and a Gaussian copula."""

from __future__ import annotations

from typing import Self

import numpy as np
from scipy.special import ndtri, ndtri_exp

from tocsin.core.detector import Detector
from tocsin.core.least import at_least
from tocsin.core.tags import Tags
from tocsin.data.moments import moments, standardise
from tocsin.memory.product import times
from tocsin.memory.scatter import scatter

_TAIL = 0.9  # share of the rows from which on a tail is measured
_FAR = 1e12  # standard deviations beyond which cells are alike: their normal scores are squared


class Copula(Detector):
    """Tail probabilities: how far out each value lies in its column, and whether the values of a row go together.

    A cell's evidence is −log of the probability of a value at least this far out, to the left or to the right, by the training rows; of
    the sums over the left tails, over the right ones, and over the longer tail of each column, the largest counts. That alone sees no
    relation between columns; so a Gaussian copula is added: half the squared Mahalanobis distance of the row's normal scores. Both per
    column. Works on columns of any shape and unit without settings, and tells which cell is to blame. Weak where anomalies hide in gaps
    between groups of normal rows: take ``knn`` or ``gaussian_mixture``.

    A row is judged by the training rows alone, not by the rows that come with it. Beyond the training range the evidence goes on, as an
    exponential tail with the column's own mean excess, so farther stays more anomalous. ``knots``: the most values that are kept of a
    column (its quantiles; all values where there are fewer): the state and the time to score one row are bounded.
    ``dependence``: whether the copula counts. ``anomaly_map`` gives each cell's evidence and its part in the copula.
    Shapes: X (n, d). Raises ConfigError TOC-202 for knots below 2.
    Source: Li, Zhao, Botta, Ionescu and Hu, "COPOD: copula-based outlier detection" (2020); Li et al., "ECOD: unsupervised outlier
    detection using empirical cumulative distribution functions" (2022).

    >>> model = Copula().fit(np.linspace(0, 1, 99)[:, None])
    >>> inside, last, far = model.anomaly_score([[0.5], [1.0], [2.0]])
    >>> bool(inside < last < far)
    True
    """

    tags = Tags(modality="vector", min_rows=2, gives_map=True, exportable=True)

    def __init__(self, knots: int = 2000, dependence: bool = True) -> None:
        self.knots = knots
        self.dependence = dependence

    @classmethod
    def small(cls) -> Self:
        return cls()

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        at_least(self, knots=2)
        self.mean_, self.std_ = moments(X)
        Z = self._centred(X)
        self.n_ = len(Z)
        self.skewed_ = np.where((Z**3).mean(axis=0) < 0, 1.0, 0.0)  # (d,) 1 where the longer tail is the left one
        columns = [_column(np.sort(Z[:, j]), self.knots) for j in range(Z.shape[1])]
        self.counts_ = np.array([len(part[0]) for part in columns])
        self.starts_ = np.concatenate([[0], np.cumsum(self.counts_)[:-1]])
        self.values_, self.up_, self.down_ = (np.concatenate([part[i] for part in columns]) for i in range(3))
        self.excess_ = np.array([part[3] for part in columns])  # (d, 2) mean excess of the left and of the right tail
        found = scatter(self._tails(Z)[2], 1e-2, 1.0)
        self.centre_, self.factor_ = found.mean, found.factor

    def _tails(self, Z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(n, d) each: evidence of the left tail, of the right tail, and normal scores."""
        left, right, normal = np.empty_like(Z), np.empty_like(Z), np.empty_like(Z)
        n = self.n_
        for j, (start, count) in enumerate(zip(self.starts_, self.counts_)):
            part, z = slice(start, start + count), Z[:, j]
            knots = self.values_[part]
            below = knots.searchsorted(z, "right") - 1  # last knot at or below
            above = knots.searchsorted(z, "left")  # first knot at or above
            up = np.where(below < 0, 0, self.up_[part][np.maximum(below, 0)])  # training rows ≤ z, as far as the knots tell
            down = np.where(above == count, 0, self.down_[part][np.minimum(above, count - 1)])  # training rows ≥ z
            under, over = np.maximum(knots[0] - z, 0) / self.excess_[j, 0], np.maximum(z - knots[-1], 0) / self.excess_[j, 1]
            left[:, j] = np.log((n + 1) / np.maximum(up, 1)) + under
            right[:, j] = np.log((n + 1) / np.maximum(down, 1)) + over
            inside = ndtri(np.clip((up + n - down) / (2 * n), 0.5 / n, 1 - 0.5 / n))
            outside = ndtri_exp(-np.log(2 * n) - under - over)
            normal[:, j] = np.where(up == 0, outside, np.where(down == 0, -outside, inside))
        return left, right, normal

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        left, right, normal = self._tails(self._centred(X))
        made = self._sides(left, right).sum(axis=2).max(axis=0)
        if self.dependence:
            made += np.square(times(normal - self.centre_, self.factor_)).sum(axis=1) / 2
        scores: np.ndarray = made / X.shape[1]
        return scores

    def _map(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        left, right, normal = self._tails(self._centred(X))
        sides = self._sides(left, right)
        made: np.ndarray = sides[sides.sum(axis=2).argmax(axis=0), np.arange(len(X))]
        if self.dependence:
            apart = normal - self.centre_
            made = made + apart * times(times(apart, self.factor_), np.ascontiguousarray(self.factor_.T)) / 2
        return made

    def _sides(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """(3, n, d) evidence on the left, on the right, and on the side of each column's longer tail."""
        return np.stack([left, right, np.where(self.skewed_ > 0, left, right)])

    def _centred(self, X: np.ndarray) -> np.ndarray:
        return standardise(X, self.mean_, self.std_).clip(-_FAR, _FAR)


def _column(ordered: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[float, float]]:
    """Knots of a column given its values in order (n,), how many rows are at most and at least each knot, and the two mean excesses."""
    n = len(ordered)
    knots = np.unique(ordered[np.linspace(0, n - 1, min(n, most)).round().astype(int)])
    up, down = ordered.searchsorted(knots, "right"), n - ordered.searchsorted(knots, "left")
    low, high = np.quantile(ordered, [1 - _TAIL, _TAIL])
    excess = (float(np.maximum(low - ordered, 0).mean()), float(np.maximum(ordered - high, 0).mean()))
    usual = max(float(ordered.std()), 1e-3)
    return knots, up, down, tuple(one / (1 - _TAIL) if one > 1e-3 * usual else usual for one in excess)  # type: ignore[return-value]
