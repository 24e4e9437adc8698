"""Sums and means over neighbouring steps of a series; no segment's steps enter another's.

A sum over ``length`` steps is put together from sums over 1, 2, 4, … steps: as exact as adding them one by one (no differences of running
sums, so a huge value far away costs no precision here), in log2(length) passes over the series instead of ``length``.

Letters: t time steps, c channels, w windows.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import correlate1d

from tocsin.data.window import first_rows


def sums_ahead(values: np.ndarray, groups: np.ndarray, length: int) -> np.ndarray:
    """Like ``values`` (t, …): the sum over each row and those after it, ``length`` rows in all, ending with the segment.

    >>> sums_ahead(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0, 0, 0, 1]), 2).tolist()
    [3.0, 5.0, 3.0, 4.0]
    """
    t = len(values)
    left = t - first_rows(groups[::-1])[::-1]  # (t,) end (exclusive) of each row's segment
    total, offset = np.zeros(values.shape), 0  # sums over the first ``offset`` rows
    block, width = np.array(values, dtype=np.float64), 1  # sums over ``width`` rows
    while True:
        if length & width:
            total = total + _moved(block, left, offset)
            offset += width
        if 2 * width > length:
            return total
        block = block + _moved(block, left, width)
        width *= 2


def _moved(block: np.ndarray, left: np.ndarray, by: int) -> np.ndarray:
    """Row r holds what stood in row r + ``by``, or 0 where that is past the segment."""
    if not by:
        return block
    moved = np.zeros_like(block)
    kept = max(len(block) - by, 0)
    inside = np.arange(by, by + kept) < left[:kept]
    moved[:kept][inside] = block[by:][inside]
    return moved


def covering_mean(scores: np.ndarray, ends: np.ndarray, groups: np.ndarray, length: int) -> np.ndarray:
    """(t,) the mean over all windows that cover a step, as ``tocsin.data.window.spread`` gives it, for windows at stride 1.

    ``scores`` (w,) of the windows that end at ``ends`` (w,): every full window, and the last row of each segment.

    >>> covering_mean(np.array([0.0, 3.0]), np.array([1, 2]), np.zeros(3, dtype=int), 2).tolist()
    [0.0, 1.5, 3.0]
    """
    both = np.zeros((len(groups), 2))
    both[ends, 0], both[ends, 1] = scores, 1.0
    total, count = sums_ahead(both, groups, length).T
    made: np.ndarray = total / count
    return made


def mean_around(values: np.ndarray, groups: np.ndarray, reach: int) -> np.ndarray:
    """Like ``values`` (t, …): the mean over the rows at most ``reach`` away, within the segment.

    >>> mean_around(np.array([0.0, 3.0, 0.0, 8.0]), np.array([0, 0, 0, 1]), 1).tolist()
    [1.5, 1.0, 1.5, 8.0]
    """
    if reach < 1:
        return np.array(values, dtype=np.float64)
    ones = np.ones((len(values), *[1] * (values.ndim - 1)))
    total, count = (sums_ahead(part, groups, reach + 1) + sums_ahead(part[::-1], groups[::-1], reach + 1)[::-1] - part
                    for part in (values, ones))
    made: np.ndarray = total / count
    return made


def local_polynomial(values: np.ndarray, groups: np.ndarray, window: int, degree: int) -> np.ndarray:
    """Like ``values`` (t, c): at each row, the polynomial of ``degree`` fitted to the ``window`` rows around it (Savitzky and Golay 1964).

    ``window`` is odd and above ``degree``. Rows near a segment's end share the fit of its last ``window`` rows; a segment shorter than the
    window is fitted as a whole, by a lower degree where it must be.

    >>> cubic = np.arange(9.0)[:, None] ** 3
    >>> bool(np.allclose(local_polynomial(cubic, np.zeros(9, dtype=int), 5, 3), cubic))
    True
    """
    made = np.empty(values.shape)
    starts = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]])
    hats: dict[int, np.ndarray] = {}
    for start, stop in zip(starts, np.r_[starts[1:], len(groups)]):
        rows, n = values[start:stop], min(window, int(stop - start))
        hat = hats.setdefault(n, _hat(n, min(degree, n - 1)))
        half = n // 2
        if n == window:
            made[start:stop] = correlate1d(rows, hat[half], axis=0)
            made[stop - half:stop] = hat[n - half:] @ rows[-n:]
        made[start:start + (half if n == window else n)] = hat[:half if n == window else n] @ rows[:n]
    return made


def _hat(n: int, degree: int) -> np.ndarray:
    """(n, n) matrix that maps values at n equidistant steps to their fitted polynomial."""
    at = np.linspace(-1.0, 1.0, n) if n > 1 else np.zeros(1)
    basis, _ = np.linalg.qr(np.polynomial.legendre.legvander(at, degree))
    made: np.ndarray = basis @ basis.T
    return made
