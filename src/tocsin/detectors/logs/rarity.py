"""Rarity of a line's template, with what comes again in a call becoming ordinary."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from tocsin.core.least import at_least
from tocsin.core.tags import Tags
from tocsin.memory.line_detector import LineDetector
from tocsin.memory.logbook import Look
from tocsin.memory.logtold import kind_told


class Rarity(LineDetector):
    """How rare a log line's template is: lines become templates (Drain), and the rarer the template, the higher the score.

    The score of a line is minus the logarithm of its template's share among the lines learned; a session's is the mean of its worst line
    and of its three worst. Lines of the same call count, too, once they have passed, ``adapt`` of a line each: what comes again and
    again loses its surprise, so that a change of software does not alarm for ever. Nothing is written while judging;
    ``update`` learns for good.

    Works for lines whose wording comes from code. Misses ordinary lines with odd values (``parameters``), and in the wrong order
    (``sequence``). At most ``most`` templates are remembered; what fits none of them counts as never seen.
    Shapes: X (n,) of str, a line or the lines of a session. A score depends on the item and on the earlier lines of the call.
    Raises ConfigError TOC-202 (``most`` below 1), TOC-219 (``adapt`` not from 0 to 1).
    Source: templates by He et al. (2017), "Drain"; surprise as information, Shannon (1948).

    >>> log = [f"10:00:{i % 60:02d} job {i} done" for i in range(50)]
    >>> done, lost = Rarity().fit(log).anomaly_score(["10:01:07 job 99 done", "10:01:08 disk 3 lost"])
    >>> bool(lost > done + 3)
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
        return self.book_.rarity(look, self.adapt, own)

    def _told(self, look: Look, line: int, seen: Any) -> str:
        return kind_told(self.book_, look, line)
