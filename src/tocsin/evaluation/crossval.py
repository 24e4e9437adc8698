"""Cross-validation of a whole pipeline: fitted anew on every fold, so that nothing of a test row is ever learned."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from tocsin.core.errors import ConfigError
from tocsin.core.seed import derive
from tocsin.core.types import Dataset
from tocsin.data.folds import training_part
from tocsin.data.inject import KINDS as SERIES_KINDS
from tocsin.data.perturb import INFORMATIVE
from tocsin.data.split import Fold
from tocsin.evaluation.metrics import auroc, evaluate
from tocsin.evaluation.objective import made_anomalies
from tocsin.pipeline.pipeline import Pipeline

_FIGURES = (("decision", ("accuracy", "balanced_accuracy", "precision", "recall", "f1")),
            ("ranking", ("auroc", "average_precision", "precision_at_n")), ("false_alarms", ("rate",)), ("series", ("vus_pr", "vus_roc")))


def crossval(make: Callable[[], Pipeline], data: Dataset, splits: Iterable[Fold], *, train_on: Literal["all", "normal"] = "all",
             show_labels: bool = False, progress: Callable[[int, dict[str, Any]], None] | None = None) -> dict[str, Any]:
    """Figures of ``make()`` on each split (training rows, test rows) of ``data``, and their mean and spread.

    ``splits`` come from ``tocsin.data.folds``: random for exchangeable rows, blocks or by time with a purge gap for a series, by group when
    rows of one entity must stay together. ``train_on`` "normal" drops the anomalies from the training rows (one-class), "all" leaves them
    in, unmarked. Labels of training rows are hidden from the pipeline unless ``show_labels``: an unsupervised figure must not profit.

    Without labels (``data.y`` None) the figures are those that need none: "label_free", the mean AUROC of the held-out rows against made
    anomalies (see ``LabelFree`` for what that is worth), one "made_…" for each kind of them, and "false_alarm_rate", the share of held-out
    rows that were raised, which keeps the promised rate when the rows are normal and of one kind.

    Returns {"folds": [{"train", "test", figures ...}], "mean": {...}, "sd": {...}, "defined": {figure: folds that have it}}; a figure that
    is undefined on a fold is None there and left out of the mean. Raises ConfigError TOC-263 without splits, DataError TOC-189 or TOC-196
    when there are no labels and nothing can be made.
    """
    folds = []
    for number, (train, test) in enumerate(splits):
        if train_on == "normal" and data.y is not None:
            train = np.asarray(train)[data.y[train] == 0]
        part, judged = training_part(data, train), training_part(data, test)
        model = make().fit(part if show_labels else replace(part, y=None))
        figures = _unlabelled(model, part, judged, number) if judged.y is None else _flat(evaluate(
            model.detect(judged), judged.y, series=data.kind == "series", repeats=0, groups=judged.group))
        folds.append({"train": len(part), "test": len(judged), **figures})
        if progress is not None:
            progress(number + 1, folds[-1])
    if not folds:
        raise ConfigError("TOC-263", "cross-validation needs at least one split", came="none", todo="pass splits of tocsin.data.folds")
    return {"folds": folds, **_spread(folds)}


def _unlabelled(model: Pipeline, part: Dataset, judged: Dataset, number: int) -> dict[str, float | None]:
    """Figures of a fitted model on held-out rows that have no labels."""
    fitting = model.preparation_
    kinds = SERIES_KINDS if judged.kind == "series" else INFORMATIVE
    made = made_anomalies(fitting.transform(judged), fitting.transform(part), fitting, judged.kind, kinds, derive(model.seed, "cv", number))
    found = {f"made_{kind}": auroc(y, model.detector_.anomaly_score(X, groups=groups)) for kind, X, groups, y in made}
    known = [value for value in found.values() if value is not None]
    return {"label_free": float(np.mean(known)), **found, "false_alarm_rate": float(model.detect(judged).is_anomaly.mean())}


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
    for name in dict.fromkeys(name for fold in folds for name in fold if name not in ("train", "test")):
        values = [fold[name] for fold in folds if fold.get(name) is not None]
        defined[name] = len(values)
        mean[name] = float(np.mean(values)) if values else None
        sd[name] = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"mean": mean, "sd": sd, "defined": defined}
