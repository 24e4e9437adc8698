"""Stamps fall into the slots of their clock, or the first one that does not is named."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import DataError
from tocsin.flows.univariate.grid import GRANULARITIES, natural_periods, slots, suggested_window


def at(*stamps: str) -> np.ndarray:
    return np.array(stamps, "M8[us]")


@pytest.mark.parametrize("granularity, step", [("weekly", 604_800), ("daily", 86_400), ("hourly", 3600), ("minutely", 60), ("secondly", 1)])
@pytest.mark.parametrize("interval", [1, 3])
def test_even_steps(granularity: str, step: int, interval: int) -> None:
    expected = np.array([0, 1, 2, 5, 9])
    stamps = np.datetime64("2024-02-28T23:30:01", "us") + expected * interval * step * np.timedelta64(1, "s")
    np.testing.assert_array_equal(slots(stamps, granularity, interval), expected)
    stamps[3] += np.timedelta64(1, "us")
    with pytest.raises(DataError, match=r"TOC-181.*index 3"):
        slots(stamps, granularity, interval)


def test_microseconds() -> None:
    assert slots(at("2024-01-01T00:00:00.000001", "2024-01-01T00:00:00.000003"), "microsecond", 2).tolist() == [0, 1]


def test_months_and_years_are_the_calendars() -> None:
    assert slots(at("2023-01-31T06", "2023-02-28T06", "2023-03-31T06", "2023-06-30T06"), "monthly").tolist() == [0, 1, 2, 5]
    assert slots(at("2023-02-28", "2023-03-31", "2023-04-30"), "monthly").tolist() == [0, 1, 2]
    assert slots(at("2020-02-29", "2021-02-28", "2024-02-29"), "yearly").tolist() == [0, 1, 4]
    assert slots(at("2020-01-15", "2020-07-15", "2021-07-15"), "monthly", 6).tolist() == [0, 1, 3]
    assert slots(at("1960-05-01", "1962-05-01"), "yearly", 2).tolist() == [0, 1]


@pytest.mark.parametrize("stamps, granularity, index", [
    (("2023-01-15", "2023-02-15", "2023-03-16"), "monthly", 1),  # the 16th is this series' day
    (("2023-01-15T06", "2023-02-15T07"), "monthly", 1), (("2023-01-15", "2024-02-15"), "yearly", 1)])
def test_off_the_calendar(stamps: tuple[str, ...], granularity: str, index: int) -> None:
    with pytest.raises(DataError, match="TOC-181"):
        slots(at(*stamps), granularity)


def test_order_and_repeats() -> None:
    with pytest.raises(DataError, match=r"index 2 is earlier"):
        slots(at("2024-01-01", "2024-01-03", "2024-01-02"), "daily")
    with pytest.raises(DataError, match=r"index 1 repeats"):
        slots(at("2024-01-01", "2024-01-01"), "daily")


def test_without_a_clock_points_are_counted() -> None:
    assert slots(None, "daily", n=3).tolist() == [0, 1, 2]
    assert slots(at("2024-01-02", "2024-01-01"), "none").tolist() == [0, 1]


def test_natural_periods_and_windows() -> None:
    assert natural_periods("hourly") == (24, 168) and natural_periods("hourly", 6) == (4, 28) and natural_periods("minutely", 7) == (1440,)
    for granularity in GRANULARITIES:
        assert suggested_window(granularity, 0) >= 13 and suggested_window(granularity, 12) == 49
    assert suggested_window("none", 4000) == 8640
