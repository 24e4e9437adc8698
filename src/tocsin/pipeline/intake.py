"""Whatever the caller has in hand, as a Dataset of the form a model was fitted on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tocsin.core.errors import DataError
from tocsin.core.types import Dataset, Schema
from tocsin.data.read import read
from tocsin.data.schema import conform


def as_dataset(data: Any, *, schema: Schema | None = None, kind: Any = None) -> Dataset:
    """``data`` as a Dataset; with the ``schema`` of a fitted model, its columns by name and in order."""
    if not isinstance(data, Dataset):
        if isinstance(data, (list, tuple, np.ndarray)) and not (len(data) and isinstance(data[0], str)):
            return Dataset.of(_numbers(data, kind), kind=kind or "table", names=_names(data, schema))
        return read(data, kind=kind, schema=schema) if schema is not None else read(data, kind=kind)
    if schema is None or isinstance(data.X, np.ndarray):
        if schema is not None and data.X.shape[1] != len(schema.columns):
            _names(data.X, schema)
        return data if schema is None else replace(data, schema=schema)
    return replace(data, X=conform(data.X, schema), schema=schema)


def _numbers(data: Any, kind: Any) -> Any:
    try:
        return np.asarray(data)
    except ValueError as error:
        raise DataError("TOC-115", "rows have different lengths", came=str(error)[:100], todo="pass a rectangular array") from error


def _names(data: Any, schema: Schema | None) -> tuple[str, ...] | None:
    if schema is None:
        return None
    shape = np.shape(data)
    width = shape[1] if len(shape) == 2 else 1
    if width != len(schema.columns):
        raise DataError("TOC-111", "the number of columns differs from the one learned", came=f"{width} columns, learned with {len(schema.columns)}",
                        todo=f"pass the columns {', '.join(schema.names[:8])}{' ...' if len(schema.names) > 8 else ''}, in this order")
    return schema.names
