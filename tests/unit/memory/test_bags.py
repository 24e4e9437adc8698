from __future__ import annotations

import numpy as np

from tocsin.core.seed import generator
from tocsin.memory.bags import WIDTH, Bags, bags, windows
from tocsin.memory.sessions import Sessions


def _density(rows: np.ndarray, copies: np.ndarray, one: np.ndarray, total: float) -> float:
    squared = np.square(np.log1p(rows) - np.log1p(one)).sum(axis=1)
    heights = squared / (2 * WIDTH**2) - np.log(np.maximum(copies, 1e-300) / total)
    least = heights[copies > 0].min()
    return float(WIDTH * np.sqrt(2 * max(least - np.log(np.exp(least - heights[copies > 0]).sum()), 0.0)))


def test_distance_is_that_of_the_density() -> None:
    random = generator(0, "bags")
    counts, copies = random.integers(0, 3, size=(14, 3)), random.integers(1, 5, 14)
    model = Bags.learn(counts, copies)
    asked = random.integers(0, 4, size=(20, 3))
    wanted = [_density(model.rows, model.copies, one, copies.sum()) for one in asked]
    np.testing.assert_allclose(model.distance(asked), wanted, rtol=1e-6, atol=1e-9)


def test_own_distance_is_without_one_copy() -> None:
    counts, copies = np.array([[1, 0], [1, 0], [2, 0], [0, 3]]), np.array([2, 1, 1, 5])
    model = Bags.learn(counts, copies)
    own = model.distance(counts, own=True)
    for k, one in enumerate(counts):
        fewer = model.copies - (model.rows == one).all(axis=1)
        np.testing.assert_allclose(own[k], _density(model.rows, fewer, one, 9), rtol=1e-6)
    assert own[2] > 0.3 > own[0]  # the only one of its kind is as far as the next, one of three is not


def test_nothing_else_learned_is_no_distance() -> None:
    model = Bags.learn(np.array([[1, 2]]), np.array([1]))
    assert model.distance(np.array([[1, 2]]), own=True).tolist() == [0.0]


def test_unknown_events_stand_in_the_last_column() -> None:
    made = Sessions(np.array([1, -1, 7]), np.array([0, 3]), np.zeros(3, np.int64), np.arange(3), np.array([3]))
    assert bags(made, 2).tolist() == [[0, 1, 2]]


def test_windows_count_the_last_events() -> None:
    events = generator(1, "bags").integers(-1, 4, 50)
    made = windows(events, np.arange(50), 7, 3)
    for t in range(50):
        part = events[max(0, t - 6):t + 1]
        assert made[t].tolist() == [int((part == j).sum()) for j in range(3)] + [int(((part < 0) | (part > 2)).sum())]


def test_windows_that_overlap_are_left_out_and_short_ones_lack_nothing() -> None:
    events = np.tile([0, 1, 2, 3], 50)
    events[100:106] = 0
    model = Bags.along(events, 8, 4)
    own, seen = model.series(events, 8, own=True), model.series(events, 8)
    assert own[105] > 1 > own[60] and seen[105] < 0.2
    assert (own[:7] == 0).all()


def test_state_gives_the_same_model() -> None:
    counts = generator(2, "bags").integers(0, 3, size=(9, 4))
    model = Bags.learn(counts, np.ones(9, np.int64))
    assert np.array_equal(Bags.from_state(model.state()).distance(counts), model.distance(counts))
