"""What each column holds, and whether a new table still holds it.

Kinds: number (at least 80 % of the values that are there parse as numbers), boolean, date, category, text, id, constant, label.
Units are read from names: "flow (l/s)", "temp [°C]"; the column keeps its full name.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tocsin.core.errors import DataError
from tocsin.core.types import Column, ColumnKind, Schema
from tocsin.data.label import is_label
from tocsin.data.literal import are_codes, booleans, decimal_of, is_text, number_text
from tocsin.data.settle import MOSTLY, Reading, plain_only, settle
from tocsin.data.stamp import dates

_UNIT = re.compile(r"\S.*?[\s_]*[(\[]\s*([^()\[\]]{1,20}?)\s*[)\]]\s*$")
_ID_NAME = re.compile(r"(?:^|[_\s.\-])(id|uuid|guid|index|row|key|rownum|serial)$|(?-i:[a-z]I[dD])$", re.I)
_EMPTY = {"number": pa.float64(), "boolean": pa.bool_(), "date": pa.timestamp("us")}
_SERIES = "; a channel that may be absent: pass it with all cells empty, or fit with missing='ignore' (--missing ignore)"
_FEW = 20  # below this many rows nothing is called an id or free text by its distinct values alone
_ENOUGH = 5  # values that must all be of another type before a column counts as changed


def infer(table: pa.Table, *, label: str | None = None, time: str | None = None, group: str | None = None, id: str | None = None) -> Schema:
    """The schema of ``table``; the columns named by roles are not among its columns. DataError TOC-129 for a name that is not there.

    >>> schema = infer(pa.table({"flow (l/s)": [7.9, 8.1, 3.1], "state": ["on", "idle", "on"]}))
    >>> [(column.name, column.kind, column.unit) for column in schema.columns]
    [('flow (l/s)', 'number', 'l/s'), ('state', 'category', '')]
    """
    for role in (label, time, group, id):
        if role is not None:
            known(role, table.column_names)
    gone = [name for name in (label, time, group, id) if name is not None]
    settled = plain_only(settle(table.drop_columns(gone) if gone else table, Reading(decimal=".")))
    columns = tuple(_column(name, values) for name, values in zip(settled.column_names, settled.columns))
    return Schema(columns, time=time, group=group, label=label, id=id)


def known(name: str, names: Sequence[str]) -> str:
    """``name``, when it is one of ``names``; else DataError TOC-129 with the nearest one."""
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, n=1)
    raise DataError("TOC-129", f"there is no column {name!r}", came=", ".join(map(repr, names[:12])) + " ..." * (len(names) > 12),
                    todo=f"did you mean {near[0]!r}?" if near else "pass one of these names")


def conform(table: pa.Table, schema: Schema) -> pa.Table:
    """The schema's columns of ``table``, by name, in the schema's order. Further columns are left out (:func:`extras` names them).

    Text where numbers were is left for ``Clean`` to coerce and count. DataError: TOC-133 for a missing column, TOC-134 when a column
    holds another type altogether (dates for numbers; at least five values of which none is a number). A column of ids, which no detector
    sees, may be missing, and so may columns that the schema allows to be absent: they are filled with nulls.

    >>> conform(pa.table({"b": [1], "c": [2], "a": [3]}), infer(pa.table({"a": [0.5, 1], "b": [1, 2]}))).column_names
    ['a', 'b']
    """
    for column in schema.columns:
        if (column.kind == "id" or column.absent_allowed) and column.name not in table.column_names:
            table = table.append_column(column.name, pa.nulls(len(table), _EMPTY.get(column.kind, pa.string())))
    place = {name: j for j, name in enumerate(table.column_names)}
    missing = [name for name in schema.names if name not in place]
    if missing:
        near = difflib.get_close_matches(missing[0], table.column_names, n=1)
        raise DataError("TOC-133", f"{len(missing)} of the columns learned from {'is' if len(missing) == 1 else 'are'} missing",
                        came=f"without {', '.join(map(repr, missing[:8]))}" + (f"; {near[0]!r} is there" if near else ""),
                        todo="give the columns the names they had in training; a label or a column not to be judged: name it when fitting "
                             "(--label, --ignore)" + _SERIES * (schema.time is not None))
    chosen = table.select([place[name] for name in schema.names])
    settled = plain_only(settle(chosen, Reading(decimal="."), kinds={column.name: column.kind for column in schema.columns}))
    return pa.table([_as(values, column) for values, column in zip(settled.columns, schema.columns)], names=list(schema.names))


def extras(table: pa.Table, schema: Schema) -> tuple[str, ...]:
    """Columns that the schema does not have, roles apart."""
    known_names = {*schema.names, schema.time, schema.group, schema.label, schema.id}
    return tuple(name for name in table.column_names if name not in known_names)


def unit_of(name: str) -> str:
    """The unit in a column's name, "" when there is none.

    >>> unit_of("flow (l/s)"), unit_of("temp_[°C]"), unit_of("flow")
    ('l/s', '°C', '')
    """
    found = _UNIT.match(name)
    return "" if found is None or found[1].isdigit() else found[1]


def _column(name: str, values: pa.ChunkedArray) -> Column:
    kind, numbers = _kind(name, values)
    if kind != "number" or numbers is None:
        return Column(name, kind, unit_of(name) if kind == "number" else "")
    finite = numbers.filter(pc.fill_null(pc.is_finite(numbers), False))
    span = pc.min_max(finite).as_py()
    low, high = (None if end is None else float(end) for end in (span["min"], span["max"]))
    return Column(name, kind, unit_of(name), low, high)


def _kind(name: str, values: pa.ChunkedArray) -> tuple[ColumnKind, pa.ChunkedArray | None]:
    """(kind, the numbers when it is "number")."""
    if values.null_count == len(values):
        return "constant", None
    if is_label(name, values):
        return "label", None
    if not values.null_count and len(values) > 1 and _is_constant(values):
        return "constant", None
    if pa.types.is_boolean(values.type):
        return "boolean", None
    if pa.types.is_timestamp(values.type):
        return "date", None
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        return ("id" if _counts_rows(name, values) else "number"), values
    return _text_kind(name, values)


def _is_constant(values: pa.ChunkedArray) -> bool:
    if is_text(values.type) or pa.types.is_boolean(values.type):
        return len(values.slice(0, 1000).unique()) == 1 and len(values.unique()) == 1
    span = pc.min_max(values).as_py()
    return bool(span["min"] == span["max"])


def _counts_rows(name: str, values: pa.ChunkedArray) -> bool:
    """Whether whole numbers only name the row: unique under a name that says so, or counting up by one from 0 or 1."""
    if not pa.types.is_integer(values.type) or values.null_count or len(values) < 2:
        return False
    first = values[0].as_py()
    if len(values) >= _FEW and first in (0, 1) and values[-1].as_py() == first + len(values) - 1:
        return bool((np.diff(values.to_numpy()) == 1).all())
    return bool(_ID_NAME.search(name)) and len(values.unique()) == len(values)


def _text_kind(name: str, text: pa.ChunkedArray) -> tuple[ColumnKind, pa.ChunkedArray | None]:
    there = len(text) - text.null_count
    if not are_codes(text):
        spelled = _numbers(text)
        if len(text) - spelled.null_count >= MOSTLY * there:
            return "number", pc.cast(spelled, pa.float64())
    if booleans(text) is not None:
        return "boolean", None
    stamps = dates(text)[0]
    if len(stamps) - stamps.null_count >= MOSTLY * there:
        return "date", None
    known_text = text.drop_null()
    distinct = len(known_text.unique())
    if distinct >= 0.95 * there and there > 1 and _ID_NAME.search(name):
        return "id", None
    if there < _FEW or distinct <= max(_FEW, there / 2):
        words = pc.mean(pc.utf8_length(known_text)).as_py()
        return ("text" if words > 60 and distinct > there / 2 else "category"), None
    if pc.mean(pc.count_substring(known_text, " ")).as_py() >= 2:
        return "text", None
    return ("id" if distinct >= 0.95 * there else "category"), None


def _numbers(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text that ``settle`` left, as spelled numbers: a column that proves a mark of its own has it, whatever its source has."""
    decimal, certain, _ = decimal_of([text])
    return number_text(text, decimal, certain)


