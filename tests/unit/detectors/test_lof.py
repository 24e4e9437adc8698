from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import LocalOutlierFactor

from tocsin.core.errors import ConfigError
from tocsin.core.seed import generator
from tocsin.detectors.lof import Lof


def _rows(n: int, d: int, seed: int = 0) -> np.ndarray:
    return generator(seed, "lof", n, d).normal(size=(n, d)) * np.linspace(1, 9, d) + 4


@pytest.mark.parametrize(("n", "d", "k"), [(500, 4, 20), (60, 10, 5), (3, 2, 2)])
def test_score_is_the_factor_of_the_paper(n: int, d: int, k: int) -> None:
    train, X = _rows(n, d), _rows(40, d, 1)
    mean, std = train.mean(axis=0), train.std(axis=0)
    known = LocalOutlierFactor(n_neighbors=k, novelty=True).fit((train - mean) / std)
    model = Lof(k=k).fit(train)
    np.testing.assert_allclose(model.anomaly_score(X), -known.score_samples((X - mean) / std), rtol=1e-5)
    np.testing.assert_allclose(Lof(k=k).fit_score(train), -known.negative_outlier_factor_, rtol=1e-5)


def test_repeated_training_rows_keep_scores_finite() -> None:
    train = np.repeat(_rows(8, 2), 40, axis=0)
    scores = Lof(k=10).fit(np.vstack([train, _rows(300, 2, 1)])).anomaly_score(np.vstack([train[:1], train[:1] + 1.0, [[1e6, 1e6]]]))
    assert np.isfinite(scores).all() and scores[0] <= scores[1] < scores[2]
    assert np.isfinite(Lof().fit(train[:40]).anomaly_score(_rows(5, 2))).all()


def test_of_many_rows_a_seeded_sample_is_kept_and_left_out_of_itself() -> None:
    X = _rows(300, 3)
    model = Lof(rows=100, seed=1)
    own = model.fit_score(X)
    assert model.rows_.shape == (100, 3)
    rest = np.setdiff1d(np.arange(300), model.kept_)
    np.testing.assert_array_equal(own[rest], model.anomaly_score(X)[rest])  # others never were their own neighbours
    assert (own[model.kept_] != model.anomaly_score(X)[model.kept_]).all()


@pytest.mark.parametrize("wrong", [{"k": 0}, {"rows": 1}])
def test_wrong_settings(wrong: dict) -> None:
    with pytest.raises(ConfigError, match="TOC-202"):
        Lof(**wrong).fit(_rows(9, 2))
