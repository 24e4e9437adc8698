"""Mean and standard deviation of columns: learned, merged and applied without overflow.

Everything is kept as (mean, std), never as sums of squares, so that columns of 1e-200 and of 1e200 are treated alike.

Letters: n rows, d columns.
"""

from __future__ import annotations

import numpy as np

# Standardised cells end here: the square of the limit, summed over any number of columns, is still finite.
_LIMIT = 1e100
# Below this share of the mean a spread is rounding noise: the column is constant.
_NOISE = 1e-13


def moments(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(d,) mean and (d,) standard deviation (population) of ``X`` (n, d).

    >>> [part.tolist() for part in moments(np.array([[1.0, 5.0], [3.0, 5.0]]))]
    [[2.0, 5.0], [1.0, 0.0]]
    """
    size = np.abs(X).max(axis=0)
    size[size < 1e-290] = 1.0  # dividing by a subnormal number would overflow
    unit = X / size
    mean = unit.mean(axis=0)
    return mean * size, np.sqrt(np.square(unit - mean).mean(axis=0)) * size


def merge(n: int, mean: np.ndarray, std: np.ndarray, m: int, other_mean: np.ndarray,
          other_std: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
    """(count, mean, std) of ``n`` rows and ``m`` further rows together (Chan, Golub and LeVeque 1979).

    >>> merge(2, np.array([2.0]), np.array([1.0]), 2, np.array([6.0]), np.array([1.0]))[1].tolist()
    [4.0]
    """
    a, b = n / (n + m), m / (n + m)
    between = np.sqrt(a * b) * np.abs(other_mean - mean)
    within = np.hypot(np.sqrt(a) * std, np.sqrt(b) * other_std)
    return n + m, a * mean + b * other_mean, np.hypot(within, between)


def standardise(X: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """(n, d) distances from the mean in standard deviations, within ±1e100. Columns that were constant keep their own unit.

    >>> standardise(np.array([[4.0, 7.0]]), np.array([2.0, 5.0]), np.array([1.0, 0.0])).tolist()
    [[2.0, 2.0]]
    """
    with np.errstate(over="ignore"):  # overflow ends at the limit
        made: np.ndarray = np.clip((X - mean) / spread(mean, std), -_LIMIT, _LIMIT)
    return made


def spread(mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """(d,) what a column is divided by: its standard deviation, or 1 where it was constant up to rounding."""
    return np.where(std > _NOISE * np.abs(mean), std, 1.0)
