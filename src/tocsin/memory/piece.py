"""Windows of a series as rows to compare: put on one level, completed where a segment is short, z-normalised, and spread back.

Letters: t time steps, c channels, l window length, w windows, b windows in a chunk.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tocsin.data.moments import standardise
from tocsin.data.window import batches, first_rows, window_ends

FLAT = 0.05  # standard deviations of its channel below which a window is flat: its shape is noise, and is not blown up to unit size
_LIMIT = 1e9  # levelled values end here; their squares, added over a window, still fit float32
_CELLS = 1 << 22  # window values held at once, 16 MB


def levelled(X: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """(t, c) float32: channels in their own standard deviations, within ±1e9."""
    return np.clip(standardise(X, mean, std), -_LIMIT, _LIMIT).astype(np.float32)


def full_ends(groups: np.ndarray, length: int, stride: int = 1) -> np.ndarray:
    """(w,) rows at which whole windows end; where no segment is long enough, the ends of all (filled) windows."""
    ends = window_ends(groups, length, stride)
    full = ends[ends - first_rows(groups)[ends] >= length - 1]
    return full if len(full) else ends


def places(ends: np.ndarray, groups: np.ndarray, zone: int) -> np.ndarray:
    """(w,) where windows lie, with segments at least ``zone`` apart: only windows of one segment can overlap.

    >>> places(np.array([1, 2, 5]), np.array([0, 0, 0, 1, 1, 1]), zone=10).tolist()
    [1, 2, 15]
    """
    return np.asarray(ends + zone * groups[ends])


def chunks(X: np.ndarray, groups: np.ndarray, ends: np.ndarray, length: int, bank: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs (positions in ``ends``, windows (b, l, c)). A segment shorter than the window is completed on the left by the window of
    ``bank`` (n, l, c) that ends most alike: a short stretch is judged by what is in it, not by a flat start that no window has.
    """
    size = max(1, min(4096, _CELLS // (length * X.shape[1])))
    own = ends - first_rows(groups)[ends] + 1  # (w,) rows of a window that are its segment's
    for part, windows in batches(X, groups, ends, length, size):
        for i in np.flatnonzero(own[part] < length):
            m = int(own[part][i])
            gap = np.square(bank[:, -m:] - windows[i, -m:]).sum(axis=(1, 2), dtype=np.float64)
            windows[i, :-m] = bank[int(gap.argmin()), :-m]
        yield part, windows


def z_normal(windows: np.ndarray, floor: float = FLAT) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Windows (b, l, c) with mean 0 and standard deviation 1 in each channel, float32; their means and their deviations (b, 1, c).

    A deviation below ``floor`` counts as ``floor``: a flat window stays nearly flat.
    """
    wide = windows.astype(np.float64)
    mean = wide.mean(axis=1, keepdims=True)
    wide -= mean
    deviation = np.maximum(np.sqrt(np.square(wide).mean(axis=1, keepdims=True)), floor)
    return (wide / deviation).astype(np.float32), mean, deviation


def flat(windows: np.ndarray) -> np.ndarray:
    """(b, l · c) from (b, l, c)."""
    return windows.reshape(len(windows), -1)


class Cover:
    """The covering mean of window cells, added up chunk by chunk: memory of one series, whatever the window.

    >>> cover = Cover(np.zeros(3, int), 1)
    >>> cover.add(np.array([1, 2]), np.array([[[1.0], [2.0]], [[4.0], [5.0]]]))
    >>> cover.mean().ravel().tolist()
    [1.0, 3.0, 5.0]
    """

    def __init__(self, groups: np.ndarray, channels: int) -> None:
        self._first = first_rows(groups)
        self._total = np.zeros((len(groups), channels))
        self._count = np.zeros((len(groups), 1))

    def add(self, ends: np.ndarray, cells: np.ndarray) -> None:
        """Windows that end at ``ends`` (b,), each once, with values (b, l, c)."""
        length = cells.shape[1]
        for offset in range(length):
            rows = ends - offset
            inside = rows >= self._first[ends]
            self._total[rows[inside]] += cells[inside, length - 1 - offset]
            self._count[rows[inside]] += 1

    def mean(self) -> np.ndarray:
        """(t, c); every step must have been covered."""
        return np.asarray(self._total / self._count)
