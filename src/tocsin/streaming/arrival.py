"""Rows in the order in which they came → rows in the order of their time, as far as a lateness bound allows."""

from __future__ import annotations

import heapq
from typing import Any, NamedTuple

from tocsin.streaming import keep
from tocsin.streaming.moment import Moment

_CAP = 10_000


class Row(NamedTuple):
    """``position`` counts what was pushed, from 0; ``at`` is its moment; ``note`` why it was let go."""

    at: Moment
    position: int
    values: Any
    note: str = ""


class Arrival:
    """Holds rows back until no earlier one may come.

    The watermark is the latest time seen less ``lateness``. A row is let go, in order, when the watermark has reached it. A row that comes
    when that time was already let go is late: it is given back at once, marked, never judged, never lost silently. Of several rows with
    one time, the last that came wins, and the others are counted; with ``last_wins=False`` all of them pass.

    A clock that runs backwards for good (a device set anew, or one stamp from the far future that left all others behind) would make every
    row late for ever: after ``patience`` rows in a row behind the watermark, the last of them starts a new clock, marked "clock set back".
    At most ``most`` rows are held; beyond, the oldest is let go before its time and counted as ``hurried``.

    >>> arrival = Arrival(lateness=2)
    >>> [row.at for at in (1, 3, 2, 6) for row in arrival.push(at, 0, None)[0]]
    [1, 2, 3]
    """

    def __init__(self, lateness: float = 0, *, last_wins: bool = True, most: int = _CAP, patience: int = 50) -> None:
        self.lateness, self.last_wins, self.most, self.patience = lateness, last_wins, most, patience
        self.latest: Moment | None = None
        self.passed: Moment | None = None  # time of the last row let go
        self.duplicates = self.late = self.hurried = self.resets = 0
        self._heap: list[tuple[Moment, int]] = []
        self._held: dict[tuple[Moment, int], Row] = {}  # exactly the heap's keys
        self._behind = 0

    def __len__(self) -> int:
        return len(self._held)

    def push(self, at: Moment, position: int, values: Any) -> tuple[list[Row], list[Row]]:
        """(rows let go, in order; rows that are late: this one, or none)."""
        late = self.passed is not None and (at < self.passed or (at == self.passed and self.last_wins))
        behind = self.latest is not None and at < self.latest - self.lateness
        self._behind = self._behind + 1 if late or behind else 0
        freed: list[Row] = []
        note = ""
        if self._behind >= self.patience:
            note = "clock set back"
            freed = self.drain()
            self.resets += 1
            self.latest = self.passed = None
            self._behind = 0
        elif late:
            self.late += 1
            return [], [Row(at, position, values, "late")]
        self._take(Row(at, position, values, note))
        self.latest = at if self.latest is None or at > self.latest else self.latest
        freed += self._ripe(self.latest - self.lateness)
        return freed, []

    def drain(self) -> list[Row]:
        """Everything that is held, in order: at the end of the stream."""
        return self._ripe(None)

    def state(self) -> dict[str, Any]:
        """Plain values; the held rows in order of arrival."""
        plain = {name: getattr(self, name) for name in _STATE}
        return {**plain, "held": [list(row) for row in self._held.values()]}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        for name in _COUNTS:
            setattr(self, name, keep.count(state[name]))
        self.latest, self.passed = (None if state[name] is None else keep.number(state[name]) for name in ("latest", "passed"))
        self._heap, self._held = [], {}
        for held in state["held"]:
            self._take(row_from(held))

    def _take(self, row: Row) -> None:
        key = (row.at, 0 if self.last_wins else row.position)
        before = self._held.get(key)
        if before is None:
            heapq.heappush(self._heap, key)
        else:
            self.duplicates += 1
            row = row._replace(note=row.note or before.note)
        self._held[key] = row

    def _ripe(self, until: Moment | None) -> list[Row]:
        freed = []
        while self._heap:
            key = self._heap[0]
            if until is not None and key[0] > until:
                if len(self._held) <= self.most:
                    break
                self.hurried += 1
            heapq.heappop(self._heap)
            freed.append(self._held.pop(key))
            self.passed = key[0]
        return freed


_COUNTS = ("duplicates", "late", "hurried", "resets", "_behind")
_STATE = ("latest", "passed", *_COUNTS)


def row_from(kept: Any) -> Row:
    """A row as a state holds it. Raises TypeError, ValueError where it is none."""
    at, position, values, note = kept
    return Row(keep.number(at), keep.count(position), values, str(note))
