"""What the number of a session's events tells: distances and sentences from :class:`tocsin.memory.bags.Bags`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tocsin.memory.bags import Bags, bags
from tocsin.memory.session_detector import Hint
from tocsin.memory.sessions import Sessions


def learn(distinct: tuple[Sessions, np.ndarray, np.ndarray], kinds: int, joined: bool, window: int) -> Bags:
    """The bags of distinct sessions, or of the windows of a log."""
    sessions, _, copies = distinct
    if not joined:
        return Bags.learn(bags(sessions, kinds), copies)
    return Bags.along(sessions.events, window, kinds)


def distances(learned: Bags, sessions: Sessions, kinds: int, joined: bool, window: int, own: bool) -> np.ndarray:
    """(s,) of sessions, or (t,) of the windows that end at each event of a log."""
    if not joined:
        return learned.distance(bags(sessions, kinds), own=own)
    return learned.series(sessions.events, window, own=own)


def by_line(learned: Bags, sessions: Sessions, kinds: int) -> np.ndarray:
    """(t,) how far the count of each event is from that in the nearest learned bag, shared by the lines of that event."""
    counts = bags(sessions, kinds)
    gap = np.square(np.log1p(counts) - np.log1p(learned.nearest(counts))) / np.maximum(counts, 1)
    column = np.where((sessions.events < 0) | (sessions.events >= kinds), kinds, sessions.events)
    return np.asarray(gap[sessions.owner, column])


def hint(learned: Bags, sessions: Sessions, k: int, kinds: int, name: Callable[[int], str], weight: float) -> list[Hint]:
    """Says which event came more or less often than in the nearest learned bag."""
    one = sessions.take(np.array([k]))
    counts = bags(one, kinds)
    near = learned.nearest(counts)[0]
    gap = np.log1p(counts[0]) - np.log1p(near)
    gap[kinds] = 0.0  # events never seen are told as such
    event = int(np.abs(gap).argmax())
    if gap[event] == 0:
        return []
    came, usual = int(counts[0, event]), int(near[event])
    place = int(np.flatnonzero(one.events == event)[-1]) if came else max(0, len(one.events) - 1)
    return [Hint(place, f"{name(event)} came {_times(came)} where {_times(usual)} would be usual", weight)]


def _times(count: int) -> str:
    return {0: "not at all", 1: "once", 2: "twice"}.get(count, f"{count} times")
