"""What detectors of log lines share: the book of templates, lines to items and back, maps and reasons.

Letters: n items, L lines of all items together.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from tocsin.core.detector import Detector
from tocsin.core.errors import ArtifactError, ConfigError
from tocsin.core.state import Stateful, build
from tocsin.core.types import Part, Reason
from tocsin.data.logline import flat, split, worst
from tocsin.memory.logbook import Logbook, Look
from tocsin.memory.logtold import shown

PARTS = 3  # lines of a session that a reason names


class LineDetector(Detector):
    """Abstract: an author says how odd each line is (``_odd``) and why (``_told``).

    An item is a line or a session of several; a session's score is the mean of its worst line and of its three worst. Lines are judged in
    their order, each after those before it in the same call; nothing is written while judging.
    """

    most: int

    def _new_book(self) -> Logbook:
        return Logbook(most=self.most)

    def _check_adapt(self, adapt: float) -> None:
        """Raises ConfigError TOC-219 unless ``adapt`` is a share of a line."""
        if not 0 <= adapt <= 1:
            raise ConfigError("TOC-219", f"{type(self).__name__}: adapt must be a share of a line", came=repr(adapt),
                              todo="give it a number from 0 to 1")

    @abstractmethod
    def _odd(self, look: Look, own: bool) -> np.ndarray:
        """(L,) how odd the lines are; ``own``: they were learned, each is judged without itself."""

    @abstractmethod
    def _told(self, look: Look, line: int, seen: Any) -> str:
        """Why line number ``line`` is odd: a clause without an end; ``seen`` is what ``_seen`` gave."""

    def _seen(self, look: Look) -> Any:
        """What all reasons of a call need, measured once."""
        return None

    def _learn(self, look: Look) -> None:
        """Learn more than the book from lines that it has learned."""

    # ---- the hooks -----------------------------------------------------------------------------------------------------

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        lines, starts = flat(X)
        self.book_ = self._new_book()
        look = self.book_.learn(lines)
        item = np.repeat(np.arange(len(X)), np.diff(starts))
        known = len(self.book_.templates.templates)
        self.first_ = np.full(known, -1, dtype=np.int64)
        inside = look.ids < known
        self.first_[look.ids[inside][::-1]] = item[inside][::-1]  # the last write is the first item of each template
        self._learn(look)

    def _update(self, X: np.ndarray, groups: np.ndarray) -> None:
        self._learn(self.book_.learn(flat(X)[0]))

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        lines, starts = flat(X)
        return worst(self._odd(self.book_.look(lines), False), starts)

    def _own(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        lines, starts = flat(X)
        return worst(self._odd(self.book_.look(lines), True), starts)

    def _map(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        lines, starts = flat(X)
        return split(self._odd(self.book_.look(lines), False), starts)

    def _reasons(self, X: np.ndarray, groups: np.ndarray) -> Sequence[Reason]:
        lines, starts = flat(X)
        look = self.book_.look(lines)
        odd, seen = self._odd(look, False), self._seen(look)
        near = self._nearest(look)
        return [self._reason(look, odd, near, seen, int(a), int(b)) for a, b in pairwise(starts)]

    def _reason(self, look: Look, odd: np.ndarray, near: np.ndarray, seen: Any, a: int, b: int) -> Reason:
        order = a + np.argsort(-odd[a:b], kind="stable")[:PARTS]
        at = int(order[0])
        told = self._told(look, at, seen)
        total = float(np.maximum(odd[order], 0).sum())
        parts = tuple(Part((int(i) - a,), shown(look.found.lines[i]), float(max(odd[i], 0) / total)) for i in order if total > 0)
        sentence = told if b - a == 1 else f"line {at - a + 1} of {b - a}: {told}"
        return Reason(sentence, parts, tuple(int(i) for i in near[at:at + 1] if i >= 0), self._shares(at, seen))

    def _shares(self, line: int, seen: Any) -> tuple[tuple[str, float], ...]:
        return ()

    def _nearest(self, look: Look) -> np.ndarray:
        """(L,) the first training item with the line's template, or with the most alike one; -1 where it is not among them."""
        known = len(self.first_)
        near = np.where(look.seen > 0, look.ids, self.book_.likest(look)[0][look.found.form])
        inside = (near >= 0) & (near < known)
        return np.where(inside, np.asarray(self.first_)[np.where(inside, near, 0)], -1)

    # ---- state ---------------------------------------------------------------------------------------------------------

    def _parts(self) -> dict[str, type[Stateful]]:
        """Learned values that have a state of their own."""
        return {"book_": Logbook}

    def _load_learned(self, learned: dict[str, Any]) -> None:
        if not learned:
            return  # the state of an unfitted detector
        parts = self._parts()
        if not all(isinstance(learned.get(name), dict) for name in parts):
            raise ArtifactError("TOC-410", f"the state of {type(self).__name__} is not of the expected form", came=", ".join(learned)[:80],
                                todo="load a file that this version of tocsin wrote")
        super()._load_learned({**learned, **{name: build(cls, learned[name]) for name, cls in parts.items()}})
