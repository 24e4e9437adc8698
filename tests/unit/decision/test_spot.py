"""The streaming threshold: its promise, what it learns and what it must not learn."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest

from tocsin.core.errors import ConfigError, DataError, StateError
from tocsin.core.state import to_plain
from tocsin.decision.spot import LEVEL_CHANGED, Spot


def _autoregressive(rng, n, phi=0.8):
    x, last = np.empty(n), 0.0
    for i, push in enumerate(rng.normal(size=n)):
        last = x[i] = phi * last + push
    return x


def _alarms(spot, scores):
    return np.array([spot.step(score).is_anomaly for score in scores])


@pytest.mark.parametrize("law", ["normal", "exponential", "lognormal"])
@pytest.mark.parametrize("rate", [0.01, 0.002])
def test_alarms_on_independent_scores_come_at_about_the_rate(law, rate):
    shares = [_alarms(Spot(rate), getattr(np.random.default_rng(seed), law)(size=15_000)).mean() for seed in range(3)]
    assert 0.5 * rate < np.mean(shares) < 2 * rate


def test_alarms_on_autoregressive_scores_come_at_about_the_rate():
    shares = [_alarms(Spot(0.01), _autoregressive(np.random.default_rng(seed), 15_000)).mean() for seed in range(3)]
    assert 0.005 < np.mean(shares) < 0.03


def test_p_falls_with_the_score_and_is_about_uniform():
    rng = np.random.default_rng(0)
    spot = Spot(0.001)
    _alarms(spot, rng.normal(size=3000))
    grid = [spot.peek(score).p for score in np.linspace(-5, 15, 400)]
    assert all(a >= b for a, b in pairwise(grid))
    assert 0 < grid[-1] < 1e-4 and grid[0] == 1.0
    p = np.array([spot.peek(score).p for score in rng.normal(size=4000)])
    assert [abs((p <= a).mean() - a) < 0.05 for a in (0.05, 0.2, 0.5, 0.8)] == [True] * 4


def test_quantile_is_the_inverse_of_p():
    spot = Spot(0.001)
    _alarms(spot, np.random.default_rng(0).exponential(size=3000))
    for p in (0.3, 0.05, 0.01, 1e-3, 1e-5):
        assert spot.peek(spot.quantile(p)).p == pytest.approx(p, rel=0.05)
    assert spot.threshold == pytest.approx(spot.quantile(0.001))


def test_single_anomalies_do_not_raise_the_threshold():
    scores = np.random.default_rng(0).normal(size=6000)
    clean, hit = Spot(0.001), Spot(0.001)
    _alarms(clean, scores)
    dirty = scores.copy()
    dirty[500::100] = 50.0  # one step in a hundred, ten times the promise
    found = _alarms(hit, dirty)
    assert found[500::100].all()
    assert hit.threshold < clean.threshold + 1.0


def test_scores_beyond_the_alarm_are_not_learned():
    spot = Spot(0.001)
    _alarms(spot, np.random.default_rng(0).normal(size=2000))
    before = spot.threshold
    assert _alarms(spot, [1e6] * 60).all()
    assert spot.threshold < before + 1.0


def test_after_a_level_shift_alarms_stop_and_new_anomalies_are_found():
    rng = np.random.default_rng(0)
    spot = Spot(0.001, patience=100)
    _alarms(spot, rng.normal(size=3000))
    after = [spot.step(score) for score in rng.normal(20, 1, size=3000)]
    changed = [i for i, one in enumerate(after) if one.note == LEVEL_CHANGED]
    assert changed[0] == 99
    assert sum(one.is_anomaly for one in after[100:]) < 30
    assert spot.step(30.0).is_anomaly
    assert not spot.step(20.0).is_anomaly


def test_a_level_that_falls_is_followed_too():
    rng = np.random.default_rng(0)
    spot = Spot(0.001, patience=100)
    _alarms(spot, rng.normal(20, 1, size=3000))
    _alarms(spot, rng.normal(0, 1, size=600))
    assert spot.step(10.0).is_anomaly


def test_more_alarms_than_a_tenth_for_long_are_a_new_level():
    rng = np.random.default_rng(0)
    spot = Spot(0.001, patience=50)
    _alarms(spot, rng.normal(size=3000))
    mixed = np.where(rng.random(3000) < 0.4, rng.normal(12, 1, 3000), rng.normal(0, 1, 3000))
    assert _alarms(spot, mixed)[1500:].mean() < 0.05


def test_slow_drift_raises_few_alarms():
    rng = np.random.default_rng(0)
    drifting = rng.normal(size=20_000) + np.linspace(0, 30, 20_000)
    assert _alarms(Spot(0.001), drifting).mean() < 0.004


def test_a_warm_up_with_far_scores_still_finds_them_later():
    scores = np.random.default_rng(0).normal(size=3000)
    scores[[50, 120]] = 500.0
    spot = Spot(0.001)
    _alarms(spot, scores)
    assert spot.step(40.0).is_anomaly


def test_constant_scores_then_something():
    spot = Spot(0.001)
    assert not _alarms(spot, [2.0] * 1000).any()
    assert spot.peek(2.0).p > 0.9
    assert spot.step(200.0).is_anomaly
    zero = Spot(0.001)
    assert not _alarms(zero, [0.0] * 1000).any()
    assert zero.step(1e3).is_anomaly


def test_warm_up_is_told():
    spot = Spot(0.001, warmup=50)
    assert (spot.warm, spot.needed) == (False, 50)
    with pytest.raises(StateError, match="TOC-343"):
        spot.quantile(0.1)
    assert [spot.step(float(i % 7)) for i in range(50)] == [(1.0, False, "")] * 50
    assert (spot.warm, spot.needed) == (True, 0)


def test_memory_does_not_grow():
    spot = Spot(0.01, warmup=50, memory=100, patience=20)
    rng = np.random.default_rng(0)
    sizes = set()
    for i, score in enumerate(rng.normal(size=5000) + 8 * (np.arange(5000) // 700 % 2)):
        spot.step(score)
        if i % 500 == 0:
            state = spot.state()
            sizes.add(max(len(state["_kept"]), len(state["_recent"])))
    assert max(sizes) <= 100


def test_a_restored_one_goes_on_alike_at_every_step():
    rng = np.random.default_rng(0)
    scores = np.r_[rng.normal(size=150), rng.normal(9, 1, size=100), rng.normal(size=100)]
    whole = Spot(0.01, warmup=40, memory=80, patience=20)
    told = [whole.step(score) for score in scores]
    for stop in range(0, len(scores), 7):
        first = Spot(0.01, warmup=40, memory=80, patience=20)
        for score in scores[:stop]:
            first.step(score)
        second = Spot.from_state(to_plain(first.state()))
        assert [second.step(score) for score in scores[stop:]] == told[stop:]


def test_the_state_is_plain():
    spot = Spot()
    _alarms(spot, np.random.default_rng(0).normal(size=500))
    json.dumps({name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in spot.state().items()}, allow_nan=False)


@pytest.mark.parametrize("wrong", [{"rate": 0.0}, {"rate": 0.6}, {"warmup": 3}, {"memory": 100, "warmup": 200}, {"patience": 1},
                                   {"depth": -1}])
def test_settings_out_of_range(wrong):
    with pytest.raises(ConfigError, match="TOC-202"):
        Spot(**wrong)


def test_a_score_must_be_finite():
    with pytest.raises(DataError, match="TOC-110"):
        Spot().step(float("nan"))


@pytest.mark.parametrize("given", [{"memory": 10**13}, {"warmup": 10**12}, {"patience": 10**30}, {"warmup": "a"}, {"memory": 10**5000}])
def test_settings_without_bounds_are_stated(given):
    with pytest.raises(ConfigError, match="TOC-202"):
        Spot(**given)
