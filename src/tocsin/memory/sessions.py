"""Items of a log as runs of events: which template each line follows, and which lines belong together.

Letters: n items, t events of all items together, u distinct sessions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from tocsin.data.templates import Templates, parsed

UNKNOWN = -1
_LONGEST = 100  # characters of a line that are quoted


@dataclass(frozen=True)
class Sessions:
    """Events by session.

    events  (t,) ids, :data:`UNKNOWN` for a line that follows no template
    edges   (s + 1,) session k holds events edges[k] to edges[k + 1]; where each line is an item, all are one session
    item    (t,) the item that each event belongs to
    line    (t,) its line there
    lines   (n,) lines of each item, those without a word included, which are no events
    """

    events: np.ndarray
    edges: np.ndarray
    item: np.ndarray
    line: np.ndarray
    lines: np.ndarray

    def __len__(self) -> int:
        return len(self.edges) - 1

    @cached_property
    def owner(self) -> np.ndarray:
        """(t,) the session of each event."""
        return np.repeat(np.arange(len(self)), np.diff(self.edges))

    def distinct(self) -> tuple[Sessions, np.ndarray, np.ndarray]:
        """The first of each kind of session, which of them each session equals (s,), and how many do (u,)."""
        known: dict[bytes, int] = {}
        raw, width = self.events.tobytes(), self.events.itemsize
        bounds = (self.edges * width).tolist()
        back = np.fromiter((known.setdefault(raw[low:high], len(known)) for low, high in pairwise(bounds)), np.int64, len(self))
        first = np.full(len(known), len(self), dtype=np.int64)
        np.minimum.at(first, back, np.arange(len(self)))
        return self.take(first), back, np.bincount(back, minlength=len(known))

    def take(self, which: np.ndarray) -> Sessions:
        """Sessions ``which`` (m,), each as an item."""
        sizes = np.diff(self.edges)[which]
        edges = np.concatenate([[0], np.cumsum(sizes)])
        at = np.arange(edges[-1]) + np.repeat(self.edges[which] - edges[:-1], sizes)
        owner = np.repeat(np.arange(len(which)), sizes)
        return Sessions(self.events[at], edges, owner, self.line[at], sizes)


def several(items: Sequence[str]) -> bool:
    """Whether items are sessions: more than half of them have several lines.

    >>> several(["one", "two"]), several(["one\\ntwo"])
    (False, True)
    """
    return 2 * sum("\n" in item for item in items) > len(items)


def learned(items: Sequence[str], templates: Templates, joined: bool) -> Sessions:
    """As :func:`read`, once ``templates`` has learned from the lines."""
    lines = [line for item in items for line in item.split("\n") if line.strip()]
    templates.learn(parsed(lines))
    return read(items, templates, joined)


def read(items: Sequence[str], templates: Templates, joined: bool) -> Sessions:
    """``items`` (n,) as sessions, or with ``joined`` all of them as one, in their order.

    >>> templates = Templates()
    >>> made = learned(["E5\\nE5\\nE22", "E22"], templates, joined=False)
    >>> made.events.tolist(), made.edges.tolist(), templates.templates
    ([0, 0, 1, 1], [0, 3, 4], ['E5', 'E22'])
    >>> read(["E5\\n\\nE9"], templates, joined=False).events.tolist()
    [0, -1]
    """
    split = [item.split("\n") for item in items]
    sizes = np.fromiter(map(len, split), np.int64, len(split))
    every = [line for lines in split for line in lines]
    known: dict[str, int] = {}
    form = np.fromiter((known.setdefault(line, len(known)) for line in every), np.int64, len(every))
    wording = list(known)
    blank = np.array([not line.strip() for line in wording])
    ids = np.full(len(wording), UNKNOWN, dtype=np.int64)
    if not blank.all():
        found = parsed([line for line, none in zip(wording, blank) if not none])
        ids[~blank] = templates.match(found)[found.form]
    item = np.repeat(np.arange(len(split)), sizes)
    line = np.arange(len(every)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    real = ~blank[form]
    edges = np.array([0, int(real.sum())]) if joined else np.concatenate([[0], np.cumsum(np.bincount(item[real], minlength=len(split)))])
    return Sessions(ids[form][real], edges, item[real], line[real], sizes)


def wording(template: str) -> str:
    """A template or line as it is quoted in a sentence: between back-ticks, on one line, not too long.

    >>> wording("Receiving block <*>")
    '`Receiving block <*>`'
    """
    plain = " ".join(template.replace("`", "'").split())
    return f"`{plain if len(plain) <= _LONGEST else plain[:_LONGEST - 1] + '…'}`"
