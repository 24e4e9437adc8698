"""Windows over a series, and the one mapping from window values back to time steps.

A window of length l ends at a row and reaches back l − 1 rows. It never crosses into another segment (a run of equal ``groups``).
Where a segment is shorter than l, its single window is filled on the left by repeating the segment's first row: a defined
result for every length, at the price of a flat start.

Letters: t time steps, c channels, l window length, w windows, b windows in a batch.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def first_rows(groups: np.ndarray) -> np.ndarray:
    """(t,) for each row, the index of the first row of its segment.

    >>> first_rows(np.array([0, 0, 0, 1, 1])).tolist()
    [0, 0, 0, 3, 3]
    """
    starts = np.r_[True, groups[1:] != groups[:-1]]
    return np.maximum.accumulate(np.where(starts, np.arange(len(groups)), 0))


def window_ends(groups: np.ndarray, length: int, stride: int = 1) -> np.ndarray:
    """(w,) rows at which windows end: every ``stride``-th full window, and always the last row of each segment.

    >>> window_ends(np.array([0, 0, 0, 0, 1]), length=3).tolist()
    [2, 3, 4]
    """
    first = first_rows(groups)
    last = np.r_[groups[1:] != groups[:-1], True]
    depth = np.arange(len(groups)) - first - (length - 1)  # 0 at the first full window of a segment
    return np.flatnonzero(((depth >= 0) & (depth % stride == 0)) | last)


def take(X: np.ndarray, first: np.ndarray, ends: np.ndarray, length: int) -> np.ndarray:
    """(b, l, c) windows of ``X`` (t, c) that end at ``ends`` (b,), filled on the left inside their own segment."""
    index = ends[:, None] + np.arange(1 - length, 1)  # (b, l)
    return X[np.maximum(index, first[ends][:, None])]


def batches(X: np.ndarray, groups: np.ndarray, ends: np.ndarray, length: int, size: int = 4096) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs (positions in ``ends``, windows (b, l, c)); never more than ``size`` windows in memory at once."""
    first = first_rows(groups)
    for start in range(0, len(ends), size):
        part = np.arange(start, min(start + size, len(ends)))
        yield part, take(X, first, ends[part], length)


def contexts(X: np.ndarray, first: np.ndarray, rows: np.ndarray, length: int) -> np.ndarray:
    """(b, l, c) the ``length`` rows before each of ``rows`` (b,), for forecasting that row.

    Before a segment's start its first row is repeated; the first row itself is forecast from its own value, so it never stands out.
    """
    index = rows[:, None] + np.arange(-length, 0)  # (b, l)
    return X[np.maximum(index, first[rows][:, None])]


def spread(scores: np.ndarray, ends: np.ndarray, groups: np.ndarray, length: int) -> np.ndarray:
    """(t,) point scores from window scores (w,): the mean over all windows that cover the point.

    The covering mean finds anomalies of any length up to the window; a window's centre or end alone shifts them.
    Sums are taken directly, not as differences of running sums, so a huge score far away costs no precision here.
    """
    return spread_cells(np.broadcast_to(scores[:, None, None], (len(scores), length, 1)), ends, groups, length)[:, 0]


def spread_cells(cells: np.ndarray, ends: np.ndarray, groups: np.ndarray, length: int) -> np.ndarray:
    """(t, c) from values per window cell (w, l, c): the mean over all windows that cover the time step.

    Steps that no window covers (stride > length) take the next window's first value.
    """
    t, first = len(groups), first_rows(groups)
    total, count = np.zeros((t, cells.shape[2])), np.zeros(t)
    for offset in range(length):  # offset 0 is the window's last row; one vectorised addition each
        rows = ends - offset
        inside = rows >= first[ends]
        np.add.at(total, rows[inside], cells[inside, length - 1 - offset])
        np.add.at(count, rows[inside], 1.0)
    covered = count > 0
    total[covered] /= count[covered, None]
    if not covered.all():
        following = ends[np.searchsorted(ends, np.flatnonzero(~covered))]
        total[~covered] = total[np.maximum(following - length + 1, first[following])]
    return total
