"""Slots without a point, filled by a stated rule or left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tocsin.core.errors import DataError

MODES = ("auto", "previous", "linear", "fixed", "zero", "notFill")
MOST = 17_280  # slots, twice the most points: a longer clock is nearly empty


@dataclass(frozen=True)
class Filled:
    """A series without gaps: ``y`` (m,) for every slot, and ``at`` (n,) where the points that came are."""

    y: np.ndarray
    at: np.ndarray
    loose: bool = False  # the filled values are guesses that a later step may better ("auto")

    @property
    def gaps(self) -> np.ndarray:
        """(m,) True for slots that were filled."""
        empty = np.ones(len(self.y), dtype=bool)
        empty[self.at] = False
        return empty


def fill(values: np.ndarray, slots: np.ndarray, mode: str = "auto", fixed: float = 0.0) -> Filled:
    """``values`` (n,) at ``slots`` (n,), gaps filled.

    ``previous`` repeats the point before, ``linear`` draws a straight line, ``zero`` and ``fixed`` set a number, ``notFill`` judges the
    points in their order as if there were no gaps. ``auto`` draws lines, and in a series with a season puts that season into long gaps;
    a clock that is nearly empty (more than 17,280 slots) it takes as ``notFill`` does.

    Raises DataError TOC-183 when a rule other than auto would have to make up more than 17,280 slots.

    >>> fill(np.array([1.0, 4.0]), np.array([0, 3]), "linear").y
    array([1., 2., 3., 4.])
    """
    length = int(slots[-1]) + 1
    if length == len(values) or mode == "notFill" or (mode == "auto" and length > MOST):
        return Filled(values, np.arange(len(values)))
    check_gaps(len(values), length)
    if mode in ("fixed", "zero"):
        y = np.full(length, fixed if mode == "fixed" else 0.0)
        y[slots] = values
    elif mode == "previous":
        y = values[np.searchsorted(slots, np.arange(length), side="right") - 1]
    else:
        # halves, because the difference of two huge numbers of unlike sign would be infinite
        y = np.interp(np.arange(length), slots, values / 2) * 2
        y[slots] = values
    return Filled(y, slots, loose=mode == "auto")


def check_gaps(points: int, length: int) -> None:
    """Raises DataError TOC-183 when ``points`` lie over more slots than are filled."""
    if length > MOST:
        raise DataError("TOC-183", "the series has too many missing points to fill", came=f"{points} points over {length} slots",
                        todo=f"send at most {MOST} slots, a coarser granularity, or imputeMode auto or notFill")
