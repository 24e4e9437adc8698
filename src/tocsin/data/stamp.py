"""Dates and times: text in common forms → time stamps; which column is the clock of a series.

Read are ISO 8601 (also with "/" and "." between the parts), day/month/year and month/day/year in figures, "31 Jan 2024" and
"Jan 31, 2024", each with or without a time of day, fraction of a second, AM/PM and zone. Times with a zone become UTC; others stay as
written. Figures such as 03/04/2024 are ambiguous: the column decides (a part above 12, else the order in which rows ascend).
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tocsin.data.literal import is_text

_CLOCK = (r"(?:[T ,]+(?P<H>\d{1,2}):(?P<M>\d{2})(?::(?P<S>\d{2})(?:[.,](?P<f>\d{1,9})\d*)?)?\s*(?P<p>[AaPp][Mm])?"
          r"\s*(?P<z>Z|UTC|GMT|[+-]\d{2}:?\d{2})?)?$")
_ISO = r"^(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})" + _CLOCK
_HOUR = r"^(\d{4}-\d{2}-\d{2}[T ]\d{2})$"  # ISO 8601 allows an hour alone
_FIGURES = r"^(?P<a>\d{1,2})[-/.](?P<b>\d{1,2})(?:[-/.](?P<y>\d{4})|/(?P<yy>\d{2}))" + _CLOCK
_DAY_NAME = r"^(?P<d>\d{1,2})[-/ .]+(?P<n>[A-Za-z]{3})[a-z]*[-/ ,.]+(?P<y>\d{4})" + _CLOCK
_NAME_DAY = r"^(?P<n>[A-Za-z]{3})[a-z]*\.? +(?P<d>\d{1,2}),? +(?P<y>\d{4})" + _CLOCK
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_LOOKS = re.compile(r"^\s*\d{1,4}[-/.]\d{1,2}[-/.]|^\s*\d{1,2}[-/ .]+[A-Za-z]{3}|^\s*[A-Za-z]{3,9}\.? +\d{1,2},? +\d{4}")
_CLOCK_NAME = re.compile(r"(?:^|[_\s.\-])(time|timestamp|date|datetime|ts|epoch|zeit|datum)(?:$|[_\s.\-(\[])", re.I)
_EPOCHS = (("s", 1e8, 4.2e9), ("ms", 1e11, 4.2e12), ("us", 1e14, 4.2e15), ("ns", 1e17, 4.2e18))  # 1973 to 2103

_YEAR_1 = int(np.datetime64("0001-01-01", "us").astype(np.int64))  # Python knows no date before it


def dates(text: pa.ChunkedArray, order: str = "") -> tuple[pa.ChunkedArray, str]:
    """(time stamps, null where a value is no date; order of figures: "dmy", "mdy", "dmy?" when nothing decides, "" when not needed).

    >>> stamps, order = dates(pa.chunked_array([["31/12/2023", "01/02/2024"]]))
    >>> stamps[0].as_py().isoformat(), order
    ('2023-12-31T00:00:00', 'dmy')
    """
    nothing = pa.chunked_array([pa.nulls(len(text), pa.timestamp("us"))])
    head = [value for value in text.slice(0, 200).to_pylist() if value]
    if head and 2 * sum(bool(_LOOKS.match(value)) for value in head) < len(head):
        return nothing, ""
    quick = _quick(text)
    if quick is not None:
        return quick, ""
    text = pc.replace_substring_regex(pc.utf8_trim_whitespace(text), _HOUR, r"\1:00")
    whole = np.full(len(text), np.datetime64("NaT", "us"))
    found = ""
    for pattern in (_ISO, _FIGURES, _DAY_NAME, _NAME_DAY):
        left = np.flatnonzero(np.isnat(whole) & pc.is_valid(text).to_numpy())
        parts = pc.extract_regex(text.take(pa.array(left)), pattern) if len(left) else None
        if parts is None or parts.null_count == len(parts):
            continue
        stamps, used = _stamps(_Parts(parts), order)
        found = used or found
        whole = whole.astype(np.promote_types(whole.dtype, stamps.dtype))
        whole[left] = stamps
    return pa.chunked_array([pa.array(whole)]), found


def _quick(text: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """All values at once when all are ISO 8601, else None. What it reads, the patterns of ``dates`` read alike."""
    try:
        stamps = pc.cast(text, pa.timestamp("us"))
    except pa.ArrowInvalid:
        return None
    first = pc.min(stamps).cast(pa.int64()).as_py()
    return stamps if first is None or first >= _YEAR_1 else None


class _Parts:
    """The named parts of matched texts as whole numbers; 0 where a part is absent."""

    def __init__(self, struct: pa.ChunkedArray) -> None:
        self.struct = pa.concat_arrays(struct.chunks) if isinstance(struct, pa.ChunkedArray) else struct
        self.names = {field.name for field in self.struct.type}
        self.valid = pc.is_valid(self.struct).to_numpy(zero_copy_only=False)

    def text(self, name: str) -> pa.Array:
        return pc.fill_null(pc.struct_field(self.struct, name), "")

    def has(self, name: str) -> np.ndarray:
        return pc.not_equal(self.text(name), "").to_numpy(zero_copy_only=False)

    def whole(self, name: str) -> np.ndarray:
        text = self.text(name)
        return pc.cast(pc.if_else(pc.equal(text, ""), "0", text), pa.int64()).to_numpy(zero_copy_only=False)


def _stamps(parts: _Parts, order: str) -> tuple[np.ndarray, str]:
    if "a" not in parts.names:
        month = parts.whole("m") if "m" in parts.names else _month(parts.text("n"))
        return _joined(parts, parts.whole("y"), month, parts.whole("d")), ""
    year = np.where(parts.has("yy"), _century(parts.whole("yy")), parts.whole("y"))
    first, second = parts.whole("a"), parts.whole("b")
    if order:
        return _ordered(parts, year, first, second, order), order
    over = int((first > 12).sum()), int((second > 12).sum())
    if over[0] != over[1]:
        order = "dmy" if over[0] > over[1] else "mdy"
        return _ordered(parts, year, first, second, order), order
    both = {name: _ordered(parts, year, first, second, name) for name in ("dmy", "mdy")}
    rise = {name: _rising(stamps) for name, stamps in both.items()}
    if rise["dmy"] == rise["mdy"]:
        return both["dmy"], "dmy?"
    order = max(rise, key=lambda name: rise[name])
    return both[order], order


def _ordered(parts: _Parts, year: np.ndarray, first: np.ndarray, second: np.ndarray, order: str) -> np.ndarray:
    return _joined(parts, year, first, second) if order == "mdy" else _joined(parts, year, second, first)


def _joined(parts: _Parts, year: np.ndarray, month: np.ndarray, day: np.ndarray) -> np.ndarray:
    """Time stamps from their parts; NaT where a part is out of range (30 February, 25:00)."""
    hour = parts.whole("H")
    half = pc.utf8_lower(parts.text("p"))
    late, early = (pc.equal(half, word).to_numpy(zero_copy_only=False) for word in ("pm", "am"))
    good = parts.valid & (month >= 1) & (month <= 12) & (year >= 1) & (~(late | early) | ((hour >= 1) & (hour <= 12)))
    hour = np.where(late, hour % 12 + 12, np.where(early, hour % 12, hour))
    start = ((year - 1970) * 12 + np.clip(month, 1, 12) - 1).astype("datetime64[M]")
    length = ((start + 1).astype("datetime64[D]") - start.astype("datetime64[D]")).astype(np.int64)
    minute, second = parts.whole("M"), parts.whole("S")
    good &= (day >= 1) & (day <= length) & (hour <= 23) & (minute <= 59) & (second <= 59)
    fine = pc.max(pc.utf8_length(parts.text("f"))).as_py() or 0
    unit = "ns" if fine > 6 and bool(((year > 1700) & (year < 2260))[good].all()) else "us"
    fraction = pc.cast(pc.utf8_slice_codeunits(pc.utf8_rpad(parts.text("f"), 9, "0"), 0, 9), pa.int64()).to_numpy(zero_copy_only=False)
    seconds = (start.astype("datetime64[D]").astype(np.int64) + day - 1) * 86400 + hour * 3600 + minute * 60 + second - _offset(parts)
    ticks = np.where(good, seconds, 0) * (10**9 if unit == "ns" else 10**6) + fraction // (1 if unit == "ns" else 1000)
    stamps = ticks.astype(f"datetime64[{unit}]")
    stamps[~good] = np.datetime64("NaT")
    return stamps


def _offset(parts: _Parts) -> np.ndarray:
    """Seconds east of UTC."""
    figures = pc.replace_substring_regex(parts.text("z"), r"[^0-9+-]", "")
    figures = pc.if_else(pc.match_substring_regex(figures, r"^[+-]\d{4}$"), figures, "+0000")
    whole = pc.cast(pc.utf8_slice_codeunits(figures, 1, 5), pa.int64()).to_numpy(zero_copy_only=False)
    sign = np.where(pc.starts_with(figures, "-").to_numpy(zero_copy_only=False), -1, 1)
    return sign * (whole // 100 * 3600 + whole % 100 * 60)


def _month(names: pa.Array) -> np.ndarray:
    found = pc.index_in(pc.utf8_lower(names), value_set=pa.array(_MONTHS))
    return pc.add(pc.fill_null(found, -1), 1).to_numpy(zero_copy_only=False).astype(np.int64)


def _century(years: np.ndarray) -> np.ndarray:
    return np.where(years < 70, 2000 + years, 1900 + years)  # POSIX: 69 → 2069, 70 → 1970


def _rising(stamps: np.ndarray) -> int:
    steps = np.diff(stamps)
    return int((steps >= np.timedelta64(0, "s")).sum()) + int((~np.isnat(stamps)).sum())


def named_like_clock(name: str) -> bool:
    """Whether a column's name says time: "time", "timestamp", "date", "ts", alone or as a word of the name."""
    return bool(_CLOCK_NAME.search(name))


