"""How unlike a log line is to all lines known: density over wordings."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from tocsin.core.least import at_least
from tocsin.core.tags import Tags
from tocsin.memory.line_detector import LineDetector
from tocsin.memory.logbook import Look
from tocsin.memory.logtold import kind_told, nearest_told


class Lines(LineDetector):
    """How unlike a log line is to the lines known: kernel density over TF-IDF of words and pairs of words.

    Known lines near in wording make a new template less odd, and a line of new words is odder than one of old words in a new order:
    after a change of software most lines are of new templates, and it is their words that tell the alarming ones. Part of the score is how
    few lines its very template has. Lines of the same call count ``adapt`` of a line each once they have passed: a hundred repetitions
    weigh as much as one line known to be normal. A session's score is the mean of its worst line and of its three worst.

    Works for lines whose wording comes from code, and where the wording drifts. Misses odd values in ordinary lines and order.
    At most ``most`` templates are remembered.
    Shapes: X (n,) of str, a line or the lines of a session. A score depends on the item and on the earlier lines of the call.
    Raises ConfigError TOC-202 (``most`` below 1), TOC-219 (``adapt`` not from 0 to 1).
    Source: kernel density, Parzen (1962), on TF-IDF, Spärck Jones (1972), of templates by He et al. (2017), "Drain".

    >>> log = [f"10:00:{i % 60:02d} job {i} done" for i in range(50)]
    >>> near, far = Lines().fit(log).anomaly_score(["10:01:07 job 99 was done", "10:01:08 disk 3 lost"])
    >>> bool(far > near)
    True
    """

    tags = Tags(modality="logs", min_rows=2, online=True, gives_map=True, gives_reasons=True, judges_own=True, own_held_out=True,
                extra="logs")

    def __init__(self, adapt: float = 0.01, most: int = 5_000) -> None:
        self.adapt, self.most = adapt, most

    @classmethod
    def small(cls) -> Self:
        return cls()

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        at_least(self, most=1)
        self._check_adapt(self.adapt)
        super()._fit(X, y, groups)

    def _odd(self, look: Look, own: bool) -> np.ndarray:
        return self.book_.strangeness(look, self.adapt, own)

    def _told(self, look: Look, line: int, seen: Any) -> str:
        return kind_told(self.book_, look, line) + nearest_told(self.book_, look, line, seen)

    def _seen(self, look: Look) -> Any:
        return self.book_.likest(look)
