"""Frames in memory → an Arrow table: pandas, polars and whatever else narwhals knows, Arrow's own types, mappings, lists of records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v1 as nw
import numpy as np
import pyarrow as pa

from tocsin.core.errors import DataError
from tocsin.data.delimited import check_names
from tocsin.data.lines import records
from tocsin.data.literal import column


@dataclass(frozen=True)
class Framed:
    """``time`` names the column that was a pandas DatetimeIndex; ``ids`` are the labels of any other pandas index."""

    table: pa.Table
    time: str | None = None
    ids: np.ndarray | None = None
    notes: tuple[str, ...] = ()


def to_table(source: Any) -> Framed:
    """``source`` as an Arrow table. DataError TOC-136 for a thing that is no table, TOC-102 for repeated names."""
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
                        todo="pass a file, a frame (pandas, polars, Arrow), an array, a mapping of columns, or a database URL") from error
    if isinstance(frame, nw.Series):
        frame = frame.to_frame()
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    return _checked(frame.to_arrow())


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
        ids = ids if ids.dtype.kind in "iu" else np.array([str(label) for label in ids])
        notes.append("rows are called by the labels of the frame's index")
    return Framed(pa.table(columns) if columns else pa.table({}), time, ids, tuple(notes))


def _pandas_column(values: Any) -> pa.Array | pa.ChunkedArray:
    try:
        return pa.Array.from_pandas(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        missing = values.isna().to_numpy()
        return column([None if gone else value for value, gone in zip(values.tolist(), missing)])


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
    return pa.table(columns)


def _values(values: Any) -> pa.Array | pa.ChunkedArray:
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values
    if isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in "biufM":
        return pa.array(values.astype("datetime64[us]") if values.dtype.str[-3:] in ("[D]", "[h]", "[m]") else values)
    if isinstance(values, (str, bytes)) or not hasattr(values, "__len__"):
        raise DataError("TOC-136", "a column of a mapping is a list of values", came=type(values).__name__,
                        todo='pass {"name": [value, ...]}')
    return column(values.tolist() if hasattr(values, "tolist") else list(values))


def _from_array(array: np.ndarray) -> pa.Table:
    """Arrays of text, objects or named fields; plain numbers go through Dataset.of instead."""
    if array.dtype.names:
        return pa.table({name: _values(np.ascontiguousarray(array[name])) for name in array.dtype.names})
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2:
        raise DataError("TOC-115", "an array of two dimensions is needed", came=str(array.shape), todo="pass rows and columns")
    return pa.table({f"x{j}": _values(np.ascontiguousarray(array[:, j])) for j in range(array.shape[1])})


def _checked(table: pa.Table) -> pa.Table:
    check_names(table.column_names, "the table")
    return table
