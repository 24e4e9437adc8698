"""Cells and times of a data set as plain values that JSON can hold."""

from __future__ import annotations

import math
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from tocsin.core.types import Dataset


def cells_of(data: Dataset, rows: np.ndarray) -> list[dict[str, Any]]:
    """One {column: value} per row of ``rows`` (m,), as the values came; with the group's column where the data have one.

    >>> cells_of(Dataset.of([[1.0, np.nan]], names=["a", "b"]), np.array([0]))
    [{'a': 1.0, 'b': None}]
    """
    if isinstance(data.X, pa.Table):
        found = data.X.take(pa.array(rows, pa.int64())).to_pylist()
    else:
        found = [dict(zip(data.schema.names, line)) for line in np.asarray(data.X)[rows].tolist()]
    plain = [{name: plain_cell(value) for name, value in line.items()} for line in found]
    if data.group is not None and data.schema.group is not None:
        for line, value in zip(plain, data.group[rows].tolist()):
            line[data.schema.group] = plain_cell(value)
    return plain


def plain_cell(value: Any) -> Any:
    """A value that JSON can hold: NaN is None, infinity is text, times are ISO text, whatever else is its text.

    >>> plain_cell(float("nan")), plain_cell(float("-inf")), plain_cell(3), plain_cell(datetime(2026, 1, 31))
    (None, '-inf', 3, '2026-01-31T00:00:00')
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None if math.isnan(value) else str(value)
    return value.isoformat() if isinstance(value, (datetime, date)) else plain_text(value)


def plain_text(value: Any) -> str:
    """Text that every database can keep: a NUL or half a surrogate pair becomes a question mark.

    >>> plain_text("a\\0b"), plain_text(7)
    ('a?b', '7')
    """
    return str(value).replace("\0", "?").encode("utf-8", "replace").decode("utf-8")


def times_as_text(time: np.ndarray) -> list[str | None]:
    """(n,) times as ISO text, to the second where that is exact; numbers as text; None where there is none.

    >>> times_as_text(np.array(["2026-01-31T10:00", "NaT"], dtype="datetime64[s]"))
    ['2026-01-31T10:00:00', None]
    """
    if time.dtype.kind != "M":
        return [None if isinstance(value, float) and math.isnan(value) else str(value) for value in time.tolist()]
    fine = time.astype("datetime64[us]")
    known = fine[~np.isnat(fine)]
    text = np.datetime_as_string(fine, unit="s" if (known == known.astype("datetime64[s]")).all() else "us").tolist()
    return [None if missing else value for value, missing in zip(text, np.isnat(fine).tolist())]
