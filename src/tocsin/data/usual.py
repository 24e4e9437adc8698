"""The usual size of residuals, so that different residuals can be added and compared."""

from __future__ import annotations

import numpy as np

_NORMAL = 1.4826  # standard deviation over median distance, for normal residuals
_LEAST = 1e-6  # a residual this small is rounding, in the unit of a standardised channel


def usual(residuals: np.ndarray) -> np.ndarray:
    """(c,) the usual size of ``residuals`` (n, c) of standardised channels: from their median, so that a few huge ones do no harm.

    Where most residuals are 0 the median is, too: a tenth of the overall size keeps the others comparable. Never below 1e-6.

    >>> usual(np.array([[1.0], [-1.0], [1.0], [-1.0], [1.0]])).round(2).tolist()
    [1.48]
    """
    size = np.abs(residuals)
    overall = np.sqrt(np.square(np.minimum(size, 1e100)).mean(axis=0))
    made: np.ndarray = np.maximum(_NORMAL * np.median(size, axis=0), np.maximum(0.1 * overall, _LEAST))
    return made
