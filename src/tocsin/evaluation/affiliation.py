"""Affiliation precision and recall: how near the alarms are to the anomalies, measured in chances, without a free parameter.

Time is cut into one zone for each anomaly, half way between neighbours. Within a zone each flagged moment is worth the chance that a moment
drawn at random in that zone would lie further from the anomaly (precision), and each anomalous moment the chance that a random alarm would
lie further from it than the nearest flagged one (recall). Both are then averaged over the zones. It works when anomalies are few and have
room around them. Read it with care: an alarm far off in a wide zone still earns something, and random alarms get about 0.5 of precision and
a recall near 1 when there are many of them, so 0.7 is little. It judges decisions, not scores.

Letters: t time steps, r anomalies, p runs of alarms, k pieces of time; step i is the time from i to i + 1.

Source: Huet, Navarro and Rossi, Local Evaluation of Time Series Anomaly Detection Algorithms, KDD 2022, in closed form.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tocsin.evaluation.checked import decisions, labels, segments
from tocsin.evaluation.ranges import runs


@dataclass(frozen=True)
class Affiliation:
    """Means over the zones; None where no zone gives a value. ``alarmed`` of the ``zones`` hold an alarm: the precision is theirs alone."""

    precision: float | None
    recall: float | None
    f1: float | None
    zones: int
    alarmed: int


@dataclass(frozen=True)
class _Zones:
    """Of each anomaly its time from ``start`` to ``end`` and its zone from ``low`` to ``high``, (r,) each, in order."""

    start: np.ndarray
    end: np.ndarray
    low: np.ndarray
    high: np.ndarray


def affiliation(y: np.ndarray, decided: np.ndarray, groups: np.ndarray | None = None) -> Affiliation:
    """Affiliation of the decisions (t,) with the labels ``y`` (t,), both 0 or 1. Time is O(t).

    Without an anomaly all is None; without an alarm precision is None, recall and f1 are 0. ``groups`` (t,) cut time into segments that
    zones never cross; alarms in a segment without an anomaly belong to no zone and do not count: read them in the false alarms of
    :func:`tocsin.evaluation.ranges.events`. Raises DataError TOC-101 (unequal lengths), TOC-115 (no
    columns of numbers), TOC-117 (other values than 0 and 1).

    >>> y = np.zeros(100, int); y[40:50] = 1
    >>> affiliation(y, y).f1, affiliation(y, y * 0).f1, affiliation(y * 0, y).f1
    (1.0, 0.0, None)
    >>> round(affiliation(y, np.roll(y, 10)).f1, 3), round(affiliation(y, np.roll(y, 50)).f1, 3)
    (0.847, 0.071)
    """
    y = labels(y).astype(bool)
    decided, groups = decisions(decided, len(y)), segments(groups, len(y))
    zones = _zones(runs(y, groups), len(y), groups)
    if not len(zones.start):
        return Affiliation(None, None, None, 0, 0)
    alarms = runs(decided, groups)
    length, near, hit = _summed(zones, alarms[:, 0], alarms[:, 1] + 1)
    alarmed = length > 0
    recall = float(np.mean(hit / (zones.end - zones.start)))
    if not alarmed.any():
        return Affiliation(None, recall, 0.0, len(alarmed), 0)
    precision = float(np.mean(near[alarmed] / length[alarmed]))
    return Affiliation(precision, recall, 2 * precision * recall / (precision + recall), len(alarmed), int(alarmed.sum()))


def _zones(truth: np.ndarray, t: int, groups: np.ndarray | None) -> _Zones:
    start, end = truth[:, 0].astype(float), truth[:, 1] + 1.0
    breaks = np.zeros(0, np.int64) if groups is None else 1 + np.flatnonzero(np.asarray(groups)[1:] != np.asarray(groups)[:-1])
    edges = np.r_[0, breaks, t].astype(float)                                   # of the segments
    segment = np.searchsorted(edges, start, side="right") - 1                   # (r,)
    low, high = edges[segment].copy(), edges[segment + 1].copy()
    together = segment[1:] == segment[:-1]
    middle = (end[:-1] + start[1:]) / 2
    low[1:][together], high[:-1][together] = middle[together], middle[together]
    return _Zones(start, end, low, high)


def _summed(zones: _Zones, first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each zone (r,): its flagged time, the worth of that time, and the worth of its anomalous time. Alarms run from first to last (p,).

    Time is cut wherever anything changes; within a piece [u, v] every worth is one parabola, whose area is known.
    """
    cuts = np.unique(np.r_[zones.low, zones.high, zones.start, zones.end, first, last, (last[:-1] + first[1:]) / 2])
    u, v = cuts[:-1], cuts[1:]                                                  # (k,)
    at = np.searchsorted(zones.low, u, side="right") - 1
    held = (at >= 0) & (v <= zones.high[np.maximum(at, 0)])                     # pieces outside all zones are left out
    u, v, at = u[held], v[held], at[held]
    alarm = np.searchsorted(first, u, side="right") - 1                         # the alarm that began last, -1 before the first
    ended, begins = np.r_[-np.inf, last][alarm + 1], np.r_[first, np.inf][alarm + 1]
    flagged = v <= ended
    odd = (zones.start[at] <= u) & (v <= zones.end[at])
    near = np.where(flagged, np.where(odd, v - u, _beside(u, v, at, zones)), 0.0)
    hit = np.where(odd, np.where(flagged, v - u, _between(u, v, at, zones, ended, begins)), 0.0)
    r = len(zones.start)
    return np.bincount(at, np.where(flagged, v - u, 0.0), r), np.bincount(at, near, r), np.bincount(at, hit, r)


def _beside(u: np.ndarray, v: np.ndarray, at: np.ndarray, zones: _Zones) -> np.ndarray:
    """(k,) area over [u, v], beside the anomaly, of the chance that a random moment of the zone lies further from the anomaly.

    At distance d that is 1 - (length + d + min(d, m)) / width, where m is the smaller of the two margins.
    """
    start, end, low, high = (part[at] for part in (zones.start, zones.end, zones.low, zones.high))
    before = v <= start
    close, far = np.where(before, start - v, u - end), np.where(before, start - u, v - end)
    least = np.minimum(start - low, high - end)
    lost = (end - start) * (v - u) + (far**2 - close**2) / 2 + _capped(far, least) - _capped(close, least)
    return np.asarray(v - u - lost / (high - low))


def _between(u: np.ndarray, v: np.ndarray, at: np.ndarray, zones: _Zones, ended: np.ndarray, begins: np.ndarray) -> np.ndarray:
    """(k,) area over [u, v], between alarms, of the chance that a random moment of the zone lies further away than the nearest alarm.

    A moment at distance s from an alarm's edge, from which the zone goes on for h on its side, loses (s + min(s, h - s)) / width. An alarm
    of another zone does not count; without any alarm the chance is 0.
    """
    low, high = zones.low[at], zones.high[at]
    left, right = ended > low, begins < high
    from_left = left & (~right | (u - ended <= begins - v))
    edge = np.where(from_left, ended, np.where(right, begins, u))               # u: of no meaning, without any alarm
    close, far = np.where(from_left, u - edge, edge - v), np.where(from_left, v - edge, edge - u)
    room = np.where(from_left, high - edge, edge - low)
    lost = (far**2 - close**2) / 2 + _folded(far, room) - _folded(close, room)
    return np.where(left | right, v - u - lost / (high - low), 0.0)


def _capped(d: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Area of min(s, most) for s from 0 to d."""
    return np.asarray(np.where(d <= most, d**2 / 2, most * d - most**2 / 2))


def _folded(d: np.ndarray, room: np.ndarray) -> np.ndarray:
    """Area of min(s, room - s) for s from 0 to d."""
    return np.asarray(np.where(d <= room / 2, d**2 / 2, room * d - d**2 / 2 - room**2 / 4))
