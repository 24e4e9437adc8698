"""Times as text: one form, and text order is time order."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tocsin.store.moment import now, seconds_between, written


def test_the_form_is_always_the_same():
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", now())
    assert written(datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02T00:00:00.000000Z"  # microseconds also when there are none


def test_other_zones_become_utc():
    there = datetime(2026, 1, 2, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert written(there) == "2026-01-01T23:30:00.000000Z"


def test_text_order_is_time_order():
    moments = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=step) for step in (0, 1, 999_999, 1_000_000, 86_400_000_000)]
    assert sorted(map(written, reversed(moments))) == list(map(written, moments))


@pytest.mark.parametrize("ahead", [3_600.0, -3_600.0, 0.5])
def test_ahead_and_between_agree(ahead):
    assert seconds_between(now(), now(ahead=ahead)) == pytest.approx(ahead, abs=30)
