import numpy as np
import pytest

from tocsin.core.state import build
from tocsin.memory.logbook import Logbook, earlier

LOG = [f"10:00:{i % 60:02d} INFO job {i} done" for i in range(50)] + [f"10:01:{i:02d} INFO user {i} left the room" for i in range(5)]


def test_own_lines_are_judged_as_if_they_had_not_been_learned() -> None:
    """Leaving one of n equal lines out is learning n - 1 of them."""
    whole, less = Logbook(), Logbook()
    own = whole.learn(LOG)
    less.learn(LOG[:-1])
    fresh = less.look(LOG[-1:])
    for measure in ("strangeness", "rarity"):
        a, b = getattr(whole, measure)(own, 0.01, own=True)[-1], getattr(less, measure)(fresh, 0.01)[0]
        assert a == pytest.approx(b, abs=0.05), measure


def test_repetition_in_a_call_counts_a_little_and_writes_nothing() -> None:
    book = Logbook()
    book.learn(LOG)
    new = ["10:02:00 ERROR fan broke"] * 200
    odd = book.strangeness(book.look(new), 0.01)
    assert (np.diff(odd) < 0).all() and odd[0] - odd[-1] > 0.5
    assert np.allclose(book.strangeness(book.look(new), 0.01), odd)
    assert np.ptp(book.strangeness(book.look(new), 0.0)) == 0


def test_what_is_learned_later_joins() -> None:
    book = Logbook()
    book.learn(LOG)
    new = [f"10:02:{i:02d} ERROR fan {i} broke" for i in range(9)]
    before = book.strangeness(book.look(new[:1]), 0.0)[0]
    book.learn(new)
    assert book.lines_ == 64 and book.strangeness(book.look(new[:1]), 0.0)[0] < before - 1
    again = build(Logbook, book.state())
    assert np.array_equal(again.strangeness(again.look(LOG + new), 0.01), book.strangeness(book.look(LOG + new), 0.01))


def test_counting_within_a_call() -> None:
    ids = np.random.default_rng(0).integers(0, 7, 500)
    assert earlier(ids).tolist() == [int((ids[:i] == k).sum()) for i, k in enumerate(ids)]
    assert earlier(np.zeros(0, dtype=np.int64)).tolist() == []
