"""Stamps of single rows as numbers that can be compared: dates become whole nanoseconds since 1970 in UTC, numbers stay numbers."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np

from tocsin.core.errors import ConfigError, DataError

Moment = int | float
Clock = Literal["dates", "numbers"]
_NANO = 1_000_000_000
_UNITS = {"": 1.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LENGTH = re.compile(r"\s*(\d+(?:\.\d*)?)\s*([a-z]*)\s*")
_VAGUE = ("Y", "M", "generic")  # units that are no length of time
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(time: Any) -> tuple[Moment, Clock]:
    """(comparable number, kind of clock) of one stamp: datetime64, datetime (with a zone → UTC, without one as written), ISO 8601 text,
    or a number. An hour that a change of clocks repeats is no matter for stamps with their zone or offset: they are instants.

    Raises DataError TOC-197 for anything else.

    >>> moment("1970-01-01T01:00:00+01:00"), moment(12.5)
    ((0, 'dates'), (12.5, 'numbers'))
    """
    kind = type(time)
    if kind is float or kind is int:
        if not _finite(time):
            raise _no_stamp(time)
        return time, "numbers"
    if isinstance(time, str):
        return _nanoseconds(_read(time)), "dates"
    if isinstance(time, np.datetime64):
        if np.isnat(time):
            raise _no_stamp(time)
        fine = np.datetime_data(time.dtype)[0] == "ns"
        try:
            return int(time.astype(np.int64)) if fine else int(time.astype("M8[us]").astype(np.int64)) * 1000, "dates"
        except OverflowError:
            raise _no_stamp(time) from None
    if isinstance(time, datetime) and time == time:  # a missing stamp of a table differs from itself
        return _nanoseconds(time), "dates"
    if isinstance(time, np.floating):
        return moment(float(time))
    if isinstance(time, np.integer) and not isinstance(time, np.timedelta64):
        return moment(int(time))
    raise _no_stamp(time)


def stamp(at: Moment, clock: Clock) -> Any:
    """The inverse: a datetime64 (microseconds, nanoseconds where needed), or the number."""
    if clock == "numbers":
        return at
    at = int(at)
    return np.datetime64(at // 1000, "us") if at % 1000 == 0 else np.datetime64(at, "ns")


def length(given: Any, name: str) -> float:
    """A length of time in seconds (dates) or in the clock's own unit: a number, or text such as "30s", "5min", "1h".

    Raises ConfigError TOC-202.

    >>> length("5min", "lateness"), length(2, "lateness")
    (300.0, 2.0)
    """
    made = given
    if isinstance(given, np.timedelta64):
        made = None if np.datetime_data(given.dtype)[0] in _VAGUE else float(given / np.timedelta64(1, "s"))
    elif isinstance(given, str):
        found = _LENGTH.fullmatch(given.lower())
        made = float(found[1]) * _UNITS[found[2]] if found and found[2] in _UNITS else None
    if isinstance(made, bool) or not isinstance(made, (int, float, np.integer, np.floating)) or not (_finite(made) and made >= 0):
        raise ConfigError("TOC-202", f"{name} is a length of time, 0 at least", came=shown(given),
                          todo="give seconds (for a clock of numbers, its own unit), or text: 500ms, 30s, 5min, 1h, 1d")
    return float(made)


def shown(value: Any) -> str:
    """``value`` as a message tells it: a numeral of thousands of digits is not written out."""
    try:
        return repr(value)[:80]
    except ValueError:
        return f"{type(value).__name__} too long to be written"


def unit(clock: Clock) -> float:
    """How many units of :func:`moment` make one unit of :func:`length`."""
    return _NANO if clock == "dates" else 1.0


def _finite(number: Any) -> bool:
    """Whether a float can hold it."""
    try:
        return math.isfinite(float(number))
    except OverflowError:
        return False


def _read(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        raise _no_stamp(text) from None


def _nanoseconds(at: datetime) -> int:
    since = (at if at.tzinfo is not None else at.replace(tzinfo=UTC)) - _EPOCH
    return ((since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds) * 1000


def _no_stamp(time: Any) -> DataError:
    return DataError("TOC-197", "this is no time stamp", came=shown(time),
                     todo="give a datetime64, a datetime, ISO 8601 text (2024-03-31T02:00:00+01:00) or a finite number")
