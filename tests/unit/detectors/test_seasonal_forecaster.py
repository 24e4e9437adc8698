from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.detectors.seasonal_forecaster import SeasonalForecaster

_ALARM = 0.6


def _days(t: int, seed: int = 0) -> np.ndarray:
    """Days of 96 steps with noise."""
    return 10 + 3 * np.sin(np.arange(t) * 2 * np.pi / 96) + 0.3 * np.random.default_rng(seed).normal(size=t)


def _scores(x: np.ndarray, times: np.ndarray | None = None, **params: Any) -> np.ndarray:
    stepper = SeasonalForecaster(**params).stepper()
    return np.array([stepper.step([v], time=None if times is None else float(times[i])) for i, v in enumerate(x.tolist())])


def test_a_spike_alarms_at_once_and_once() -> None:
    x = _days(2000)
    x[1500] += 12
    found = np.flatnonzero(_scores(x)[1000:] >= _ALARM) + 1000
    assert found.tolist() == [1500]


def test_a_missing_peak_of_the_day_is_seen_by_the_season_only() -> None:
    x, times = _days(3000), np.arange(3000) * 900.0
    x[2520:2570] = 10 + 0.3 * np.random.default_rng(1).normal(size=50)
    hold = np.where((np.arange(3000) >= 2520) & (np.arange(3000) < 2575), 1, 0)
    scores = _scores(x, times)
    assert scores[hold == 1].max() >= _ALARM > scores[1000:2520].max()


def test_a_level_shift_alarms_and_is_learned() -> None:
    x = _days(6000)
    x[3000:] += 15
    found = np.flatnonzero(_scores(x)[1000:] >= _ALARM) + 1000
    assert found[0] == 3000 and (found < 3300).sum() == len(found), found


def test_one_giant_spike_does_not_blind() -> None:
    x = _days(3000)
    x[1000], x[2500] = 1e6, 60
    assert _scores(x)[2500] >= _ALARM
    assert _scores(x, growth=1e9)[2500] < _ALARM  # a record taken over whole would


def test_false_alarms_become_rare() -> None:
    scores = np.array([_scores(np.random.default_rng(seed).normal(size=3000)) for seed in range(3)])
    assert (scores[:, 1000:] >= _ALARM).sum() <= 12 and (scores[:, 1000:] >= 1.5).sum() <= 3


def test_hold_keeps_the_first_alarm_and_what_stands_out_of_it() -> None:
    x = _days(2000)
    x[1500], x[1510], x[1520] = 25, 30, 200
    held, free = _scores(x)[1500:1521:10], _scores(x, hold=0)[1500:1521:10]
    assert (free >= _ALARM).all()
    assert (held >= _ALARM).tolist() == [True, False, True]


def test_a_given_period_is_used_and_a_missing_one_is_found() -> None:
    stepper = SeasonalForecaster().stepper()
    for v in _days(1200).tolist():
        stepper.step([v])
    assert stepper.state()["period"] == pytest.approx(96, abs=1) and not len(stepper.state()["seen"])
    given = SeasonalForecaster(period=40).stepper()
    for v in _days(300).tolist():
        given.step([v])
    assert given.state()["period"] == 40 and not len(given.state()["seen"])


def test_the_first_row_decides_whether_times_count() -> None:
    x, times = _days(1200), np.arange(1200) * 900.0
    stepper = SeasonalForecaster().stepper()
    for i, v in enumerate(x.tolist()):
        stepper.step([v], time=None if i == 0 else float(times[i]))
    assert stepper.state()["calendar"] is False
    dated = SeasonalForecaster().stepper()
    for i, v in enumerate(x.tolist()):
        dated.step([v], time=None if i == 700 else float(times[i]))  # a row without time has no place in the day
    assert dated.state()["calendar"] is True and dated.state()["period"] is None


def test_the_clearest_channel_decides() -> None:
    quiet, loud = _days(1500), _days(1500, 1)
    loud[1200] += 12
    both = SeasonalForecaster(period=96).fit(np.column_stack([quiet, loud])[:1000])
    alone = SeasonalForecaster(period=96).fit(loud[:1000])
    at = slice(1000, None)
    assert both.anomaly_score(np.column_stack([quiet, loud])[at])[200] == pytest.approx(alone.anomaly_score(loud[at])[200], rel=0.05)


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_unit_does_not_matter(factor: float) -> None:
    x = _days(1500)
    x[1200] += 12
    np.testing.assert_allclose(_scores(x * factor), _scores(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("params", [{"period": 1}, {"hold": -1}, {"fade": -0.1}, {"growth": 0.0}, {"warm_up": 0},
                                    {"fade": float("inf")}, {"fade": 11.0}, {"fade": float("nan")}])
def test_parameters_out_of_range_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="TOC-202"):
        SeasonalForecaster(**params).fit(_days(100))


def test_the_fastest_fading_scores_numbers() -> None:
    assert np.isfinite(SeasonalForecaster(fade=10.0).fit(_days(100)).anomaly_score(_days(3000))).all()
