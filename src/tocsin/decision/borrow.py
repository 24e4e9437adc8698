"""Calibration scores for few rows: their own, filled up with the shape of another table's scores."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm, t

ENOUGH = 300  # own scores from which nothing is borrowed
_FAR = 0.99  # where the extra width of few scores is right: the usual promise is one false alarm in a hundred
_WIDEST = 3.0  # the spread of own scores is never taken for more than so many times the borrowed one's, or less than its part


def borrowed(own: np.ndarray, other: np.ndarray, enough: int = ENOUGH) -> np.ndarray:
    """(max(n, enough),) scores to calibrate on: ``own`` (n,), and quantiles of ``other`` (m,) brought to their level and spread.

    Idea. Ten scores cannot tell where the highest hundredth begins; they do tell a middle and a spread, and the shape of the upper end is
    much the same for one detector on related tables. The borrowed part is widened as a prediction interval from n normal values is
    (Student's t), so that few scores promise less, and it fades out as n grows: from ``enough`` own scores on they stand alone.
    Works on logarithms where all scores are positive, on plain scores else. When not: own scores of another shape; the false-alarm rate
    then strays until there are enough of them.

    >>> borrowed(np.arange(400.0), np.arange(9.0)).size, borrowed(np.array([1.0, 2.0, 3.0]), np.arange(1.0, 9.0)).size
    (400, 300)
    """
    n = len(own)
    if n >= enough or len(other) < 2 or n < 2:
        return own
    logs = min(own.min(), other.min()) > 0
    a, b = (np.log(own), np.log(other)) if logs else (own, other)
    spread = a.std(ddof=1)
    ratio = np.clip(spread / b.std(), 1 / _WIDEST, _WIDEST) if b.std() > 0 else 1.0
    wide = np.sqrt(1 + 1 / n) * t.ppf(_FAR, n - 1) / norm.ppf(_FAR)
    shape = np.quantile(b, (np.arange(enough - n) + 0.5) / (enough - n))
    made = a.mean() + wide * ratio * (shape - b.mean())
    return np.concatenate([own, np.exp(np.minimum(made, 600.0)) if logs else made])
