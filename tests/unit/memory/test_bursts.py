import numpy as np

from tocsin.core.state import build
from tocsin.memory.bursts import WINDOW, Bursts, within
from tocsin.memory.logbook import Logbook

LOG = [line for i in range(100) for line in (f"job {i} done", f"disk {i} checked")] + ["user 1 failed", "user 2 failed"]


def test_counts_reach_back_one_window() -> None:
    ids = np.random.default_rng(1).integers(0, 4, 300)
    assert within(ids).tolist() == [int((ids[max(0, i - WINDOW + 1):i + 1] == ids[i]).sum()) for i in range(300)]
    assert within(np.zeros(0, dtype=np.int64)).tolist() == []


def test_a_known_kind_that_comes_thicker_than_ever_is_a_burst_and_a_new_kind_is_none() -> None:
    book, bursts = Logbook(), Bursts()
    bursts.learn(book.learn(LOG))
    look = book.look([*LOG[:20], *["user 3 failed"] * 20, *["fan 1 broke"] * 20])
    evidence = bursts.judge(look)
    assert evidence[:22].max() == 0 and evidence[39] > 10 and evidence[40:].max() == 0
    assert bursts.told(look, 39) == f"20 such lines among the last {WINDOW}, never more than 2 while learning"
    assert np.array_equal(build(Bursts, bursts.state()).judge(look), evidence)


def test_what_was_learned_later_is_usual_too() -> None:
    book, bursts = Logbook(), Bursts()
    bursts.learn(book.learn(LOG))
    bursts.learn(book.learn(["user 3 failed"] * 30))
    assert bursts.judge(book.look(["user 3 failed"] * 30)).max() == 0
