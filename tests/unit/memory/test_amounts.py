from __future__ import annotations

import numpy as np

from tocsin.data.templates import Templates
from tocsin.memory import amounts
from tocsin.memory.bags import Bags
from tocsin.memory.sessions import Sessions, learned, read


def _learned(items: list[str]) -> tuple[Bags, Templates, Sessions]:
    templates = Templates()
    sessions = learned(items, templates, False)
    return amounts.learn(sessions.distinct(), 3, False, 5), templates, sessions


def test_the_event_that_came_too_often_is_told_and_stands_out() -> None:
    made, templates, _ = _learned(["a\nb\nc"] * 5)
    odd = read(["a\nb\nb\nb\nc"], templates, False)
    (hint,) = amounts.hint(made, odd, 0, 3, lambda event: f"`{'abc'[event]}`", 2.0)
    assert hint.sentence == "`b` came 3 times where once would be usual" and hint.event == 3 and hint.weight == 2.0
    line = amounts.by_line(made, odd, 3)
    assert line.argmax() in (1, 2, 3) and line[0] == 0


def test_the_event_that_did_not_come_is_told() -> None:
    made, templates, _ = _learned(["a\nb\nc"] * 5)
    (hint,) = amounts.hint(made, read(["a\nb"], templates, False), 0, 3, str, 1.0)
    assert hint.sentence == "2 came not at all where once would be usual" and hint.event == 1
    assert amounts.hint(made, read(["b\na\nc"], templates, False), 0, 3, str, 1.0) == []


def test_distances_of_sessions_and_of_windows() -> None:
    made, templates, sessions = _learned(["a\nb\nc"] * 5)
    odd = amounts.distances(made, read(["a\nb\nc", "a\nb\nb"], templates, False), 3, False, 5, False)
    assert odd[1] > 0.5 > odd[0]
    log = learned(["a", "b", "c"] * 20, Templates(), True)
    learned_log = amounts.learn(log.distinct(), 3, True, 6)
    assert amounts.distances(learned_log, log, 3, True, 6, True).shape == (60,)
    nothing = Sessions(np.zeros(0, np.int64), np.array([0, 0]), np.zeros(0, np.int64), np.zeros(0, np.int64), np.array([1]))
    assert amounts.distances(learned_log, nothing, 3, True, 6, False).shape == (0,)
    assert len(sessions) == 5
