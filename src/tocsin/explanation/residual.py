"""What each column adds to the distance between observed and expected."""

from __future__ import annotations

import numpy as np


def contributions(observed: np.ndarray, expected: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """(m, d) shares of the squared standardised residual: >= 0, a row sums to 1; all zero where observed equals expected.

    ``observed`` and ``expected`` (m, d) in the same units, ``scale`` (d,) > 0 the usual distance between them on normal rows: without it, a
    column that is never predicted well would be blamed for everything. Works for reconstruction and forecast; squares, because that
    is what such detectors sum up, and because a column far off should stand out.

    >>> contributions(np.array([[1.0, 5.0]]), np.array([[0.0, 5.0]]), np.array([0.5, 1.0])).tolist()
    [[1.0, 0.0]]
    """
    with np.errstate(over="ignore"):  # what lies beyond the largest float counts as that
        away = np.abs(observed / 2 - expected / 2) / np.maximum(scale, np.finfo(float).tiny)
    away = np.minimum(away, np.finfo(float).max)
    worst = away.max(axis=1, keepdims=True)
    share = (away / np.where(worst > 0, worst, 1.0)) ** 2  # relative to the worst: squares cannot overflow
    return np.asarray(share / np.maximum(share.sum(axis=1, keepdims=True), 1.0))
