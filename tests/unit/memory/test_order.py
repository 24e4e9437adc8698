from __future__ import annotations

import numpy as np

from tocsin.data.templates import Templates
from tocsin.memory.order import Order, flat
from tocsin.memory.session_detector import SWAP
from tocsin.memory.sessions import Sessions, learned, read

USUAL = ["begin\nread\nread\ncheck\nend", "begin\nread\ncheck\nend"] * 20


def _learned(items: list[str], joined: bool = False) -> tuple[Order, Templates, Sessions]:
    templates = Templates()
    sessions = learned(items, templates, joined)
    return Order.learn(sessions.distinct(), joined), templates, sessions


def test_a_swap_is_told_from_a_surprise() -> None:
    order, templates, _ = _learned(USUAL)
    items = ["begin\nread\ncheck\nend", "begin\ncheck\nread\nend", "begin\nread\nread\nread\ncheck\nend"]
    made = order.channels(read(items, templates, False), own=False)
    usual, swapped, longer = made[SWAP]
    assert swapped > 3 and usual < -3 and longer < -3
    assert (made["largest surprise"][1:] > made["largest surprise"][0] + 1).all()


def test_a_loose_pair_is_not_swapped_where_its_bag_is_new() -> None:
    """Either order of x and y is usual; that one of them came after two reads, not three, is no slip."""
    loose = [f"begin\n{reads}{pair}\nend" for reads in ("", "read\n", "read\nread\n") for pair in ("x\ny", "y\nx")] * 10
    order, templates, _ = _learned([*loose, *["begin\nread\nread\nread\nx\ny\nend"] * 10])
    one = read(["begin\nread\nread\nread\ny\nx\nend"], templates, False)
    assert order.grams.swaps(one)[0][0] > order.swaps(one)[0][0] + 0.5


def test_hints_name_what_came_and_what_was_expected() -> None:
    order, templates, _ = _learned(USUAL)
    name = [f"`{template}`" for template in templates.templates].__getitem__
    told = [hint.sentence for hint in order.hints(read(["begin\nend"], templates, False), 0, 4, name)]
    assert told[0] == "after `begin`, `end` came (under 0.1 %) where `read` was expected (100 %)"
    told = [hint.sentence for hint in order.hints(read(["begin\nread\ncheck"], templates, False), 0, 4, name)]
    assert told[0].startswith("after `check`, the session ended (under 0.1 %) where `end` was expected (100 %)")
    told = [hint.sentence for hint in order.hints(read(["read\nbegin\ncheck\nend"], templates, False), 0, 4, name)]
    assert "`read` came right before `begin`, which is usually the other way round" in told
    assert order.hints(read(["begin\nread\ncheck\nend"], templates, False), 0, 4, name) == []


def test_lines_of_a_swap_stand_out() -> None:
    order, templates, _ = _learned(USUAL)
    made = order.by_line(read(["begin\nread\nread\nend\ncheck"], templates, False))
    assert made[3:].min() > made[:3].max()


def test_the_end_counts_with_the_last_line() -> None:
    sessions = Sessions(np.array([0, 1, 2]), np.array([0, 2, 2, 3]), np.array([0, 0, 2]), np.array([0, 1, 0]), np.array([2, 1, 1]))
    assert flat([np.array([1.0, 2.0, 5.0]), np.array([7.0]), np.array([3.0, 1.0])], sessions).tolist() == [1.0, 5.0, 3.0]


def test_state_gives_the_same_model() -> None:
    for joined in (False, True):
        order, _, sessions = _learned(USUAL if not joined else ["tick", "tock"] * 20, joined)
        again = Order.from_state(order.state())
        assert np.array_equal(again.points(sessions, False, 0), order.points(sessions, False, 0))
        assert (again.grams is again.runs) == joined
