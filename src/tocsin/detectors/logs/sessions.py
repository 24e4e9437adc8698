"""See :class:`LogSessions`."""

from __future__ import annotations

from typing import Self

import numpy as np

from tocsin.core.tags import Tags
from tocsin.memory import amounts
from tocsin.memory.bags import Bags
from tocsin.memory.order import Order
from tocsin.memory.session_detector import Channels, Distinct, Hint, SessionDetector
from tocsin.memory.sessions import Sessions


class LogSessions(SessionDetector):
    """Counts and order of a session's events, fused: the default for logs with sessions.

    What ``logs.counts`` and ``logs.sequence`` measure stands side by side. Distance of the counts, mean and largest surprise become
    evidence by the training sessions, each judged exactly without itself, and are summed; the odds that two neighbours were swapped are
    added to it as odds. So each kind of fault is found nearly as well as by the measure made for it, and the others cost little.

    Works from some dozens of sessions; needs no network, and judges thousands of sessions a second. Items of one line each are a log
    without sessions: each line is judged by its surprise and by the counts of the last ``window`` lines.

    ``window``: lines looked at together where there are no sessions. Map: how odd each line is. Raises ConfigError TOC-202.
    Source: see the two; summing evidence after Fisher.

    >>> usual = ["open\\nread\\nread\\ncheck\\nclose", "open\\nread\\ncheck\\nclose"] * 20
    >>> model = LogSessions().fit(usual)
    >>> fine, swapped, doubled = model.anomaly_score([usual[0], "open\\nread\\nclose\\ncheck", "open\\nopen\\nread\\ncheck\\nclose"])
    >>> bool(swapped > fine + 2), bool(doubled > fine + 2)
    (True, True)
    >>> swap, surprise = model.reasons(["open\\nread\\nclose\\ncheck"])[0].sentence.split("; ")
    >>> swap
    '`close` came right before `check`, which is usually the other way round'
    >>> surprise
    'after `read`, `close` came (under 0.1 %) where `check` was expected (50 %)'
    """

    tags = Tags(modality="logs", min_rows=2, gives_map=True, gives_reasons=True, judges_own=True, own_held_out=True, extra="logs")

    def __init__(self, window: int = 20) -> None:
        self.window = window

    @classmethod
    def small(cls) -> Self:
        return cls()

    def _learn(self, sessions: Sessions, distinct: Distinct) -> None:
        self._order = Order.learn(distinct, self.joined_)
        self._bags = amounts.learn(distinct, self._kinds, self.joined_, self.window)
        self.order_, self.bags_ = self._order.state(), self._bags.state()

    def _measured(self, sessions: Sessions, own: bool) -> Channels:
        counts = {"counts": amounts.distances(self._bags, sessions, self._kinds, self.joined_, self.window, own)}
        if not self.joined_:
            return counts | self._order.channels(sessions, own)
        points = self._order.points(sessions, own, self.window)
        return counts | {"surprise": points, "surprise around": self._around(points)}

    def _by_line(self, sessions: Sessions) -> np.ndarray:
        return self._order.by_line(sessions) + amounts.by_line(self._bags, sessions, self._kinds)

    def _told(self, sessions: Sessions, k: int) -> list[Hint]:
        hints = self._unknown(sessions, k) + self._order.hints(sessions, k, self._kinds, self._name)
        if not self.joined_:
            hints += amounts.hint(self._bags, sessions, k, self._kinds, self._name, 3.0)
        return hints

    def _restore(self) -> None:
        self._order, self._bags = Order.from_state(self.order_), Bags.from_state(self.bags_)

    @property
    def _kinds(self) -> int:
        return len(self._templates.templates)
