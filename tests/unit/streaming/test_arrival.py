"""Order, lateness, duplicates, and clocks that go wrong."""

from __future__ import annotations

import numpy as np

from tocsin.streaming.arrival import Arrival


def _through(arrival, stamps):
    freed, late = [], []
    for i, at in enumerate(stamps):
        some, behind = arrival.push(at, i, f"row {i}")
        freed += some
        late += behind
    return freed + arrival.drain(), late


def test_rows_within_the_lateness_come_out_in_order():
    rng = np.random.default_rng(0)
    stamps = np.arange(200.0)
    shuffled = stamps[np.argsort(stamps + rng.uniform(0, 5, 200), kind="stable")].tolist()
    freed, late = _through(Arrival(5.0), shuffled)
    assert [row.at for row in freed] == stamps.tolist()
    assert late == []
    assert [shuffled[row.position] for row in freed] == stamps.tolist()


def test_without_lateness_a_row_leaves_at_once_and_earlier_ones_are_late():
    arrival = Arrival()
    assert [len(arrival.push(at, i, None)[0]) for i, at in enumerate((1, 2, 4))] == [1, 1, 1]
    freed, late = arrival.push(3, 3, "x")
    assert freed == []
    assert [(row.position, row.values, row.note) for row in late] == [(3, "x", "late")]
    assert arrival.late == 1


def test_every_row_comes_out_once_or_is_late():
    rng = np.random.default_rng(1)
    stamps = (np.arange(500) + rng.normal(0, 6, 500)).tolist()
    arrival = Arrival(4.0, last_wins=False)
    freed, late = _through(arrival, stamps)
    assert sorted(row.position for row in freed + late) == list(range(500))
    assert [row.at for row in freed] == sorted(row.at for row in freed)
    assert len(late) == arrival.late > 0


def test_of_equal_times_the_last_wins_and_is_counted():
    arrival = Arrival(2)
    freed, _ = _through(arrival, [1, 2, 2, 2, 9])
    assert [(row.at, row.values) for row in freed] == [(1, "row 0"), (2, "row 3"), (9, "row 4")]
    assert arrival.duplicates == 2


def test_equal_times_may_all_pass():
    freed, _ = _through(Arrival(2, last_wins=False), [1, 2, 2, 9])
    assert [row.at for row in freed] == [1, 2, 2, 9]


def test_a_clock_set_back_starts_anew_after_patience():
    arrival = Arrival(0, patience=10)
    freed, late = _through(arrival, [100.0, 101.0, *np.arange(30.0).tolist()])
    assert len(late) == 9
    assert [row.note for row in freed].count("clock set back") == 1
    assert [row.at for row in freed[2:]] == np.arange(9.0, 30.0).tolist()
    assert arrival.resets == 1


def test_one_stamp_from_the_far_future_does_not_end_the_stream():
    arrival = Arrival(3, patience=20)
    freed, late = _through(arrival, [0.0, 1.0, 1e12, *np.arange(2.0, 200.0).tolist()])
    assert len(late) < 20
    assert [row.at for row in freed[-150:]] == np.arange(50.0, 200.0).tolist()
    assert arrival.resets == 1


def test_held_rows_are_bounded_whatever_the_lateness():
    arrival = Arrival(1e9, most=50)
    for i in range(500):
        arrival.push(i, i, None)
        assert len(arrival) <= 51
    assert arrival.hurried == 450


def test_repeated_duplicates_do_not_grow_memory():
    arrival = Arrival(10)
    for i in range(1000):
        arrival.push(5, i, None)
    assert len(arrival) == 1
    assert len(arrival._heap) == 1


def test_a_restored_one_goes_on_alike():
    rng = np.random.default_rng(0)
    stamps = (np.arange(60) + rng.normal(0, 3, 60)).round().tolist()
    whole, parts = Arrival(4.0), Arrival(4.0)
    told = [whole.push(at, i, i) for i, at in enumerate(stamps)]
    for i, at in enumerate(stamps):
        state = parts.state()
        parts = Arrival(4.0)
        parts.load_state(state)
        assert parts.push(at, i, i) == told[i]
    assert parts.drain() == whole.drain()
