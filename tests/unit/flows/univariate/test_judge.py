"""What lies outside the boundaries is what was planted, at any size of the numbers, and the boundaries are as they are said to be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.core.errors import DataError
from tocsin.core.seed import generator
from tocsin.flows.univariate.judge import Judgement, entire, last, width
from tocsin.flows.univariate.terms import Terms


def wave(n: int = 480, period: int = 24, noise: float = 0.5) -> np.ndarray:
    return 50 + 10 * np.sin(np.arange(n) * 2 * np.pi / period) + generator(3, "wave").normal(0, noise, n)


def outside(values: np.ndarray, found: Judgement, sensitivity: int) -> np.ndarray:
    scale = 100 - sensitivity
    return (values > found.expected + scale * found.upper) | (values < found.expected - scale * found.lower)


def finite(found: Judgement) -> bool:
    return all(np.isfinite(part).all() for part in (found.expected, found.upper, found.lower, found.severity))


def test_planted_spike_and_dip_are_found_with_their_sign_and_hardly_anything_else() -> None:
    values = wave()
    values[100] += 6
    values[333] -= 6
    found = entire(values)
    assert found.period == 24
    assert found.positive[100] and not found.negative[100] and found.negative[333] and not found.positive[333]
    assert found.flagged.sum() <= 4
    assert np.abs(found.expected[100] - wave()[100]) < 2, "what was expected is the season's height, not the spike"


def test_an_ordinary_value_at_the_wrong_time_of_day_is_found() -> None:
    values = wave()
    values[24 * 9 + 6] = 40.0  # the season's low at its high
    assert entire(values).negative[24 * 9 + 6]


def test_an_excursion_is_found_whole_in_a_flat_series() -> None:
    values = generator(0, "flat").normal(10, 1, 600)
    values[300:312] += 12
    found = entire(values)
    assert found.period == 0 and found.positive[300:312].all() and found.flagged.sum() <= 15


def test_a_trend_and_a_shift_that_stays_do_not_flag_what_follows() -> None:
    values = np.linspace(0, 100, 400) + generator(1, "trend").normal(0, 1, 400)
    assert entire(values).flagged.sum() <= 2
    values[200:] += 60
    found = entire(values)
    assert found.flagged[198:202].any() and np.delete(found.flagged, range(195, 206)).sum() <= 2


@pytest.mark.parametrize("sensitivity", [0, 50, 85, 95, 99])
def test_flagged_is_what_lies_outside_the_boundaries_as_the_client_reckons_them(sensitivity: int) -> None:
    values = wave()
    values[[50, 200]] += [300.0, -9.0]
    found = entire(values, terms=Terms(sensitivity=sensitivity))
    np.testing.assert_array_equal(found.flagged, outside(values, found, sensitivity))
    assert (found.upper > 0).all() and (found.lower > 0).all()


def test_higher_sensitivity_flags_a_superset_and_severity_keeps_its_order() -> None:
    values = generator(2, "tails").standard_t(2, 500)
    before, sizes = np.zeros(500, dtype=bool), []
    for sensitivity in range(0, 100, 3):
        found = entire(values, terms=Terms(sensitivity=sensitivity))
        assert not (before & ~found.flagged).any()
        before = found.flagged
        sizes.append(int(before.sum()))
    assert sizes[0] == 0 and sizes[-1] > sizes[len(sizes) // 2]
    assert (np.diff([width(s) for s in range(100)]) < 0).all()


def test_no_more_than_the_ratio_is_flagged_and_the_boundaries_say_so() -> None:
    values = generator(4, "many").normal(size=200)
    values[generator(5, "many").choice(200, 25, replace=False)] += 40 * (1 + generator(6, "many").random(25))
    for ratio in (0.01, 0.05, 0.1, 0.49):
        found = entire(values, terms=Terms(max_ratio=ratio))
        assert found.flagged.mean() <= ratio
        np.testing.assert_array_equal(found.flagged, outside(values, found, 99))
    assert entire(values, terms=Terms(max_ratio=0.2)).flagged.sum() > entire(values, terms=Terms(max_ratio=0.05)).flagged.sum() == 10


def test_severity_is_nothing_for_normal_points_and_grows_with_the_distance() -> None:
    values = wave()
    values[[60, 260]] += [8.0, 80.0]
    found = entire(values)
    assert (found.severity[~found.flagged] == 0).all() and 0 < found.severity[60] < found.severity[260] <= 1


def test_last_judges_the_newest_point_by_the_season() -> None:
    values = wave()
    assert not last(values).flagged[0]
    high, low = values.copy(), values.copy()
    high[-1] += 8
    low[-1] -= 8
    found = last(high)
    assert found.positive[0] and last(low).negative[0] and found.period == 24 and found.suggested_window == 97
    assert abs(found.expected[0] - values[-1]) < 2.5


@given(st.lists(st.floats(-1e6, 1e6), min_size=12, max_size=60), st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=60, deadline=None)
def test_last_asks_only_the_past(past: list[float], newest: float) -> None:
    one, other = (last(np.array([*past, value])) for value in (newest, 0.0))
    for a, b in ((one.expected, other.expected), (one.upper, other.upper), (one.lower, other.lower)):
        np.testing.assert_array_equal(a, b)
    assert one.period == other.period
    assert bool(one.flagged[0]) == bool(outside(np.array([newest]), one, 99)[0])


def test_last_falls_on_the_right_phase_after_a_gap() -> None:
    values, stamps = wave(), np.datetime64("2024-01-01", "us") + np.arange(480) * np.timedelta64(1, "h")
    kept = np.r_[0:470, 479]  # nine hours are missing before the newest
    for mode in ("auto", "linear", "previous"):
        found = last(values[kept], stamps[kept], Terms("hourly", impute=mode))
        assert found.period == 24 and abs(found.expected[0] - values[-1]) < (3 if mode != "previous" else 12), mode


_WILD = st.one_of(st.floats(allow_nan=False, allow_infinity=False),
                  st.sampled_from([0.0, 1e300, -1e300, 1.7e308, -1.7e308, 5e-324, 1.0, 1e9]))


@given(st.lists(_WILD, min_size=12, max_size=40), st.integers(0, 99))
@settings(max_examples=150, deadline=None)
def test_any_finite_series_gets_finite_answers_within_the_ratio(values: list[float], sensitivity: int) -> None:
    terms = Terms(sensitivity=sensitivity, max_ratio=0.2)
    whole, newest = entire(np.array(values), terms=terms), last(np.array(values), terms=terms)
    assert finite(whole) and finite(newest)
    assert whole.flagged.mean() <= 0.2 and ((whole.severity >= 0) & (whole.severity <= 1)).all()
    for found in (whole, newest):
        scale = 100 - sensitivity
        assert np.isfinite(found.expected + scale * found.upper).all() and np.isfinite(found.expected - scale * found.lower).all()


@pytest.mark.parametrize("size", [1e-300, 1e-9, 1.0, 1e12, 1e300])
def test_the_size_of_the_numbers_does_not_matter(size: float) -> None:
    values = wave() - 50
    values[[100, 300]] += [8, -8]
    expected = entire(values)
    found = entire(values * size)
    np.testing.assert_array_equal(found.flagged, expected.flagged)
    np.testing.assert_allclose(found.expected, expected.expected * size, rtol=1e-6, atol=1e-9 * size)


def test_constant_series_flag_nothing_but_what_differs() -> None:
    values = np.full(40, 45.0)
    assert not entire(values).flagged.any() and not last(values).flagged.any()
    values[17] = 46.0
    assert np.flatnonzero(entire(values).positive).tolist() == [17]
    values[-1] = 44.0
    assert last(values).negative.tolist() == [True]
    assert not entire(np.full(12, 1e300)).flagged.any() and not entire(np.zeros(12)).flagged.any()


def test_twelve_points_suffice_to_see_a_gross_one() -> None:
    values = np.array([10.0, 11, 10, 12, 11, 10, 90, 11, 10, 11, 12, 10])
    assert np.flatnonzero(entire(values).positive).tolist() == [6]


def test_gaps_do_not_hide_an_anomaly_and_are_not_answered_for() -> None:
    values, stamps = wave(), np.datetime64("2024-01-01", "us") + np.arange(480) * np.timedelta64(1, "h")
    values[250] += 8
    kept = np.setdiff1d(np.arange(480), np.r_[100:130, 249, 251, 300])
    for mode in ("auto", "linear", "previous"):
        found = entire(values[kept], stamps[kept], Terms("hourly", impute=mode))
        assert len(found.expected) == len(kept) and found.period == 24
        assert found.positive[np.flatnonzero(kept == 250)[0]], mode


def test_what_cannot_be_judged_is_refused() -> None:
    for values, code in ((np.ones(11), "TOC-180"), (np.ones(8641), "TOC-180"), (np.r_[np.ones(12), np.nan], "TOC-180")):
        with pytest.raises(DataError, match=code):
            entire(values)
    for judge in (entire, last):
        with pytest.raises(DataError, match="TOC-182"):
            judge(np.arange(20.0), terms=Terms(period=10))
        assert judge(np.arange(21.0), terms=Terms(period=10)).period == 10


def test_the_longest_series_is_answered() -> None:
    found = entire(wave(8640, 288), terms=Terms("minutely", 5))
    assert found.period == 288 and len(found.expected) == 8640 and found.flagged.mean() < 0.005
    assert last(wave(8640, 288)).period == 288
