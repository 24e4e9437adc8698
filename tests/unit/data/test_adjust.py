"""What covariates and the calendar explain."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ConfigError, DataError
from tocsin.core.state import build
from tocsin.data.adjust import Adjust

FEATURES = [{"source": "load", "role": "value"}, {"source": "still", "role": "value"}, {"source": "holiday", "role": "value"}]
K = np.arange(24 * 60)
HOURS = np.datetime64("2024-01-01T00", "us") + K * np.timedelta64(1, "h")


def rows(seed: int = 0, effect: float = -20.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    holiday = (K // 24 % 9 == 3).astype(float)
    load = 100 + effect * holiday + 10 * np.sin(2 * np.pi * K / 24) * (1 - 0.7 * holiday) + rng.normal(size=len(K))
    return np.c_[load, rng.normal(size=len(K)), holiday]


def test_the_effect_is_taken_out_and_the_level_stays():
    X = rows()
    adjust = Adjust(["holiday"], calendar=True).fit(X, features=FEATURES, times=HOURS)
    made = adjust.transform(X, HOURS)
    assert made.shape == (len(X), 2) and made[:, 0].std() < 1.2
    assert abs(made[:, 0].mean() - X[:, 0].mean()) < 0.5
    assert np.allclose(made + adjust.effect(X, HOURS), X[:, :2])


def test_a_channel_that_nothing_explains_stays_as_it_is():
    X = rows()
    adjust = Adjust(["holiday"], calendar=True).fit(X, features=FEATURES, times=HOURS)
    assert np.array_equal(adjust.transform(X, HOURS)[:, 1], X[:, 1])
    assert "1 of 2 channels" in adjust.changes()[0].message


def test_it_holds_for_rows_not_seen():
    adjust = Adjust(["holiday"], calendar=True).fit(rows(), features=FEATURES, times=HOURS)
    assert adjust.transform(rows(1), HOURS + np.timedelta64(364, "D"))[:, 0].std() < 1.3


@pytest.mark.parametrize("spike", [1e3, 1e12, 1e300])
def test_one_giant_spike_makes_no_rule(spike):
    X = rows()
    X[700, 0] = spike
    adjust = Adjust(["holiday"], calendar=True).fit(X, features=FEATURES, times=HOURS)
    made = adjust.transform(X, HOURS)
    assert np.isfinite(made).all() and np.delete(made[:, 0], 700).std() < 9  # never worse than not adjusted at all
    assert made[700, 0] > 0.9 * spike


def test_covariates_count_as_far_as_training_went():
    X = rows()
    adjust = Adjust(["holiday"]).fit(X, features=FEATURES)
    far = X[:1].repeat(2, axis=0)
    far[:, 2] = [1.0, 1e9]
    assert np.array_equal(*adjust.effect(far))


def test_the_state_rebuilds_it():
    adjust = Adjust(["holiday"], calendar=True).fit(rows(), features=FEATURES, times=HOURS)
    assert np.array_equal(build(Adjust, adjust.state()).transform(rows(1), HOURS), adjust.transform(rows(1), HOURS))


def test_what_cannot_be_done_says_so():
    with pytest.raises(DataError, match="TOC-171"):
        Adjust(["weather"]).fit(rows(), features=FEATURES)
    with pytest.raises(DataError, match="TOC-172"):
        Adjust(["holiday"]).fit(rows()[:, 1:], features=[{"source": "still", "role": "changed"}, FEATURES[2]])
    for times in (None, np.arange(len(K))):
        with pytest.raises(ConfigError, match="TOC-246"):
            Adjust(calendar=True).fit(rows(), features=FEATURES, times=times)
    with pytest.raises(DataError, match="TOC-111"):
        Adjust(["holiday"]).fit(rows(), features=FEATURES).transform(rows()[:, :2])


def test_a_calendar_needs_two_days_and_two_weeks_to_be_seen():
    X = rows()[:200]
    assert Adjust(calendar=True).fit(X, features=FEATURES, times=HOURS[:200]).cycles_ == ["day"]
    assert Adjust(calendar=True).fit(X[:40], features=FEATURES, times=HOURS[:40]).cycles_ == []
