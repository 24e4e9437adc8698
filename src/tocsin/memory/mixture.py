"""Gaussian mixtures with full covariances, learned by expectation and maximisation from few rows without falling onto one of them.

Each covariance is a mean of the component's own and of what all components share, the latter counted as many rows as there are columns;
so a component that holds few rows, or rows that repeat each other, keeps a volume. Columns are expected in about unit spread.

Letters: n rows, p columns, k components.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from tocsin.memory.kmeans import kmeans
from tocsin.memory.product import times

_CHUNK = 1 << 13  # rows looked at together, so that memory does not grow with them
_RIDGE = 1e-3  # least variance in any direction, as a share of a unit column's
_ROUNDS = 60
_SETTLED = 1e-3  # gain of the mean log likelihood per row below which rounds end
_NEGLIGIBLE = 1e-6  # a row's share in a component that is not worth the product


@dataclass(frozen=True)
class Mixture:
    """``log_shares`` (k,), ``means`` (k, p), ``factors`` (k, p, p): (z − mean) @ factor has unit covariance under its component."""

    log_shares: np.ndarray
    means: np.ndarray
    factors: np.ndarray

    def joint(self, rows: np.ndarray) -> np.ndarray:
        """(n, k) log of share times density at each of ``rows`` (n, p); a row's values do not depend on the other rows."""
        made = np.empty((len(rows), len(self.means)))
        level = self._level()
        for start in range(0, len(rows), _CHUNK):
            part = slice(start, start + _CHUNK)
            for i, (mean, factor) in enumerate(zip(self.means, self.factors)):
                made[part, i] = level[i] - np.square(times(rows[part] - mean, factor)).sum(axis=1) / 2
        return made

    def log_density(self, rows: np.ndarray) -> np.ndarray:
        """(n,) log density of ``rows`` (n, p).

        >>> one = Mixture(np.zeros(1), np.zeros((1, 1)), np.ones((1, 1, 1)))
        >>> one.log_density(np.array([[0.0]])).round(3).tolist()
        [-0.919]
        """
        return summed(self.joint(rows))

    def _level(self) -> np.ndarray:
        volume = np.log(np.diagonal(self.factors, axis1=1, axis2=2)).sum(axis=1)
        made: np.ndarray = self.log_shares + volume - self.means.shape[1] / 2 * np.log(2 * np.pi)
        return made


def summed(joint: np.ndarray) -> np.ndarray:
    """(n,) log of the sum of exp of each line of ``joint`` (n, k)."""
    top = joint.max(axis=1)
    made: np.ndarray = top + np.log(np.exp(joint - top[:, None]).sum(axis=1))
    return made


def responsibilities(joint: np.ndarray) -> tuple[np.ndarray, float]:
    """(n, k) share of each component in each row, summing to 1 along a line, and the mean log likelihood."""
    density = summed(joint)
    return np.exp(joint - density[:, None]), float(density.mean())


def maximised(rows: np.ndarray, share: np.ndarray) -> Mixture:
    """The mixture in which component i holds ``share[:, i]`` of ``rows`` (n, p); ``share`` is (n, k). Empty components are dropped."""
    share = share[:, share.sum(axis=0) > 0.5]
    (n, p), count = rows.shape, share.sum(axis=0)
    means = share.T @ rows / count[:, None]
    scatter = np.empty((len(count), p, p))
    for i, mean in enumerate(means):
        held = share[:, i] > _NEGLIGIBLE
        apart = (rows[held] - mean) * np.sqrt(share[held, i])[:, None]
        scatter[i] = apart.T @ apart
    common = scatter.sum(axis=0)
    unit = np.trace(common) / (p * n)
    common = (common + p * unit * np.eye(p)) / (n + p)
    factors = np.stack([_factor((own + p * common) / (held + p)) for own, held in zip(scatter, count)])
    return Mixture(np.log(count / count.sum()), means, factors)


def improved(rows: np.ndarray, mixture: Mixture, rounds: int = _ROUNDS) -> Mixture:
    """``mixture`` after rounds of expectation and maximisation on ``rows`` (n, p), until the likelihood hardly grows."""
    last = -np.inf
    for _ in range(rounds):
        share, level = responsibilities(mixture.joint(rows))
        mixture = maximised(rows, share)
        if level - last < _SETTLED:
            break
        last = level
    return mixture


def grouped(rows: np.ndarray, k: int, random: np.random.Generator) -> Mixture:
    """A mixture of at most ``k`` components, begun from the groups of k-means.

    >>> rows = np.array([[0.0], [0.1], [9.0], [9.1], [9.2]])
    >>> grouped(rows, 2, np.random.default_rng(0)).means.round(2).ravel().tolist() in ([0.05, 9.1], [9.1, 0.05])
    True
    """
    _, group = kmeans(rows, k, random)
    return improved(rows, maximised(rows, np.eye(k)[group]))


def _factor(covariance: np.ndarray) -> np.ndarray:
    """(p, p) upper triangle that turns rows of ``covariance`` (p, p) into rows of unit covariance."""
    p = len(covariance)
    lower = np.linalg.cholesky(covariance + _RIDGE * np.eye(p))
    made: np.ndarray = np.ascontiguousarray(solve_triangular(lower, np.eye(p), lower=True).T)
    return made
