"""Made anomalies in a data set: the numbers of a copy are spoilt in places, everything else stays as it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tocsin.core.errors import DataError
from tocsin.core.types import Dataset
from tocsin.data.inject import inject

_OF_TABLES = ("spike", "shift", "relation")  # kinds that need no order of the rows


def made(data: Dataset, *, seed: int, period: int | None = None, events: int = 2) -> list[tuple[str, Dataset]]:
    """Copies of ``data`` with made anomalies, one for each kind that there is room for, marked in ``y``; none when no number moves.

    ``period``: the usual length of a shape, see :func:`tocsin.data.inject.inject`. A series is taken as one segment without a break.

    >>> rows = Dataset.of(np.sin(np.arange(200) / 3), kind="series")
    >>> [(kind, bool(one.y.any())) for kind, one in made(rows, seed=0)][:2]
    [('spike', True), ('shift', True)]
    """
    names, X = numbers(data)
    if not names:
        return []
    try:
        spoilt = inject(X, seed=seed, kinds=None if data.kind == "series" else _OF_TABLES, period=period, events=events)
    except DataError as error:
        if error.code != "TOC-196":
            raise
        return []
    return [(one.kind, replace(_written(data, names, one.X, one.X != X), y=one.y)) for one in spoilt]


def numbers(data: Dataset) -> tuple[list[str], np.ndarray]:
    """(names of the columns of numbers, their values (n, c)), gaps bridged by straight lines; columns without any value are left out."""
    found: dict[str, np.ndarray] = {}
    for j, column in enumerate(data.schema.columns):
        if column.kind == "number":
            values = _plain(data.X.column(column.name)) if isinstance(data.X, pa.Table) else np.asarray(data.X[:, j], dtype=np.float64)
            known = np.zeros(0, dtype=bool) if values is None else np.isfinite(values)
            if values is not None and known.any():
                steps = np.arange(len(values))
                found[column.name] = np.interp(steps, steps[known], values[known])
    return list(found), np.stack(list(found.values()), axis=1) if found else np.zeros((len(data), 0))


def _plain(column: pa.ChunkedArray) -> np.ndarray | None:
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_decimal(column.type)):
        return None
    return np.asarray(pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False))


def _written(data: Dataset, names: list[str], X: np.ndarray, changed: np.ndarray) -> Dataset:
    """``data`` with the ``changed`` cells of ``X`` (n, c) in its columns ``names``; missing cells elsewhere stay missing."""
    order = list(data.schema.names)
    if not isinstance(data.X, pa.Table):
        plain = np.array(data.X, dtype=np.float64)
        for k, name in enumerate(names):
            j = order.index(name)
            plain[:, j] = np.where(changed[:, k], X[:, k], plain[:, j])
        return replace(data, X=plain)
    table = data.X
    for k, name in enumerate(names):
        if changed[:, k].any():
            old = table.column(name)
            kept = _plain(old)
            assert kept is not None  # numbers() took it
            values = np.where(changed[:, k], X[:, k], kept)
            missing = np.asarray(old.is_null()) & ~changed[:, k]
            table = table.set_column(table.column_names.index(name), name, pa.array(values, mask=missing))
    return replace(data, X=table)
