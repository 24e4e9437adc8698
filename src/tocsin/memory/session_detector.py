"""The abstract detector of log sessions: reading, calibrating, fusing and telling are here, once.

Where more than half of the items that are learned from have several lines, each item is a session, judged as a whole. Otherwise the
items are the lines of one log, and each is judged by the lines before it.

An author writes:

    _learn(sessions, distinct)             learn from all sessions; ``distinct`` is :meth:`Sessions.distinct` of them
    _restore()                             make from what was learned what scoring needs
    _measured(sessions, own) → channels    name → (s,) of sessions, or (t,) of the events where each line is an item (``joined_``)
    _told(sessions, k) → list of Hint      what is odd in session ``k``, the most odd first
    _by_line(sessions) → (t,)              how odd each event of sessions is

Each channel becomes evidence by what it measures on the training items, each judged as unseen. Evidence of several channels is summed.
The log odds that two neighbours were swapped, ``SWAP``, are odds already: they are added, as odds, to the sum less what a sum must exceed
to count.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tocsin.core.detector import Detector
from tocsin.core.errors import ArtifactError, ConfigError, DataError
from tocsin.core.least import at_least
from tocsin.core.state import build
from tocsin.core.types import Part, Reason
from tocsin.data.templates import Templates
from tocsin.decision.evidence import evidence, learn
from tocsin.memory.sessions import UNKNOWN, Sessions, learned, read, several, wording

SWAP = "order"
_PRIOR = 3.0  # evidence that a channel must exceed to stand for an anomaly of a kind that is not thought of: once in twenty normal sessions
Channels = dict[str, np.ndarray]
Distinct = tuple[Sessions, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Hint:
    """Something odd: ``event`` (its place in the session), a sentence without a full stop, and how odd, in nats."""

    event: int
    sentence: str
    weight: float


class SessionDetector(Detector):
    """Abstract; see the module's page. A subclass's constructor stores ``window``."""

    window: int
    _templates: Templates
    _among: np.ndarray
    joined_: bool
    templates_: dict[str, Any]
    usual_: dict[str, Any]

    @abstractmethod
    def _learn(self, sessions: Sessions, distinct: Distinct) -> None:
        """Learn into names with a trailing underscore."""

    @abstractmethod
    def _restore(self) -> None:
        """Make from learned values, which are plain, what scoring needs, in names that begin with an underscore."""

    @abstractmethod
    def _measured(self, sessions: Sessions, own: bool) -> Channels:
        """Channels of sessions; ``own``: these are the distinct ones learned from (or, joined, the log), each judged as unseen."""

    @abstractmethod
    def _told(self, sessions: Sessions, k: int) -> list[Hint]:
        """What is odd."""

    @abstractmethod
    def _by_line(self, sessions: Sessions) -> np.ndarray:
        """(t,) how odd each event is."""

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        at_least(self, window=2)
        self._check()
        templates = Templates()
        items = X.tolist()
        self.joined_ = not several(items)
        sessions = learned(items, templates, self.joined_)
        if not len(sessions.events):
            raise DataError("TOC-173", "the lines to learn from hold no words", came=f"{len(items)} items", todo="pass lines of text")
        self.templates_ = templates.state()
        self._templates = templates
        distinct = sessions.distinct()
        self._learn(sessions, distinct)
        own = self._own_measured(sessions, distinct)
        self.usual_ = {name: learn(values) if len(values) else learn(np.zeros(1)) for name, values in own.items() if name != SWAP}
        self._among = self._by_item(self._fused(own), sessions)

    def _check(self) -> None:
        """Raise ConfigError for settings out of range."""

    def _own_measured(self, sessions: Sessions, distinct: Distinct) -> Channels:
        """Channels of all items learned from, each judged as unseen."""
        if self.joined_:
            return self._measured(sessions, True)
        return {name: values[distinct[1]] for name, values in self._measured(distinct[0], True).items()}

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        sessions = self._read(X)
        if self.joined_:
            return self._by_item(self._fused(self._measured(sessions, False)), sessions)
        first, back, _ = sessions.distinct()
        return np.asarray(self._fused(self._measured(first, False))[back])

    def _own(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._among

    def _map(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        sessions = self._read(X)
        values = self._fused(self._measured(sessions, False)) if self.joined_ else self._by_line(sessions)
        made: np.ndarray = np.empty(len(X), dtype=object)
        flat = np.zeros(int(sessions.lines.sum()))
        starts = np.cumsum(sessions.lines) - sessions.lines
        flat[starts[sessions.item] + sessions.line] = values
        made[:] = np.split(flat, starts[1:])
        return made

    def _reasons(self, X: np.ndarray, groups: np.ndarray) -> Sequence[Reason]:
        sessions = self._read(X)
        if not self.joined_:
            return [self._reason(sessions, k, self._told(sessions, k), X[k]) for k in range(len(X))]
        values = self._fused(self._measured(sessions, False))
        low = np.searchsorted(sessions.item, np.arange(len(X) + 1))
        made = []
        for k, item in enumerate(X):
            worst = int(low[k] + values[low[k]:low[k + 1]].argmax()) if low[k] < low[k + 1] else -1
            made.append(self._reason(sessions, 0, self._told(self._up_to(sessions, worst), 0) if worst >= 0 else [], item))
        return made

    def _up_to(self, sessions: Sessions, event: int) -> Sessions:
        """The window of a log that ends with ``event``."""
        part = slice(max(0, event + 1 - self.window), event + 1)
        size = len(sessions.events[part])
        return Sessions(sessions.events[part], np.array([0, size]), np.zeros(size, np.int64), sessions.line[part], np.array([size]))

    def _reason(self, sessions: Sessions, k: int, hints: list[Hint], item: str) -> Reason:
        if not hints:
            return Reason(f"nothing in {wording(item)} stands out" if item.strip() else "it holds no words")
        hints = hints[:3]
        total = sum(max(hint.weight, 1e-9) for hint in hints)
        low = int(sessions.edges[k])
        lines = item.split("\n")
        shares: dict[int, float] = {}
        for hint in hints:
            place = low + hint.event
            at = 0 if self.joined_ else int(sessions.line[place]) if place < sessions.edges[k + 1] else len(lines) - 1
            shares[at] = shares.get(at, 0.0) + max(hint.weight, 1e-9) / total
        parts = [Part((at,), " ".join(lines[at].split())[:200], shares[at]) for at in sorted(shares, key=lambda at: -shares[at])]
        return Reason("; ".join(hint.sentence for hint in hints[:2]), tuple(parts))

    # ---- for authors ---------------------------------------------------------------------------------------------------

    def _name(self, event: int) -> str:
        """How an event is quoted."""
        known = self._templates.templates
        return wording(known[event]) if 0 <= event < len(known) else "a line of a kind never seen"

    def _unknown(self, sessions: Sessions, k: int) -> list[Hint]:
        """The events of session ``k`` that follow no template."""
        low, high = sessions.edges[k], sessions.edges[k + 1]
        odd = np.flatnonzero(sessions.events[low:high] == UNKNOWN)
        many = f"{len(odd)} lines are" if len(odd) > 1 else "one line is"
        return [Hint(int(odd[0]), f"{many} of a kind never seen", 20.0)] if len(odd) else []

    def _around(self, points: np.ndarray) -> np.ndarray:
        """(t,) mean of ``points`` (t,) over the last ``window``, of the first ones over those there are."""
        total = np.concatenate([[0.0], np.cumsum(points)])
        until = np.arange(len(points)) + 1
        since = np.maximum(until - self.window, 0)
        return np.asarray((total[until] - total[since]) / (until - since))

    def _fused(self, raw: Channels) -> np.ndarray:
        """One score from the channels."""
        usual = [evidence(values, self.usual_[name]) for name, values in raw.items() if name != SWAP]
        total = np.sum(usual, axis=0)
        return np.asarray(np.logaddexp(raw[SWAP], total - _PRIOR * len(usual)) if SWAP in raw else total)

    def _by_item(self, scores: np.ndarray, sessions: Sessions) -> np.ndarray:
        """(n,) from scores of sessions or, joined, of events: of an item without events 0, of several the largest."""
        if not self.joined_:
            return scores
        made = np.zeros(len(sessions.lines))
        np.maximum.at(made, sessions.item, scores)
        return made

    def _read(self, X: np.ndarray) -> Sessions:
        return read(X.tolist(), self._templates, self.joined_)

    # ---- state ---------------------------------------------------------------------------------------------------------

    def _load_learned(self, learned: dict[str, Any]) -> None:
        super()._load_learned(learned)
        if not learned:
            return  # the state of an unfitted detector
        try:
            if not isinstance(self.joined_, bool) or not isinstance(self.usual_, dict):
                raise TypeError("joined_, usual_")
            self._templates = build(Templates, self.templates_)
            self._restore()
        except (AttributeError, ConfigError, KeyError, TypeError, ValueError, IndexError) as error:
            raise ArtifactError("TOC-410", f"the state of {type(self).__name__} is not of the expected form", came=str(error)[:200],
                                todo="load a file that this version of tocsin wrote") from error

    def _forget(self) -> None:
        super()._forget()
        for name in ("_templates", "_among", "_order", "_bags", "_nets", "_fold"):
            self.__dict__.pop(name, None)
