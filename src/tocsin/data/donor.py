"""Channels that fall silent: their missing cells become those of the training stretch that resembles all that is known around them."""

from __future__ import annotations

from typing import Self

import numpy as np

from tocsin.core.errors import ConfigError
from tocsin.core.state import Stateful
from tocsin.data.matrix import fitted
from tocsin.data.period import window_length
from tocsin.data.window import first_rows, take

LONGEST_LINE = 10
"""Holes inside a segment up to this many steps are bridged by a straight line (``Impute``); the clock cuts longer ones of all channels."""

_LEAST, _MOST = 8, 64  # steps of a stretch
_STRETCHES = 512  # kept at most
_SEEN = 20_000  # rows that the length of a stretch is read off


class Donor(Stateful):
    """(g, c) prepared rows whose silent cells were bridged somehow → the same rows with those cells as the training rows had them.

    Idea. A straight line through a long hole, or the last value held to the end, is a story that no training row tells: a detector of
    shapes would call it an anomaly. So the rows around the hole are compared, in what is known of them, with stretches of training rows,
    and the hole takes the cells of the one that is nearest (hot-deck imputation). Filling goes forward in time by half a stretch, and
    what has been filled counts as known for the next step, so that a channel that stays silent goes on smoothly.

    When it works: the channel follows the others or repeats itself; a cell filled so is about as usual as the rows around it. When not:
    as a forecast; it is no evidence for anything, and is meant to be none. Stretches end at a segment's ends.

    cells  numbers kept of the training rows at most; float32, 1 MB at 2^18. Shapes: g rows, c columns, all finite. Raises ConfigError
    TOC-202 for fewer than 1,000 cells, StateError TOC-301 unfitted.

    >>> wave = np.sin(np.arange(300) * 2 * np.pi / 20)[:, None]
    >>> late = wave[:110].copy(); late[100:] = late[99]  # the last value, held
    >>> silent = np.arange(110)[:, None] >= 100
    >>> filled = Donor().fit(wave).fill(late, silent, silent, np.zeros(110))
    >>> bool(np.abs(filled - wave[:110]).max() < 0.01)
    True

    Source: hot-deck imputation, Ford 1983.
    """

    def __init__(self, cells: int = 1 << 18) -> None:
        self.cells = cells

    def fit(self, X: np.ndarray, missing: np.ndarray | None = None, groups: np.ndarray | None = None) -> Self:
        """Keep stretches of ``X`` (g, c), evenly spaced; those with the fewest ``missing`` (g, c) cells."""
        if self.cells < 1000:
            raise ConfigError("TOC-202", "Donor: cells must be at least 1000", came=repr(self.cells), todo="use 262144")
        g, c = X.shape
        self._forget()
        length = int(np.clip(window_length(X[:_SEEN]), _LEAST, _MOST))
        length = max(2, min(length, g, self.cells // (2 * c)))
        groups = np.zeros(g, dtype=np.int64) if groups is None else groups
        first = first_rows(groups)
        ends = np.flatnonzero(np.arange(g) - first >= length - 1)
        if missing is not None and len(ends):
            holes = np.r_[0, np.cumsum(missing.sum(axis=1))]
            inside = holes[ends + 1] - holes[ends + 1 - length]
            ends = ends[inside <= np.quantile(inside, 0.1)]
        most = int(np.clip(self.cells // (length * c), 2, _STRETCHES))
        if len(ends) > most:
            ends = ends[np.linspace(0, len(ends) - 1, most).astype(int)]
        self.rows_ = np.clip(take(X, first, ends, length), -1e30, 1e30).astype(np.float32)  # (k, l, c)
        return self

    def fill(self, X: np.ndarray, missing: np.ndarray, silent: np.ndarray, groups: np.ndarray) -> np.ndarray:
        """``X`` (g, c) with the cells of ``silent`` (g, c) filled. ``missing`` (g, c): cells not measured, never compared."""
        rows = np.asarray(fitted(self, "rows_"), dtype=np.float64)
        touched = np.flatnonzero(silent.any(axis=1))
        if not len(touched) or not len(rows):
            return X
        X, known = X.copy(), ~missing
        length = rows.shape[1]
        start = first_rows(groups)
        position = 0
        while position < len(touched):
            at = int(touched[position])
            end = at + max(1, length // 2)
            end = int(np.searchsorted(start, start[at], side="right")) if start[min(end, len(X)) - 1] != start[at] else min(end, len(X))
            low = max(int(start[at]), end - length)
            _fill(X[low:end], known[low:end], silent[low:end], at - low, rows[:, length - (end - low):])
            position = int(np.searchsorted(touched, end))
        return X


def _fill(X: np.ndarray, known: np.ndarray, silent: np.ndarray, own: int, rows: np.ndarray) -> None:
    """Fill the silent cells of ``X`` (m, c) from row ``own`` on, from the nearest of ``rows`` (k, m, c); in place."""
    flat = rows.reshape(len(rows), -1)
    mask = known.ravel()
    gap = np.square(np.clip(X.ravel()[mask], -1e30, 1e30) - flat[:, mask]).sum(axis=1) if mask.any() else np.zeros(len(flat))
    donor = rows[int(np.argmin(gap))]
    holes = silent.copy()
    holes[:own] = False
    X[holes] = donor[holes]
    known |= holes  # what was filled is known to the next step


def silent_cells(missing: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """(g, c) which ``missing`` cells no line between two known values can stand for: runs at a segment's start or end, and long ones.

    >>> gone = np.array([[False], [True], [False], [True]])
    >>> silent_cells(gone, np.zeros(4)).ravel().tolist()
    [False, False, False, True]
    """
    made = np.zeros(missing.shape, dtype=bool)
    n = len(missing)
    border = np.r_[True, groups[1:] != groups[:-1], True]  # (n + 1,) a segment starts here
    for j in np.flatnonzero(missing.any(axis=0)):
        x = missing[:, j]
        starts = np.flatnonzero(border[:n] | np.r_[True, x[1:] != x[:-1]])
        ends = np.r_[starts[1:], n]
        for a, b in zip(starts[x[starts]], ends[x[starts]]):
            made[a:b, j] = border[a] or border[b] or b - a > LONGEST_LINE
    return made
