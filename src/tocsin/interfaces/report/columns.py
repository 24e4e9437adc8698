"""The columns of a data set as numbers for drawing; a column that is no number is not drawn."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tocsin.core.types import Dataset


def number_column(data: Dataset, name: str) -> np.ndarray | None:
    """(n,) float64 with NaN where missing or not finite, or None for a column of another type."""
    if isinstance(data.X, pa.Table):
        column = data.X.column(name)
        if pa.types.is_boolean(column.type) or not (
            pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_decimal(column.type)
        ):
            return _parsed(column)
        values = pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    elif isinstance(data.X, np.ndarray) and data.X.ndim == 2:
        values = data.X[:, data.schema.names.index(name)].astype(np.float64)
    else:
        return None
    values = np.array(values, dtype=np.float64)
    values[~np.isfinite(values)] = np.nan
    return values if np.isfinite(values).any() else None


def unit_of(data: Dataset, name: str) -> str:
    """The column's unit, "" when its name already says it."""
    unit = data.schema[name].unit
    return "" if unit in name else unit


def _parsed(column: pa.ChunkedArray) -> np.ndarray | None:
    """A text column whose cells are mostly numbers (a stray "n/a" among them) is drawn as numbers."""
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return None
    cells = column.to_pylist()
    values = np.array([_number(cell) for cell in cells])
    return values if np.isfinite(values).mean() > 0.5 else None


def _number(cell: str | None) -> float:
    try:
        value = float(cell) if cell is not None else np.nan
    except ValueError:
        return np.nan
    return value if np.isfinite(value) else np.nan
