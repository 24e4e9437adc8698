from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.core.seed import generator
from tocsin.data.period import window_length
from tocsin.data.smooth import mean_around
from tocsin.data.usual import usual
from tocsin.detectors import autoregression
from tocsin.detectors.autoregression import Autoregression


def _wave(t: int = 600, c: int = 1, seed: int = 0) -> np.ndarray:
    at = np.arange(t)[:, None]
    return np.sin((at + 3 * np.arange(c)) * 2 * np.pi / 40) + 0.1 * generator(seed, "wave").normal(size=(t, c))


@pytest.mark.parametrize("c", [1, 2, 9])
def test_the_naive_formula(c: int) -> None:
    X = _wave(c=c)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    made = np.empty((597, c))
    for j in range(c):
        sources = range(c) if c <= 8 else [j]
        F = np.column_stack([Z[3 - lag:600 - lag, i] for i in sources for lag in (1, 2, 3)])
        made[:, j] = F @ np.linalg.solve(F.T @ F + 0.01 * 597 * np.eye(F.shape[1]), F.T @ Z[3:, j])
    residual = Z[3:] - made
    model = Autoregression(lags=3, seasonal=False, ridge=0.01, smooth=0).fit(X)
    np.testing.assert_allclose(model.expected(X)[3:], X.mean(axis=0) + made * X.std(axis=0), atol=1e-9)
    cells = np.square(residual / usual(residual))
    np.testing.assert_allclose(model.anomaly_map(X)[3:], cells, rtol=1e-6)
    np.testing.assert_allclose(model.anomaly_score(X)[3:], cells.mean(axis=1), rtol=1e-6)


def test_an_exact_recurrence_is_learned() -> None:
    wave = np.sin(np.arange(500) / 7)[:, None]  # x(t) = 2 cos(1/7) x(t − 1) − x(t − 2)
    model = Autoregression(lags=2, seasonal=False, ridge=0.0).fit(wave)
    np.testing.assert_allclose(model.weights_[-1, 0, :, 0], [2 * np.cos(1 / 7), -1], atol=1e-3)


def test_season_is_among_the_lags_where_there_is_one() -> None:
    assert Autoregression(lags=3).fit(_wave()).lags_.tolist() == [1, 2, 3, 39, 40, 41]
    assert Autoregression(lags=3, seasonal=False).fit(_wave()).lags_.tolist() == [1, 2, 3]
    noise = generator(0, "noise").normal(size=(600, 1))
    assert Autoregression(lags=3).fit(noise).lags_.tolist() == [1, 2, 3]


@pytest.mark.parametrize("c", [2, 9])
def test_the_first_steps_are_foretold_from_the_lags_they_have(c: int) -> None:
    X = _wave(4000, c)
    model = Autoregression(lags=3, seasonal=False, smooth=0).fit(X)
    fewer = Autoregression(lags=2, seasonal=False, smooth=0).fit(X)
    np.testing.assert_allclose(model.expected(X)[0], X.mean(axis=0))
    np.testing.assert_allclose(model.expected(X)[2], fewer.expected(X)[2], rtol=1e-2, atol=1e-3)
    groups = np.arange(4000) // 4  # as foretold as any: no step near a start stands out
    scores = Autoregression(smooth=0).fit(X).anomaly_score(X, groups=groups).reshape(-1, 4)
    assert (scores.mean(axis=0) < 2).all()


def test_smoothing_is_the_mean_around() -> None:
    X, groups = _wave(c=2), np.repeat([0, 1, 2], [300, 4, 296])
    sharp = Autoregression(smooth=0).fit(X, groups=groups).anomaly_score(X, groups=groups)
    for smooth, reach in ((11, 5), (None, window_length(X) // 2)):
        model = Autoregression(smooth=smooth).fit(X, groups=groups)
        np.testing.assert_allclose(model.anomaly_score(X, groups=groups), mean_around(sharp, groups, reach), rtol=1e-9)


def test_a_spike_scores_highest_where_it_is() -> None:
    odd = _wave(seed=1)
    odd[333] += 2
    made = Autoregression(smooth=0).fit(_wave()).anomaly_score(odd)
    assert made.argmax() == 333
    assert 313 <= Autoregression().fit(_wave()).anomaly_score(odd).argmax() <= 395  # its echo a period later counts, too


def test_the_map_points_to_the_channel() -> None:
    odd = _wave(c=3, seed=1)
    odd[333, 2] += 2
    made = Autoregression(smooth=0).fit(_wave(c=3)).anomaly_map(odd)
    assert np.unravel_index(made.argmax(), made.shape) == (333, 2)


def test_learned_anomalies_hardly_change_the_scale() -> None:
    spoilt = _wave()
    spoilt[100:103] += 20
    clean, dirty = Autoregression().fit(_wave()), Autoregression().fit(spoilt)
    assert dirty.usual_[-1, 0] * dirty.std_[0] < 8 * clean.usual_[-1, 0] * clean.std_[0]


@pytest.mark.parametrize("c", [2, 10])
def test_blocks_change_nothing(c: int, monkeypatch: pytest.MonkeyPatch) -> None:
    X, groups = _wave(300, c), np.repeat([0, 1, 2], [150, 5, 145])
    wanted = Autoregression(lags=5).fit(X, groups=groups).anomaly_score(X, groups=groups)
    monkeypatch.setattr(autoregression, "_CELLS", 500)
    np.testing.assert_allclose(Autoregression(lags=5).fit(X, groups=groups).anomaly_score(X, groups=groups), wanted, rtol=1e-8)


def test_scores_wait_for_no_later_step_unless_smoothed() -> None:
    X = _wave()
    model = Autoregression(smooth=0).fit(X)
    np.testing.assert_allclose(model.anomaly_score(X[:350]), model.anomaly_score(X)[:350], rtol=1e-9)


def test_fit_score_is_the_score() -> None:
    assert np.array_equal(Autoregression().fit_score(_wave()), Autoregression().fit(_wave()).anomaly_score(_wave()))


def test_short_segments_and_constants() -> None:
    X = _wave(60, 2)
    X[:, 1] = 5.0
    groups = np.arange(60) // 2
    model = Autoregression().fit(X, groups=groups)
    assert np.isfinite(model.anomaly_score(X, groups=groups)).all()
    assert np.isfinite(Autoregression().fit(X, groups=np.arange(60)).anomaly_score(X)).all()
    X[30, 1] = 6.0
    assert Autoregression(smooth=0).fit(_wave(60, 2) * [1, 0] + [0, 5]).anomaly_score(X)[30] > 1e6


@pytest.mark.parametrize("wrong", [{"lags": 0}, {"lags": 1.5}, {"smooth": -1}, {"ridge": -1.0}, {"ridge": float("nan")}, {"lags": True}])
def test_settings_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="TOC-202"):
        Autoregression(**wrong).fit(_wave())
