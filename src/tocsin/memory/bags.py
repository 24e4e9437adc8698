"""How far a bag of events is from the nearest bag that was learned: each event's count by its logarithm, order left aside.

The learned bags carry narrow Gaussians, and the distance is that of a bag's density there, so a bag that was seen is at a small distance,
smaller when it was seen often, and a new one is as far as the nearest seen one. Events that were never seen stand in a column of their own.

Letters: n bags, u distinct ones learned, v kinds of events, the unknown one included.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tocsin.memory.neighbours import Bank, thinned
from tocsin.memory.sessions import Sessions

WIDTH = 0.03  # of a Gaussian; one event more among three is log(5 / 4) = 0.22 away
_NEAR = 16  # Gaussians looked at
_MOST, _ALONG = 4096, 1024  # bags held of sessions, of windows
_PART = 4096  # windows looked at together
_CELLS = 1 << 21  # differences held at once


class Bags:
    """The bags of sessions, or of windows of a log. Learn with :meth:`learn`, ask with :meth:`distance`.

    >>> bags = Bags.learn(np.array([[3, 1, 0], [3, 1, 0], [2, 1, 0]]), np.array([2, 2, 1]))
    >>> bags.distance(np.array([[3, 1, 0], [3, 0, 0]])).round(2).tolist()
    [0.02, 0.69]
    """

    def __init__(self, rows: np.ndarray, copies: np.ndarray, places: np.ndarray) -> None:
        self.rows, self.copies, self.places = rows, copies, places
        self._logs = np.log1p(rows)
        self._bank = Bank(self._logs)

    @classmethod
    def learn(cls, counts: np.ndarray, copies: np.ndarray) -> Bags:
        """From the bags ``counts`` (n, v) of sessions, each of which stands for ``copies`` (n,) equal ones; the most frequent are held."""
        rows, back = np.unique(counts.astype(np.int32), axis=0, return_inverse=True)
        total = np.bincount(back.ravel(), weights=copies).astype(np.int64)
        kept = np.sort(np.argsort(-total, kind="stable")[:_MOST])
        return cls(np.ascontiguousarray(rows[kept]), total[kept], np.zeros(0, np.int64))

    @classmethod
    def along(cls, events: np.ndarray, window: int, kinds: int) -> Bags:
        """From the windows that end at each of ``events`` (t,); of the full ones evenly spaced ones are held."""
        places = thinned(np.arange(min(window, len(events)) - 1, len(events)), _ALONG)
        return cls(windows(events, places, window, kinds).astype(np.int32), np.ones(len(places), np.int64), places)

    def state(self) -> dict[str, Any]:
        """What was learned."""
        return {"rows": self.rows, "copies": self.copies, "places": self.places}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Bags:
        """The inverse of :meth:`state`."""
        return cls(np.ascontiguousarray(state["rows"], dtype=np.int32), np.asarray(state["copies"]), np.asarray(state["places"]))

    def distance(self, counts: np.ndarray, *, own: bool = False) -> np.ndarray:
        """(n,) distances of bags ``counts`` (n, v). ``own``: each is among the sessions learned from and is judged without one copy."""
        squared, index = self._bank.nearest(np.log1p(counts), _NEAR)
        copies = self.copies[index].astype(np.float64)
        if own:
            known = {row.tobytes(): k for k, row in enumerate(self.rows)}
            mine = np.array([known.get(row.tobytes(), -1) for row in np.ascontiguousarray(counts, dtype=np.int32)])
            copies -= index == mine[:, None]
        return self._density(squared, copies)

    def series(self, events: np.ndarray, window: int, *, own: bool = False) -> np.ndarray:
        """(t,) distances of the windows that end at each of ``events`` (t,). The first ones are not full: what they lack is not counted.
        ``own``: the events are those learned from, and windows that overlap are left out."""
        made = np.zeros(len(events))
        first = min(window - 1, len(events))
        for low in range(first, len(events), _PART):
            at = np.arange(low, min(low + _PART, len(events)))
            aside = (at, self.places) if own else (None, None)
            counts = np.log1p(windows(events, at, window, self.rows.shape[1] - 1))
            squared, index = self._bank.nearest(counts, _NEAR, at=aside[0], places=aside[1], zone=window)
            made[at] = self._density(squared, self.copies[index].astype(np.float64))
        step = max(1, _CELLS // max(1, self._logs.size))
        for low in range(0, first, step):
            at = np.arange(low, min(low + step, first))
            part = np.log1p(windows(events, at, window, self.rows.shape[1] - 1))
            made[at] = np.sqrt(np.square(np.maximum(part[:, None] - self._logs, 0.0)).sum(axis=2).min(axis=1))
        return made

    def nearest(self, counts: np.ndarray) -> np.ndarray:
        """(n, v) the learned bag that each of ``counts`` (n, v) is nearest to."""
        return np.asarray(self.rows[self._bank.nearest(np.log1p(counts), 1)[1][:, 0]])

    def _density(self, squared: np.ndarray, copies: np.ndarray) -> np.ndarray:
        """(n,) distances by squared distances (n, k) to learned bags that stand for ``copies`` (n, k) sessions."""
        heights = squared / (2 * WIDTH**2) - np.log(np.maximum(copies, 1e-300) / self.copies.sum())  # (n, k)
        heights[(copies <= 0) | ~np.isfinite(squared)] = np.inf
        least = heights.min(axis=1)
        alone = ~np.isfinite(least)  # nothing else was learned
        least[alone], heights[alone] = 0.0, 0.0
        total = least - np.log(np.exp(least[:, None] - heights).sum(axis=1))
        return np.asarray(WIDTH * np.sqrt(2 * np.maximum(total, 0.0)))


def bags(sessions: Sessions, events: int) -> np.ndarray:
    """(n, events + 1) how often each event occurs in each session; the last column counts the unknown ones.

    >>> made = Sessions(np.array([0, 0, 1, -1]), np.array([0, 2, 4]), np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), np.array([2, 2]))
    >>> bags(made, 2).tolist()
    [[2, 0, 0], [0, 1, 1]]
    """
    width = events + 1
    cells = sessions.owner * width + _columns(sessions.events, events)
    return np.bincount(cells, minlength=len(sessions) * width).reshape(len(sessions), width)


def windows(events: np.ndarray, at: np.ndarray, window: int, kinds: int) -> np.ndarray:
    """(p, kinds + 1) how often each event occurs in the ``window`` events that end at each place ``at`` (p,), fewer at the start.

    >>> windows(np.array([0, 0, 1]), np.array([0, 1, 2]), 2, 2).tolist()
    [[1, 0, 0], [2, 0, 0], [1, 1, 0]]
    """
    places = at[:, None] - np.arange(window)  # (p, window)
    cells = np.arange(len(at))[:, None] * (kinds + 1) + _columns(events[np.maximum(places, 0)], kinds)
    return np.bincount(cells[places >= 0], minlength=len(at) * (kinds + 1)).reshape(len(at), kinds + 1)


def _columns(events: np.ndarray, kinds: int) -> np.ndarray:
    return np.where((events < 0) | (events >= kinds), kinds, events)
