from __future__ import annotations

import numpy as np

from tocsin.data.templates import Templates
from tocsin.memory.sessions import UNKNOWN, learned, read, several, wording


def test_lines_become_events_and_blank_ones_none() -> None:
    templates = Templates()
    made = learned(["job 5 began\n\nnothing left of job 5", "", "job 7 began"], templates, joined=False)
    assert made.events.tolist() == [0, 1, 0]
    assert made.edges.tolist() == [0, 2, 2, 3]
    assert made.item.tolist() == [0, 0, 2] and made.line.tolist() == [0, 2, 0]
    assert made.lines.tolist() == [3, 1, 1]
    assert read(["something else entirely\nnothing left of job 9"], templates, joined=False).events.tolist() == [UNKNOWN, 1]


def test_bare_event_names_are_events_of_their_own() -> None:
    made = learned(["E5\nE5\nE22\nE9", "5\n22\n5"], Templates(), joined=False)
    assert made.events.tolist() == [0, 0, 1, 2, 3, 4, 3]


def test_joined_items_are_one_session() -> None:
    made = learned(["a", "b", "a"], Templates(), joined=True)
    assert len(made) == 1 and made.edges.tolist() == [0, 3] and made.item.tolist() == [0, 1, 2]


def test_distinct_sessions_are_kept_once_and_counted() -> None:
    made = learned(["a\nb", "b\na", "a\nb", "", ""], Templates(), joined=False)
    first, back, copies = made.distinct()
    assert back.tolist() == [0, 1, 0, 2, 2] and copies.tolist() == [2, 1, 2]
    assert first.events.tolist() == [0, 1, 1, 0] and first.edges.tolist() == [0, 2, 4, 4]


def test_sessions_can_be_taken_in_any_order() -> None:
    made = learned(["a\nb\nc", "c", "b\na"], Templates(), joined=False)
    taken = made.take(np.array([2, 0]))
    assert taken.events.tolist() == [1, 0, 0, 1, 2] and taken.edges.tolist() == [0, 2, 5] and taken.owner.tolist() == [0, 0, 1, 1, 1]


def test_sessions_are_told_from_lines_by_most_items() -> None:
    assert several(["a\nb", "c\nd", "e"])
    assert not several(["a", "b", "trace\nof two lines"])


def test_quoted_lines_are_short_and_closed() -> None:
    assert wording("a `b`\tc") == "`a 'b' c`"
    assert len(wording("x" * 500)) <= 102
