from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.core.seed import generator
from tocsin.data.period import window_length
from tocsin.data.window import first_rows, spread, spread_cells, take, window_ends
from tocsin.detectors import subsequence_pca
from tocsin.detectors.subsequence_pca import SubsequencePCA


def _wave(t: int = 400, c: int = 1) -> np.ndarray:
    at = np.arange(t)[:, None]
    return np.sin((at + np.arange(c)) * 2 * np.pi / 20) + 0.1 * generator(0, "wave").normal(size=(t, c))


def _flat(X: np.ndarray, length: int) -> np.ndarray:
    return np.stack([X[i:i + length].ravel() for i in range(len(X) - length + 1)])


@pytest.mark.parametrize("c", [1, 2])
def test_mahalanobis_is_the_naive_formula(c: int) -> None:
    X, l = _wave(c=c), 6
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    W = _flat(Z, l)
    variances, axes = np.linalg.eigh(np.cov(W.T, bias=True))
    along = (W - W.mean(axis=0)) @ axes
    distance = (along**2 / np.maximum(variances, 0.01 * variances.mean())).sum(axis=1) / (l * c)
    groups = np.zeros(len(X), dtype=np.int64)
    wanted = spread(distance, window_ends(groups, l), groups, l)
    model = SubsequencePCA(window=l).fit(X)
    np.testing.assert_allclose(model.anomaly_score(X), wanted, rtol=1e-8)
    assert 0.5 < wanted.mean() < 1.5


def test_reconstruction_is_the_naive_formula() -> None:
    X, l = _wave(), 10
    W = _flat((X - X.mean()) / X.std(), l)
    centred = W - W.mean(axis=0)
    variances, axes = np.linalg.eigh(np.cov(W.T, bias=True))
    variances, axes = variances[::-1], axes[:, ::-1]
    kept = int(np.searchsorted(np.cumsum(variances) / variances.sum(), 0.9)) + 1
    assert 1 < kept < l
    residual = centred - centred @ axes[:, :kept] @ axes[:, :kept].T
    groups = np.zeros(len(X), dtype=np.int64)
    wanted = spread((residual**2).sum(axis=1), window_ends(groups, l), groups, l)
    made = SubsequencePCA(window=l, score="reconstruction", share=0.9).fit(X).anomaly_score(X)
    np.testing.assert_allclose(made / made.mean(), wanted / wanted.mean(), rtol=1e-8)
    assert made.mean() == pytest.approx(1, rel=0.2)


def test_window_is_that_of_the_data_times_periods() -> None:
    X = _wave()
    assert SubsequencePCA().fit(X).window_ == window_length(X)
    assert SubsequencePCA(periods=2).fit(X).window_ == 2 * window_length(X)
    assert SubsequencePCA(window=9, periods=2).fit(X).window_ == 9


@pytest.mark.parametrize("score", ["mahalanobis", "reconstruction"])
def test_finds_a_flat_stretch(score: str) -> None:
    train, test = _wave(600), _wave(600)
    test[300:310] = 0.0
    scores = SubsequencePCA(score=score, share=0.9).fit(train).anomaly_score(test)
    assert 285 < scores.argmax() < 325


def test_one_correlation_broken_over_two_channels() -> None:
    train, test = _wave(800, 2), _wave(800, 2)
    test[400:440, 1] = test[410:450, 1]
    scores = SubsequencePCA(window=20).fit(train).anomaly_score(test)
    assert 385 < scores.argmax() < 460


def test_the_map_is_the_distance_given_the_other_cells() -> None:
    X, l, groups = _wave(200, 2), 4, np.repeat([0, 1, 2], [120, 2, 78])
    model = SubsequencePCA(window=l).fit(X, groups=groups)
    precision = model.parts_["0"]["axes"] @ model.parts_["0"]["axes"].T
    ends = window_ends(groups, l)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    W = take(Z, first_rows(groups), ends, l).reshape(len(ends), -1) - model.parts_["0"]["centre"]
    cells = np.empty_like(W)
    for i in range(2 * l):  # a Gaussian given all but one of its values
        rest = np.arange(2 * l) != i
        guess = -W[:, rest] @ precision[rest, i] / precision[i, i]
        cells[:, i] = (W[:, i] - guess) ** 2 * precision[i, i]
    wanted = spread_cells(cells.reshape(len(ends), l, 2), ends, groups, l)
    np.testing.assert_allclose(model.anomaly_map(X, groups=groups), wanted, rtol=1e-8)


