import numpy as np
import pytest

from tocsin.core.state import build
from tocsin.memory.logbook import Logbook
from tocsin.memory.places import Places


def _learned(lines: list[str]) -> tuple[Logbook, Places]:
    book, places = Logbook(), Places()
    places.learn(book, book.learn(lines))
    return book, places


def _judged(lines: list[str], new: list[str]) -> np.ndarray:
    book, places = _learned(lines)
    return places.judge(book, book.look(new)).evidence


def test_numbers_out_of_range_are_odd_on_both_sides_and_the_farther_the_odder() -> None:
    rng = np.random.default_rng(0)
    low, usual, high, higher = _judged([f"took {rng.integers(400, 600)} ms" for _ in range(300)],
                                       ["took 1 ms", "took 503 ms", "took 900 ms", "took 90000 ms"])
    assert usual < 1.5 and min(low, high) > 5 and higher > high + 3


def test_words_of_a_small_set_are_judged_and_free_ones_are_not() -> None:
    lines = [f"the state is now {'active' if i % 3 else 'idle'} for user u{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(120)]
    known, new_state, new_user = _judged(lines, ["the state is now idle for user uaa", "the state is now broken for user uaa",
                                                  "the state is now active for user zz"])
    assert new_state > 4 > known and new_user < 1.5


@pytest.mark.parametrize("values", [[str(i) for i in range(200)], [f"10.0.{i % 250}.{i % 7}" for i in range(200)]])
def test_counters_and_addresses_are_left_out(values: list[str]) -> None:
    new = ["request 99999 served", "request 1.2.3.4 served"]
    assert _judged([f"request {value} served" for value in values], new).tolist() == [0.0, 0.0]


def test_a_constant_number_changed_is_odd_by_how_far() -> None:
    near, far, same = _judged(["login uid=0 ok"] * 60, ["login uid=1 ok", "login uid=5000 ok", "login uid=0 ok"])
    assert far > 10 and near > 4 and same < 0.1


def test_own_values_are_judged_without_themselves() -> None:
    lines = ["the state of it is ok"] * 99 + ["the state of it is bad"]
    book, places = _learned(lines)
    own = places.judge(book, book.look(lines), own=True).evidence
    assert own[-1] > 4 and own[0] < 0.1


def test_learning_in_parts_holds_bounded_memory_and_survives_loading() -> None:
    rng = np.random.default_rng(1)
    book, places = Logbook(), Places()
    for _ in range(6):
        places.learn(book, book.learn([f"took {rng.normal(500, 20):.1f} ms for job j{rng.integers(10**6)}" for _ in range(400)]))
    assert all(len(place.get("knots", ())) <= 129 for each in places.places_.values() for place in each)
    new = book.look(["took 505.0 ms for job j1", "took 9000.0 ms for job j2"])
    usual, odd = places.judge(book, new).evidence
    assert odd > 8 > 3 > usual
    assert np.array_equal(build(Places, places.state()).judge(book, new).evidence, [usual, odd])
