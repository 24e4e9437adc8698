import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tocsin.explanation.residual import contributions


def test_shares_are_squared_standardised_residuals():
    shares = contributions(np.array([[3.0, 1.0, 0.0]]), np.zeros((1, 3)), np.array([1.0, 0.25, 1.0]))
    np.testing.assert_allclose(shares, [[9 / 25, 16 / 25, 0]])


def test_nothing_off_gives_zero_shares():
    X = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert contributions(X, X, np.ones(2)).tolist() == [[0, 0], [0, 0]]
    assert contributions(np.empty((0, 2)), np.empty((0, 2)), np.ones(2)).shape == (0, 2)


HUGE = arrays(float, (3, 4), elements=st.floats(-1.7e308, 1.7e308))


@given(HUGE, HUGE, arrays(float, 4, elements=st.floats(0, 1e300)))
def test_any_numbers_give_shares_that_sum_to_one_or_zero(observed, expected, scale):
    shares = contributions(observed, expected, scale)
    assert np.isfinite(shares).all() and (shares >= 0).all()
    total = shares.sum(axis=1)
    assert all(value == pytest.approx(1) or value == 0 for value in total)
