from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from tocsin.decision.logistic import logistic


def _rows(n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    A = np.random.default_rng(0).normal(size=(n, 4)) * [1.0, 10.0, 0.1, 1.0] + [0.0, 50.0, 3.0, 0.0]
    return A, A[:, 0] + 0.1 * A[:, 1] > 6.5


@pytest.mark.parametrize("strength", [0.01, 0.1, 1.0])
def test_it_equals_scikit_learns(strength: float) -> None:
    A, odd = _rows()
    Z = (A - A.mean(axis=0)) / A.std(axis=0)
    peer = LogisticRegression(C=strength, class_weight="balanced", tol=1e-10, max_iter=1000).fit(Z, odd)
    np.testing.assert_allclose(logistic(A, odd, strength).log_odds(A), peer.decision_function(Z), atol=2e-3)


def test_a_strong_ridge_keeps_weights_small() -> None:
    A, odd = _rows()
    weak, strong = (np.linalg.norm(logistic(A, odd, strength).weights) for strength in (1.0, 0.001))
    assert strong < weak / 3


def test_constant_columns_and_rows_that_can_be_parted_are_fine() -> None:
    A = np.column_stack([np.r_[np.zeros(20), np.ones(5)], np.full(25, 7.0)])
    line = logistic(A, A[:, 0] == 1, 1.0)
    assert line.weights[1] == 0 and (line.log_odds(A)[20:] > 0).all() and (line.log_odds(A)[:20] < 0).all()


def test_a_row_alone_has_the_same_log_odds() -> None:
    A, odd = _rows()
    line = logistic(A, odd, 0.1)
    assert np.array_equal(np.concatenate([line.log_odds(A[i:i + 1]) for i in range(9)]), line.log_odds(A)[:9])
