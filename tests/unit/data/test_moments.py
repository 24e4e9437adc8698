from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.seed import generator
from tocsin.data.moments import merge, moments, spread, standardise


@pytest.mark.parametrize("scale", [1.0, 1e-200, 1e200, 1e-290])
def test_moments_equal_numpys_at_every_scale(scale: float) -> None:
    X = generator(0, "x").normal(3, 2, size=(50, 4))
    mean, std = moments(X * scale)
    np.testing.assert_allclose(mean / scale, X.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(std / scale, X.std(axis=0), rtol=1e-12)


def test_merge_equals_all_rows_at_once() -> None:
    X = generator(1, "x").normal(size=(90, 3)) * [1, 1e150, 1e-150] + [5, 0, 0]
    count, mean, std = merge(20, *moments(X[:20]), 70, *moments(X[20:]))
    assert count == 90
    np.testing.assert_allclose(mean, X.mean(axis=0), rtol=1e-10)
    np.testing.assert_allclose(std, moments(X)[1], rtol=1e-10)


def test_constant_columns_keep_their_unit() -> None:
    X = np.full((7, 2), 0.1)
    mean, std = moments(X)
    assert spread(mean, std).tolist() == [1.0, 1.0]
    np.testing.assert_allclose(standardise(np.array([[0.1, 2.1]]), mean, std), [[0.0, 2.0]], atol=1e-12)


def test_small_spreads_of_large_numbers_are_kept() -> None:
    clock = 1.7e9 + np.arange(100.0)[:, None]
    assert standardise(clock, *moments(clock)).std() == pytest.approx(1.0)


def test_overflow_ends_at_the_limit() -> None:
    made = standardise(np.array([[1e308, -1e308, 5e-324]]), np.array([-1e308, 1e308, 0.0]), np.array([1e-300, 1.0, 1.0]))
    assert made.tolist() == [[1e100, -1e100, 5e-324]]
    assert np.isfinite(np.square(made).sum())
