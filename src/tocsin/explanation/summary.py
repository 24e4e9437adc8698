"""One plain sentence for one flagged row. Text only: whoever draws it escapes it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from tocsin.core.types import Relation

_LONGEST = 60  # characters of a name or a value; a cell may hold a whole letter
_NO_COLUMN = 0.15  # a share below this, with others alike, singles nothing out
_RAREST = 1e-6  # beyond one in a million, the figure would claim more than any calibration set can tell


def sentence(name: str | None, unit: str, observed: Any, expected: Any, spread: float, p_value: float, *, share: float = 1.0,
             others: Sequence[str] = (), unseen: bool = False, broken: str = "") -> str:
    """What is odd, what was expected, how rare it is.

    name, unit   the column that stands out most; None when none does
    observed     its cell: a number, any other value (a category), or None (missing; NaN counts as missing, too)
    expected     what a normal row would have held; None when unknown
    spread       usual distance between the two on normal rows, same unit; NaN when there is none
    p_value      how often a normal row scores at least this high
    share        the column's part in the score, 0 to 1; below 0.15, or 0, no column is singled out
    others       further columns that stand out, most important first
    unseen       the category was never seen in training
    broken       a relation between channels that broke, in words (:func:`relation`)

    >>> sentence("flow", "l/s", 3.12, 7.9, 0.4, 1 / 2400)
    '`flow` is 3.1 l/s where 7.9 ± 0.4 was expected; 1 in 2,400 normal rows is this odd'
    >>> sentence("protocol", "", "icmp", "tcp", float("nan"), 0.004, unseen=True)
    "`protocol` is 'icmp', never seen in training, where 'tcp' was expected; 1 in 250 normal rows is this odd"
    """
    columns = [column for column in (name, *others) if column]
    if not name or not share >= _NO_COLUMN:  # a NaN share singles nothing out, either
        return "; ".join(part for part in (_no_single(columns if share > 0 else []), broken, rarity(p_value)) if part)
    stands = f"{_quoted(name)} {_cells(unit, observed, expected, spread, unseen)}"
    if columns[1:]:
        stands += f" ({_names(columns[1:])} {'is' if len(columns) == 2 else 'are'} unusual, too)"
    return "; ".join(part for part in (stands, broken, rarity(p_value)) if part)


def relation(pair: Relation) -> str:
    """What two channels usually do, and that they do not.

    >>> relation(Relation("flow", "pressure", 0.931, -0.12, -6.0))
    '`flow` and `pressure` usually move together (r 0.93), here they do not (-0.12)'
    """
    usually = "move together" if pair.usual > 0 else "move against each other"
    behind = f", {pair.lag} steps apart" if pair.lag else ""
    return f"{_quoted(pair.a)} and {_quoted(pair.b)} usually {usually} (r {pair.usual:.2f}{behind}), here they do not ({pair.now:.2f})"


def rarity(p_value: float, many: str = "rows") -> str:
    """How many normal rows (or of whatever there are ``many``) score this high, in words.

    >>> rarity(1 / 2400), rarity(0.3), rarity(1e-9)
    ('1 in 2,400 normal rows is this odd', '1 in 3 normal rows is this odd', 'fewer than 1 in 1,000,000 normal rows are this odd')
    """
    if not 0 <= p_value <= 1:
        return "how rare this is, is not known"
    if p_value < _RAREST:
        return f"fewer than 1 in 1,000,000 normal {many} are this odd"
    if p_value <= 0.4:
        return f"1 in {_two_digits(1 / p_value):,} normal {many} is this odd"
    if p_value < 0.995:
        return f"{p_value:.0%} of normal {many} are at least this odd"
    return f"normal {many} are at least this odd"


def _no_single(columns: list[str]) -> str:
    if len(columns) < 2:
        return "no single column stands out"
    return f"no single column stands out; the combination of {_names(columns)} does"


def _cells(unit: str, observed: Any, expected: Any, spread: float, unseen: bool) -> str:
    """"is … where … was expected"."""
    if _is_missing(observed):
        seen = "is missing"
    elif _is_number(observed):
        seen = f"is {number(observed, spread, expected)}{_unit(unit)}"
    else:
        seen = f"is {_value(observed)}"
    seen += ", never seen in training," * (unseen and not _is_missing(observed))
    if expected is None:
        return seen.rstrip(",")
    if _is_missing(expected):  # NaN: a normal row has nothing there
        return seen.rstrip(",") if _is_missing(observed) else f"{seen} where a missing value was expected"
    if not _is_number(expected):
        return f"{seen} where {_value(expected)} was expected"
    usual = f" ± {_spread(spread)}" if _usable(spread) else ""
    own_unit = "" if _is_number(observed) and not _is_missing(observed) else _unit(unit)
    return f"{seen} where {number(expected, spread, observed)}{usual}{own_unit} was expected"


def number(value: float, spread: float, other: Any = None) -> str:
    """``value`` with as many digits as two digits of ``spread`` make sensible, and enough to differ from ``other`` when it does.

    >>> number(3.1234, 0.4), number(3.1234, 0.367), number(1234567.8, 5000.0), number(0.000012345, float("nan"))
    ('3.1', '3.12', '1,235,000', '1.234e-05')
    """
    value = float(value)
    if not math.isfinite(value):
        return "infinite" if value > 0 else "minus infinite"
    size = max(abs(value), _size(other))
    decimals = _decimals(value, spread, other)
    if abs(value) >= 1e15 or decimals > 9 or 0 < size < 1e-4:
        return f"{value:.4g}"
    text = f"{round(value, decimals):,.{max(decimals, 0)}f}"
    if not _usable(spread) and "." in text:
        text = text.rstrip("0").rstrip(".")
    return text[1:] if re.fullmatch(r"-0(\.0*)?", text) else text


def _decimals(value: float, spread: float, other: Any) -> int:
    """Digits after the point: those of the spread, four significant ones without a spread; more to tell value and other apart."""
    if _usable(spread):
        decimals = _last_digit(spread)
        if decimals < 0:  # a value small beside its spread keeps four digits of its own
            decimals = max(decimals, min(0, 3 - _exponent(value))) if value else 0
    else:
        decimals = max(0, 3 - _exponent(value)) if value else 0
    gap = abs(value / 2 - float(other) / 2) * 2 if _is_number(other) else 0.0
    return max(decimals, -_exponent(gap)) if 0 < gap < math.inf else decimals


def _last_digit(spread: float) -> int:
    """The place of the last digit that is not 0 among the first two: 0.4 → 1, 0.37 → 2, 4800 → −2."""
    place = 1 - _exponent(spread)
    return place - 1 if f"{spread:.1e}".split("e")[0].endswith("0") else place


def _spread(spread: float) -> str:
    if not 1e-4 <= spread < 1e15:
        return f"{spread:.2g}"
    decimals = _last_digit(spread)
    return f"{round(spread, decimals):,.{max(decimals, 0)}f}"


def _usable(spread: Any) -> bool:
    return _is_number(spread) and 0 < spread < math.inf


def _size(value: Any) -> float:
    return abs(float(value)) if _is_number(value) and math.isfinite(value) else 0.0


def _exponent(value: float) -> int:
    return math.floor(math.log10(abs(value)))


def _two_digits(value: float) -> int:
    whole = round(value)
    return whole if whole < 10 else round(whole, -(len(str(whole)) - 2))


def _names(columns: Sequence[str]) -> str:
    quoted = [_quoted(column) for column in columns]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def _quoted(name: str) -> str:
    return f"`{_short(name)}`"


def _value(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value)).lower()
    described = isinstance(value, str) and value[:1] == "(" and value[-1:] == ")"  # "(a value that ...)" describes a cell, quotes one not
    return _short(value)[1:-1] if described else f"'{_short(value)}'"


def _unit(unit: str) -> str:
    return "" if not unit else unit if unit == "%" else f" {_short(unit)}"


def _short(text: Any) -> str:
    """On one line, without control characters, cut where it is too long."""
    line = " ".join("".join(char if char.isprintable() else " " for char in str(text)).split())
    return line if len(line) <= _LONGEST else line[:_LONGEST - 1] + "…"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def _is_missing(value: Any) -> bool:
    return value is None or (_is_number(value) and math.isnan(value))
