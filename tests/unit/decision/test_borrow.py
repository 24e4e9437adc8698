from __future__ import annotations

import numpy as np

from tocsin.decision.borrow import ENOUGH, borrowed
from tocsin.decision.calibrate import Conformal


def test_enough_own_scores_stand_alone():
    own = np.random.default_rng(0).random(ENOUGH)
    assert borrowed(own, np.arange(50.0)) is own


def test_own_scores_stay_and_the_rest_lies_where_they_do():
    rng = np.random.default_rng(0)
    own = np.exp(3 + 0.5 * rng.normal(size=100))
    made = borrowed(own, np.exp(rng.normal(size=1_000)))
    assert len(made) == ENOUGH and (made[:100] == own).all()
    assert abs(np.log(made[100:]).mean() - 3) < 0.1 and abs(np.log(made[100:]).std() - 0.5) < 0.1


def test_few_scores_promise_near_what_they_deliver():
    rng = np.random.default_rng(1)
    other = np.exp(rng.normal(size=1_000))
    for n in (8, 30, 100):
        raised = [np.mean(Conformal().fit(borrowed(np.exp(5 + 0.5 * rng.normal(size=n)), other)).transform(
            np.exp(5 + 0.5 * rng.normal(size=500))) <= 0.01) for _ in range(15)]
        assert 0.003 < np.mean(raised) < 0.025


def test_scores_below_zero_are_taken_as_they_are():
    made = borrowed(np.array([-3.0, -1.0, 1.0]), np.linspace(-2, 2, 50))
    assert np.isfinite(made).all() and made.min() < -3


def test_scores_that_are_all_alike_are_no_error():
    assert np.isfinite(borrowed(np.full(5, 2.0), np.full(9, 1.0))).all()
    assert np.isfinite(borrowed(np.full(5, 2.0), np.arange(1.0, 9.0))).all()
