"""Cross-validation of a whole pipeline: fitted anew on every fold, so that nothing of a test row is ever learned."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from tocsin.core.errors import ConfigError, DataError
from tocsin.core.types import Dataset
from tocsin.evaluation.metrics import evaluate
from tocsin.pipeline.pipeline import Pipeline

_FIGURES = (("decision", ("accuracy", "balanced_accuracy", "precision", "recall", "f1")),
            ("ranking", ("auroc", "average_precision", "precision_at_n")), ("false_alarms", ("rate",)), ("series", ("vus_pr", "vus_roc")))


def crossval(make: Callable[[], Pipeline], data: Dataset, splits: Iterable[tuple[np.ndarray, np.ndarray]], *,
             train_on: Literal["all", "normal"] = "all", show_labels: bool = False,
             progress: Callable[[int, dict[str, Any]], None] | None = None) -> dict[str, Any]:
    """Figures of ``make()`` on each split (training rows, test rows) of labelled ``data``, and their mean and spread.

    ``splits`` come from ``tocsin.data.split``: random for exchangeable rows, by time with a purge gap for a series, by group when rows of
    one entity must stay together. ``train_on`` "normal" drops the anomalies from the training rows (one-class), "all" leaves them in,
    unmarked. Labels of training rows are hidden from the pipeline unless ``show_labels``: an unsupervised figure must not profit from them.

    Returns {"folds": [{"train", "test", figures ...}], "mean": {...}, "sd": {...}, "defined": {figure: folds that have it}}; a figure that
    is undefined on a fold is None there and left out of the mean. Raises DataError TOC-117 without labels, ConfigError TOC-263 without
    splits.
    """
    if data.y is None:
        raise DataError("TOC-117", "cross-validation needs labels", came="no labels", todo="pass data with y, 0 = normal, 1 = anomaly")
    y, folds = data.y, []
    for number, (train, test) in enumerate(splits):
        if train_on == "normal":
            train = np.asarray(train)[y[train] == 0]
        part = data[train] if show_labels else replace(data[train], y=None)
        judged = data[test]
        assert judged.y is not None
        made = evaluate(make().fit(part).detect(judged), judged.y, series=data.kind == "series", repeats=0, groups=judged.group)
        folds.append({"train": len(part), "test": len(judged), **_flat(made)})
        if progress is not None:
            progress(number + 1, folds[-1])
    if not folds:
        raise ConfigError("TOC-263", "cross-validation needs at least one split", came="none", todo="pass splits of tocsin.data.split")
    return {"folds": folds, **_spread(folds)}


def _flat(made: dict[str, Any]) -> dict[str, float | None]:
    flat = {name if part != "false_alarms" else "false_alarm_rate": made[part][name]
            for part, names in _FIGURES if made[part] is not None for name in names}
    if made["series"] is not None:
        flat.update({f"event_{name}": made["series"]["events"][name] for name in ("precision", "recall", "f1")})
    return flat


def _spread(folds: list[dict[str, Any]]) -> dict[str, Any]:
    mean: dict[str, float | None] = {}
    sd: dict[str, float | None] = {}
    defined: dict[str, int] = {}
    for name in folds[0]:
        if name in ("train", "test"):
            continue
        values = [fold[name] for fold in folds if fold[name] is not None]
        defined[name] = len(values)
        mean[name] = float(np.mean(values)) if values else None
        sd[name] = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"mean": mean, "sd": sd, "defined": defined}
