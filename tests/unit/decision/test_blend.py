from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from tocsin.core.seed import generator
from tocsin.decision.blend import HIGHEST, LOWEST, average_precision, standing, usual, weights


def test_standing_is_bounded_and_counts_usual_spreads() -> None:
    assert standing(np.array([5.0, 7.0, 1e9, -1e9]), 5.0, 2.0).tolist() == [0.0, 1.0, HIGHEST, LOWEST]


def test_a_member_that_never_varies_cannot_divide_by_nothing() -> None:
    centre, spread = usual(np.full(10, 3.0))
    assert centre == 3.0 and spread > 0
    assert standing(np.full(4, 3.0), centre, spread).tolist() == [0.0] * 4


def test_weights_sum_to_one_follow_quality_and_flatten_with_temperature() -> None:
    sharp, flat = weights([0.9, 0.5, 0.1], 0.05), weights([0.9, 0.5, 0.1], 10.0)
    assert sharp.sum() == pytest.approx(1) and flat.sum() == pytest.approx(1)
    assert sharp[0] > 0.99 and np.ptp(flat) < 0.06 and (np.diff(flat) < 0).all()
    assert np.isfinite(weights([1e6, -1e6], 0.1)).all()


def test_average_precision_is_that_of_scikit_learn_with_ties() -> None:
    rng = generator(3, "ap")
    for _ in range(20):
        y, scores = rng.integers(0, 2, 50), rng.integers(0, 8, 50).astype(float)
        y[0] = 1
        assert average_precision(y, scores) == pytest.approx(average_precision_score(y, scores), abs=1e-12)
    assert average_precision(np.zeros(5, int), np.arange(5.0)) == 0.0
