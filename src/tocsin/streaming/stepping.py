"""The two ways in which a detector judges a stream, behind one face: rows in; early and final scores out."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from tocsin.core.detector import Detector
from tocsin.core.online import OnlineDetector, Stepper
from tocsin.streaming.reach import Reach, reach_of, window_of
from tocsin.streaming.window import Chunked


class Scorer(Protocol):
    """What :class:`Stream` sees."""

    window: int
    judged: bool  # whether the scores given last mean anything: not while an online detector warms up

    @property
    def held(self) -> int:
        """Rows in memory."""

    @property
    def needed(self) -> int | None:
        """Rows still to come before scores mean something; None: some, it cannot be said how many."""

    def push(self, row: np.ndarray, time: float | None) -> tuple[float | None, list[float]]:
        """(early score of this row or None; scores that became final, in order, following those given before).

        ``time``: seconds since 1970, None where it is not known.
        """

    def end(self) -> list[float]:
        """Final scores of what is left; the next row starts a segment."""

    def state(self) -> dict[str, Any]:
        """Plain values and arrays."""

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what ``state`` gave."""


class Covered:
    """Any fitted series detector that is not online. Final scores equal those of the whole series at once.

    ``early`` False saves the cost of early scores. Finals come ``window`` - 1 steps later (forecasters: at once), and at most
    ``hop`` - 1 more; None is an eighth of a window. ``reach`` None is measured.
    """

    def __init__(self, detector: Detector, *, early: bool = True, hop: int | None = None, reach: Reach | None = None) -> None:
        self.window, self.early, self.judged = window_of(detector), early, True
        self.chunks = Chunked(detector.anomaly_score, reach or reach_of(detector), hop=hop or max(1, self.window // 8))

    @property
    def held(self) -> int:
        """Rows in memory."""
        return self.chunks.held

    @property
    def needed(self) -> int:
        """Rows to the first full window of this segment."""
        return max(0, self.window - self.chunks.count)

    def push(self, row: np.ndarray, time: float | None = None) -> tuple[float | None, list[float]]:
        """See :class:`Scorer`."""
        finals = self.chunks.push(row).tolist()
        settled = not self.chunks.reach.ahead and len(finals) > 0
        return (float(self.chunks.early()) if self.early and not settled else None), finals

    def end(self) -> list[float]:
        """See :class:`Scorer`."""
        made: list[float] = self.chunks.end().tolist()
        return made

    def state(self) -> dict[str, Any]:
        """Plain values and arrays."""
        return self.chunks.state()

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        self.chunks.load_state(state)


class Stepped:
    """An online detector. Every score is final at once. After a gap it goes on with what it learned, as ``update`` does (judged in
    batch, a segment starts from the fitted state)."""

    def __init__(self, detector: OnlineDetector) -> None:
        self.detector = detector
        self.window, self.judged = 1, False
        self.stepper: Stepper | None = None  # made with the first row, which tells the number of channels

    @property
    def held(self) -> int:
        """Rows in memory: none, what was learned is the stepper's."""
        return 0

    @property
    def needed(self) -> int | None:
        """0 when warm; what the stepper says before, when it says."""
        if self.stepper is not None and self.stepper.warm:
            return 0
        needed = getattr(self.stepper, "needed", None)
        return None if needed is None else int(needed)

    def begin(self, channels: int) -> Stepper:
        """The stepper, made when there is none."""
        if self.stepper is None:
            self.stepper = self.detector.stepper(channels=channels)
        return self.stepper

    def push(self, row: np.ndarray, time: float | None = None) -> tuple[float | None, list[float]]:
        """See :class:`Scorer`."""
        stepper = self.begin(len(row))
        score = stepper.step(row.tolist(), time)
        self.judged = stepper.warm
        return None, [score]

    def end(self) -> list[float]:
        """Nothing is left open."""
        if self.stepper is not None:
            self.stepper.cut()
        return []

    def state(self) -> dict[str, Any]:
        """Plain values and arrays."""
        return {} if self.stepper is None else self.stepper.state()

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        self.stepper = self.detector.stepper(state) if state else None
