from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.core.seed import generator
from tocsin.data.smooth import local_polynomial, mean_around
from tocsin.data.usual import usual
from tocsin.detectors.seasonal import Seasonal


def _wave(t: int = 600, c: int = 1, seed: int = 0) -> np.ndarray:
    at = np.arange(t)[:, None]
    return np.sin((at + 3 * np.arange(c)) * 2 * np.pi / 30) + 0.05 * generator(seed, "wave").normal(size=(t, c))


@pytest.mark.parametrize("neighbours", [1, 3])
def test_phase_is_the_naive_formula(neighbours: int) -> None:
    X, groups = _wave(200, 2), np.repeat([0, 1, 2], [120, 10, 70])
    made, sides = np.empty_like(X), np.zeros(200, dtype=int)

    def inside(i: int, j: int) -> bool:
        return 0 <= j < 200 and bool(groups[j] == groups[i])

    for i in range(200):
        pairs = [k * 12 for k in range(1, neighbours + 1) if inside(i, i - k * 12) and inside(i, i + k * 12)]
        single = [j for j in (i - 12, i + 12) if inside(i, j)]
        if pairs:
            made[i], sides[i] = np.mean([X[i - d] + X[i + d] for d in pairs], axis=0) / 2, 2
        elif single:
            made[i], sides[i] = X[single[0]], 1
        else:
            made[i] = X.mean(axis=0)
    assert set(sides) == {0, 1, 2}
    model = Seasonal(period=12, neighbours=neighbours, smooth=0).fit(X, groups=groups)
    np.testing.assert_allclose(model.expected(X, groups=groups), made, atol=1e-12)
    Z = (X - made) / X.std(axis=0)
    differences = np.array([X[i] - X[i - 12] for i in range(200) if inside(i, i - 12)]) / X.std(axis=0)
    units = np.stack([np.ones(2), usual(differences), usual(Z[sides == 2])])
    wanted = np.square(Z / units[sides])
    np.testing.assert_allclose(model.anomaly_map(X, groups=groups), wanted, rtol=1e-9)
    np.testing.assert_allclose(model.anomaly_score(X, groups=groups), wanted.mean(axis=1), rtol=1e-9)


def test_polynomial_is_the_distance_to_the_curve() -> None:
    X, groups = _wave(200, 2), np.repeat([0, 1, 2], [120, 10, 70])
    model = Seasonal("polynomial", window=26, degree=3, smooth=0).fit(X, groups=groups)
    curve = local_polynomial(X, groups, 13, 3)
    np.testing.assert_allclose(model.expected(X, groups=groups), curve, atol=1e-10)
    Z = (X - curve) / X.std(axis=0)
    np.testing.assert_allclose(model.anomaly_map(X, groups=groups), np.square(Z / usual(Z)), rtol=1e-6, atol=1e-12)


def test_period_is_found_or_given_or_the_window() -> None:
    noise = generator(0, "noise").normal(size=(300, 1))
    assert Seasonal().fit(_wave()).period_ == 30
    assert Seasonal(period=7).fit(_wave()).period_ == 7
    model = Seasonal(window=19).fit(noise)
    assert model.period_ == model.window_ == 19


@pytest.mark.parametrize("method", ["phase", "polynomial"])
def test_smoothing_is_the_mean_around(method: str) -> None:
    X, groups = _wave(c=2), np.zeros(600, dtype=np.int64)
    sharp = Seasonal(method, smooth=0).fit(X).anomaly_score(X)
    for smooth, reach in ((11, 5), (None, 15)):
        np.testing.assert_allclose(Seasonal(method, smooth=smooth).fit(X).anomaly_score(X), mean_around(sharp, groups, reach), rtol=1e-9)


@pytest.mark.parametrize("method", ["phase", "polynomial"])
def test_a_spike_scores_highest_where_it_is(method: str) -> None:
    odd = _wave(c=2, seed=1)
    odd[333, 1] += 1
    made = Seasonal(method, smooth=0).fit(_wave(c=2)).anomaly_map(odd)
    assert np.unravel_index(made.argmax(), made.shape) == (333, 1)


def test_phase_finds_a_flat_stretch_and_follows_drift() -> None:
    drift = np.linspace(0, 50, 600)[:, None]
    odd = _wave(seed=1) + drift
    odd[300:315] = odd[300]
    scores = Seasonal().fit(_wave() + drift).anomaly_score(odd)
    assert 285 < scores.argmax() < 350
    assert np.median(scores) < 2


@pytest.mark.parametrize("method", ["phase", "polynomial"])
def test_only_near_steps_count(method: str) -> None:
    model, X = Seasonal(method).fit(_wave()), _wave(seed=1)
    changed = X.copy()
    changed[400:] += 9
    np.testing.assert_allclose(model.anomaly_score(changed)[:350], model.anomaly_score(X)[:350], rtol=1e-9)
    assert np.abs(model.anomaly_score(changed)[395] - model.anomaly_score(X)[395]) > 1


def test_fit_score_is_the_score() -> None:
    assert np.array_equal(Seasonal().fit_score(_wave()), Seasonal().fit(_wave()).anomaly_score(_wave()))


@pytest.mark.parametrize("method", ["phase", "polynomial"])
def test_short_segments_and_constants(method: str) -> None:
    groups = np.arange(60) // 2
    assert np.isfinite(Seasonal(method).fit(_wave(60), groups=groups).anomaly_score(_wave(60), groups=groups)).all()
    constant = Seasonal(method).fit(np.full((60, 1), 3.0))
    assert constant.anomaly_score(np.full((40, 1), 3.0)).max() < 1e-9
    assert constant.anomaly_score(np.r_[np.full(20, 3.0), 4.0, np.full(20, 3.0)]).max() > 1


@pytest.mark.parametrize("wrong", [{"method": "other"}, {"period": 1}, {"neighbours": 0}, {"degree": -1}, {"degree": 21}, {"window": 1},
                                   {"smooth": -1}, {"smooth": 2.5}])
def test_settings_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="TOC-202"):
        Seasonal(**wrong).fit(_wave())
