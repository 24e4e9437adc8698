"""Quality: what is wrong with the cells themselves, counted per batch, compared with the training rows' own rates."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import stats

from tocsin.core.types import Dataset
from tocsin.data.encode import Encode
from tocsin.monitoring.drift import cleaned, histograms
from tocsin.monitoring.spending import standing_out
from tocsin.pipeline.pipeline import Pipeline
from tocsin.pipeline.preparation import as_table

RELEVANT = 0.05  # share of cells by which a fault must have become more frequent, and at least doubled
_GRAVE = 0.25
_STUCK = 50  # cells that must all be equal before a column counts as stuck
_FAULTS = ("missing", "unread", "unseen", "outside")
_known: WeakKeyDictionary[Pipeline, dict[str, dict[str, int]]] = WeakKeyDictionary()


def measure(data: Dataset, model: Pipeline, *, typed: pa.Table | None = None) -> dict[str, Any]:
    """Faults of one batch: {"rows": n, "columns": {name: {"missing", "unread", "unseen", "outside"}}}, counts of cells; only columns that
    have any. Plain values; counts of batches add up.

    missing   no value came          unread   a value came that is not of the column's type, or is infinite
    unseen    a category that training did not have          outside   a number beyond all of training's

    ``typed``: ``drift.cleaned(data, model)``, where it is at hand.
    """
    raw, typed = as_table(data), cleaned(data, model) if typed is None else typed
    levels = _levels(model)
    columns = {}
    for name in typed.column_names:
        values = typed.column(name)
        came = raw.column(name)
        missing = came.null_count + (int(pc.sum(pc.is_nan(came)).as_py() or 0) if pa.types.is_floating(came.type) else 0)
        faults = {"missing": missing, "unread": max(values.null_count - missing, 0), "outside": 0,
                  "unseen": _unseen(values, levels[name]) if name in levels else 0}
        column = model.schema_[name]
        if column.kind == "number" and column.low is not None and column.high is not None:
            beyond = pc.or_(pc.less(values, _shifted(column.low, -1)), pc.greater(values, _shifted(column.high, 1)))
            faults["outside"] = int(pc.sum(beyond).as_py() or 0)
        if any(faults.values()):
            columns[name] = faults
    return {"rows": len(data), "columns": columns}


def worsened(faults: dict[str, Any], seen: dict[str, Any], model: Pipeline, level: float) -> list[dict[str, Any]]:
    """Signals: which faults became more frequent than in training. ``faults``: summed measures; ``seen``: summed sketches of the same rows.

    Fisher's exact test, one-sided, of each kind of fault in each column; they are told apart from chance together, at false discovery rate
    ``level``. A signal fires when its share also rose by five points and doubled. ``value`` is the share now. A column whose cells are
    all equal, where training's were not, is "stuck". Rows are taken as independent: faults that come in bursts are told, and should be.
    """
    n, trained = int(faults.get("rows", 0)), _trained(model)
    rows = max(int(model.facts_["n_train"]), 1)
    made: list[dict[str, Any]] = []
    for name, counts in faults.get("columns", {}).items():
        for fault in _FAULTS:
            k, before = int(counts.get(fault, 0)), trained.get(name, {}).get(fault, 0)
            if k and n:
                p = float(stats.hypergeom.sf(k - 1, rows + n, k + before, n))
                rose = k / n - before / rows >= RELEVANT and k / n >= 2 * before / rows
                made.append(_signal(name, fault, k / n, before / rows, n, p, rose))
    for name, line in seen.get("columns", {}).items():
        chance = _stuck(name, line, model)
        if chance is not None:
            made.append(_signal(name, "stuck", 1.0, 0.0, int(line["n"]), chance, True))
    out = standing_out(np.array([one["p_value"] for one in made]), level)
    return [{**one, "fired": bool(odd and one["fired"])} for one, odd in zip(made, out)]


def grave(signal: dict[str, Any]) -> bool:
    """Whether so many cells are at fault that the scores mean little."""
    return bool(signal["value"] - signal["detail"]["in_training"] >= _GRAVE)


def _signal(name: str, fault: str, now: float, before: float, n: int, p: float, matters: bool) -> dict[str, Any]:
    words = {"missing": f"{now:.0%} of '{name}' is missing; in training it was {before:.1%}",
             "unread": f"{now:.0%} of '{name}' cannot be read as what it was in training",
             "unseen": f"{now:.0%} of '{name}' are values that training did not have",
             "outside": f"{now:.0%} of '{name}' lie outside everything seen in training",
             "stuck": f"'{name}' no longer changes: {n:,} equal values in a row"}
    return {"what": "quality", "column": name, "value": now, "p_value": p, "fired": matters,
            "detail": {"fault": fault, "rows": n, "in_training": before, "title": words[fault]}}


def _stuck(name: str, line: dict[str, Any], model: Pipeline) -> float | None:
    """The chance that so many cells in a row are equal, when rows are worth as many independent ones as in training; None: they differ."""
    known, n = histograms(model).get(name), int(line.get("n", 0))
    if known is None or n < _STUCK or len(line.get("bins", {})) != 1:
        return None
    if known.edges is not None and line.get("low") != line.get("high"):
        return None
    worth = known.worth(n)
    commonest = float(known.counts.max() / max(known.counts.sum(), 1))
    return float(math.exp(max(worth - 1, 0.0) * math.log(max(commonest, 1e-12))))


def _trained(model: Pipeline) -> dict[str, dict[str, int]]:
    """Column → faults among the training rows."""
    if model not in _known:
        found: dict[str, dict[str, int]] = {}
        for finding in model.facts_["findings"]:
            fault = {"missing": "missing", "wrong_type": "unread", "infinite": "unread"}.get(finding["what"])
            if fault and finding["column"]:
                line = found.setdefault(finding["column"], {})
                line[fault] = line.get(fault, 0) + int(finding["count"])
        rows = int(model.facts_["n_train"])
        for plan in _plans(model):
            line = found.setdefault(plan["source"], {})
            line["outside"] = 2  # the least and the greatest: of n rows and one more, each is as likely to be it
            shares = np.asarray(plan["shares"]) if "shares" in plan else np.exp(-np.asarray(plan.get("rarity", [])))
            line["unseen"] = max(1, int((shares * rows < 1.5).sum()))  # values that came once: Good 1953
        _known[model] = found
    return _known[model]


def _plans(model: Pipeline) -> list[dict[str, Any]]:
    return [plan for step in model.preparation_.steps if isinstance(step, Encode) for plan in step.plans_]


def _levels(model: Pipeline) -> dict[str, frozenset[str]]:
    return {plan["source"]: frozenset(plan["levels"]) for plan in _plans(model) if "levels" in plan}


def _unseen(values: pa.ChunkedArray, known: frozenset[str]) -> int:
    return sum(count for value, count in Counter(values.drop_null().to_pylist()).items() if str(value) not in known)


def _shifted(end: float, side: int) -> float:
    """An end of the range, moved by rounding's width."""
    return end + side * 1e-9 * max(abs(end), 1e-300)
