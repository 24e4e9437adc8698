"""Rows told as plain cells, put beside the rows of a data set that they belong to."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from tocsin.core.types import Dataset
from tocsin.monitoring.cells import cells_of


def key_of(cells: dict[str, Any], names: Sequence[str]) -> tuple[Any, ...]:
    """What makes two rows the same row: equal cells, whatever type a number came in.

    >>> key_of({"a": 3, "b": "x"}, ["a", "b"]) == key_of({"b": "x", "a": 3.0}, ["a", "b"])
    True
    """
    values = [cells.get(name) for name in names]
    return tuple(number(value) if isinstance(value, (int, float)) else value for value in values)


def keys_of(data: Dataset) -> dict[tuple[Any, ...], list[int]]:
    """Row key → positions."""
    found: dict[tuple[Any, ...], list[int]] = {}
    for i, cells in enumerate(cells_of(data, np.arange(len(data)))):
        found.setdefault(key_of(cells, data.schema.names), []).append(i)
    return found


def stretch_of(cells: Sequence[dict[str, Any]], data: Dataset, times: Sequence[str | None]) -> Dataset:
    """``cells`` as rows of the form of ``data``: its columns and types, its clock; what does not fit a column is missing."""
    n = len(cells)
    if isinstance(data.X, pa.Table):
        X: Any = pa.table({field.name: _column([line.get(field.name) for line in cells], field.type) for field in data.X.schema})
    else:
        X = np.array([[number(line.get(name)) for name in data.schema.names] for line in cells], dtype=float)
    time = None if data.time is None else _times(times, data.time.dtype)
    group = None
    if data.group is not None:
        group = np.array([line.get(data.schema.group or "", "") for line in cells]).astype(data.group.dtype, copy=False)
    return Dataset(X, data.kind, data.schema, np.arange(n), None, time, group, replace(data.origin, source="labels"))


def added(data: Dataset, normal: Sequence[Dataset], odd: Sequence[Dataset], copies: int) -> Dataset:
    """``data`` with ``copies`` of each of ``normal``, and with ``odd`` marked as anomalies (tables).

    Stretches of a series become groups of their own, half of the copies before the data and half behind, so that calibration, which
    holds out parts of the series, never holds out all of them.
    """
    parts = [one for one in normal for _ in range(copies)]
    if not parts and not odd:
        return data
    if data.kind != "series":
        every = [data, *parts, *odd]
        marks = np.concatenate([np.zeros(len(data), dtype=np.int64) if data.y is None else data.y,
                                np.zeros(sum(map(len, parts)), dtype=np.int64), np.ones(sum(map(len, odd)), dtype=np.int64)])
        return _joined(every, data, marks if marks.any() else None, None if data.group is None else _stacked([one.group for one in every]))
    every = [*parts[1::2], data, *parts[::2]]
    here = len(parts[1::2])
    names = [np.full(len(one), f"label {i}") for i, one in enumerate(every)]
    names[here] = np.zeros(len(data), dtype=int).astype(str) if data.group is None else data.group.astype(str)
    marks = np.concatenate([np.zeros(len(one), dtype=np.int64) if one.y is None else one.y for one in every])
    return _joined(every, data, marks if marks.any() else None, _stacked(names))


def _joined(every: Sequence[Dataset], data: Dataset, y: np.ndarray | None, group: np.ndarray | None) -> Dataset:
    blocks = [one.X for one in every]
    X = pa.concat_tables(blocks, promote_options="permissive") if isinstance(data.X, pa.Table) else np.concatenate(blocks)
    ids = np.concatenate([one.ids.astype(object) for one in every])
    time = None if data.time is None else np.concatenate([one.time for one in every if one.time is not None])
    return replace(data, X=X, ids=ids, y=y, time=time, group=group)


def _stacked(parts: Sequence[np.ndarray | None]) -> np.ndarray:
    return np.concatenate([part for part in parts if part is not None])


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        numbers = pa.array([None if math.isnan(number(value)) else number(value) for value in values], pa.float64())
        with contextlib.suppress(pa.ArrowInvalid):
            return numbers.cast(kind)
        return numbers  # 3.5 in a column of whole numbers: the column becomes one of numbers
    if pa.types.is_boolean(kind):
        return pa.array([None if value is None else bool(value) for value in values], kind)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return pa.chunked_array([_stamp(value, kind) for value in values], kind).combine_chunks()
    return pa.array([None if value is None else str(value) for value in values], pa.string()).cast(kind)


def _stamp(value: Any, kind: pa.DataType) -> pa.Array:
    """(1,) a date as it was told, missing when it is none."""
    try:
        return pa.array([None if value is None else str(value)], pa.string()).cast(kind)
    except pa.ArrowInvalid:
        return pa.nulls(1, kind)


def _times(times: Sequence[str | None], kind: np.dtype) -> np.ndarray:
    if kind.kind == "M":
        return np.array([moment(time) for time in times], dtype="datetime64[us]").astype(kind)
    return np.array([number(time) for time in times]).astype(kind)


def moment(time: str | None) -> np.datetime64:
    """A stored time; NaT when it is none."""
    try:
        return np.datetime64("NaT" if time is None else time)
    except ValueError:
        return np.datetime64("NaT")


def number(value: Any) -> float:
    """A told cell as a number; NaN when it is none."""
    if value is None:
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan
