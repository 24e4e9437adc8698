"""Anomalous points of a series → events."""

from __future__ import annotations

from typing import Any

import numpy as np

from tocsin.core.errors import ConfigError, DataError
from tocsin.core.types import Event


def merge(is_anomaly: Any, score: Any, p_value: Any, *, time: Any = None, groups: Any = None, gap: int = 0) -> tuple[Event, ...]:
    """Runs of anomalous points, each with its worst point. All arguments (t,); ``groups``: a change of value ends a segment.

    ``gap``: runs with at most that many normal points between them, in the same segment, are one event. Of equally high scores the
    first is the peak. Raises DataError TOC-101 for unequal lengths, ConfigError TOC-243 for a negative gap.

    >>> merge([0, 1, 1, 0, 1], [0, 3, 5, 0, 4], [1, .02, .01, 1, .02])[0]
    Event(start=1, end=2, peak=2, score=5.0, p_value=0.01, start_time=None, end_time=None)
    >>> len(merge([0, 1, 1, 0, 1], [0, 3, 5, 0, 4], [1, .02, .01, 1, .02], gap=1))
    1
    """
    if gap < 0:
        raise ConfigError("TOC-243", "the gap between runs is a number of points", came=repr(gap), todo="pass 0 or more")
    flags, score, p_value = np.asarray(is_anomaly, dtype=bool), np.asarray(score, dtype=float), np.asarray(p_value, dtype=float)
    time, groups = (None if part is None else np.asarray(part) for part in (time, groups))
    for name, part in (("score", score), ("p_value", p_value), ("time", time), ("groups", groups)):
        if part is not None and len(part) != len(flags):
            raise DataError("TOC-101", f"{name} does not have one entry per point", came=f"{len(part)} entries for {len(flags)} points",
                            todo=f"pass {name} with {len(flags)} entries")
    return tuple(_event(start, end, score, p_value, time) for start, end in _runs(flags, groups, gap))


def _runs(flags: np.ndarray, groups: np.ndarray | None, gap: int) -> list[tuple[int, int]]:
    """First and last point of each run, gaps bridged."""
    at = np.flatnonzero(flags)
    if not len(at):
        return []
    segment = np.zeros(len(flags), dtype=np.int64) if groups is None else np.cumsum(np.r_[0, groups[1:] != groups[:-1]])
    cut = (np.diff(at) > gap + 1) | (np.diff(segment[at]) != 0)
    return [(int(run[0]), int(run[-1])) for run in np.split(at, np.flatnonzero(cut) + 1)]


def _event(start: int, end: int, score: np.ndarray, p_value: np.ndarray, time: np.ndarray | None) -> Event:
    peak = start + int(np.argmax(score[start:end + 1]))
    first, last = (None, None) if time is None else (time[start], time[end])
    return Event(start, end, peak, float(score[peak]), float(p_value[peak]), first, last)
