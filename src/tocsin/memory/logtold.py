"""Clauses that say why a log line is odd; what comes from the log stands between back-ticks."""

from __future__ import annotations

import numpy as np

from tocsin.memory.logbook import Logbook, Look
from tocsin.memory.places import Places, usual

_LONGEST = 160  # characters of a line in a sentence


def shown(line: str) -> str:
    """A line as it stands in a sentence: cut where it is long, without back-ticks.

    >>> shown("disk `sda` lost")
    "disk 'sda' lost"
    """
    line = " ".join(line.replace("`", "'").split())
    return line if len(line) <= _LONGEST else line[:_LONGEST - 3] + "..."


def kind_told(book: Logbook, look: Look, line: int) -> str:
    """How often such lines came, as a clause."""
    form = look.found.forms[int(look.found.form[line])]
    wording, seen, before = shown(book.wording(form)), int(look.seen[line]), int(look.before[line])
    again = f", though it came {times(before)} before in this log" if before else ""
    if seen:
        template = shown(book.templates.wording(int(look.ids[line])))
        return f"of a kind seen {times(seen)} in {book.lines_} lines: `{template}`{again if before > seen else ''}"
    return f"of a kind never seen in {book.lines_} lines: `{wording}`{again}"


def times(count: int) -> str:
    """A count as an adverb.

    >>> times(1), times(3)
    ('once', '3 times')
    """
    return "once" if count == 1 else f"{count} times"


def value_told(book: Logbook, places: Places, look: Look, line: int, word: int) -> str:
    """Which value is odd and what usually stands there; "" where none is."""
    if word < 0:
        return ""
    template = int(look.ids[line])
    form = look.found.forms[int(look.found.form[line])]
    place = book.templates.places(form, template).index(word)
    value = look.found.lines[line].split()[word]
    what = usual(places.places_[str(template)][place])
    return f"`{shown(value)}` stands where {what} is usual, in `{shown(book.templates.wording(template))}`"


def nearest_told(book: Logbook, look: Look, line: int, alike: tuple[np.ndarray, np.ndarray]) -> str:
    """Of a line of a kind never seen, the most alike kind known (``book.likest(look)``); "" for others."""
    form = int(look.found.form[line])
    index, cosine = int(alike[0][form]), float(alike[1][form])
    if look.seen[line] or index < 0 or cosine <= 0:
        return ""
    return f"; the most alike one known, {cosine:.0%} alike, is `{shown(book.templates.wording(index))}`"
