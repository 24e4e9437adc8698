from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.seed import generator
from tocsin.data.smooth import covering_mean, local_polynomial, mean_around, sums_ahead
from tocsin.data.window import spread, window_ends

GROUPS = np.repeat([0, 1, 2, 3, 4], [17, 1, 5, 40, 3])
VALUES = generator(0, "smooth").normal(size=(66, 2))


@pytest.mark.parametrize("length", [1, 2, 3, 5, 8, 13, 16, 100])
def test_sums_ahead_are_sums(length: int) -> None:
    wanted = [VALUES[i:i + length][GROUPS[i:i + length] == GROUPS[i]].sum(axis=0) for i in range(66)]
    np.testing.assert_allclose(sums_ahead(VALUES, GROUPS, length), wanted, rtol=1e-12)
    np.testing.assert_allclose(sums_ahead(VALUES[:, 0], GROUPS, length), np.array(wanted)[:, 0], rtol=1e-12)


def test_a_huge_value_costs_no_precision_elsewhere() -> None:
    values = np.full(100, 0.1)
    values[20] = 1e20
    assert (sums_ahead(values, np.zeros(100, dtype=int), 10)[21:91] == pytest.approx(1.0, rel=1e-14))


@pytest.mark.parametrize("length", [1, 2, 4, 7, 20])
def test_covering_mean_is_spread(length: int) -> None:
    ends = window_ends(GROUPS, length)
    scores = generator(1, "smooth").normal(size=len(ends))
    np.testing.assert_allclose(covering_mean(scores, ends, GROUPS, length), spread(scores, ends, GROUPS, length), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("reach", [0, 1, 3, 10, 90])
def test_mean_around_is_a_mean(reach: int) -> None:
    wanted = []
    for i in range(66):
        near = slice(max(0, i - reach), i + reach + 1)
        wanted.append(VALUES[near][GROUPS[near] == GROUPS[i]].mean(axis=0))
    np.testing.assert_allclose(mean_around(VALUES, GROUPS, reach), wanted, rtol=1e-10, atol=1e-12)


def test_local_polynomial_is_the_fit_of_each_window() -> None:
    made = local_polynomial(VALUES, GROUPS, 9, 2)
    for start, stop in ((0, 17), (18, 23), (23, 63), (63, 66)):
        for i in range(start, stop):
            begin = max(start, min(i - 4, stop - 9))
            rows = np.arange(begin, min(begin + 9, stop))
            for j in (0, 1):
                fit = np.polynomial.Polynomial.fit(rows, VALUES[rows, j], min(2, len(rows) - 1))
                assert made[i, j] == pytest.approx(fit(i), abs=1e-9)
    np.testing.assert_allclose(made[17], VALUES[17])


def test_local_polynomial_keeps_polynomials() -> None:
    at = np.linspace(-1, 1, 50)[:, None]
    curve = 3 * at**4 - at + 0.5
    np.testing.assert_allclose(local_polynomial(curve, np.zeros(50, dtype=int), 15, 4), curve, atol=1e-12)
    assert np.abs(local_polynomial(curve, np.zeros(50, dtype=int), 15, 1) - curve).max() > 0.01
