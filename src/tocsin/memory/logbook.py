"""The lines a log has shown so far, by template: how often each came, how familiar its wording is, and what comes again in one call.

Letters: n lines, M templates learned, u kinds of lines in a call (templates learned, and new ones).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tocsin.core.state import Stateful, build
from tocsin.data.logtoken import VALUE
from tocsin.data.templates import UNKNOWN, WILD, Form, Parsed, Templates, parsed
from tocsin.memory.familiarity import Familiarity

NEVER = 0.25
"""Nats by which a line is odder for each e-fold fewer lines of its own template, beside the density of all lines."""


@dataclass(frozen=True)
class Look:
    """n lines as the book knows them.

    found      the lines by form
    ids        (n,) template; from M on, templates that the book does not know, numbered as they came
    seen       (n,) lines of this template that were learned
    before     (n,) lines of this template that came earlier in this call
    density    (n,) learned lines as good as equal
    severity   (n,) of the level field, -1 without one
    """

    found: Parsed
    ids: np.ndarray
    seen: np.ndarray
    before: np.ndarray
    density: np.ndarray
    severity: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def at(self, line: int) -> Look:
        """One line of these."""
        rows = slice(line, line + 1)
        found = Parsed(self.found.lines[rows], self.found.form[rows], self.found.forms)
        return Look(found, self.ids[rows], self.seen[rows], self.before[rows], self.density[rows], self.severity[rows])


class Logbook(Stateful):
    """Templates and their counts, with what follows from them.

    >>> book = Logbook()
    >>> _ = book.learn(["disk 1 ok", "disk 2 ok", "user ann left"])
    >>> look = book.look(["disk 7 ok", "fan lost", "fan lost"])
    >>> look.seen.tolist(), look.before.tolist()
    ([2, 0, 0], [0, 0, 1])
    """

    def __init__(self, depth: int = 4, alike: float = 0.65, most: int = 5_000) -> None:
        self.depth, self.alike, self.most = depth, alike, most

    def learn(self, lines: Sequence[str]) -> Look:
        """Add ``lines``; what they look like then, each among the lines learned."""
        found = parsed(lines)
        book = self.templates
        book.learn(found)
        self.templates_ = book.state()
        self.lines_ = int(getattr(self, "lines_", 0)) + len(lines)
        self._renew()
        return self._look(found)

    def look(self, lines: Sequence[str]) -> Look:
        """``lines`` in their order, each after those before it; nothing is learned."""
        return self._look(parsed(lines))

    def _look(self, found: Parsed) -> Look:
        of_form = self.templates.match(found)
        known = len(self.templates.templates)
        kinds = np.where(of_form == UNKNOWN, known + self.templates.numbered(found, of_form), of_form)
        ids = kinds[found.form]
        counts = np.append(self.templates.counts, 0)
        new = of_form == UNKNOWN
        density = np.empty(len(found.forms))
        density[~new] = self._own[of_form[~new]]
        density[new] = self.familiarity.density([found.forms[k].words for k in np.flatnonzero(new)])
        severity = np.array([form.severity for form in found.forms])
        return Look(found, ids, counts[np.minimum(ids, known)], earlier(ids), density[found.form], severity[found.form])

    # ---- how odd -------------------------------------------------------------------------------------------------------

    def rarity(self, look: Look, adapt: float, own: bool = False) -> np.ndarray:
        """(n,) nats: minus the logarithm of the share of a line's template, earlier lines of the call counted ``adapt`` each.

        ``own``: the lines were learned, and each is judged without itself.
        """
        seen = look.seen - float(own) + adapt * (look.before * (not own))
        return np.asarray(-np.log((np.maximum(seen, 0) + 0.5) / (self.lines_ + 1)))

    def strangeness(self, look: Look, adapt: float, own: bool = False) -> np.ndarray:
        """(n,) nats: minus the logarithm of the density of learned lines, and a part for how few there are of its very template."""
        again = adapt * (look.before * (not own))
        dense = np.maximum(look.density - float(own), 0) + again + 1e-3
        seen = np.maximum(look.seen - float(own), 0) + again
        return np.asarray(-np.log(dense / (self.lines_ + 1)) - NEVER * np.log1p(seen) + NEVER * np.log1p(self.lines_))

    def likest(self, look: Look) -> tuple[np.ndarray, np.ndarray]:
        """((forms,) the template most alike in wording, (forms,) cosine) for forms of lines never seen; -1 and 0 for the others."""
        index, cosine = np.full(len(look.found.forms), -1), np.zeros(len(look.found.forms))
        new = np.unique(look.found.form[look.seen == 0])
        if len(new):
            index[new], cosine[new] = self.familiarity.nearest([look.found.forms[k].words for k in new])
        return index, cosine

    # ---- what was learned ----------------------------------------------------------------------------------------------

    @cached_property
    def templates(self) -> Templates:
        stored: dict[str, Any] | None = getattr(self, "templates_", None)
        return build(Templates, stored) if stored else Templates(self.depth, self.alike, self.most)

    @cached_property
    def familiarity(self) -> Familiarity:
        return Familiarity(self._wordings(), self.templates.counts)

    @cached_property
    def _own(self) -> np.ndarray:
        """(M,) density at each template learned."""
        return self.familiarity.density(self._wordings())

    def _wordings(self) -> list[tuple[str, ...]]:
        return [tuple(VALUE if word in (WILD, VALUE) else word for word in template.split()) for template in self.templates.templates]

    def wording(self, form: Form) -> str:
        """How a form is shown to people."""
        return " ".join(form.words).replace(VALUE, WILD).replace("<n>", WILD)

    def _load_learned(self, learned: dict[str, Any]) -> None:
        self._forget()
        super()._load_learned(learned)

    def _forget(self) -> None:
        super()._forget()
        self.__dict__.pop("templates", None)
        self._renew()

    def _renew(self) -> None:
        """Drop what follows from the templates."""
        for name in ("familiarity", "_own"):
            self.__dict__.pop(name, None)


def earlier(ids: np.ndarray) -> np.ndarray:
    """(n,) how often each entry's value came before it.

    >>> earlier(np.array([3, 1, 3, 3])).tolist()
    [0, 0, 1, 2]
    """
    order = np.argsort(ids, kind="stable")
    ranked = ids[order]
    fresh = np.concatenate([[True], ranked[1:] != ranked[:-1]]) if len(ids) else np.zeros(0, dtype=bool)
    starts = np.flatnonzero(fresh)
    made = np.empty(len(ids), dtype=np.int64)
    made[order] = np.arange(len(ids)) - starts[np.cumsum(fresh) - 1] if len(ids) else 0
    return made
