"""Robust covariance."""

from __future__ import annotations

from typing import Self

import numpy as np
from scipy.spatial.distance import cdist
from scipy.stats import chi2

from tocsin.core.detector import Detector
from tocsin.core.errors import ConfigError
from tocsin.core.least import at_least
from tocsin.core.seed import generator
from tocsin.core.tags import Tags
from tocsin.data.moments import moments, spread, standardise
from tocsin.memory.product import times
from tocsin.memory.scatter import Scatter, scatter

_SEARCHED = 1500  # rows among which the starts are tried
_FIRST, _FOLLOWED, _STEPS = 2, 2, 30  # steps of each start, starts that go on, most steps of these
_DRAWN, _TIMES = 8, 32  # random rows of one distance, distances averaged
_USUAL = 0.975  # share of normal rows that the last estimate keeps
_LEAST = 1e-3  # least shrinkage


class Mcd(Detector):
    """Robust covariance (minimum covariance determinant): one Gaussian, learned from the rows that lie closest together.

    Looks for the share ``support`` of the training rows whose covariance has the least volume, so that anomalies among the training rows
    do not widen what counts as normal; rows that this estimate finds usual then join it. The score is the squared Mahalanobis distance
    over its usual value, about 1 for normal rows. Works when the training rows may hold anomalies and the normal ones form one cloud.
    When they are clean, or form several groups, ``gaussian_mixture`` or ``knn`` see more; a group of normal rows smaller than
    1 − ``support`` may be taken for anomalies.

    ``support``: share of rows taken to be normal, from 0.5 to 1. ``starts``: random subsets that the search begins with, beside one begun
    from the rows that lie next to others; it goes on from the two best. ``seed``: draws these.
    The covariance is shrunk (Ledoit and Wolf 2004), so tables with more columns than rows can be given.
    ``expected`` is the mean of each column given all other columns of the same row, in the column's unit. Shapes: X (n, d).
    Raises ConfigError TOC-202 for settings out of range.
    Source: Rousseeuw and Van Driessen, "A fast algorithm for the minimum covariance determinant estimator" (1999); shrinkage: Boudt,
    Rousseeuw, Vanduffel and Verdonck, "The minimum regularized covariance determinant estimator" (2020).

    >>> from tocsin.core.seed import generator
    >>> normal = generator(0, "example").normal(size=(160, 2))
    >>> spoiled = np.vstack([normal, normal[:40] * 0.1 + 9])  # a fifth of the rows lie together, far off
    >>> model = Mcd().fit(spoiled)
    >>> bool(model.anomaly_score([[9.0, 9.0]])[0] > 10 * model.anomaly_score([[1.0, 1.0]])[0])
    True
    """

    tags = Tags(modality="vector", min_rows=2, gives_expected=True, exportable=True)

    def __init__(self, support: float = 0.75, starts: int = 10, seed: int = 0) -> None:
        self.support = support
        self.starts = starts
        self.seed = seed

    @classmethod
    def small(cls) -> Self:
        return cls(starts=4)

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        at_least(self, starts=0)
        if not 0.5 <= self.support <= 1:
            raise ConfigError("TOC-202", "Mcd: support must lie between 0.5 and 1", came=repr(self.support), todo="use about 0.75")
        self.mean_, self.std_ = moments(X)
        Z = standardise(X, self.mean_, self.std_)
        n, d = Z.shape
        self.axes_ = np.linalg.svd(Z, full_matrices=False)[2] if n < d else np.zeros((0, d))  # (n, d), or none: the columns themselves
        rows = self._along(Z)
        least = self._concentrated(rows)
        squared = least.squared(rows)
        usual = squared <= np.median(squared) * chi2.ppf(_USUAL, rows.shape[1]) / chi2.ppf(0.5, rows.shape[1])
        usual[_smallest(squared, self._held(n))] = True
        found = _estimate(rows[usual])
        self.centre_, self.factor_ = found.mean, found.factor
        # Across the axes, where no training row ever went, only the shrinkage target is left.
        self.rest_ = 1 / found.shrunk if n < d else 0.0
        self.usual_ = 1.0
        self.usual_ = max(float(np.median(self._score(X, groups))), 1e-12)

    def _concentrated(self, rows: np.ndarray) -> Scatter:
        """The estimate of least volume over h of ``rows`` (n, r) that the starts lead to."""
        random = generator(self.seed, "mcd")
        some = rows if len(rows) <= _SEARCHED else rows[np.sort(random.choice(len(rows), _SEARCHED, replace=False))]
        begun = [_estimate(some[_smallest(_apart(some, random), self._held(len(some)))])]
        fewest = min(len(some), some.shape[1] + 2)
        begun += [_estimate(some[random.choice(len(some), fewest, replace=False)]) for _ in range(self.starts)]
        tried = sorted((self._steps(some, one, _FIRST) for one in begun), key=lambda one: one.log_volume)
        followed = [self._steps(some, one, _STEPS) for one in tried[:_FOLLOWED]]
        return self._steps(rows, min(followed, key=lambda one: one.log_volume), _STEPS)

    def _steps(self, rows: np.ndarray, one: Scatter, most: int) -> Scatter:
        """``one`` after steps of concentration: estimate anew from the h nearest rows, until these stay the same."""
        h, last = self._held(len(rows)), None
        for _ in range(most):
            nearest = _smallest(one.squared(rows), h)
            if last is not None and np.array_equal(nearest, last):
                break
            one, last = _estimate(rows[nearest]), nearest
        return one

    def _held(self, n: int) -> int:
        return min(n, max(2, round(self.support * n)))

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        Z = standardise(X, self.mean_, self.std_)
        along = self._along(Z)
        squared = np.square(times(along - self.centre_, self.factor_)).sum(axis=1)
        if self.rest_:
            squared += self.rest_ * np.square(Z - times(along, self.axes_)).sum(axis=1)
        scores: np.ndarray = squared / self.usual_
        return scores

    def _expected(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        Z = standardise(X, self.mean_, self.std_)
        along = self._along(Z)
        pull = times(times(along - self.centre_, self.factor_), np.ascontiguousarray(self.factor_.T))  # precision · apart
        weight = np.square(self.factor_).sum(axis=1)
        if self.rest_:
            pull = times(pull, self.axes_) + self.rest_ * (Z - times(along, self.axes_))
            weight = np.square(self.factor_.T @ self.axes_).sum(axis=0) + self.rest_ * (1 - np.square(self.axes_).sum(axis=0))
        with np.errstate(over="ignore"):  # a cell that no float can hold is stopped by the contract (TOC-303)
            made: np.ndarray = self.mean_ + (Z - pull / weight) * spread(self.mean_, self.std_)
        return made

    def _along(self, Z: np.ndarray) -> np.ndarray:
        return times(Z, self.axes_.T) if len(self.axes_) else Z


def _estimate(rows: np.ndarray) -> Scatter:
    return scatter(rows, _LEAST, 1.0)


def _smallest(values: np.ndarray, h: int) -> np.ndarray:
    """(h,) places of the smallest ``values`` (n,), ascending; of equal ones the first."""
    return np.sort(np.argsort(values, kind="stable")[:h])


def _apart(rows: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """(n,) mean distance of each of ``rows`` (n, r) to the nearest of a few random others."""
    n, made = len(rows), np.zeros(len(rows))
    for _ in range(_TIMES):
        drawn = random.choice(n, min(_DRAWN, n - 1), replace=False)
        distance = cdist(rows, rows[drawn])
        distance[drawn, np.arange(len(drawn))] = np.inf
        made += np.where(np.isin(np.arange(n), drawn) & (len(drawn) == 1), 0.0, distance.min(axis=1))
    return made / _TIMES
