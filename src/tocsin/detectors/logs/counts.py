"""See :class:`EventCounts`."""

from __future__ import annotations

from typing import Self

import numpy as np

from tocsin.core.tags import Tags
from tocsin.memory import amounts
from tocsin.memory.bags import Bags
from tocsin.memory.session_detector import Channels, Distinct, Hint, SessionDetector
from tocsin.memory.sessions import Sessions


class EventCounts(SessionDetector):
    """How often each event occurs in a session, against the most alike session that was learned from; order is left aside.

    Lines become events by their templates, sessions vectors of the logarithms of 1 + their counts. The score is the distance to the
    nearest learned vector, smaller where that one was seen often (a density of narrow Gaussians). Items of one line each are a log
    without sessions: then each line is judged by the counts of the last ``window`` lines.

    Works from some dozens of sessions when sessions do alike things: missing, doubled, truncated and foreign steps. Blind to order; use
    ``logs.sequence`` or, for both, ``logs.sessions``. Sessions whose counts vary freely are all far from one another.

    ``window``: lines looked at together where there are no sessions. Map: what each line adds. Raises ConfigError TOC-202.
    Source: event count matrices, Xu et al. (2009, "Detecting large-scale system problems by mining console logs").

    >>> usual = ["open\\nread\\nread\\nclose", "open\\nread\\nclose"] * 10
    >>> fine, odd = EventCounts().fit(usual).anomaly_score(["open\\nread\\nclose", "open\\nread\\nread\\nread\\nread"])
    >>> bool(odd > fine + 5)
    True
    """

    tags = Tags(modality="logs", min_rows=2, gives_map=True, gives_reasons=True, judges_own=True, own_held_out=True, extra="logs")

    def __init__(self, window: int = 20) -> None:
        self.window = window

    @classmethod
    def small(cls) -> Self:
        return cls()

    def _learn(self, sessions: Sessions, distinct: Distinct) -> None:
        self._bags = amounts.learn(distinct, len(self._templates.templates), self.joined_, self.window)
        self.bags_ = self._bags.state()

    def _measured(self, sessions: Sessions, own: bool) -> Channels:
        return {"counts": amounts.distances(self._bags, sessions, len(self._templates.templates), self.joined_, self.window, own)}

    def _by_line(self, sessions: Sessions) -> np.ndarray:
        return amounts.by_line(self._bags, sessions, len(self._templates.templates))

    def _told(self, sessions: Sessions, k: int) -> list[Hint]:
        kinds = len(self._templates.templates)
        return self._unknown(sessions, k) + amounts.hint(self._bags, sessions, k, kinds, self._name, 3.0)

    def _restore(self) -> None:
        self._bags = Bags.from_state(self.bags_)
