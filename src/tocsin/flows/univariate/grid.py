"""The clock of a series: which slot of granularity x interval each time stamp falls into."""

from __future__ import annotations

import numpy as np

from tocsin.core.errors import DataError

GRANULARITIES = ("yearly", "monthly", "weekly", "daily", "hourly", "minutely", "secondly", "microsecond", "none")
_STEP = {"weekly": 604_800_000_000, "daily": 86_400_000_000, "hourly": 3_600_000_000, "minutely": 60_000_000, "secondly": 1_000_000,
         "microsecond": 1}
_AROUND = {"yearly": (), "monthly": (12, 3), "weekly": (52, 4), "daily": (7, 365), "hourly": (24, 168), "minutely": (60, 1440, 10_080),
           "secondly": (60, 3600, 86_400), "microsecond": (), "none": ()}
# How many points of history are worth having when there is no season: a year, three months, four weeks, a week, a day ...
_ENOUGH = {"yearly": 12, "monthly": 12, "weekly": 12, "daily": 28, "hourly": 168, "minutely": 1440, "secondly": 1440,
           "microsecond": 1000, "none": 1440}


def slots(stamps: np.ndarray | None, granularity: str, interval: int = 1, *, n: int = 0) -> np.ndarray:
    """(n,) slot numbers from 0 for ``stamps`` (n,) datetime64[us] in UTC; without stamps, or with granularity ``none``, simply 0, 1, 2 ...

    Months and years are the calendar's: 31 January, 28 February, 31 March are one month apart each.

    Raises DataError TOC-181 for stamps that do not ascend, come twice or lie between two slots; the message names the index, never a value.

    >>> slots(np.array(["2024-01-31", "2024-02-29", "2024-04-30"], "M8[us]"), "monthly")
    array([0, 1, 3])
    """
    if granularity == "none" or stamps is None:
        return np.arange(n if stamps is None else len(stamps))
    _ascending(stamps)
    if granularity in _STEP:
        step = _STEP[granularity] * interval
        found, rest = np.divmod((stamps - stamps[0]).astype(np.int64), step)
        off = rest != 0
    else:
        found, off = _calendar(stamps, 12 * interval if granularity == "yearly" else interval)
    if off.any():
        raise DataError("TOC-181", f"the timestamp at index {int(np.argmax(off))} is not on the grid of {granularity} x {interval} "
                                   "that begins at the first timestamp",
                        todo="send the granularity and customInterval of the series, or none")
    return found


def natural_periods(granularity: str, interval: int = 1) -> tuple[int, ...]:
    """Season lengths that a clock suggests, in slots: 24 and 168 for hours, 288 and 2016 for five minutes.

    >>> natural_periods("minutely", 5)
    (12, 288, 2016)
    """
    return tuple(length // interval for length in _AROUND[granularity] if length % interval == 0 and length // interval > 1)


def suggested_window(granularity: str, period: int) -> int:
    """Points to send for the latest one: four periods and itself; without a season a customary stretch of the clock and itself.

    >>> suggested_window("daily", 7), suggested_window("daily", 0)
    (29, 29)
    """
    return min(4 * period if period else _ENOUGH[granularity], 8639) + 1


def _ascending(stamps: np.ndarray) -> None:
    apart = np.diff(stamps).astype(np.int64)
    if (apart <= 0).any():
        first = int(np.argmax(apart <= 0))
        why = "repeats the one before" if apart[first] == 0 else "is earlier than the one before"
        raise DataError("TOC-181", f"the timestamp at index {first + 1} {why}", todo="sort the series by time, one point for each time")


def _calendar(stamps: np.ndarray, months: int) -> tuple[np.ndarray, np.ndarray]:
    """Slots of whole months, and which stamps lie between them. A month without such a day has its last."""
    month, day = stamps.astype("M8[M]"), stamps.astype("M8[D]")
    of_month = (day - month.astype("M8[D]")).astype(np.int64)  # 0 for the first of a month
    last = ((month + 1).astype("M8[D]") - month.astype("M8[D]")).astype(np.int64) - 1
    clock = (stamps - day).astype(np.int64)
    found, rest = np.divmod((month - month[0]).astype(np.int64), months)
    return found, (rest != 0) | (of_month != np.minimum(of_month.max(), last)) | (clock != clock[0])
