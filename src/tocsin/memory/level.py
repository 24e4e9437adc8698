"""How grave a line says it is, as evidence: a prior that counts no more than the level's rarity bears out."""

from __future__ import annotations

import numpy as np

from tocsin.core.state import Stateful
from tocsin.data.severity import NONE, RANKS

ORDINARY = 1.0  # the rank of INFO, and of lines without a level
TWICE = 2.0
_NAMES = {1.0: "INFO", 1.5: "NOTICE", 2.0: "WARNING", 3.0: "ERROR", 3.5: "SEVERE", 4.0: "CRITICAL", 5.0: "FATAL"}


class Level(Stateful):
    """Levels (ranks 0 to 5) of the lines learned, and the evidence of one: a nat a step above INFO, at most twice minus the logarithm of
    the share of lines that are as grave: where every second line is an ERROR, the word says little.

    >>> level = Level()
    >>> level.learn(np.array([1.0] * 98 + [5.0] * 2))
    >>> level.judge(np.array([1.0, 3.0, 5.0, -1.0])).round(1).tolist()
    [0.0, 2.0, 4.0, 0.0]
    """

    def learn(self, severity: np.ndarray) -> None:
        """Count the levels (n,) of lines."""
        grid = sorted(set(RANKS.values()))
        counts = np.array([(severity >= rank).sum() for rank in grid], dtype=np.int64)
        self.ranks_ = np.array(grid)
        self.graver_ = counts + np.asarray(getattr(self, "graver_", 0))
        self.lines_ = int(getattr(self, "lines_", 0)) + len(severity)

    def judge(self, severity: np.ndarray) -> np.ndarray:
        """(n,) nats."""
        at = np.clip(np.searchsorted(self.ranks_, severity), 0, len(self.ranks_) - 1)
        rare = -np.log((np.asarray(self.graver_)[at] + 1) / (self.lines_ + 1))
        steps = np.where(severity == NONE, 0.0, np.maximum(severity - ORDINARY, 0.0))
        return np.asarray(np.minimum(steps, np.maximum(TWICE * rare, 0.0)))

    def told(self, severity: float, lines: int) -> str:
        """A clause for a grave line, "" for others."""
        if severity <= ORDINARY:
            return ""
        count = int(np.asarray(self.graver_)[int(np.searchsorted(self.ranks_, severity))])
        return f"its level is {_NAMES.get(severity, 'grave')}, as grave as {count} of {lines} lines"
