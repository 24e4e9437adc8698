"""Frames in memory → an Arrow table: pandas, polars and whatever else narwhals knows, Arrow's own types, mappings, lists of records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import narwhals.stable.v1 as nw
import numpy as np
import pyarrow as pa

from tocsin.core.errors import DataError
from tocsin.core.types import plain_array
from tocsin.data.delimited import check_names
from tocsin.data.lines import records
from tocsin.data.literal import column, half_character


@dataclass(frozen=True)
class Framed:
    """``time`` names the column that was a pandas DatetimeIndex; ``ids`` are the labels of any other pandas index."""

    table: pa.Table
    time: str | None = None
    ids: np.ndarray | None = None
    notes: tuple[str, ...] = ()


def to_table(source: Any) -> Framed:
    """``source`` as an Arrow table. DataError TOC-136 for a thing that is no table, TOC-102 for repeated names."""
    framed = _framed(source)
    names = [name if name.strip() and name.isprintable() else _visible(name, j) for j, name in enumerate(framed.table.column_names)]
    if names == framed.table.column_names:
        return framed
    check_names(names, "the frame")
    note = "column names that are blank or hold line breaks were changed: those columns are called by their position or on one line"
    return replace(framed, table=framed.table.rename_columns(names), notes=(*framed.notes, note))


def _visible(name: str, place: int) -> str:
    """A name on one line; the position when nothing is left."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in name).split()) or f"column {place + 1}"


def _framed(source: Any) -> Framed:
    if isinstance(source, pa.Table):
        return Framed(_checked(source))
    if isinstance(source, pa.RecordBatch):
        return Framed(_checked(pa.Table.from_batches([source])))
    if isinstance(source, pa.RecordBatchReader):
        return Framed(_checked(source.read_all()))
    if isinstance(source, np.ndarray):
        return Framed(_from_array(source))
    if isinstance(source, Mapping):
        return Framed(_from_mapping(source))
    if isinstance(source, (list, tuple)) and source and all(isinstance(row, Mapping) for row in source):
        return Framed(records([dict(row) for row in source]))
    if nw.dependencies.is_pandas_dataframe(source) or nw.dependencies.is_pandas_series(source):
        return _from_pandas(source)
    return Framed(_from_narwhals(source))


def is_rows(source: Any) -> bool:
    """Whether ``source`` is a list of rows of numbers rather than of files."""
    return isinstance(source, (list, tuple)) and len(source) > 0 \
        and all(isinstance(row, (list, tuple, np.ndarray, int, float)) for row in source)


def _from_narwhals(source: Any) -> pa.Table:
    try:
        frame = nw.from_native(source, allow_series=True)
    except TypeError as error:
        if hasattr(source, "__arrow_c_stream__"):
            return _checked(pa.table(source))
        raise DataError("TOC-136", "this cannot be read as data", came=type(source).__name__,
                        todo=_SPARSE if hasattr(source, "toarray") else _READABLE) from error
    if isinstance(frame, nw.Series):
        frame = frame.to_frame()
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    try:
        return _checked(frame.to_arrow())
    except (pa.ArrowException, TypeError) as error:
        raise DataError("TOC-151", "a column holds a type that Arrow does not know", came=str(error)[:120],
                        todo="cast it to a plain type of number or text, or drop it") from error


_READABLE = "pass a file, a frame (pandas, polars, Arrow), an array, a mapping of columns, or a database URL"
_SPARSE = "a sparse matrix has no missing cells and no names: pass matrix.toarray(), or a frame"


