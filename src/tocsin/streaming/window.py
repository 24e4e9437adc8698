"""A function of whole series, applied as the series comes: each value as soon as no later row can change it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tocsin.core.errors import DataError
from tocsin.streaming.reach import Function, Reach


class Chunked:
    """``function`` maps a stretch (k, c) of a segment to one value or row per step; its ``reach`` tells which of them a stretch settles.

    Rows come one by one. Held are those that a value still to come looks at; nothing else, ever. Every ``hop`` settled steps
    the function runs once over the stretch that decides them: a larger hop is cheaper and lets values wait up to ``hop`` - 1 steps.

    >>> ahead = Chunked(lambda rows: np.diff(rows[:, 0], append=0.0), Reach(back=0, ahead=1))
    >>> [ahead.push(np.array([x])).tolist() for x in (1.0, 2.0, 4.0)], ahead.end().tolist()
    ([[], [1.0], [2.0]], [-4.0])
    """

    def __init__(self, function: Function, reach: Reach, *, hop: int = 1) -> None:
        self.function, self.reach, self.hop = function, reach, hop if reach.ahead else 1
        self._rows = np.empty((0, 0))  # buffer; row i of it is step _first + i
        self._first = self._count = self._done = 0  # steps of this segment: first held, seen, settled
        self._last: Any = None

    @property
    def held(self) -> int:
        """Rows in memory."""
        return self._count - self._first

    @property
    def count(self) -> int:
        """Steps of this segment seen."""
        return self._count

    def push(self, row: np.ndarray) -> np.ndarray:
        """(k, ...) values settled by ``row`` (c,), in order, following those given before."""
        if row.shape != (self._rows.shape[1],):
            self._begin(row)
        if self._count - self._first == len(self._rows):
            self._shift()
        self._rows[self._count - self._first] = row
        self._count += 1
        self._last = None
        ready = self._count - self.reach.ahead
        if self._count < self.reach.opening or ready - self._done < self.hop:
            return np.empty(0)
        return self._settle(ready, self.reach.start(self._done))

    def early(self) -> Any:
        """The value of the last step as it is while nothing follows: that of the series ending here."""
        if self._last is None:
            first = self.reach.start_at_end(self._count - 1, self._count - 1)
            self._last = self.function(self._stretch(first))[-1]
        return self._last

    def end(self) -> np.ndarray:
        """(k, ...) what is left of the segment; the next row starts another."""
        first = self.reach.start_at_end(self._done, self._count - 1)
        made = self._settle(self._count, first) if self._done < self._count else np.empty(0)
        self._first = self._count = self._done = 0
        return made

    def state(self) -> dict[str, Any]:
        """Plain values and the held rows."""
        rows = self._rows[: self.held].copy()
        return {"reach": list(self.reach), "rows": rows, "first": self._first, "count": self._count, "done": self._done}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        rows, self.reach = np.asarray(state["rows"], dtype=float), Reach(*state["reach"])
        self._begin(np.zeros(rows.shape[1]))
        self._first, self._count, self._done = state["first"], state["count"], state["done"]
        self._rows[: len(rows)] = rows

    def _settle(self, stop: int, first: int) -> np.ndarray:
        values = self.function(self._stretch(first))
        self._last = values[-1] if first <= self.reach.start_at_end(self._count - 1, self._count - 1) else None
        made = values[self._done - first:stop - first]
        self._done = stop
        return made

    def _stretch(self, first: int) -> np.ndarray:
        return self._rows[first - self._first:self._count - self._first]

    def _begin(self, row: np.ndarray) -> None:
        if row.ndim != 1 or self._count:
            raise DataError("TOC-111", "the number of columns changed in the stream", came=f"{row.shape}, before {self._rows.shape[1]}",
                            todo="push rows of one width")
        reach = self.reach
        most = max(reach.back + reach.ahead + self.hop, reach.tail, reach.opening) + 2 * reach.align + 2
        self._rows = np.empty((2 * most, len(row)))  # twice: rows move only once in so many steps

    def _shift(self) -> None:
        first = self.reach.start_at_end(self._done, self._count - 1)
        held = self._count - first
        self._rows[:held] = self._rows[first - self._first:self._count - self._first].copy()
        self._first = first
