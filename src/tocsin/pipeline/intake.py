"""Whatever the caller has in hand, as a Dataset of the form a model was fitted on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tocsin.core.errors import DataError
from tocsin.core.tags import ITEMS
from tocsin.core.types import Dataset, Kind, Schema
from tocsin.data import items
from tocsin.data.read import read
from tocsin.data.schema import conform


def as_dataset(data: Any, *, schema: Schema | None = None, kind: Kind | None = None) -> Dataset:
    """``data`` as a Dataset; with the ``schema`` of a fitted model, its columns by name (arrays: by position) and in order.

    Takes a Dataset, an array or nested list of numbers, and everything that ``tocsin.read`` takes. Raises DataError.
    """
    if kind in ITEMS and (schema is None or not isinstance(data, Dataset)):
        return read(data, kind=kind, schema=schema)
    if isinstance(data, Dataset):
        if schema is not None and (data.kind in ITEMS or kind in ITEMS):
            return items.read(data, kind or "table")
        return data if schema is None else _conformed(data, schema)
    if isinstance(data, (list, tuple)):
        data = _numbers(data)
    if isinstance(data, np.ndarray) and data.dtype.kind in "biuf":
        made = Dataset.of(data, kind=kind or "table")
        return made if schema is None else _conformed(made, schema)
    return read(data, kind=kind, schema=schema)


def _numbers(rows: Any) -> Any:
    """A nested list of numbers as an array; a list of anything else (paths, frames) as it is."""
    if not isinstance(rows[0] if len(rows) else 0.0, (list, tuple, np.ndarray, int, float, np.number)):
        return rows
    try:
        return np.asarray(rows)
    except ValueError as error:
        raise DataError("TOC-115", "rows have different lengths", came=str(error)[:100], todo="pass a rectangular array") from error


def _conformed(data: Dataset, schema: Schema) -> Dataset:
    if not isinstance(data.X, np.ndarray):
        return replace(data, X=conform(data.X, schema), schema=schema)
    if data.X.shape[1] != len(schema.columns):
        named = ", ".join(schema.names[:8]) + " ..." * (len(schema.names) > 8)
        raise DataError("TOC-111", "the number of columns differs from the one learned",
                        came=f"{data.X.shape[1]} columns, learned with {len(schema.columns)}",
                        todo=f"pass the columns {named}, in this order")
    return replace(data, schema=schema)
