from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp

from tocsin.core.errors import ConfigError
from tocsin.core.seed import generator
from tocsin.detectors.gaussian_mixture import GaussianMixture, _leading, _numbers


def _rows(n: int, d: int, groups: int = 3, seed: int = 0) -> np.ndarray:
    random = generator(0, "mixture", d)
    centres, turns = 6 * random.normal(size=(groups, d)), random.normal(size=(groups, d, d))
    random = generator(seed, "rows", n)
    at = random.integers(groups, size=n)
    return centres[at] + np.einsum("nd,nde->ne", random.normal(size=(n, d)), turns[at])


def test_the_number_of_groups_is_found() -> None:
    assert len(GaussianMixture().fit(_rows(900, 4, 1)).means_) == 1
    assert len(GaussianMixture().fit(_rows(900, 4, 4)).means_) >= 4
    assert len(GaussianMixture(components=2).fit(_rows(900, 4, 4)).means_) == 2


def test_between_the_groups_is_odd() -> None:
    X = np.concatenate([_rows(300, 2, 1) - 20, _rows(300, 2, 1) + 20])
    model = GaussianMixture().fit(X)
    assert model.anomaly_score(X.mean(axis=0)[None])[0] > model.anomaly_score(X).max()


@pytest.mark.parametrize(("n", "d"), [(2, 1), (2, 5), (3, 200), (5, 3), (40, 150), (60, 110)])
def test_few_rows_and_wide_tables(n: int, d: int) -> None:
    X = _rows(n, d)
    model = GaussianMixture().fit(X)
    scores, held = model.anomaly_score(X), GaussianMixture().fit_held_out(X)
    assert np.isfinite(scores).all() and np.isfinite(held).all()
    assert model.anomaly_score(X[:1] + 100 * X.std())[0] > scores.max()


def test_collinear_repeated_and_constant_columns() -> None:
    x = generator(0, "x").normal(size=(400, 1))
    X = np.hstack([x, x, 2 * x, np.ones_like(x), np.round(x)])
    model = GaussianMixture().fit(np.repeat(X, 3, axis=0))
    usual, broken, moved = model.anomaly_score([[1.0, 1, 2, 1, 1], [1.0, -1, 2, 1, 1], [1.0, 1, 2, 2, 1]])
    assert broken > usual + 10 and moved > usual + 10


def test_held_out_scores_are_those_of_unseen_rows() -> None:
    X, fresh = _rows(150, 12), _rows(2000, 12, seed=1)
    model = GaussianMixture()
    held = model.fit_held_out(X)
    own, unseen = model.anomaly_score(X), model.anomaly_score(fresh)
    assert abs(np.median(held) - np.median(unseen)) < abs(np.median(own) - np.median(unseen)) / 2
    assert ks_2samp(held, unseen).pvalue > 1e-3 > ks_2samp(own, unseen).pvalue


def test_wide_tables_count_what_lies_across_the_axes() -> None:
    random = generator(0, "wide")
    X = random.normal(size=(200, 3)) @ random.normal(size=(3, 40)) + 0.1 * random.normal(size=(200, 40))
    model = GaussianMixture(width=3).fit(X)
    assert model.axes_.shape == (3, 40)
    across = X[:1] + 3 * np.linalg.svd(X - X.mean(axis=0))[2][-1]
    assert model.anomaly_score(across)[0] > model.anomaly_score(X).max()


def test_leading_axes_are_those_of_the_covariance() -> None:
    Z = generator(0, "axes").normal(size=(80, 6)) * [5, 4, 3, 1, 1, 1]
    values, vectors = np.linalg.eigh(Z.T @ Z / 80)
    axes, rest = _leading(Z, 3)
    np.testing.assert_allclose(np.abs(axes), np.abs(vectors.T[::-1][:3]), atol=1e-8)
    assert rest == pytest.approx(values[:3].mean())


def test_numbers_tried() -> None:
    assert [_numbers(8, n) for n in (1, 25, 45, 1000)] == [[1], [1, 2], [1, 2, 4], [1, 2, 4, 8]]
    assert _numbers(6, 1000) == [1, 2, 4, 6]


def test_of_many_rows_a_seeded_sample_is_learned_from() -> None:
    X = _rows(900, 3)
    one, two = (GaussianMixture(rows=100, seed=seed).fit(X).anomaly_score(X[:5]) for seed in (0, 1))
    assert not np.array_equal(one, two)
    assert len(GaussianMixture(rows=100).fit_held_out(X)) == 900


@pytest.mark.parametrize("wrong", [{"components": 0}, {"width": 0}, {"rows": 1}])
def test_wrong_settings(wrong: dict) -> None:
    with pytest.raises(ConfigError, match="TOC-202"):
        GaussianMixture(**wrong).fit(_rows(9, 2))
