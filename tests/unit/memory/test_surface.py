from __future__ import annotations

import numpy as np
import pytest

from tocsin.memory.neighbours import Bank
from tocsin.memory.surface import FEATURES, Form, nearest_without, shows, surface


def test_features_are_counted_by_hand() -> None:
    row = dict(zip(FEATURES, surface(["Go NOW!! 12 34567 é"])[0]))
    assert row["length"] == pytest.approx(np.log1p(19))
    assert (row["capitals, share"], row["digits, share"], row["not ASCII"]) == pytest.approx((4 / 19, 7 / 19, 1 / 19))
    assert (row["digits, run"], row["capitals, run"], row["exclamation marks"]) == pytest.approx((np.log(6), np.log(4), np.log(3)))
    assert (row["words"], row["words in capitals"], row["longest word"]) == pytest.approx((np.log(6), 0.2, np.log(6)))
    assert np.isfinite(surface(["", " ", "\n"])).all()


def test_a_feature_shows_where_it_is() -> None:
    assert shows("digits, run", "a1b2").tolist() == [False, True, False, True]
    assert shows("question marks", "a?").tolist() == [False, True]
    assert shows("length", "ab").all()


def test_a_feature_speaks_in_the_direction_of_its_longer_tail() -> None:
    random = np.random.default_rng(0)
    A = np.tile(surface(["some words"]), (400, 1))
    A[:, 0], A[:, 4] = random.exponential(size=400), 1 - 0.1 * random.exponential(size=400)
    form = Form.learn(A, np.arange(400))
    far = np.tile(A.mean(axis=0), (4, 1))
    far[0, 0], far[1, 0], far[2, 4], far[3, 4] = 8.0, -8.0, 0.2, 1.8
    tails = form.tails(far)
    assert tails[0, 0] > 5 > tails[1, 0]
    assert tails[2, 4] > 5 > tails[3, 4]


def test_tails_are_minus_the_logarithm_of_the_share_beyond_and_go_on_rising() -> None:
    A = np.zeros((1000, len(FEATURES)))
    A[:, 0] = -np.log(1 - (np.arange(1000) + 0.5) / 1000)  # exponential
    form = Form.learn(A, np.arange(10))
    at = np.zeros((3, len(FEATURES)))
    at[:, 0] = 1.0, 3.0, 20.0
    made = form.tails(at)[:, 0]
    assert made[0] == pytest.approx(1.0, abs=0.05)
    assert made[1] == pytest.approx(3.0, abs=0.1)
    assert made[2] > 12


def test_a_feature_that_never_varied_does_not_make_a_text_certain() -> None:
    A = np.zeros((100, len(FEATURES)))
    form = Form.learn(A, np.arange(100))
    at = np.zeros((1, len(FEATURES)))
    at[0, 8] = 0.04
    assert 0 < form.tails(at)[0, 8] < 12
    assert np.isfinite(form.distance(at)[0]).all()


def test_a_row_is_left_out_of_its_own_neighbours() -> None:
    rows = np.array([[0.0], [1.0], [3.0], [3.0]])
    far, index = nearest_without(Bank(rows), np.array([[0.0], [3.0], [3.0]]), 1, np.array([0, 2, -1]))
    assert far.tolist() == [1.0, 0.0, 0.0]
    assert index[:2, 0].tolist() == [1, 3]


def test_the_state_is_the_form() -> None:
    A = surface(["one text", "another text here", "a third, with 3 signs!"])
    form = Form.learn(A, np.arange(3))
    again = Form.from_state(form.state())
    np.testing.assert_array_equal(form.tails(A), again.tails(A))
