from __future__ import annotations

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf

from tocsin.core.seed import generator
from tocsin.detectors.gaussian import Gaussian


def _rows(n: int, d: int) -> np.ndarray:
    random = generator(0, "gaussian", n, d)
    return random.normal(size=(n, d)) @ random.normal(size=(d, d)) * np.arange(1, d + 1) + 5


def _precision(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    return Z, np.linalg.inv(LedoitWolf(assume_centered=True).fit(Z).covariance_)


@pytest.mark.parametrize(("n", "d"), [(400, 5), (6, 5), (5, 5), (4, 5), (20, 60), (50, 2)])
def test_score_is_the_shrunk_mahalanobis_distance(n: int, d: int) -> None:
    X = _rows(n, d)
    Z, precision = _precision(X)
    np.testing.assert_allclose(Gaussian().fit(X).anomaly_score(X), ((Z @ precision) * Z).sum(axis=1) / d, rtol=1e-6)


@pytest.mark.parametrize(("n", "d"), [(400, 5), (20, 60)])
def test_expected_is_the_conditional_mean(n: int, d: int) -> None:
    X = _rows(n, d)
    Z, precision = _precision(X)
    covariance, rest = np.linalg.inv(precision), np.arange(1, d)
    given = covariance[0, rest] @ np.linalg.solve(covariance[np.ix_(rest, rest)], Z[:, rest].T)
    made = Gaussian().fit(X).expected(X)[:, 0]
    np.testing.assert_allclose(made, X[:, 0].mean() + given * X[:, 0].std(), rtol=1e-6, atol=1e-6)


def test_expected_ignores_the_cell_itself() -> None:
    X = _rows(300, 4)
    model, changed = Gaussian().fit(X), X[:1].copy()
    changed[0, 2] += 100
    assert model.expected(changed)[0, 2] == pytest.approx(model.expected(X[:1])[0, 2], rel=1e-6)


def test_one_column() -> None:
    X = _rows(100, 1)
    np.testing.assert_allclose(Gaussian().fit(X).anomaly_score(X), ((X - X.mean()) / X.std())[:, 0] ** 2, rtol=1e-5)


def test_repeated_columns_must_agree() -> None:
    x = generator(0, "twin").normal(size=(500, 1))
    model = Gaussian().fit(np.hstack([x, x]))
    same, apart = model.anomaly_score([[1.0, 1.0], [1.0, -1.0]])
    assert apart > 100 * same


def test_columns_in_other_units_change_nothing() -> None:
    X = _rows(200, 4)
    other = X * [1e-6, 1, 1e9, -3]
    np.testing.assert_allclose(Gaussian().fit(other).anomaly_score(other), Gaussian().fit(X).anomaly_score(X), rtol=1e-6)


@pytest.mark.parametrize("size", [1, 2, 5, 64, 65])
def test_a_score_is_the_same_to_the_last_bit_however_many_rows_come_with_it(size):
    rng = np.random.default_rng(0)
    model = Gaussian().fit(rng.normal(size=(400, 33)))
    rows = 2 * rng.normal(size=(130, 33))
    parts = [model.anomaly_score(rows[i:i + size]) for i in range(0, len(rows), size)]
    assert np.array_equal(np.concatenate(parts), model.anomaly_score(rows))
