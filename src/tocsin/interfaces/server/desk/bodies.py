"""The bodies of scoring: JSON or csv in, rows out, refused where a number is none."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tocsin.core.errors import DataError, ServiceError

_ANY: TypeAdapter[Any] = TypeAdapter(Any)
_FORM = 'send {"rows": [{"column": value, …}, …]} or {"columns": {"column": [values], …}}'
_KEYS = frozenset({"rows", "columns", "explain", "version"})
_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_SPARE = 1000  # objects and lists beside those of the rows
_LISTS = 100_000  # the columns of a wide table


def bounded(body: bytes, most: int) -> None:
    """Count the objects and lists of a body before it is read: reading ten million tiny ones takes gigabytes.

    ``most`` is the number of rows that one call may bring. Brackets in texts do not count. Raises ServiceError TOC-603.

    >>> bounded(b'{"columns": {"a": ["{{{{", "{"]}}', 1)
    """
    allowed = {b"{": most + _SPARE, b"[": max(most, _LISTS) + _SPARE}
    if all(body.count(sign) <= limit for sign, limit in allowed.items()):
        return
    seen, start = dict.fromkeys(allowed, 0), 0
    for text in _TEXT.finditer(body):
        _count(body, start, text.start(), seen, allowed)
        start = text.end()
    _count(body, start, len(body), seen, allowed)


def _count(body: bytes, start: int, end: int, seen: dict[bytes, int], allowed: dict[bytes, int]) -> None:
    for sign, limit in allowed.items():
        seen[sign] += body.count(sign, start, end)
        if seen[sign] > limit:
            raise _too_many(f"more than {limit:,} {'objects' if sign == b'{' else 'lists'}", allowed[b"{"] - _SPARE)


def _too_many(came: str, most: int) -> ServiceError:
    return ServiceError("TOC-603", "there are too many rows in one call", came=came,
                        todo=f"send at most {most:,} at a time, or upload the file and have it judged")


def parsed(body: bytes) -> dict[str, Any]:
    """A scoring body as it came: ``rows`` or ``columns``, perhaps ``explain`` and ``version``.

    Raises DataError TOC-191 for what is no such body, TOC-192 for NaN, Infinity and numbers that are too large for a computer's.
    """
    try:
        found = _ANY.validate_json(body)
    except ValidationError as error:
        raise DataError("TOC-191", "the body is no JSON", came=str(error.errors()[0]["msg"])[:120], todo=_FORM) from None
    if not isinstance(found, dict) or not _KEYS.issuperset(found) or ("rows" in found) == ("columns" in found):
        came = ", ".join(map(repr, list(found)[:6])) if isinstance(found, dict) else type(found).__name__
        raise DataError("TOC-191", "the body is not of the expected form", came=came[:200], todo=_FORM)
    if not isinstance(found.get("explain", False), bool) or type(found.get("version")) not in (int, type(None)):
        raise DataError("TOC-191", "the body is not of the expected form", came="explain is true or false, version a number", todo=_FORM)
    return found


def rows_of(found: dict[str, Any], most: int | None = None) -> list[dict[str, Any]]:
    """The rows of a parsed body, every number in them finite. Raises ServiceError TOC-603 for more than ``most``, before columns become
    rows, DataError TOC-101, TOC-112, TOC-191 and TOC-192 for what are no rows."""
    rows = found["rows"] if "rows" in found else _turned(found["columns"], most)
    if most is not None and isinstance(rows, list) and len(rows) > most:
        raise _too_many(f"{len(rows):,} rows", most)
    if not isinstance(rows, list) or not rows:
        raise DataError("TOC-112", "there are no rows", came=f"rows: {type(rows).__name__}", todo=_FORM)
    for number, row in enumerate(rows):
        if type(row) is not dict or not row:
            raise DataError("TOC-191", "a row is an object with a value for each column", came=f"row {number}: {row!r}"[:120], todo=_FORM)
        for name, cell in row.items():
            if type(cell) is float and cell - cell != 0.0:
                raise _no_number(f"row {number}, {name!r}: {cell}")
            if isinstance(cell, (dict, list)):
                _check(cell, f"row {number}, {name!r}")
    return rows


def _turned(columns: Any, most: int | None) -> list[dict[str, Any]]:
    """Columns as rows."""
    if not isinstance(columns, dict) or not columns or not all(isinstance(values, list) for values in columns.values()):
        raise DataError("TOC-191", "columns are lists of values by name", came=type(columns).__name__, todo=_FORM)
    lengths = {len(values) for values in columns.values()}
    if len(lengths) != 1:
        raise DataError("TOC-101", "columns do not have one entry per row",
                        came=", ".join(f"{name}: {len(values)}" for name, values in list(columns.items())[:8])[:200],
                        todo="give all columns the same length")
    if most is not None and max(lengths) > most:
        raise _too_many(f"{max(lengths):,} rows", most)
    return [dict(zip(columns, line)) for line in zip(*columns.values())]


def _check(cell: Any, where: str) -> None:
    if isinstance(cell, float) and not math.isfinite(cell):
        raise _no_number(f"{where}: {cell}")
    for inner in cell.values() if isinstance(cell, dict) else cell if isinstance(cell, list) else ():
        _check(inner, where)


def _no_number(came: str) -> DataError:
    return DataError("TOC-192", "NaN and Infinity are no JSON numbers", came=came[:200], todo="send null for a missing value")


def dumped(answer: dict[str, Any] | Sequence[Any]) -> bytes:
    """An answer as JSON; NaN cannot leave."""
    return json.dumps(answer, allow_nan=False, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
