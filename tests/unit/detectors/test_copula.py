from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from tocsin.core.errors import ConfigError
from tocsin.core.seed import generator
from tocsin.detectors.copula import Copula


def _rows(n: int, d: int) -> np.ndarray:
    return np.exp(generator(0, "copula", n, d).normal(size=(n, d)))


def test_evidence_is_minus_the_log_of_the_empirical_tail() -> None:
    X = np.arange(1.0, 100.0)[:, None]
    scores = Copula(dependence=False).fit(X).anomaly_score([[1.0], [50.0], [99.0], [98.0]])
    np.testing.assert_allclose(scores, np.log([100, 2, 100, 50]), rtol=1e-9)


def test_normal_scores_are_those_of_the_ranks() -> None:
    X = np.arange(1.0, 100.0)[:, None]
    model = Copula().fit(X)
    _, _, normal = model._tails(model._centred(X))
    np.testing.assert_allclose(normal[:, 0], norm.ppf((np.arange(1, 100) - 0.5) / 99), atol=1e-9)


def test_beyond_the_range_evidence_goes_on() -> None:
    X = _rows(500, 2)
    model = Copula().fit(X)
    rows = np.repeat([[1.0], [2.0], [5.0], [1e3], [1e9]], 2, axis=1) * X.max(axis=0)
    assert (np.diff(model.anomaly_score(rows)) > 0).all()
    assert (np.diff(model.anomaly_score(-rows)) > 0).all()


def test_broken_relations_of_ordinary_values_are_seen() -> None:
    x = generator(0, "pair").normal(size=500)
    model = Copula().fit(np.exp(np.column_stack([x, -x + 0.1 * generator(1, "pair").normal(size=500)])))
    kept, broken = model.anomaly_score(np.exp([[1.0, -1.0], [1.0, 1.0]]))
    assert broken > kept + 5


def test_monotone_changes_of_unit_change_nothing_within_the_range() -> None:
    X = _rows(300, 3)
    plain, logged = (Copula(dependence=False).fit(rows) for rows in (X, 7 * X - 2))
    np.testing.assert_allclose(plain.anomaly_score(X), logged.anomaly_score(7 * X - 2), rtol=1e-9)


def test_the_state_is_bounded_and_few_knots_tell_nearly_the_same() -> None:
    X = _rows(5000, 2)
    coarse, fine = (Copula(knots=knots).fit(X) for knots in (200, 5000))
    assert coarse.values_.size <= 400
    assert np.corrcoef(coarse.anomaly_score(X), fine.anomaly_score(X))[0, 1] > 0.98


@pytest.mark.parametrize("dependence", [True, False])
def test_the_mean_of_the_cells_is_the_score(dependence: bool) -> None:
    X = _rows(300, 4)
    model = Copula(dependence=dependence).fit(X)
    np.testing.assert_allclose(model.anomaly_map(X).mean(axis=1), model.anomaly_score(X), rtol=1e-9)


def test_wrong_settings() -> None:
    with pytest.raises(ConfigError, match="TOC-202"):
        Copula(knots=1).fit(_rows(9, 2))
