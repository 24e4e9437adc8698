"""The season's length is found in noise, drift and outliers, and noise has none."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.seed import generator
from tocsin.flows.univariate.season import find_period, profile
from tocsin.flows.univariate.smooth import neighbours_median, running_median, season_mean
from tocsin.flows.univariate.spread import spread


def shape(n: int, period: int, kind: str) -> np.ndarray:
    phase = np.arange(n) % period
    return {"wave": np.sin(phase * 2 * np.pi / period), "square": np.where(phase < period // 3, 1.0, -1.0),
            "peak": 4.0 * (phase == period // 2)}[kind]


@pytest.mark.parametrize("period", [4, 7, 12, 24, 168])
@pytest.mark.parametrize("kind", ["wave", "square", "peak"])
def test_found_in_noise_drift_and_outliers(period: int, kind: str) -> None:
    rng, n = generator(period, kind), max(12 * period, 200)
    y = 5 * shape(n, period, kind) + rng.normal(0, 0.5, n) + 0.05 * np.arange(n)
    y[rng.choice(n, n // (50 if kind != "peak" else n), replace=False)] += 40
    assert abs(find_period(y) - period) <= period // 100


def test_noise_and_walks_have_none() -> None:
    rngs = [generator(seed, "none") for seed in range(30)]
    assert sum(find_period(rng.normal(size=500)) > 0 for rng in rngs) == 0
    assert sum(find_period(np.cumsum(rng.normal(size=500))) > 0 for rng in rngs) <= 1
    assert sum(find_period(rng.normal(size=12)) > 0 for rng in rngs) <= 1
    assert find_period(np.arange(500.0)) == 0 == find_period(np.zeros(500))


def test_the_clocks_length_is_preferred_to_one_beside_it() -> None:
    y = shape(8640, 1440, "wave") + generator(0, "clock").normal(0, 0.3, 8640)
    assert find_period(y, (60, 1440)) == 1440


def test_weeks_are_seen_behind_days() -> None:
    day = np.arange(24 * 7 * 6) // 24 % 7
    y = shape(len(day), 24, "wave") * np.where(day < 5, 3.0, 0.5) + generator(0, "week").normal(0, 0.1, len(day))
    assert find_period(y) == 168


def test_the_profile_is_the_shape_even_with_wild_cycles() -> None:
    true = shape(24 * 10, 24, "wave")
    y = true.copy()
    y[48:72] += 30
    np.testing.assert_allclose(profile(y, 24), true[:24] - np.median(true[:24]), atol=1e-9)


def test_running_medians_keep_lines_and_cross_spikes() -> None:
    line = np.arange(1000.0)
    for window in (5, 33, 201, 999):
        np.testing.assert_allclose(running_median(line, window), line, atol=window / 20)
        np.testing.assert_allclose(neighbours_median(line, window), line, atol=window / 20)
    spiky = np.zeros(300)
    spiky[::10] = 9.0
    for window in (5, 33, 201):
        assert (running_median(spiky, window)[2:-2] == 0).all()


def test_no_season_is_left_in_its_mean() -> None:
    for period in (7, 24):
        y = shape(period * 8 + 3, period, "wave") * 3 + 2
        np.testing.assert_allclose(season_mean(y, period), 2.0, atol=1e-9)


def test_the_spread_follows_time_phase_and_side() -> None:
    rng = generator(0, "spread")
    r, all_of_them = rng.normal(size=4000), np.ones(4000, dtype=bool)
    even = spread(r, all_of_them)
    assert 0.85 < even.up.mean() < 1.2 and 0.85 < even.down.mean() < 1.2
    wild = spread(np.where(r > 0, 3 * r, r), all_of_them)
    assert wild.up.mean() > 1.8 * wild.down.mean()
    later = spread(r * np.where(np.arange(4000) < 2000, 1, 4), all_of_them)
    assert later.up[3500] > 2 * later.up[500]
    noon = spread(r * np.where(np.arange(4000) % 24 < 12, 1, 4), all_of_them, 24)
    assert noon.up[2000 // 24 * 24 + 18] > 1.8 * noon.up[2000 // 24 * 24 + 6]
    few = r.copy()
    few[::12] = 100
    assert spread(few, all_of_them).up.mean() < 3 * even.up.mean()
