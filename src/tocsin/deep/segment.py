"""Segments of a series as first and last rows, and how they are divided for training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Segments:
    """Rows ``first`` (s,) to ``last`` (s,) inclusive, whose windows may look back to ``low`` (s,)."""

    first: np.ndarray
    last: np.ndarray
    low: np.ndarray

    def blocks(self, length: int) -> tuple[np.ndarray, np.ndarray]:
        """Blocks of ``length`` rows from each segment's first on: their first rows (w,), and the bounds (w, 2) of their segments.

        >>> segments(np.array([0, 0, 0, 1])).blocks(2)[0].tolist()
        [0, 2, 3]
        """
        counts = -(-(self.last - self.first + 1) // length)
        which = np.repeat(np.arange(len(counts)), counts)
        number = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
        return self.first[which] + number * length, np.stack([self.low, self.last], 1)[which]

    def bounds_of(self, rows: np.ndarray) -> np.ndarray:
        """(w, 2) first and last row of the segment that each of ``rows`` lies in."""
        return np.stack([self.low, self.last], 1)[np.searchsorted(self.first, rows, side="right") - 1]

    def divided(self, share: float, length: int) -> tuple[Segments, Segments]:
        """(learned, held out): the last ``share`` of each segment, at least ``length`` rows, is held out as one block.

        Segments shorter than twice that are taken whole: every so many one is held out, never the only one.

        >>> learned, watched = segments(np.zeros(100, int)).divided(0.1, 8)
        >>> learned.last.tolist(), watched.first.tolist(), watched.low.tolist()
        ([89], [90], [0])
        """
        size = self.last - self.first + 1
        block = np.maximum(np.round(share * size).astype(np.int64), length)
        long = (size >= 2 * block) & (share > 0)
        whole = ~long
        if share > 0:
            order = np.cumsum(whole)
            held = whole & (order % max(2, round(1 / share)) == 0)
        else:
            held = np.zeros_like(whole)
        kept = ~held
        end = np.where(long, self.last - block, self.last)
        learned = Segments(self.first[kept], end[kept], self.low[kept])
        watched = long | held
        return learned, Segments(np.where(long, end + 1, self.first)[watched], self.last[watched], self.low[watched])


def segments(groups: np.ndarray) -> Segments:
    """The runs of equal ``groups`` (t,)."""
    change = np.flatnonzero(groups[1:] != groups[:-1]) + 1
    first, last = np.r_[0, change], np.r_[change - 1, len(groups) - 1]
    return Segments(first, last, first)
