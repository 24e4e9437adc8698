from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from tocsin.core.seed import generator
from tocsin.data.lagged import window_moments


def _windows(X: np.ndarray, groups: np.ndarray, length: int) -> np.ndarray:
    rows = [X[i:i + length].ravel() for i in range(len(X) - length + 1) if groups[i] == groups[i + length - 1]]
    return np.array(rows)


@pytest.mark.parametrize(("c", "length", "sizes"), [(1, 5, [60]), (3, 4, [60]), (2, 7, [20, 3, 30, 7]), (2, 1, [10, 5]), (2, 10, [10])])
def test_moments_are_those_of_the_windows(c: int, length: int, sizes: list[int]) -> None:
    X, groups = generator(0, "lagged").normal(size=(sum(sizes), c)), np.repeat(np.arange(len(sizes)), sizes)
    W = _windows(X, groups, length)
    w, mean, covariance = window_moments(X, groups, length)
    assert w == len(W)
    np.testing.assert_allclose(mean, W.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(covariance, np.cov(W.T, bias=True).reshape(length * c, -1), atol=1e-12)


def test_short_segments_are_filled() -> None:
    X = generator(1, "lagged").normal(size=(9, 1))
    groups = np.repeat([0, 1, 2], 3)
    W = np.array([[X[i, 0], X[i, 0], *X[i:i + 3, 0]] for i in (0, 3, 6)])
    w, mean, covariance = window_moments(X, groups, 5)
    assert w == 3
    np.testing.assert_allclose(mean, W.mean(axis=0))
    np.testing.assert_allclose(covariance, np.cov(W.T, bias=True), atol=1e-12)


def test_windows_are_never_laid_out() -> None:
    X = generator(2, "lagged").normal(size=(100_000, 1))
    groups = np.zeros(len(X), dtype=np.int64)
    tracemalloc.start()
    window_moments(X, groups, 100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * X.nbytes  # all windows would be 100 times X
