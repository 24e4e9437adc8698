"""A mean and a shrunk covariance of rows, as a factor that turns rows into independent ones of unit variance.

Letters: n rows, r columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from tocsin.memory.product import times


@dataclass(frozen=True)
class Scatter:
    """``mean`` (r,), ``factor`` (r, r) with factor @ factor.T the precision, ``log_volume`` the log determinant of the covariance;
    ``shrunk`` is the variance that the shrinkage alone gives every direction.
    """

    mean: np.ndarray
    factor: np.ndarray
    log_volume: float
    shrunk: float

    def squared(self, rows: np.ndarray) -> np.ndarray:
        """(n,) squared Mahalanobis distances of ``rows`` (n, r), each the same in any company."""
        made: np.ndarray = np.square(times(rows - self.mean, self.factor)).sum(axis=1)
        return made


def scatter(rows: np.ndarray, least: float = 1e-6, unit: float = 0.0) -> Scatter:
    """Mean and covariance of ``rows`` (n, r), shrunk towards equal variances as Ledoit and Wolf (2004) find best, by ``least`` at least.

    ``unit`` is the variance towards which rows that do not vary at all are shrunk (1 where it is 0).

    >>> made = scatter(np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, -1.0], [0.0, 1.0]]))
    >>> made.squared(np.array([[1.0, 0.0]])).round(3).tolist()
    [2.0]
    """
    n, r = rows.shape
    mean = rows.mean(axis=0)
    apart = rows - mean
    covariance = apart.T @ apart / n
    variance = float(np.trace(covariance)) / r
    away = float(np.square(covariance).sum()) - r * variance**2  # squared distance of the covariance from its target
    noise = (float(np.square(np.square(apart).sum(axis=1)).mean()) - float(np.square(covariance).sum())) / n
    share = 1.0 if away <= 1e-12 * r * variance**2 else min(1.0, max(noise / away, least))
    target = max(variance, least * unit) or 1.0
    covariance *= 1 - share
    covariance[np.diag_indices(r)] += share * target
    lower = np.linalg.cholesky(covariance)
    factor = np.ascontiguousarray(solve_triangular(lower, np.eye(r), lower=True).T)
    return Scatter(mean, factor, 2 * float(np.log(np.diag(lower)).sum()), share * target)
