"""See :class:`LogNextEvent`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np

from tocsin.core.config import Training
from tocsin.core.least import at_least
from tocsin.core.seed import generator
from tocsin.core.tags import Tags
from tocsin.deep import events, settings
from tocsin.memory import order
from tocsin.memory.session_detector import Channels, Distinct, Hint, SessionDetector
from tocsin.memory.sessions import Sessions

_DROPOUT = 0.1


class LogNextEvent(SessionDetector):
    """A network foretells each next event of a session; what it gave little chance is odd.

    Lines become events by their templates; a recurrent network or a small transformer reads them one by one and gives each event that
    could come next a chance. Mean and largest surprise of a session, its end included, become evidence and are summed. Items of one line
    each are a log without sessions: each line is judged by its surprise, alone and with the mean of the last ``window``.

    ``folds`` networks are trained, each without its share of the training items, so that every item can be judged by one that did not see
    it; new items are judged by the mean of all. Works from some hundreds of sessions. ``logs.sequence`` needs seconds where this needs
    minutes and is rarely behind; take the network where what is due depends on much that lies far back.

    ``cell``: "gru", "lstm" or "transformer"; ``width`` inside, a multiple of four; ``training``: a Training, changes to ``DEFAULT`` as a
    mapping, or None. Map: surprise of each line. Raises ConfigError TOC-202 and TOC-222 (numbers out of range), TOC-239 (no such cell).
    Source: Du et al. (2017, "DeepLog").

    >>> usual = ["open\\nread\\nread\\ncheck\\nclose", "open\\nread\\ncheck\\nclose"] * 20
    >>> model = LogNextEvent(width=16, training={"epochs": 30, "lr": 0.02}).fit(usual)
    >>> fine, odd = model.anomaly_score(["open\\nread\\ncheck\\nclose", "open\\nread\\nclose\\ncheck"])
    >>> bool(odd > fine + 2)
    True
    """

    tags = Tags(modality="logs", min_rows=4, gives_map=True, gives_reasons=True, slow_fit=True, judges_own=True, own_held_out=True,
                extra="logs")
    DEFAULT: ClassVar[Training] = Training(epochs=30, lr=5e-3, batch_size=64, patience=4)

    def __init__(self, window: int = 20, cell: str = "gru", width: int = 64, folds: int = 2,
                 training: Training | Mapping[str, Any] | None = None) -> None:
        self.window, self.cell, self.width, self.folds, self.training = window, cell, width, folds, training

    @classmethod
    def small(cls) -> Self:
        return cls(width=16, training={"epochs": 10, "lr": 0.02})

    def _check(self) -> None:
        at_least(self, folds=2)
        settings.at_least(4, width=self.width)
        settings.training(self.training, self.DEFAULT)
        events.build(events.FIRST, self.width, self.cell, _DROPOUT)

    def _learn(self, sessions: Sessions, distinct: Distinct) -> None:
        training = settings.training(self.training, self.DEFAULT)
        self.codes_ = len(self._templates.templates) + events.FIRST
        found = events.rows(sessions.events, sessions.edges, not self.joined_)
        parts = found.session if not self.joined_ else np.arange(len(found.session))
        count = int(parts.max()) + 1 if len(parts) else 0
        self._fold = generator(training.seed, "fold").permutation(count) % self.folds
        self._nets, self.history_ = [], []
        for fold in range(self.folds):
            used = np.flatnonzero(self._fold[parts] != fold)
            used = used if len(used) else np.arange(len(parts))
            net, history = events.learn(found, used, self.codes_, self.width, self.cell, _DROPOUT, _of(training, fold), type(self).__name__)
            self._nets.append(net)
            self.history_ = [dict(record) for record in history]  # of the last network: the curves of the others look alike

    def _own_measured(self, sessions: Sessions, distinct: Distinct) -> Channels:
        if self.joined_:
            points = self._folded(sessions)
            return {"surprise": points, "surprise around": self._around(points)}
        first, back, _ = distinct
        each = [order.summed(self._by_net(first, k)) for k in range(self.folds)]
        return {name: np.stack([one[name] for one in each])[self._fold, back] for name in each[0]}

    def _measured(self, sessions: Sessions, own: bool) -> Channels:
        surprises = self._surprises(sessions)
        if not self.joined_:
            return order.summed(surprises)
        points = surprises[0]
        return {"surprise": points, "surprise around": self._around(points)}

    def _by_line(self, sessions: Sessions) -> np.ndarray:
        return order.flat(self._surprises(sessions), sessions)

    def _told(self, sessions: Sessions, k: int) -> list[Hint]:
        one = sessions.take(np.array([k]))
        surprise = self._surprises(one)[0]
        return self._unknown(sessions, k) + order.surprise_hint(surprise, lambda place: self._nexts(one, place), sessions, k, self._name)

    # ---- the networks --------------------------------------------------------------------------------------------------

    def _by_net(self, sessions: Sessions, net: int) -> list[np.ndarray]:
        found = events.rows(sessions.events, sessions.edges, not self.joined_)
        return events.surprises(self._nets[net], found, np.diff(sessions.edges) + (not self.joined_))

    def _surprises(self, sessions: Sessions) -> list[np.ndarray]:
        each = [self._by_net(sessions, net) for net in range(len(self._nets))]
        return [np.mean(same, axis=0) for same in zip(*each)]

    def _folded(self, sessions: Sessions) -> np.ndarray:
        """(t,) surprises of the log learned from, each part of it by the network that did not see it."""
        found = events.rows(sessions.events, sessions.edges, False)
        sizes = np.diff(sessions.edges)
        each = np.stack([np.concatenate(events.surprises(net, found, sizes)) for net in self._nets])  # (folds, t)
        row, at = np.nonzero(found.targets >= 0)
        fold = np.zeros(each.shape[1], np.int64)
        fold[found.place[row] + at] = self._fold[row]
        return np.asarray(each[fold, np.arange(each.shape[1])])

    def _nexts(self, one: Sessions, place: int) -> np.ndarray:
        """(codes,) mean chance of what comes in ``place`` of a session."""
        found = events.rows(one.events, one.edges, not self.joined_)
        reach = found.inputs.shape[1]
        row = int(np.flatnonzero((found.place <= place) & (found.targets[np.arange(len(found.place)), np.minimum(
            np.maximum(place - found.place, 0), reach - 1)] >= 0) & (place - found.place < reach))[0])
        inputs = found.inputs[row:row + 1, :place - found.place[row] + 1]
        chances = np.mean([np.exp(events.chances_of(net, inputs)[0, -1]) for net in self._nets], axis=0)
        chances[events.START] = 0.0
        return np.asarray(chances)

    # ---- state ---------------------------------------------------------------------------------------------------------

    def _learned(self) -> dict[str, Any]:
        made = super()._learned()
        return {**made, "nets_": [events.arrays(net) for net in self._nets]} if made else made

    def _restore(self) -> None:
        stored = self.__dict__.pop("nets_")
        if not isinstance(self.codes_, int) or not 0 < self.codes_ < 2**24 or not isinstance(stored, list) or not stored:
            raise ValueError("codes_, nets_")
        where = settings.training(self.training, self.DEFAULT).device
        self._nets = [events.loaded(arrays, self.codes_, self.width, self.cell, _DROPOUT, where) for arrays in stored]


def _of(training: Training, fold: int) -> Training:
    """The settings of one fold, with a checkpoint of its own."""
    return training.with_(checkpoint=f"{training.checkpoint}/{fold}") if training.checkpoint else training
