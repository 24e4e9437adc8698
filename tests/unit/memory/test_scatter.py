from __future__ import annotations

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf

from tocsin.memory.scatter import scatter


@pytest.mark.parametrize(("n", "d"), [(400, 5), (6, 5), (20, 40)])
def test_it_is_the_covariance_of_ledoit_and_wolf(n: int, d: int) -> None:
    random = np.random.default_rng(0)
    X = random.normal(size=(n, d)) @ random.normal(size=(d, d)) + 3
    made, known = scatter(X), LedoitWolf().fit(X)
    np.testing.assert_allclose(made.factor @ made.factor.T, np.linalg.inv(known.covariance_), rtol=1e-6)
    np.testing.assert_allclose(made.squared(X), known.mahalanobis(X), rtol=1e-6)
    assert made.log_volume == pytest.approx(np.linalg.slogdet(known.covariance_)[1])
    shrinkage = known.shrinkage_ * np.trace(np.cov(X.T, bias=True)) / d
    assert made.shrunk == pytest.approx(shrinkage)


def test_rows_that_do_not_vary_keep_a_volume() -> None:
    made = scatter(np.ones((5, 3)), 1e-3, 1.0)
    assert np.isfinite(made.factor).all() and made.squared(np.full((1, 3), 2.0))[0] == pytest.approx(3 / 1e-3)
    assert np.isfinite(scatter(np.ones((1, 2))).log_volume)
