"""Fewer points, the same picture: the lowest and the highest value of each pixel column, and every row that matters."""

from __future__ import annotations

import numpy as np


def keep_rows(values: np.ndarray, must: np.ndarray, pixels: int = 1500) -> np.ndarray:
    """Sorted row numbers of ``values`` (n,) that draw the same line at ``pixels`` width, always with the rows ``must``.

    Per bucket of rows the minimum and the maximum stay, so that no peak is lost; short series stay whole. Missing values stay where a
    bucket holds nothing else, so that a gap remains a gap.

    >>> wave = np.zeros(100_000); wave[777] = 9.0
    >>> kept = keep_rows(wave, np.array([12]))
    >>> len(kept) < 4000, 777 in kept, 12 in kept
    (True, True, True)
    """
    n = len(values)
    if n <= 2 * pixels:
        return np.arange(n)
    bucket = (np.arange(n) * pixels) // n
    order = np.lexsort((values, bucket))  # NaN sorts last in its bucket
    first = np.searchsorted(bucket, np.arange(pixels))  # rows are in bucket order, so these are starts in `order` too
    last = np.append(first[1:], n) - 1
    present = np.add.reduceat(np.isfinite(values).astype(np.int64), first)
    top = np.where(present > 0, first + np.maximum(present, 1) - 1, last)
    return np.unique(np.concatenate([[0, n - 1], order[first], order[top], np.asarray(must, dtype=np.int64)]))


def surroundings(rows: np.ndarray, n: int, reach: int = 40, most: int = 4000) -> np.ndarray:
    """The rows near ``rows``, so that zooming in on an anomaly shows every step around it; at most ``most`` rows, the first rows first."""
    if len(rows) == 0:
        return np.zeros(0, dtype=np.int64)
    picked = rows[: max(1, most // (2 * reach + 1))]
    near = (picked[:, None] + np.arange(-reach, reach + 1)).ravel()
    return np.unique(np.concatenate([near[(near >= 0) & (near < n)], rows[:most]]))
