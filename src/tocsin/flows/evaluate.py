"""Evaluate: a fitted pipeline against labels, or settings by cross-validation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tocsin.core.errors import DataError
from tocsin.core.types import Dataset, Detections
from tocsin.data.folds import SplitKind, split_kind, splits
from tocsin.evaluation import metrics
from tocsin.evaluation.crossval import crossval
from tocsin.evaluation.pixels import localisation
from tocsin.flows.train import compose
from tocsin.pipeline.pipeline import Pipeline


def evaluate(model: Pipeline, data: Dataset) -> dict[str, Any]:
    """Metrics of ``model`` on labelled ``data``, plain values; undefined ones are None with a reason. No labels: DataError TOC-109.

    Of images whose defects are marked also "places": how well the maps point to them."""
    figures = measure(model.detect(data), data)
    masks = [picture.mask() for picture in data.X] if data.kind == "images" and model.detector_.tags.gives_map else []
    if any(mask is not None and mask.any() for mask in masks):
        maps = model.detector_.anomaly_map(model.preparation_.transform(data).matrix)
        figures["places"] = dict(vars(localisation(list(maps), masks, data.y)))
    return figures


def measure(found: Detections, data: Dataset) -> dict[str, Any]:
    """Metrics of ``found``, the judgement of labelled ``data``; a series is cut into its groups. No labels: DataError TOC-109."""
    if data.y is None:
        raise DataError("TOC-109", "there are no labels to evaluate against", came="no label column",
                        todo="name it: label=\"column\" (1 or 'anomaly' = anomaly)")
    if data.kind != "series":
        return metrics.evaluate(found, data.y)
    return metrics.evaluate(found, data.y, values=first_channel(data), groups=data.group)


def cross_validate(data: Dataset, *, kind: SplitKind | None = None, folds: int = 5, repeats: int = 1, purge: int = 0,
                   progress: Callable[[int, dict[str, Any]], None] | None = None, **settings: Any) -> dict[str, Any]:
    """Figures of a pipeline of these ``settings`` (those of ``compose``) on every fold of ``data``, fitted anew on its other rows.

    ``kind``, ``folds``, ``repeats``, ``purge``: see ``tocsin.data.folds.splits``. Rows labelled as anomalies are left out of what is
    learned, as ``tocsin.fit`` leaves them out, unless ``clean`` is given as False; a supervised detector gets them with their labels.
    Without labels the figures are those that need none, see ``crossval``.

    Returns what ``crossval`` returns, and "split", the kind. Raises what ``splits``, ``crossval`` and ``compose`` raise.

    >>> rows = np.vstack([np.random.default_rng(0).normal(size=(100, 2)), np.full((5, 2), 9.0)])
    >>> cross_validate(Dataset.of(rows, y=np.repeat([0, 1], [100, 5])), folds=3, detector="gaussian")["mean"]["auroc"]
    1.0
    """
    known = settings.get("clean") is not False
    cut = splits(data, kind, folds, repeats=repeats, purge=purge, seed=int(settings.get("seed", 0)))
    shown = data if known else replace(data, y=None)  # what "auto" goes by
    made = crossval(lambda: compose(shown, **settings), data, cut, train_on="all", show_labels=known, progress=progress)
    return {"split": kind or split_kind(data), **made}


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
