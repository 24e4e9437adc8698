"""Exceedances of a level, and how many of them are news: in a series, neighbours exceed together."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

_MOST = 250


@dataclass(frozen=True)
class Peaks:
    """``excesses`` (k,) > 0 of the cluster peaks over ``level``; ``share``: clusters per exceedance, 1 for independent scores."""

    excesses: np.ndarray
    level: float
    share: float


def wanted(m: float) -> int:
    """How many excesses a tail is fitted to: half of a small sample, then growing with the square root."""
    return max(1, min(int(m) // 2, 10 + int(math.sqrt(m)), _MOST))


def peaks(scores: np.ndarray, kept: np.ndarray, block: int) -> Peaks:
    """The exceedances of a high level among ``scores`` (m,), in time order where ``block`` > 1, that are ``kept``.

    In a series the gaps between exceedances tell how they cluster: the intervals estimator of the extremal index (Ferro and Segers 2003),
    held within 1 / block and 1. Runs declustering with a fixed length would merge independent peaks of a short series and
    make it say almost nothing. The longest gaps, as many as the index asks for, then part the clusters.
    """
    order = np.sort(scores[kept])[::-1]
    level = _level(order, wanted(len(order)) if block == 1 else max(1, min(2 * wanted(len(order)), len(order) // 4)))
    at = np.flatnonzero(kept & (scores > level))
    if block == 1 or not len(at):
        return Peaks(scores[at] - level, level, 1.0 / min(block, len(scores)))
    gaps = np.diff(at)
    share = max(_index(gaps), 1 / min(block, len(scores)))
    clusters = max(1, round(share * len(at)))
    longest = np.sort(np.argsort(-gaps, kind="stable")[:clusters - 1])
    return Peaks(np.maximum.reduceat(scores[at] - level, np.r_[0, longest + 1]), level, share)


def _index(gaps: np.ndarray) -> float:
    """The extremal index from the steps between successive exceedances: clusters per exceedance, at most 1."""
    total, squares = float((gaps - 1).sum()), float(((gaps - 1) * (gaps - 2)).sum())
    if squares == 0:  # no gap above 2: one run
        return 1 / (len(gaps) + 1)
    return min(1.0, 2 * total**2 / (len(gaps) * squares))


def _level(order: np.ndarray, take: int) -> float:
    """The (take + 1)-th largest score; where it ties with the largest, the highest score below the largest."""
    level = float(order[min(take, len(order) - 1)])
    if level == order[0]:
        below = order[order < order[0]]
        return float(below[0]) if len(below) else float(order[0])
    return level
