"""Evaluate: a fitted pipeline against labels."""

from __future__ import annotations

from typing import Any

from tocsin.core.errors import DataError
from tocsin.core.types import Dataset
from tocsin.evaluation import metrics
from tocsin.pipeline.pipeline import Pipeline


def evaluate(model: Pipeline, data: Dataset) -> dict[str, Any]:
    """Metrics of ``model`` on labelled ``data``, plain values; undefined ones are None with a reason. No labels: DataError TOC-109."""
    if data.y is None:
        raise DataError("TOC-109", "there are no labels to evaluate against", came="no label column",
                        todo="name it: label=\"column\" (1 or 'anomaly' = anomaly)")
    return metrics.evaluate(model.detect(data), data.y)
