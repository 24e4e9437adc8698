"""Odd values in log lines: at each place of a template, numbers out of range and words that are rare there."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from tocsin.core.least import at_least
from tocsin.core.state import Stateful
from tocsin.core.tags import Tags
from tocsin.memory.line_detector import LineDetector
from tocsin.memory.logbook import Look
from tocsin.memory.logtold import kind_told, value_told
from tocsin.memory.places import Places


class Parameters(LineDetector):
    """Values that are odd where they stand: lines become templates (Drain), and each place of a template knows its usual values.

    Numbers are judged by the share of values as far out, and beyond all of them by the distance; words by their share, where a place holds
    a small set of them. Places of free values (addresses, identifiers) and such that move on with time (counters) are left out, and places
    with fewer than 20 values. The score of a line is its oddest value's evidence in nats; a line of a template never seen gets that of a
    value never seen among all lines. A session's score is the mean of its worst line and of its three worst.

    Works where templates come often enough to know their values. Says nothing of rare templates and of the order of lines.
    At most ``most`` templates are remembered.
    Shapes: X (n,) of str, a line or the lines of a session. A score depends on the item alone.
    Raises ConfigError TOC-202 (``most`` below 1).
    Source: parameter values by log key, Du et al. (2017, "DeepLog"), with quantiles in place of a network.

    >>> log = [f"10:00:{i % 60:02d} job {i} took {40 + i % 17} ms" for i in range(100)]
    >>> usual, slow = Parameters().fit(log).anomaly_score(["10:01:07 job 45 took 51 ms", "10:01:08 job 46 took 9000 ms"])
    >>> bool(slow > usual + 3)
    True
    """

    tags = Tags(modality="logs", min_rows=2, online=True, gives_map=True, gives_reasons=True, judges_own=True, own_held_out=True,
                extra="logs")

    def __init__(self, most: int = 5_000) -> None:
        self.most = most

    @classmethod
    def small(cls) -> Self:
        return cls()

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        at_least(self, most=1)
        self.places_ = Places()
        super()._fit(X, y, groups)

    def _learn(self, look: Look) -> None:
        self.places_.learn(self.book_, look)

    def _odd(self, look: Look, own: bool) -> np.ndarray:
        never = np.log1p(self.book_.lines_)
        return np.where(look.seen > own, self.places_.judge(self.book_, look, own).evidence, never)

    def _told(self, look: Look, line: int, seen: Any) -> str:
        value = value_told(self.book_, self.places_, look, line, int(seen.word[line])) if look.seen[line] else ""
        return value or kind_told(self.book_, look, line)

    def _seen(self, look: Look) -> Any:
        return self.places_.judge(self.book_, look)

    def _parts(self) -> dict[str, type[Stateful]]:
        return {**super()._parts(), "places_": Places}
