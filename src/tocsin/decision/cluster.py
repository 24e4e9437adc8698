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


def regions(scores: np.ndarray, kept: np.ndarray, block: int) -> tuple[np.ndarray, np.ndarray]:
    """Cluster peaks, highest first: their positions (k,), and (m,) the cluster that owns each step, -1 where not ``kept``.

    The highest step left takes all steps nearer than ``block``, and its hump: the run around it that is above half its height over the
    median, and half a block more on both sides. A gross anomaly lifts every window that touches it, so its flanks fall over a block, and
    must not pass for clusters of their own. Repeated until no step is left. With ``block`` 1 each score is a cluster.
    """
    order = np.argsort(-scores, kind="stable")
    order = order[kept[order]]
    owner = np.full(len(scores), -1)
    if block == 1 or not len(order):
        owner[order] = np.arange(len(order))
        return order, owner
    median = float(np.median(scores[kept]))
    tops: list[int] = []
    for at in order.tolist():
        if owner[at] >= 0:
            continue
        left, right = _hump(scores, at, scores[at] / 2 + median / 2)
        low, end = max(0, min(at - block + 1, left - block // 2)), max(at + block, right + 1 + block // 2)
        part = owner[low:end]
        part[(part < 0) & kept[low:end]] = len(tops)
        tops.append(at)
    return np.array(tops, dtype=np.int64), owner


def _hump(scores: np.ndarray, at: int, above: float) -> tuple[int, int]:
    """First and last step of the run around ``at`` that is ``above``."""
    left = right = at
    while left > 0 and scores[left - 1] > above:
        left -= 1
    while right + 1 < len(scores) and scores[right + 1] > above:
        right += 1
    return left, right


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