def _as(values: pa.ChunkedArray, column: Column) -> pa.ChunkedArray:
    """Values in the type of the column's kind where they fit, text otherwise."""
    types = pa.types
    kind = values.type
    if column.kind == "number":
        if types.is_timestamp(kind):
            raise _changed(column, "dates", values)
        if is_text(kind):
            _some(column, values, _numbers(values))
            return values.cast(pa.float64()) if values.null_count == len(values) else values
        return values.cast(pa.int64()).cast(pa.float64()) if types.is_boolean(kind) else values.cast(pa.float64(), safe=False)
    if column.kind == "date" and is_text(kind):
        _some(column, values, dates(values)[0])
        return values.cast(pa.timestamp("us")) if values.null_count == len(values) else values
    if column.kind == "date" and types.is_boolean(kind):
        raise _changed(column, "truth values", values)
    if column.kind == "boolean":
        return _as_boolean(column, values)
    if column.kind in ("category", "text", "id") and not is_text(kind):
        return _as_text(values)
    return values


def _as_boolean(column: Column, values: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = values.type
    if pa.types.is_timestamp(kind):
        raise _changed(column, "dates", values)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        good = pc.is_in(values.cast(pa.float64(), safe=False), value_set=pa.array([0.0, 1.0]))
        _some(column, values, pc.if_else(good, values, pa.scalar(None, kind)))
        return values.cast(pa.int64()).cast(pa.bool_()) if pc.all(pc.or_(good, pc.is_null(values))).as_py() else values
    if is_text(kind):
        truth = booleans(values)
        return values.cast(pa.bool_()) if values.null_count == len(values) else values if truth is None else truth
    return values


def _as_text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_floating(values.type):
        try:
            values = values.cast(pa.int64())  # 7.0 and 7 are one category
        except pa.ArrowInvalid:
            return values.cast(pa.string())
    return values.cast(pa.string())


def _some(column: Column, values: pa.ChunkedArray, parsed: pa.ChunkedArray) -> None:
    there = len(values) - values.null_count
    if there >= _ENOUGH and parsed.null_count == len(parsed):
        raise _changed(column, "something else in every row", values)


def _changed(column: Column, came: str, values: pa.ChunkedArray) -> DataError:
    seen = ", ".join(repr(str(value)) for value in values.drop_null().slice(0, 3).to_pylist())
    return DataError("TOC-134", f"column {column.name!r} held {_PLURAL[column.kind]} in training and holds {came} now", came=seen,
                     todo="pass the column as it was, or fit a new model on the new data")


_PLURAL = {"number": "numbers", "date": "dates", "boolean": "truth values", "category": "categories", "text": "text", "id": "ids",
           "constant": "one value", "label": "labels"}
