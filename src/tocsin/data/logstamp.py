"""The time at the head of log lines: ISO 8601 and its kin, syslog, web servers, two-digit dates, seconds since 1970."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

_MONTHS = {name: i + 1 for i, name in enumerate(("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"))}
_CLOCK = r"(?P<H>\d\d)[:.](?P<M>\d\d)[:.](?P<S>\d\d)(?:[.,](?P<f>\d{1,9}))?"
_ZONE = r"\s?(?P<z>Z\b|[+-]\d\d:?\d\d\b)?"
_HEAD = r"^.{0,80}?(?<![\d.])"
# the most telling first: a line of BGL holds seconds since 1970, a date and a stamp with microseconds
_FORMS = tuple(re.compile(pattern) for pattern in (
    _HEAD + r"(?P<y>\d{4})[-/.](?P<m>\d\d)[-/.](?P<d>\d\d)[T _.-]" + _CLOCK + _ZONE,
    _HEAD + r"(?P<d>\d\d)/(?P<n>[A-Z][a-z]{2})/(?P<y>\d{4}):" + _CLOCK + _ZONE,
    _HEAD + r"(?P<n>[A-Z][a-z]{2})\s+(?P<d>\d{1,2})\s" + _CLOCK + r"\s(?P<y>\d{4})\b",
    r"^(?:<\d+>)?\s*(?P<n>[A-Z][a-z]{2})\s+(?P<d>\d{1,2})\s" + _CLOCK,
    r"^\W?(?P<yy>\d\d)[/-](?P<m>\d\d)[/-](?P<d>\d\d)\s" + _CLOCK,
    r"^(?P<yy>\d\d)(?P<m>\d\d)(?P<d>\d\d)\s(?P<H>\d\d)(?P<M>\d\d)(?P<S>\d\d)(?P<f>(?!))?\b",
    r"^(?:\W|\S+\s)?(?P<e>1\d{9}|1\d{12})(?P<f>\.\d{1,9})?\b",
))
_NO_YEAR = 2000  # a leap year: 29 February exists


def stamps(lines: Sequence[str]) -> np.ndarray | None:
    """(n,) datetime64[us] when all lines have a time in one form, else None. With a zone it becomes UTC.

    Without a year the first line is of 2000, and a year has passed where the month falls by more than half a year.

    >>> stamps(["- 1117838570 2005.06.03 R02 2005-06-03-15.42.50.675872 R02 RAS", "- 1117838573 2005.06.03 R02 2005-06-03-15.42.53.276129"])
    array(['2005-06-03T15:42:50.675872', '2005-06-03T15:42:53.276129'],
          dtype='datetime64[us]')
    >>> stamps(["Dec 31 23:59:59 a", "Jan  1 00:00:01 b"]).astype(str).tolist()
    ['2000-12-31T23:59:59.000000', '2001-01-01T00:00:01.000000']
    """
    for form in _FORMS:
        if all(form.match(line) for line in lines[:20]):
            found = [form.match(line) for line in lines]
            if all(found):
                return _made([match for match in found if match is not None])
    return None


def _made(found: list[re.Match[str]]) -> np.ndarray | None:
    names = found[0].re.groupindex
    if "e" in names:
        whole = np.array([int(match["e"]) * (1_000_000 if len(match["e"]) == 10 else 1000) for match in found])
        part = np.array([round(float(match["f"] or 0) * 1e6) for match in found])
        return (whole + part).astype("datetime64[us]")
    year = _year(names)
    months = np.array([_MONTHS.get(match["n"].lower(), 0) if "n" in names else int(match["m"]) for match in found])
    years = np.array([year(match) for match in found])
    if "y" not in names and "yy" not in names:
        years += np.concatenate([[0], np.cumsum(np.diff(months) < -6)])
    try:
        made = np.array([f"{y:04d}-{m:02d}-{int(match['d']):02d}T{match['H']}:{match['M']}:{match['S']}.{(match['f'] or '0')[:6]:0<6}"
                         for y, m, match in zip(years, months, found)], dtype="datetime64[us]")
    except ValueError:  # figures that are no date
        return None
    return made - _zone(found) if "z" in names else made


def _year(names: object) -> Callable[[re.Match[str]], int]:
    if "y" in names:  # type: ignore[operator]
        return lambda match: int(match["y"])
    if "yy" in names:  # type: ignore[operator]
        return lambda match: 2000 + int(match["yy"])
    return lambda match: _NO_YEAR


def _zone(found: list[re.Match[str]]) -> np.ndarray:
    """(n,) minutes ahead of UTC."""
    def minutes(zone: str | None) -> int:
        if not zone or zone == "Z":
            return 0
        figures = zone[1:].replace(":", "")
        return (-1 if zone[0] == "-" else 1) * (60 * int(figures[:2]) + int(figures[2:]))
    return np.array([minutes(match["z"]) for match in found], dtype="timedelta64[m]")
