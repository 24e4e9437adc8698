"""Detectors that judge a series step by step, and learn from each step right after judging it.

One state machine does everything: ``fit`` feeds it rows and keeps its state, ``anomaly_score`` feeds a copy, ``update`` advances the kept
state, and a stream drives it itself through ``stepper()``. Batch scores and stream scores are therefore the same numbers by construction.

A step's score depends on the fitted state and on all earlier steps of its segment; every segment starts from the fitted state.
``anomaly_score`` never writes to the detector: what a scored step taught is forgotten again unless ``update`` is given it, too.

Authors write ``_stepper`` and a :class:`Stepper` with ``step``, ``state`` and ``cut``.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar, final

import numpy as np

from tocsin.core.detector import Detector
from tocsin.core.errors import ConfigError


class Stepper(ABC):
    """A running judge of one series. Scores a row, then learns it; memory does not grow.

    ``warm``: False until enough steps were seen to judge; until then every score is 0.0.
    ``takes_time``: ``step`` makes use of the time of a row (seconds since 1970); without it rows are taken as evenly spaced.
    Not thread-safe: one stepper belongs to one stream.
    """

    takes_time: ClassVar[bool] = False
    warm: bool = False

    @abstractmethod
    def step(self, row: Sequence[float], time: float | None = None) -> float:
        """Score ``row`` (c,), finite numbers, higher = more anomalous; then learn it."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """All that is needed to go on: plain values and numeric arrays, a copy that later steps do not change."""

    @abstractmethod
    def cut(self) -> None:
        """The next row does not follow on the last one: forget what was just seen, keep what was learned."""


class OnlineDetector(Detector):
    """Abstract: a series detector that is a state machine. Concrete ones set ``tags`` with ``online=True`` and ``modality="series"``."""

    stream_: dict[str, Any]

    @final
    def stepper(self, state: dict[str, Any] | None = None, *, channels: int = 1) -> Stepper:
        """A stepper that goes on from ``state`` (from :meth:`Stepper.state`), else from the fitted state, else from nothing.

        ``channels`` is the length of a row and needed only to start from nothing. Raises ConfigError TOC-202 for fewer than 1.
        """
        if state is None:
            state = vars(self).get("stream_")
        if state is None and (isinstance(channels, bool) or not isinstance(channels, (int, np.integer)) or channels < 1):
            raise ConfigError("TOC-202", "a stream has at least one channel", came=repr(channels), todo="give a whole number from 1")
        return self._stepper(copy.deepcopy(state), int(channels))

    @abstractmethod
    def _stepper(self, state: dict[str, Any] | None, channels: int) -> Stepper:
        """A stepper that owns ``state``, or a cold one for ``channels`` channels."""

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        self.stream_ = _fed(self._stepper(None, X.shape[1]), X, groups)

    def _update(self, X: np.ndarray, groups: np.ndarray) -> None:
        self.stream_ = _fed(self.stepper(), X, groups)

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        scores: list[float] = []
        for start, stop in _segments(groups):
            step = self.stepper().step
            scores += [step(row) for row in X[start:stop].tolist()]
        return np.asarray(scores)


def _segments(groups: np.ndarray) -> list[tuple[int, int]]:
    """(first row, row after the last) of each run of equal ``groups``."""
    edges = [0, *(np.flatnonzero(np.diff(groups)) + 1).tolist(), len(groups)]
    return list(pairwise(edges))


def _fed(stepper: Stepper, X: np.ndarray, groups: np.ndarray) -> dict[str, Any]:
    """The state of ``stepper`` after all segments, with a cut between them."""
    for i, (start, stop) in enumerate(_segments(groups)):
        if i:
            stepper.cut()
        for row in X[start:stop].tolist():
            stepper.step(row)
    return stepper.state()
