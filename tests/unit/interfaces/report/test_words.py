"""Numbers and promises in words."""

from __future__ import annotations

import datetime

import numpy as np
import pytest

from tocsin.interfaces.report.words import headline, left_out, meaning, moment, number, odds, rate_range

FAR = {"rule": "false_alarm_rate", "value": 0.01}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (float("nan"), "missing"),
        (float("inf"), "∞"),
        (True, "yes"),
        ("x", "x"),
        (-0.5, "-0.5"),
        (99999.6, "100,000"),
        (1e12, "1e+12"),
        (np.float64(2.5), "2.5"),
        (np.int64(1200), "1,200"),
        (0.1 + 0.2, "0.3"),
    ],
)
def test_number(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (1.0, "ordinary"),
        (0.5, "1 in 2"),
        (0.34, "1 in 2.9"),
        (1e-3, "1 in 1,000"),
        (1e-6, "1 in 1,000,000"),
        (9.9e-7, "< 1 in 1 million"),
        (0.0, "< 1 in 1 million"),
    ],
)
def test_odds(p, text):
    assert odds(p) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.datetime64("2024-01-01T10:00:01.500"), "2024-01-01 10:00:01.5"),
        (np.datetime64("NaT"), "missing"),
        (datetime.datetime(2024, 1, 2, 3, 4), "2024-01-02 03:04"),
        (np.datetime64("2024-01-01T10:00:30"), "2024-01-01 10:00:30"),
    ],
)
def test_moment(value, text):
    assert moment(value) == text


def test_meaning_compares_with_chance():
    assert "clearly more" in meaning(60, 1000, "table", FAR)
    assert "slightly more" in meaning(14, 1000, "table", FAR)
    assert "no more than chance alone" in meaning(8, 1000, "table", FAR)
    assert "Nothing stood out" in meaning(0, 1000, "table", FAR)
    assert "would not be expected by chance" in meaning(8, 1000, "table", FAR, rarest=1e-7)
    assert "few calibration rows" in meaning(0, 1000, "table", FAR, smallest=1 / 31)


@pytest.mark.parametrize(
    ("n", "text"), [(10, "fewer than 1 flag among 10 rows"), (100, "about 1 flag among 100 rows"), (569, "about 6 flags among 569 rows")]
)
def test_meaning_counts_chance_flags(n, text):
    assert text in meaning(5, n, "table", FAR)


def test_meaning_of_the_other_rules():
    assert "about 2 of these flags" in meaning(20, 1000, "table", {"rule": "false_discovery", "value": 0.1})
    assert "most unusual 5\u00a0%" in meaning(50, 1000, "table", {"rule": "contamination", "value": 0.05})
    assert "cost" in meaning(50, 1000, "table", {"rule": "cost", "value": 1.0})
    assert meaning(1, 10, "table", {"rule": "own", "value": None}) == ""


def test_the_range_of_a_rate_narrows_with_rows():
    (a, b), (c, d) = rate_range(0.01, 100), rate_range(0.01, 10_000)
    assert 0 <= a < c < 0.01 < d < b


def test_false_alarms_of_a_series_come_in_runs_so_more_of_them_prove_less():
    assert "clearly more" in meaning(30, 1000, "series", FAR)
    assert "clearly more" not in meaning(30, 1000, "series", FAR, block=20)


@pytest.mark.parametrize(("events", "text"), [(1, "1 unusual event, 7 of 90 time steps"), (0, "7 of 90 time steps are unusual")])
def test_headline_of_a_series(events, text):
    assert headline(7, 90, "series", events) == text


def test_who_has_no_reason_is_said():
    assert left_out(25, 25, "table") == ""
    assert left_out(2001, 2000, "series").startswith("2,001 time steps were flagged; the 2,000")