def _from_pandas(source: Any) -> Framed:
    frame = source.to_frame() if nw.dependencies.is_pandas_series(source) else source
    if frame.columns.nlevels > 1:
        raise DataError("TOC-102", "the columns have names of several levels", came=repr(list(frame.columns[:3])),
                        todo="give each column one name: frame.columns = ['_'.join(map(str, c)) for c in frame.columns]")
    names = [str(name) for name in frame.columns]
    check_names(names, "the frame")
    columns = {name: _pandas_column(frame.iloc[:, j]) for j, name in enumerate(names)}
    index, notes = frame.index, []
    time, ids = None, None
    if index.nlevels > 1:
        columns = {**{_free(str(name or f"level {i}"), names): _pandas_column(index.get_level_values(i).to_series())
                      for i, name in enumerate(index.names)}, **columns}
        notes.append("the levels of the frame's index became columns")
    elif type(index).__name__ in ("DatetimeIndex", "PeriodIndex"):
        time = _free(str(index.name or "time"), names)
        stamps = index.to_timestamp() if type(index).__name__ == "PeriodIndex" else index
        columns = {time: _pandas_column(stamps.to_series()), **columns}
        notes.append(f"the frame's index became the time column {time!r}")
    elif type(index).__name__ != "RangeIndex" or (index.start, index.step) != (0, 1):
        ids = index.to_numpy()
        ids = ids if ids.dtype.kind in "iu" else _written([str(label) for label in ids])
        notes.append("rows are called by the labels of the frame's index")
    return Framed(pa.table(columns) if columns else pa.table({}), time, ids, tuple(notes))


def _pandas_column(values: Any) -> pa.Array | pa.ChunkedArray:
    try:
        return pa.Array.from_pandas(values)
    except UnicodeEncodeError as error:
        raise half_character(error) from error
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        missing = values.isna().to_numpy()
        if values.dtype.kind == "c":
            raise DataError("TOC-151", f"column {values.name!r} holds complex numbers", came=str(values.dtype),
                            todo="pass the real and imaginary parts, or size and angle, as two columns") from None
        return column([None if gone else value for value, gone in zip(values.tolist(), missing)])


def _written(names: list[str]) -> np.ndarray:
    try:
        "".join(names).encode("utf-8")
    except UnicodeEncodeError as error:
        raise half_character(error) from error
    return np.array(names, dtype=str)


def _free(name: str, taken: list[str]) -> str:
    while name in taken:
        name += "_index"
    return name


def _from_mapping(source: Mapping[Any, Any]) -> pa.Table:
    columns = {str(name): _values(values) for name, values in source.items()}
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DataError("TOC-101", "columns do not have one entry per row",
                        came=", ".join(f"{n}: {k}" for n, k in list(lengths.items())[:8]),
                        todo="give all columns the same length")
    try:
        return pa.table(columns)
    except UnicodeEncodeError as error:
        raise half_character(error) from error


def _values(values: Any) -> pa.Array | pa.ChunkedArray:
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values
    values = plain_array(values) if isinstance(values, np.ndarray) else values
    if isinstance(values, np.ndarray) and values.dtype.kind == "c":
        raise DataError("TOC-151", "a column holds complex numbers", came=str(values.dtype),
                        todo="pass the real and imaginary parts, or size and angle, as two columns")
    if isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in "biufM":
        return pa.array(values.astype("datetime64[us]") if values.dtype.str[-3:] in ("[D]", "[h]", "[m]") else values)
    if isinstance(values, (str, bytes, set, frozenset, Mapping)) or not hasattr(values, "__len__"):
        raise DataError("TOC-136", "a column of a mapping is a list of values", came=type(values).__name__,
                        todo='pass {"name": [value, ...]}')
    return column(values.tolist() if hasattr(values, "tolist") else list(values))


def _from_array(array: np.ndarray) -> pa.Table:
    """Arrays of text, objects or named fields; plain numbers go through Dataset.of instead."""
    if array.dtype.names:
        return pa.table({name: _values(np.ascontiguousarray(array[name])) for name in array.dtype.names})
    array = plain_array(array[:, None] if array.ndim == 1 else array)
    if array.ndim != 2:
        raise DataError("TOC-115", "an array of two dimensions is needed", came=str(array.shape), todo="pass rows and columns")
    return pa.table({f"x{j}": _values(np.ascontiguousarray(array[:, j])) for j in range(array.shape[1])})


def _checked(table: pa.Table) -> pa.Table:
    check_names(table.column_names, "the table")
    return table