def as_time(column: pa.ChunkedArray, name: str, order: str = "") -> tuple[np.ndarray, str] | None:
    """((n,) datetime64 with NaT where a value is no time, order of figures); None when the column holds no times at all.

    Whole numbers are times only under a name that says so (:func:`named_like_clock`) and in the range of the years 1973 to 2103,
    as seconds, milli-, micro- or nanoseconds since 1970; or as eight figures YYYYMMDD.
    """
    if pa.types.is_timestamp(column.type):
        return pc.cast(column, pa.timestamp(column.type.unit)).to_numpy(), ""  # a zone is taken off, the values are UTC
    if pa.types.is_date(column.type):
        return pc.cast(column, pa.timestamp("us" if pa.types.is_date32(column.type) else "ms")).to_numpy(), ""
    if is_text(column.type):
        stamps, used = dates(column, order)
        return None if stamps.null_count == len(stamps) else (stamps.to_numpy(), used)
    if (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)) and named_like_clock(name):
        stamps = _since_1970(column)
        return None if stamps is None else (stamps, "")
    return None


def _since_1970(column: pa.ChunkedArray) -> np.ndarray | None:
    known = column.drop_null()
    if not len(known):
        return None
    least, most = (float(pc.min(known).as_py()), float(pc.max(known).as_py()))
    if least >= 1.9e7 and most < 2.2e7 and pa.types.is_integer(column.type):
        figures = pc.replace_substring_regex(pc.cast(column, pa.string()), r"^(\d{4})(\d{2})(\d{2})$", r"\1-\2-\3")
        stamps = dates(figures)[0]
        return stamps.to_numpy() if stamps.null_count == column.null_count else None
    for unit, low, high in _EPOCHS:
        if low <= least and most <= high:
            if pa.types.is_integer(column.type):
                return pc.cast(pc.cast(column, pa.int64()), pa.timestamp(unit)).to_numpy()
            micros = column.to_numpy().astype(np.float64) * {"s": 1e6, "ms": 1e3, "us": 1.0, "ns": 1e-3}[unit]
            missing = ~np.isfinite(micros)
            stamps = np.where(missing, 0, micros).round().astype(np.int64).astype("datetime64[us]")
            stamps[missing] = np.datetime64("NaT")
            return stamps
    return None


def seconds(values: Any) -> Any:
    """Durations and times of day (an Arrow array or column) as float64 seconds.

    >>> seconds(pa.array([1500], pa.duration("ms"))).to_pylist()
    [1.5]
    """
    whole = values.cast(pa.int32() if pa.types.is_time32(values.type) else pa.int64())
    return pc.divide(whole.cast(pa.float64(), safe=False), {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[values.type.unit])


def is_clock(stamps: np.ndarray) -> bool:
    """Whether stamps (n,) tick like a clock: nine of ten steps forward (or all but as many backward) and most of about one length.

    Steps of random length (orders, visits) and repeated dates are no clock: such a table is judged row by row.
    """
    if len(stamps) < 2 or np.isnat(stamps).any():
        return False
    steps = np.diff(stamps.astype("datetime64[ns]" if stamps.dtype == "datetime64[ns]" else "datetime64[us]")).astype(np.int64)
    steps = -steps if (steps < 0).sum() > len(steps) / 2 else steps
    forward = steps[steps > 0]
    if len(forward) < 0.8 * len(steps):
        return False
    middle = np.median(forward)
    return bool(((forward >= middle / 2) & (forward <= middle * 2)).mean() >= 0.6)
