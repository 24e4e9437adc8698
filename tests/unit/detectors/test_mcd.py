from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.covariance import EmpiricalCovariance, MinCovDet

from tocsin.core.errors import ConfigError
from tocsin.core.seed import generator
from tocsin.detectors.mcd import Mcd


def _rows(n: int, d: int) -> np.ndarray:
    random = generator(0, "mcd", n, d)
    return random.normal(size=(n, d)) @ random.normal(size=(d, d)) + 5


def _spoiled(n: int = 400, d: int = 4) -> tuple[np.ndarray, np.ndarray]:
    X = _rows(n, d)
    odd = np.arange(n) < n // 5
    X[odd] = X.mean(axis=0) + 12 * X.std(axis=0) + 0.3 * X[odd]
    return X, odd


def test_anomalies_among_the_training_rows_do_not_hide() -> None:
    X, odd = _spoiled()
    scores = Mcd().fit(X).anomaly_score(X)
    assert scores[odd].min() > 3 * scores[~odd].max()


def test_it_ranks_like_the_reference_on_spoiled_rows() -> None:
    X, odd = _spoiled()
    model, known = Mcd().fit(X), MinCovDet(random_state=0).fit(X)
    ours, theirs = model.anomaly_score(X)[~odd], known.mahalanobis(X)[~odd]
    plain = EmpiricalCovariance().fit(X).mahalanobis(X)[~odd]
    assert spearmanr(ours, theirs)[0] > spearmanr(plain, theirs)[0] + 0.05


def test_usual_rows_score_about_one() -> None:
    X = _rows(500, 6)
    assert np.median(Mcd().fit(X).anomaly_score(X)) == pytest.approx(1)


@pytest.mark.parametrize(("n", "d"), [(2, 1), (2, 3), (3, 3), (12, 40), (30, 30)])
def test_few_rows(n: int, d: int) -> None:
    X = _rows(n, d)
    model = Mcd().fit(X)
    assert np.isfinite(model.anomaly_score(X)).all() and np.isfinite(model.expected(X)).all()


@pytest.mark.parametrize(("n", "d"), [(300, 5), (20, 40)])
def test_expected_is_the_conditional_mean(n: int, d: int) -> None:
    X = _rows(n, d)
    model = Mcd().fit(X)
    lower = X[:1].copy()
    scores, made = [], model.expected(X[:1])[0, 0]
    for step in (-0.1, 0.0, 0.1):  # the score is least where the cell is what is expected
        lower[0, 0] = made + step * X[:, 0].std()
        scores.append(model.anomaly_score(lower)[0])
    assert scores[1] < min(scores[0], scores[2])
    assert scores[0] == pytest.approx(scores[2], rel=1e-6)


def test_many_rows_are_searched_by_a_seeded_sample() -> None:
    X = _spoiled(1700, 3)[0]
    one, again = (Mcd(seed=3).fit(X).anomaly_score(X) for _ in range(2))
    assert np.array_equal(one, again)
    assert one[:340].min() > one[340:].max()


@pytest.mark.parametrize("wrong", [{"support": 0.4}, {"support": 1.1}, {"starts": -1}])
def test_wrong_settings(wrong: dict) -> None:
    with pytest.raises(ConfigError, match="TOC-202"):
        Mcd(**wrong).fit(_rows(9, 2))
