from __future__ import annotations

import numpy as np

from tocsin.core.seed import generator
from tocsin.data.usual import usual


def test_a_normal_sample_has_its_standard_deviation() -> None:
    assert abs(usual(3 * generator(0, "usual").normal(size=(20_000, 1)))[0] - 3) < 0.1


def test_a_few_huge_residuals_hardly_count() -> None:
    r = generator(1, "usual").normal(size=(1000, 2))
    r[:5, 0] = 8
    assert usual(r)[0] < 1.2


def test_mostly_exact_and_all_exact() -> None:
    r = np.zeros((100, 2))
    r[:4, 0] = 1.0
    np.testing.assert_allclose(usual(r), [0.1 * 0.2, 1e-6])


def test_the_largest_residuals_stay_finite() -> None:
    assert np.isfinite(usual(np.array([[1e200], [0.0], [0.0]]))).all()
