"""What a piece of text stands for: nothing, a number, a truth value.

How a column is to be read is decided once, from all its values (:func:`decimal_of`, :func:`marks_of`); each cell is then read by itself
(:func:`spelled`). ``MISSING`` are the spellings of "no value". A number may carry a decimal comma and thousands marks, but only when
the source leaves no doubt: "1,234" alone could be 1.234 or 1234 and is then left as text. Codes such as "007" are no numbers, and
neither are amounts with a sign or unit ("€ 3", "5 %", "12 kg").
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tocsin.core.errors import DataError

MISSING = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NaT", "null", "NULL", "None", "-", "--", "?",
           "#VALUE!", "#DIV/0!", "#REF!")
TRUE, FALSE = ("true", "yes", "y", "t", "on"), ("false", "no", "n", "f", "off")
_PAIRS = [{a, b} for a, b in zip(TRUE, FALSE)]
_NUMBER = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$|^[+-]?(?i:inf|infinity)$"
_COMMA_GROUPS, _POINT_GROUPS = r"^[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?$", r"^[+-]?\d{1,3}(?:\.\d{3})+(?:,\d*)?$"
# Spellings that have one meaning only: 0,5 or 12,34 or 1234,5 or 1.234,5 are decimal commas, 1,234,567 or 0.5 are not.
_CLEAR = r"^[+-]?(?:(?:0|\d{4,})D\d+|\d+D(?:\d{1,2}|\d{4,})|\d{1,3}(?:G\d{3})+D\d+|\d{1,3}(?:G\d{3}){2,})(?:[eE][+-]?\d+)?$"
_CLEAR_COMMA, _CLEAR_POINT = (_CLEAR.replace("D", d).replace("G", g) for d, g in ((",", r"\."), (r"\.", ",")))
_ONE_GROUP = r"^[+-]?[1-9]\d{0,2},\d{3}$"


def is_text(kind: pa.DataType) -> bool:
    """Whether an Arrow type holds text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def without_missing(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column with all spellings of "no value" as nulls.

    >>> without_missing(pa.chunked_array([["1", "NA", "-", "x"]])).to_pylist()
    ['1', None, None, 'x']
    """
    return pc.if_else(pc.is_in(text, value_set=pa.array(MISSING, text.type)), pa.scalar(None, text.type), text)


def decimal_of(columns: Iterable[pa.ChunkedArray], delimiter: str = "") -> tuple[str, bool, str]:
    """(decimal mark, whether it is certain, note) from the text columns of one source.

    Certain is a mark that some value proves ("0,5" a comma, "0.5" a point). Without proof "1,234" counts as a decimal comma only in
    a file separated by ";" or tabs, where that comma is the usual reason for the separator; a note says so.

    >>> decimal_of([pa.chunked_array([["0,5", "1,234"]])])[:2]
    (',', True)
    """
    columns = list(columns)
    most = max(20, min(500, 100_000 // max(len(columns), 1)))  # of each column, from its start, middle and end
    slices = (text.slice(start, most) for text in columns for start in {0, len(text) // 2, max(len(text) - most, 0)})
    parts = [chunk for each in slices for chunk in each.chunks]
    head = pa.concat_arrays(parts) if parts else pa.array([], pa.string())
    head = pc.utf8_trim_whitespace(head.filter(pc.fill_null(pc.match_substring_regex(head, r"^\s*[+-]?\d+[.,]"), False)))
    comma, point, either = (_count(head, pattern) for pattern in (_CLEAR_COMMA, _CLEAR_POINT, _ONE_GROUP))
    if comma or point:
        note = "decimal commas and decimal points are mixed; the more frequent one was taken" if comma and point else ""
        return ("," if comma > point else "."), True, note
    if either and delimiter in (";", "\t"):
        return ",", False, "numbers such as 1,234 were read with a decimal comma; if it marks thousands, pass decimal='.' (--decimal .)"
    note = "values such as '1,234' may mean 1.234 or 1234 and stay text; pass decimal=',' or decimal='.' (--decimal)" if either else ""
    return ".", False, note


def number_text(text: pa.ChunkedArray, decimal: str = ".", grouped: bool = False) -> pa.ChunkedArray:
    """The column's numbers spelled with a point and without marks; null where a value is missing or no number. ``grouped`` also
    accepts thousands marks.

    >>> number_text(pa.chunked_array([["1.5", " 2 ", "x"]])).to_pylist()
    ['1.5', '2', None]
    """
    return spelled(text, *marks_of(text, decimal, grouped))


def marks_of(text: pa.ChunkedArray, decimal: str = ".", grouped: bool = False) -> tuple[str, bool]:
    """(decimal mark, whether the other mark groups thousands) of one column, in a source read with ``decimal`` and ``grouped``.

    A comma that groups must do so in all values that hold one. A column without any comma has a decimal point in any source.

    >>> marks_of(pa.chunked_array([["1,234", "12"]]), ".", True), marks_of(pa.chunked_array([["0.5"]]), ",", True)
    (('.', True), ('.', False))
    """
    text = pc.utf8_trim_whitespace(text)
    if decimal == ".":
        return ".", grouped and _all(text, ",", _COMMA_GROUPS)
    comma = pc.any(pc.match_substring(text, ",")).as_py() or _all(text, ".", _POINT_GROUPS)
    return (",", grouped) if comma else (".", False)


def spelled(text: pa.ChunkedArray, decimal: str = ".", grouped: bool = False) -> pa.ChunkedArray:
    """Each cell's number, read with these marks whatever stands beside it; spelled with a point; null where it is no number.

    >>> spelled(pa.chunked_array([["1.234,5", "2,5", "2.5"]]), ",", True).to_pylist()
    ['1234.5', '2.5', None]
    """
    text = pc.utf8_trim_whitespace(text)
    if decimal == ",":
        text = _ungrouped(text, ".", _POINT_GROUPS) if grouped else text
        # a point that is left in such a column has no certain meaning: no number
        text = pc.if_else(pc.match_substring(text, "."), pa.scalar("?", text.type), pc.replace_substring(text, ",", "."))
    elif grouped:
        text = _ungrouped(text, ",", _COMMA_GROUPS)
    return pc.if_else(pc.match_substring_regex(text, _NUMBER), text, pa.scalar(None, text.type))


def are_codes(text: pa.ChunkedArray) -> bool:
    """Whether digits are names rather than amounts: "007" (a zero in front, no fraction in the column) or more than 18 digits.

    >>> are_codes(pa.chunked_array([["007", "12"]])), are_codes(pa.chunked_array([["0.7", "12"]]))
    (True, False)
    """
    text = text.drop_null()
    zero = text.filter(pc.starts_with(text, "0"))
    if len(zero) and _count(zero, r"^0\d+$") and not pc.any(pc.match_substring(text, ".")).as_py():
        return True
    return (pc.max(pc.binary_length(text)).as_py() or 0) > 18 and _count(text, r"^[+-]?\d{19,}$") > 0


def booleans(text: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Boolean column when all values are one pair (true/false, yes/no, y/n, t/f, on/off, any case), else None.

    >>> booleans(pa.chunked_array([["Yes", "no", None]])).to_pylist()
    [True, False, None]
    """
    seen = set(pc.utf8_lower(pc.utf8_trim_whitespace(text.slice(0, 1000))).unique().to_pylist()) - {None}
    if not 1 <= len(seen) <= 2 or not any(seen <= pair for pair in _PAIRS):
        return None
    text = pc.utf8_lower(pc.utf8_trim_whitespace(text))
    seen = set(text.unique().to_pylist()) - {None}
    if not any(seen <= pair for pair in _PAIRS) or (len(seen) == 1 and len(next(iter(seen))) == 1):
        return None  # a single letter alone ("y" in every row) says too little
    return pc.if_else(pc.is_null(text), pa.scalar(None, pa.bool_()), pc.is_in(text, value_set=pa.array(TRUE)))


def column(values: Sequence[Any]) -> pa.Array:
    """An Arrow column from Python values of any type. Mixed types become text that spells each value; None stays null.

    >>> column([1, 2.5, "x", None]).to_pylist()
    ['1', '2.5', 'x', None]
    """
    try:
        return pa.array(values)
    except UnicodeEncodeError as error:
        raise half_character(error) from error
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        there = [value for value in values if value is not None]
        numbers = all(isinstance(value, Real) and not isinstance(value, bool) for value in there)
        if numbers and not all(isinstance(value, int) for value in there):  # fractions; whole numbers beyond 64 bits are codes
            return pa.array([None if value is None else _nearest(value) for value in values], pa.float64())
        foreign = next((value for value in there if not isinstance(value, _WORDS)), None)
        if foreign is not None:
            raise DataError("TOC-151", "a column holds objects that are neither numbers, text nor dates",
                            came=f"{type(foreign).__name__}: {foreign!r}"[:120],
                            todo="turn them into numbers or text first, or leave the column out") from None
        try:
            return pa.array([spell(value) for value in values], pa.string())
        except UnicodeEncodeError as error:
            raise half_character(error) from error


_WORDS = (str, Real, Decimal, date, time, timedelta, bytes, dict, list, tuple, np.generic, np.ndarray)


def _nearest(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # beyond 1.8e308: told and treated like any other infinity
        return float("inf") if value > 0 else float("-inf")


def half_character(error: UnicodeEncodeError) -> DataError:
    """The error for text that holds half of a character (a lone surrogate), which no encoding can write."""
    return DataError("TOC-124", "text holds half of a character, which cannot be written in any encoding",
                     came=ascii(error.object)[:80], todo="read the text again with its right encoding")


def spell(value: Any) -> str | None:
    """One value as text, so that reading it again gives the value back."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, (dict, list)):
        return json.dumps(value, default=str, ensure_ascii=False)
    return str(value)


def _count(text: pa.ChunkedArray, pattern: str) -> int:
    return int(pc.sum(pc.match_substring_regex(text, pattern)).as_py() or 0)


def _all(text: pa.ChunkedArray, mark: str, pattern: str) -> bool:
    """Whether at least one value holds ``mark`` and all those values are digits in groups of three."""
    marked = text.filter(pc.and_(pc.match_substring(text, mark), pc.match_substring_regex(text, r"^[+-]?\d[\d.,]*$")))
    return len(marked) > 0 and _count(marked, pattern) == len(marked)


def _ungrouped(text: pa.ChunkedArray, mark: str, pattern: str) -> pa.ChunkedArray:
    return pc.if_else(pc.match_substring_regex(text, pattern), pc.replace_substring(text, mark, ""), text)