def test_the_map_is_sharp() -> None:
    train, odd = _wave(600, 3), _wave(600, 3)
    odd[333, 1] += 1.5
    made = SubsequencePCA(window=20).fit(train).anomaly_map(odd)
    assert np.unravel_index(made.argmax(), made.shape) == (333, 1)


@pytest.mark.parametrize("cells", [100, 1 << 20])
def test_blocks_change_nothing(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    X, groups = _wave(300, 2), np.repeat([0, 1, 2], [150, 5, 145])
    wanted = SubsequencePCA(window=12).fit(X, groups=groups).anomaly_score(X, groups=groups)
    monkeypatch.setattr(subsequence_pca, "_CELLS", cells)
    np.testing.assert_allclose(SubsequencePCA(window=12).fit(X, groups=groups).anomaly_score(X, groups=groups), wanted, rtol=1e-10)


def test_wide_series_are_judged_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    X = _wave(400, 5)
    monkeypatch.setattr(subsequence_pca, "_WIDEST", 24)
    made = SubsequencePCA(window=12).fit(X)
    assert sorted(made.parts_) == ["0", "2", "4"]
    parts = [SubsequencePCA(window=12).fit(X[:, i:i + 2]).anomaly_score(X[:, i:i + 2]) * X[:, i:i + 2].shape[1] for i in (0, 2, 4)]
    np.testing.assert_allclose(made.anomaly_score(X), np.sum(parts, axis=0) / 5, rtol=1e-9)
    maps = [SubsequencePCA(window=12).fit(X[:, i:i + 2]).anomaly_map(X[:, i:i + 2]) for i in (0, 2, 4)]
    np.testing.assert_allclose(made.anomaly_map(X), np.hstack(maps), rtol=1e-9)


def test_two_hundred_channels() -> None:
    X = _wave(300, 200)
    odd = X.copy()
    odd[150:160, 70] = 3.0
    assert 140 < SubsequencePCA().fit(X).anomaly_score(odd).argmax() < 185


def test_fit_score_is_the_score() -> None:
    X = _wave()
    assert np.array_equal(SubsequencePCA().fit_score(X), SubsequencePCA().fit(X).anomaly_score(X))


def test_constant_series_are_judged_in_their_own_unit() -> None:
    model = SubsequencePCA(window=8).fit(np.full((100, 1), 3.0))
    assert not model.anomaly_score(np.full((50, 1), 3.0)).any()
    assert model.anomaly_score(np.r_[np.full(25, 3.0), np.full(25, 4.0)]).argmax() > 20


def test_memory_does_not_grow_with_windows() -> None:
    X = _wave(60_000)
    tracemalloc.start()
    SubsequencePCA(window=100).fit(X).anomaly_score(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60_000 * 100 * 8 / 1.5  # all windows at once would be 48 MB


@pytest.mark.parametrize("wrong", [{"window": 1}, {"window": 2.5}, {"score": "other"}, {"share": 0}, {"share": 1}, {"periods": 0},
                                   {"periods": float("nan")}])
def test_settings_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="TOC-202"):
        SubsequencePCA(**wrong).fit(_wave())


def test_one_window_is_too_few() -> None:
    with pytest.raises(ConfigError, match="TOC-207"):
        SubsequencePCA(window=30).fit(_wave(30))


def test_a_window_longer_than_every_segment_is_refused_before_memory_runs_out() -> None:
    with pytest.raises(ConfigError, match=r"TOC-207.*longest segment has 150"):
        SubsequencePCA(window=100_000).fit(_wave(300), groups=np.repeat([0, 1], 150))


def test_many_periods_stay_within_a_third_of_the_longest_segment() -> None:
    assert SubsequencePCA(periods=100).fit(_wave(300)).window_ == 100


def test_a_window_found_may_be_longer_than_the_segments() -> None:
    X, groups = _wave(400), np.repeat(np.arange(40), 10)
    model = SubsequencePCA().fit(X, groups=groups)
    assert model.window_ > 10 and np.isfinite(model.anomaly_score(X, groups=groups)).all()
