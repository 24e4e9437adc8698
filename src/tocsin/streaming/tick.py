"""The regular grid of ``data.clock.regrid``, laid row by row under rows in time order."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tocsin.streaming import keep
from tocsin.streaming.arrival import Row, row_from
from tocsin.streaming.moment import Moment


class Member(NamedTuple):
    """A row that stands in a step."""

    position: int
    at: Moment | None
    note: str


class Step(NamedTuple):
    """One step of the grid: ``values`` (d,), NaN where nothing is known; ``members`` are the rows in it (none: it was missing);
    ``cut``: a new segment starts here."""

    values: np.ndarray
    members: list[Member]
    cut: bool


class Ticker:
    """Time-ordered rows → steps of one length ``size`` (0: each row is a step).

    The distance to the row before, rounded to whole steps, decides as in batch: 0, the rows share a step, which takes their mean;
    up to ``longest_gap``, the steps between are inserted as missing; more, the series is cut. Batch also looks at all stamps at
    once, to follow a clock whose stamps jitter by more than a tenth of a step, and lays no grid under wholly irregular ones;
    that cannot be known row by row.

    ``joins``: a step is told when the next one begins, so that all its rows are in it. Without, it is told at once, and
    a further row in the same step is late. A step holds ``most`` rows at most; a further one is late, too.

    >>> ticker = Ticker(1.0, joins=False)
    >>> [len(ticker.push(Row(at, 0, np.zeros(1)))[0]) for at in (0.0, 1.0, 3.0, 3.2)]
    [1, 1, 2, 0]
    """

    def __init__(self, size: float, *, joins: bool, longest_gap: int = 10, most: int = 10_000) -> None:
        self.size, self.joins, self.longest_gap, self.most = size, joins, longest_gap, most
        self.filled = self.merged = self.cuts = 0
        self._at: Moment | None = None
        self._open: list[Row] = []
        self._cut = False

    @property
    def held(self) -> int:
        """Rows in the open step."""
        return len(self._open)

    def push(self, row: Row) -> tuple[list[Step], list[Row]]:
        """(steps that are complete, rows that are late)."""
        ahead = self._ahead(row)
        if ahead == 0 and (not self.joins or len(self._open) >= self.most):
            return [], [row._replace(note="late")]
        self._at = row.at
        if ahead == 0:
            self.merged += 1
            self._open.append(row)
            return [], []
        made = self.end() if self.joins else []
        cut = ahead > self.longest_gap
        if not cut:
            made += [Step(np.full(len(row.values), np.nan), [], False) for _ in range(ahead - 1)]
            self.filled += ahead - 1
        else:
            self.cuts += 1
        self._open, self._cut = [row], cut
        return (made, []) if self.joins else (made + self.end(), [])

    def end(self) -> list[Step]:
        """The step that is open, if any."""
        if not self._open:
            return []
        values = self._open[0].values if len(self._open) == 1 else _mean(np.array([row.values for row in self._open]))
        members = [Member(row.position, row.at, row.note) for row in self._open]
        self._open = []
        return [Step(values, members, self._cut)]

    def state(self) -> dict[str, Any]:
        """Plain values and arrays."""
        return {**{name: getattr(self, name) for name in _STATE}, "open": [list(row) for row in self._open]}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        self.filled, self.merged, self.cuts = (keep.count(state[name]) for name in ("filled", "merged", "cuts"))
        self._at = None if state["_at"] is None else keep.number(state["_at"])
        self._cut = bool(state["_cut"])
        self._open = [row_from(row) for row in state["open"]]

    def _ahead(self, row: Row) -> int:
        """Steps from the row before; 1 for the first."""
        if self._at is None:
            return 1
        if row.note == "clock set back":
            return self.longest_gap + 1
        if not self.size:
            return 1
        try:
            return min(round((row.at - self._at) / self.size), self.longest_gap + 1)  # all that is longer cuts alike
        except OverflowError:  # more steps than a number can count
            return self.longest_gap + 1


_STATE = ("filled", "merged", "cuts", "_at", "_cut")


def _mean(rows: np.ndarray) -> np.ndarray:
    """(d,) mean of what is known in rows (k, d)."""
    known = ~np.isnan(rows)
    count = known.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        return np.asarray(np.where(count > 0, np.where(known, rows / count, 0.0).sum(axis=0), np.nan))
