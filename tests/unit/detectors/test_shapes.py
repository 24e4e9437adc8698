from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.core.seed import generator
from tocsin.core.state import build
from tocsin.data.period import window_length
from tocsin.detectors.shapes import Shapes

_METHODS = ["kshape", "kmeans"]


def _beats(t: int = 800, c: int = 1, seed: int = 0) -> np.ndarray:
    """A sharp beat every 25 steps, with noise; the second channel is upside down."""
    at = np.arange(t)[:, None] % 25
    beat = np.exp(-np.square((at - 8) / 2)) - 0.4 * np.exp(-np.square((at - 16) / 3))
    return beat * (1 - 2 * np.arange(c)) + 0.03 * generator(seed, "beats").normal(size=(t, c))


def _inverted(X: np.ndarray) -> np.ndarray:
    """Steps 400 to 425 upside down."""
    X = X.copy()
    X[400:425] *= -1
    return X


def _z(x: np.ndarray) -> np.ndarray:
    return (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 0.05)


@pytest.mark.parametrize("c", [1, 2])
@pytest.mark.parametrize("method", _METHODS)
def test_scores_follow_their_definition(method: str, c: int) -> None:
    X = _beats(150, c)
    model = Shapes(window=20, method=method, count=2, span=2).fit(X)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    scores = []
    for i in range(len(X) - 19):
        window, gaps = _z(Z[i:i + 20]), []
        for shape in model.shapes_:
            cuts = [shape[j:j + 20] for j in range(len(shape) - 19)]
            gaps.append(min(np.sqrt(np.square(window - (_z(cut) if method == "kshape" else cut)).mean()) for cut in cuts))
        scores.append(gaps @ model.weights_ if method == "kshape" else min(gaps))
    wanted = [np.mean(scores[max(0, i - 19):i + 1]) for i in range(len(X))]
    np.testing.assert_allclose(model.anomaly_score(X), wanted, rtol=1e-4)
    np.testing.assert_array_equal(model.fit_score(X), model.anomaly_score(X))


@pytest.mark.parametrize("c", [1, 2])
@pytest.mark.parametrize("method", _METHODS)
def test_a_strange_shape_stands_out_of_the_series_it_is_learned_from(method: str, c: int) -> None:
    own = Shapes(method=method).fit_score(_inverted(_beats(c=c)))
    assert 395 <= own.argmax() < 430
    assert own.max() > 2 * np.median(own)


@pytest.mark.parametrize("method", _METHODS)
def test_level_and_size_are_nothing(method: str) -> None:
    model = Shapes(method=method).fit(_beats())
    X = _beats(200, seed=1)
    np.testing.assert_allclose(model.anomaly_score(2 * X + 5), model.anomaly_score(X), rtol=1e-3)


def test_common_shapes_weigh_more() -> None:
    rare = _beats()
    rare[400:500] = np.sin(np.arange(100) / 2)[:, None]
    model = Shapes(window=25, count=2).fit(rare)
    assert model.weights_.sum() == pytest.approx(1) and model.weights_.max() > 0.9
    score = model.fit_score(rare)
    assert score[420:480].mean() > 2 * score[:380].mean()


def test_small_groups_of_kmeans_are_no_normal_shapes() -> None:
    rare = _beats()
    rare[400:430] = 3 * np.sin(np.arange(30) * 2)[:, None]
    model = Shapes(window=25, method="kmeans", count=20).fit(rare)
    assert len(model.shapes_) < 20
    assert (model.weights_ >= 0.5 / 20).all()


def test_lengths_and_numbers_of_shapes() -> None:
    X = _beats()
    model = Shapes().fit(X)
    assert model.window_ == window_length(X) == 25
    assert model.shapes_.shape[1:] == (100, 1) and len(model.shapes_) <= 6
    assert Shapes(window=10, span=2.5, count=2).fit(X).shapes_.shape == (2, 25, 1)
    assert Shapes(window=10, method="kmeans", span=2, count=1).fit(X).shapes_.shape == (1, 20, 1)
    assert Shapes(window=10).fit(X[:30]).shapes_.shape[1] == 30, "no longer than the longest segment"
    assert Shapes(window=10).fit(X[:40], groups=np.arange(40) // 8).shapes_.shape[1] == 10, "no shorter than the window"


@pytest.mark.parametrize("method", _METHODS)
def test_the_seed_decides(method: str) -> None:
    X = generator(0, "free").normal(size=(400, 1)).cumsum(axis=0)
    first, same, other = (Shapes(window=16, method=method, seed=seed).fit(X).anomaly_score(X) for seed in (3, 3, 4))
    assert np.array_equal(first, same) and not np.array_equal(first, other)


@pytest.mark.parametrize("method", _METHODS)
def test_a_constant_series_scores_zero(method: str) -> None:
    X = np.full((80, 2), 7.1)
    assert (Shapes(method=method).fit_score(X) == 0).all()
    assert np.isfinite(Shapes(method=method).fit(X).anomaly_score(_beats(90, 2))).all()


@pytest.mark.parametrize("method", _METHODS)
def test_short_segments_are_judged_by_what_is_in_them(method: str) -> None:
    model, X = Shapes(window=25, method=method).fit(_beats()), _beats(60, seed=1)[5:17]
    alike, strange = X, X[::-1] * [[-1.0]]
    score = model.anomaly_score(np.concatenate([alike, strange]), groups=np.repeat([0, 1], 12))
    assert score[12:].mean() > 1.5 * score[:12].mean()


@pytest.mark.parametrize("method", _METHODS)
def test_state_builds_the_same(method: str) -> None:
    X = _beats(300, 2)
    model = Shapes(method=method)
    model.fit_score(X)
    assert set(model.state()["learned"]) == {"window_", "mean_", "std_", "bank_", "shapes_", "weights_", "width_"}
    assert np.array_equal(build(Shapes, model.state()).anomaly_score(X), model.anomaly_score(X))


@pytest.mark.parametrize("wrong", [{"window": 1}, {"count": 0}, {"span": 0.5}, {"span": float("nan")}, {"span": float("inf")},
                                   {"method": "kmedian"}])
def test_wrong_settings(wrong: dict) -> None:
    with pytest.raises(ConfigError, match=f"TOC-202.*{next(iter(wrong))}"):
        Shapes(**wrong).fit(_beats())
