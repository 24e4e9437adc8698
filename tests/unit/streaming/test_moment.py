"""Stamps of every kind, zones and changes of clocks."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tocsin.core.errors import ConfigError, DataError
from tocsin.streaming.moment import length, moment, stamp


def test_one_instant_in_every_form():
    forms = ["2024-03-31T01:30:00Z", "2024-03-31T03:30:00+02:00", "2024-03-31 01:30:00", np.datetime64("2024-03-31T01:30"),
             np.datetime64("2024-03-31T01:30:00", "ns"), datetime(2024, 3, 31, 1, 30),
             datetime(2024, 3, 31, 3, 30, tzinfo=timezone(timedelta(hours=2)))]
    assert {moment(form) for form in forms} == {(1711848600 * 10**9, "dates")}


def test_the_hour_that_a_change_of_clocks_repeats_is_two_hours():
    zone = ZoneInfo("Europe/Rome")
    local = [datetime(2024, 10, 27, 1, 30, tzinfo=zone), datetime(2024, 10, 27, 2, 30, tzinfo=zone, fold=0),
             datetime(2024, 10, 27, 2, 30, tzinfo=zone, fold=1), datetime(2024, 10, 27, 3, 30, tzinfo=zone)]
    at = [moment(one)[0] for one in local]
    assert np.diff(at).tolist() == [3600 * 10**9] * 3


def test_numbers_stay_numbers():
    assert (moment(3), moment(2.5), moment(np.int32(4)), moment(np.float32(0.5))) == ((3, "numbers"), (2.5, "numbers"), (4, "numbers"),
                                                                                      (0.5, "numbers"))
    assert stamp(2.5, "numbers") == 2.5


def test_dates_come_back():
    for text in ("2024-03-31T01:30:00.000001", "1901-01-01T00:00:00", "2024-01-01T00:00:00.000000001"):
        at = np.datetime64(text)
        assert stamp(*moment(at)) == at


@pytest.mark.parametrize("wrong", ["yesterday", "", None, float("nan"), float("inf"), np.datetime64("NaT"), [1], "2024-13-01"])
def test_what_is_no_stamp(wrong):
    with pytest.raises(DataError, match="TOC-197"):
        moment(wrong)


def test_lengths():
    assert [length(text, "x") for text in ("500ms", "30s", "5min", "5m", "1h", "2d", "7", 7, np.timedelta64(2, "m"))] == \
        [0.5, 30, 300, 300, 3600, 172800, 7, 7, 120]


@pytest.mark.parametrize("wrong", ["soon", "5 weeks", -1, float("nan"), float("inf"), True, "-5s"])
def test_what_is_no_length(wrong):
    with pytest.raises(ConfigError, match="TOC-202"):
        length(wrong, "lateness")


@pytest.mark.parametrize("odd", [10**400, -(10**400), 10**5000, np.timedelta64(1, "s"), np.longdouble("inf")], ids=list("abcde"))
def test_numbers_that_are_no_stamp(odd):
    with pytest.raises(DataError, match="TOC-197"):
        moment(odd)


def test_numbers_of_other_kinds_are_stamps():
    assert moment(np.longdouble(3)) == (3.0, "numbers")
    assert moment(np.float32(0.5)) == (0.5, "numbers")
    assert moment(np.int64(7)) == (7, "numbers")


@pytest.mark.parametrize("odd", [10**400, np.timedelta64(1, "M"), np.timedelta64("NaT", "s"), "9" * 400, True, [1]], ids=list("abcdef"))
def test_no_length_of_time(odd):
    with pytest.raises(ConfigError, match="TOC-202"):
        length(odd, "step")
