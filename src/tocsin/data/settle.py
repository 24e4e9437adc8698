"""Whole columns get their types: text that is all numbers becomes numbers, all dates become time stamps, all yes/no become booleans.

One stray word in a column of numbers leaves it text, spelled with decimal points; its kind in the schema is still "number", and
``Clean`` counts what does not parse. Nothing is lost on the way in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tocsin.core.errors import DataError
from tocsin.data.literal import are_codes, booleans, decimal_of, is_text, number_text, without_missing
from tocsin.data.stamp import dates, seconds

MOSTLY = 0.8


@dataclass
class Reading:
    """How the text of one source is read; found on the first rows and kept for all later ones.

    ``decimal`` "." or ",", ``certain`` whether a value or the caller proves it, ``orders`` day/month order by column.
    """

    decimal: str = ""
    certain: bool = False
    orders: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def settle(table: pa.Table, reading: Reading, *, delimiter: str = "", kinds: Mapping[str, str] | None = None) -> pa.Table:
    """``table`` with plain types. ``kinds`` (of a schema) hold columns to what they were: a category of figures stays text.

    Columns of lists, bytes and the like stay as they are, since the caller may ignore them; :func:`plain_only` refuses the rest."""
    columns = {name: _plain(column) for name, column in _flattened(table)}
    texts = {name: column for name, column in columns.items() if is_text(column.type)}
    if not delimiter:  # the csv reader has already taken the spellings of "no value" as nulls
        texts = {name: without_missing(text) for name, text in texts.items()}
    if not reading.decimal:
        reading.decimal, reading.certain, note = decimal_of(texts.values(), delimiter)
        reading.notes += [note] if note else []
    for name, text in texts.items():
        kind = (kinds or {}).get(name)
        columns[name] = text if kind in ("category", "text", "id") else _typed(text, name, reading)
    return pa.table(columns)


def _typed(text: pa.ChunkedArray, name: str, reading: Reading) -> pa.ChunkedArray:
    if text.null_count == len(text):
        return text
    found = _numbers(text, reading)
    if found is not None:
        return found
    truth = booleans(text)
    if truth is not None:
        return truth
    stamps, order = dates(text, reading.orders.get(name, ""))
    if stamps.null_count == text.null_count:
        if order:
            reading.orders[name] = order
        if order == "dmy?" and not any(repr(name) in note for note in reading.notes):
            reading.notes.append(f"dates in {name!r} could be day/month or month/day; read as day/month")
        return stamps
    return text


def _numbers(text: pa.ChunkedArray, reading: Reading) -> pa.ChunkedArray | None:
    """Numbers when all values are, text with points when most are, else None."""
    if are_codes(text):
        return None
    whole = None
    if reading.decimal == ".":
        try:
            whole = pc.cast(text, pa.float64())
        except pa.ArrowInvalid:
            whole = None
    if whole is None:
        spelled = number_text(text, reading.decimal, reading.certain)
        good = len(text) - spelled.null_count
        if good < MOSTLY * (len(text) - text.null_count):
            return None
        if spelled.null_count > text.null_count:
            return pc.coalesce(spelled, text)
        text, whole = spelled, pc.cast(spelled, pa.float64())
    try:
        return pc.cast(text, pa.int64())
    except pa.ArrowInvalid:
        return whole


def _flattened(table: pa.Table) -> list[tuple[str, pa.ChunkedArray]]:
    """Columns with the fields of structs as columns of their own ("pump.flow")."""
    while any(pa.types.is_struct(kind) for kind in table.schema.types):
        table = table.flatten()
        if len(set(table.column_names)) < table.num_columns:
            twice = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
            raise DataError("TOC-102", "fields of a structure have the names of other columns", came=", ".join(map(repr, twice[:8])),
                            todo="rename these columns")
    return list(zip(table.column_names, table.columns))


def plain_only(table: pa.Table) -> pa.Table:
    """``table``, when none of its columns holds lists, bytes or another type that cannot be judged; else DataError TOC-140, TOC-151."""
    for name, kind in zip(table.column_names, table.schema.types):
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
            raise DataError("TOC-140", f"column {name!r} holds bytes", came=str(kind), todo=f"leave it out: ignore=[{name!r}]")
        if not (is_text(kind) or any(test(kind) for test in _TESTS)):
            raise DataError("TOC-151", f"column {name!r} holds a type that cannot be judged", came=str(kind)[:120],
                            todo=f"split lists into columns of their own, decode bytes, or leave it out: ignore=[{name!r}]")
    return table


_TESTS = (pa.types.is_int64, pa.types.is_float64, pa.types.is_boolean, pa.types.is_timestamp)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """One of: int64, float64, bool, timestamp, string, or the column itself when it is none of these."""
    kind = column.type
    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        if types.is_nested(kind.storage_type):  # an interval, a point: no one number says what it is
            return column
        return _plain(pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type))
    if types.is_dictionary(kind):
        return _plain(pa.chunked_array([chunk.dictionary_decode() for chunk in column.chunks], kind.value_type))
    if types.is_run_end_encoded(kind):
        return _plain(pa.chunked_array([pc.run_end_decode(chunk) for chunk in column.chunks], kind.value_type))
    if types.is_int64(kind) or types.is_float64(kind) or types.is_boolean(kind) or types.is_timestamp(kind) or types.is_string(kind):
        return column
    if types.is_null(kind):
        return column.cast(pa.string())
    if types.is_uint64(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return _to_float(column)
    if types.is_integer(kind):
        return column.cast(pa.int64())
    if types.is_date(kind):
        return column.cast(pa.timestamp("us" if types.is_date32(kind) else "ms"))
    if types.is_duration(kind) or types.is_time(kind):
        return seconds(column)
    if is_text(kind):
        return column.cast(pa.string())
    if types.is_binary(kind) or types.is_large_binary(kind):
        try:
            return column.cast(pa.string())
        except pa.ArrowInvalid:
            return column
    return column


def _to_float(column: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return column.cast(pa.float64())
    except pa.ArrowNotImplementedError:  # half floats, in some releases of Arrow
        return pa.chunked_array([pa.array(np.asarray(column.to_pylist(), dtype=np.float64))])
    except pa.ArrowInvalid:  # unsigned numbers above 2^53: the nearest float is what a detector would use anyway
        return column.cast(pa.float64(), safe=False)
