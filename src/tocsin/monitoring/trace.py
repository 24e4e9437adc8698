"""Every judged row with its score, its cells and where they were expected: what a chart needs, as plain values."""

from __future__ import annotations

from typing import Any

import numpy as np

from tocsin.core.types import Dataset, Detections, Explanation
from tocsin.monitoring.cells import plain_cell, times_as_text
from tocsin.pipeline.pipeline import Pipeline
from tocsin.pipeline.reasons import own_spread

MOST_ROWS = 200_000  # beyond, no trace is kept: a page could not hold it
_MOST_CELLS = 500_000  # of columns with numbers; the columns that the reasons name come first
_WIDTH = 3.0  # the band is as many usual distances wide on each side: 99.7 % of a bell curve


def trace_of(data: Dataset, found: Detections, model: Pipeline, *, own: bool = False,
             reasons: Explanation | None = None) -> dict[str, Any] | None:
    """The trace of ``data`` as ``model`` judged it; None for more than ``MOST_ROWS`` rows.

    ``own``: the rows are those that ``model`` was just fitted on by ``fit_detect``; what was expected of a row then comes from detectors
    that have not seen it. ``low`` and ``high`` are three usual distances below and above what was expected.

    {kind, ids, time | None, score, p_value, is_anomaly, columns: [{name, values, expected | None, low | None, high | None}],
    threshold: {rule, value, cut (on p), score | None}, events: [{start, end, peak}]}; every list has one entry per row, None = missing.
    """
    if len(found) > MOST_ROWS:
        return None
    return {
        "kind": data.kind, "ids": [plain_cell(value) for value in found.ids.tolist()],
        "time": None if found.time is None else times_as_text(found.time),
        "score": _numbers(found.score), "p_value": _numbers(found.p_value), "is_anomaly": found.is_anomaly.tolist(),
        "columns": _columns(data, model, own, reasons), "threshold": _threshold(found, model),
        "events": [{"start": event.start, "end": event.end, "peak": event.peak} for event in found.events],
    }


def _threshold(found: Detections, model: Pipeline) -> dict[str, Any]:
    """The rule's name, its setting, and where it cuts."""
    facts = model.facts_["threshold"]
    value = facts.get("rate", facts.get("share")) if facts["rule"] != "cost" \
        else f"{facts['false_alarm']:g}:{facts['miss']:g}:{facts['share']:g}"
    cut = model.threshold_.cut(found.p_value)
    return {"rule": facts["rule"], "value": value, "cut": float(cut),
            "score": float(found.threshold) if np.isfinite(found.threshold) else None}


def _columns(data: Dataset, model: Pipeline, own: bool, reasons: Explanation | None) -> list[dict[str, Any]]:
    seen = model.preparation_.observed(data)
    names = [name for name in seen if model.schema_[name].kind == "number"]
    if len(names) * len(data) > _MOST_CELLS:
        weight = {} if reasons is None else dict(zip(reasons.labels, reasons.values.sum(axis=0).tolist()))
        chosen = sorted(names, key=lambda name: -weight.get(name, 0.0))[:max(1, _MOST_CELLS // max(len(data), 1))]
        names = [name for name in names if name in chosen]
    expected = _expected(data, model, own)
    made = []
    for name in names:
        column: dict[str, Any] = {"name": name, "values": _numbers(_floats(seen[name])), "expected": None, "low": None, "high": None}
        if expected is not None and np.isfinite(expected[1].get(name, np.nan)):
            usual, spread = _floats(expected[0][name]), expected[1][name]
            column |= {"expected": _numbers(usual), "low": _numbers(usual - _WIDTH * spread), "high": _numbers(usual + _WIDTH * spread)}
        made.append(column)
    return made


def _expected(data: Dataset, model: Pipeline, own: bool) -> tuple[dict[str, list[Any]], dict[str, float]] | None:
    if not own or model._own is None:
        return model.expected(data)
    if model.residual_ is None:
        return None
    prepared = model.preparation_.transform(data)
    usual = model._own[1].copy()  # kept by fit_detect: of detectors that have not seen the rows
    if not np.isfinite(usual).all():  # a fold's columns differed from the model's
        gap = ~np.isfinite(usual).all(axis=1)
        usual[gap] = model.detector_.expected(prepared.matrix[gap]) if data.kind == "table" \
            else model.detector_.expected(prepared.matrix, groups=prepared.groups)[gap]
    return model.preparation_.own_units(usual[prepared.row], prepared.effect_at(prepared.row)), own_spread(model)


def _floats(values: Any) -> np.ndarray:
    return np.array([np.nan if value is None else float(value) for value in values], dtype=float)


def _numbers(values: np.ndarray) -> list[float | None]:
    """Seven significant digits; None for what is not finite."""
    known = np.isfinite(values)
    safe = np.where(known & (values != 0), values, 1.0)
    unit = 10.0 ** np.clip(6 - np.floor(np.log10(np.abs(safe))), -290, 290)
    rounded = np.where(values == 0, 0.0, np.round(safe * unit) / unit)
    return [float(f"{value:.7g}") if good else None for value, good in zip(rounded.tolist(), known.tolist())]
