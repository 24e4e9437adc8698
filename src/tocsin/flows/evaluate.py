"""Evaluate: a fitted pipeline against labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tocsin.core.errors import DataError
from tocsin.core.types import Dataset, Detections
from tocsin.evaluation import metrics
from tocsin.pipeline.pipeline import Pipeline


def evaluate(model: Pipeline, data: Dataset) -> dict[str, Any]:
    """Metrics of ``model`` on labelled ``data``, plain values; undefined ones are None with a reason. No labels: DataError TOC-109."""
    return measure(model.detect(data), data)


def measure(found: Detections, data: Dataset) -> dict[str, Any]:
    """Metrics of ``found``, the judgement of labelled ``data``; a series is cut into its groups. No labels: DataError TOC-109."""
    if data.y is None:
        raise DataError("TOC-109", "there are no labels to evaluate against", came="no label column",
                        todo="name it: label=\"column\" (1 or 'anomaly' = anomaly)")
    if data.kind != "series":
        return metrics.evaluate(found, data.y)
    return metrics.evaluate(found, data.y, values=first_channel(data), groups=data.group)


def first_channel(data: Dataset) -> np.ndarray | None:
    """(t,) the first column of numbers of a series, gaps bridged by straight lines; None without one.

    >>> first_channel(Dataset.of([1.0, np.nan, 3.0], kind="series")).tolist()
    [1.0, 2.0, 3.0]
    """
    for j, column in enumerate(data.schema.columns):
        values = _numbers(data.X.column(column.name)) if isinstance(data.X, pa.Table) else np.asarray(data.X[:, j], dtype=np.float64)
        known = np.zeros(0, dtype=bool) if values is None else np.isfinite(values)
        if values is not None and known.any():
            steps = np.arange(len(values))
            return np.interp(steps, steps[known], values[known])
    return None


def _numbers(column: pa.ChunkedArray) -> np.ndarray | None:
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_decimal(column.type)):
        return None
    return np.asarray(pc.cast(column, pa.float64(), safe=False).to_numpy())
