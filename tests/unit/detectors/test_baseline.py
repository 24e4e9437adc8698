from __future__ import annotations

import numpy as np

from tocsin.core.seed import generator
from tocsin.detectors.baseline import Baseline


def _rows(n: int = 200) -> np.ndarray:
    return generator(0, "baseline").normal(size=(n, 3)) * [1, 10, 0.1] + [0, 50, 1]


def test_score_is_the_mean_squared_deviation() -> None:
    X = _rows()
    wanted = np.square((X - X.mean(axis=0)) / X.std(axis=0)).mean(axis=1)
    np.testing.assert_allclose(Baseline().fit(X).anomaly_score(X), wanted, rtol=1e-12)


def test_normal_rows_score_one_on_average() -> None:
    X = _rows()
    assert np.isclose(Baseline().fit(X).anomaly_score(X).mean(), 1.0)


def test_map_shares_the_score_among_the_columns() -> None:
    model, X = Baseline().fit(_rows()), _rows()
    np.testing.assert_allclose(model.anomaly_map(X).mean(axis=1), model.anomaly_score(X), rtol=1e-12)


def test_expected_is_the_mean_in_units() -> None:
    X = _rows()
    np.testing.assert_allclose(Baseline().fit(X).expected(X[:2]), [X.mean(axis=0)] * 2, rtol=1e-12)


def test_updates_equal_one_fit_on_all_rows() -> None:
    X = _rows()
    model = Baseline().fit(X[:50])
    for part in np.array_split(X[50:], 7):
        model.update(part)
    np.testing.assert_allclose(model.anomaly_score(X), Baseline().fit(X).anomaly_score(X), rtol=1e-10)
    assert model.count_ == len(X)


def test_huge_training_values_give_finite_scores() -> None:
    X = _rows() * 1e300
    assert np.isfinite(Baseline().fit(X).anomaly_score(-X)).all()
    assert np.isfinite(Baseline().fit(X).update(X).anomaly_score(X)).all()
