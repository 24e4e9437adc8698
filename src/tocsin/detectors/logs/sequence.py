"""See :class:`EventSequence`."""

from __future__ import annotations

from typing import Self

import numpy as np

from tocsin.core.tags import Tags
from tocsin.memory.order import Order
from tocsin.memory.session_detector import Channels, Distinct, Hint, SessionDetector
from tocsin.memory.sessions import Sessions


class EventSequence(SessionDetector):
    """Whether the events of a session come in a usual order: counts of what follows what, and a test for swapped neighbours.

    Each event has a chance, by the last events and by the bag of all events so far (Witten-Bell interpolation), so missing, doubled and
    early ones are a surprise, too, and so is an end that comes early. Mean and largest surprise of a session become evidence. Beside
    them stands a test: how much likelier would the session be with two neighbours swapped? A rare but orderly session gains nothing
    from any swap, so the test tells a slip of order from plain rarity, which surprise alone cannot.
    Items of one line each are a log without sessions: each line is judged by its surprise after the last three, alone and with the mean
    of the last ``window``.

    Works from some dozens of sessions, for workflows whose steps come in a loose order. Weak where events of many programs mix at
    random: give a session key. A session is learned from once for each of its copies; training items are judged exactly without
    themselves.

    ``window``: lines looked at together where there are no sessions. Map: surprise of each line. Raises ConfigError TOC-202.
    Source: Witten and Bell (1991); the test is a noisy channel, Kernighan, Church and Gale (1990), for swaps.

    >>> usual = ["open\\nread\\nread\\ncheck\\nclose", "open\\nread\\ncheck\\nclose"] * 20
    >>> fine, odd = EventSequence().fit(usual).anomaly_score(["open\\nread\\ncheck\\nclose", "open\\nread\\nclose\\ncheck"])
    >>> bool(odd > fine + 2)
    True
    """

    tags = Tags(modality="logs", min_rows=2, gives_map=True, gives_reasons=True, judges_own=True, own_held_out=True, extra="logs")

    def __init__(self, window: int = 20) -> None:
        self.window = window

    @classmethod
    def small(cls) -> Self:
        return cls()

    def _learn(self, sessions: Sessions, distinct: Distinct) -> None:
        self._order = Order.learn(distinct, self.joined_)
        self.order_ = self._order.state()

    def _measured(self, sessions: Sessions, own: bool) -> Channels:
        if not self.joined_:
            return self._order.channels(sessions, own)
        points = self._order.points(sessions, own, self.window)
        return {"surprise": points, "surprise around": self._around(points)}

    def _by_line(self, sessions: Sessions) -> np.ndarray:
        return self._order.by_line(sessions)

    def _told(self, sessions: Sessions, k: int) -> list[Hint]:
        return self._unknown(sessions, k) + self._order.hints(sessions, k, len(self._templates.templates), self._name)

    def _restore(self) -> None:
        self._order = Order.from_state(self.order_)
