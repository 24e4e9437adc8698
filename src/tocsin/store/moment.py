"""Times as text: UTC, to the microsecond, one form, so that text order is time order in every database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def now(*, ahead: float = 0.0) -> str:
    """The present as ``2026-01-31T12:00:00.000000Z``; ``ahead`` seconds later (earlier when negative)."""
    return written(datetime.now(UTC) + timedelta(seconds=ahead))


def written(moment: datetime) -> str:
    """An aware ``moment`` in that form.

    >>> written(datetime(2026, 1, 31, 12, tzinfo=UTC))
    '2026-01-31T12:00:00.000000Z'
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def seconds_between(earlier: str, later: str) -> float:
    """Seconds from one to the other.

    >>> seconds_between("2026-01-31T12:00:00.000000Z", "2026-01-31T12:00:01.500000Z")
    1.5
    """
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
