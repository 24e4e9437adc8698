"""Drift: are the rows that come today like those that the model learned from? Counted per batch, tested over many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa

from tocsin.core.types import Dataset, Detections
from tocsin.data.clean import Clean
from tocsin.monitoring.histogram import Histogram
from tocsin.monitoring.spending import standing_out
from tocsin.pipeline.pipeline import Pipeline
from tocsin.pipeline.preparation import as_table

MOST_COLUMNS = 200
RELEVANT = 0.1  # of the population stability index: about a third of a standard deviation
GRAVE = 0.5
_MOST_STEPS = 200_000  # of a series that are looked at
_P_EDGES = np.array([0.001, 0.01, 0.02, 0.05, *np.arange(1, 10) / 10])
_known: WeakKeyDictionary[Pipeline, dict[str, Histogram]] = WeakKeyDictionary()
_held: WeakKeyDictionary[Pipeline, Histogram] = WeakKeyDictionary()


def histograms(model: Pipeline) -> dict[str, Histogram]:
    """Source column → its histogram over the model's sample of training rows; numbers, categories and truth values only."""
    if model not in _known:
        _known[model] = _learn(model)
    return _known[model]


def sketch(data: Dataset, found: Detections, model: Pipeline, *, typed: pa.Table | None = None) -> dict[str, Any]:
    """Counts of one batch, plain values: {"rows", "alarms", "p": {bin: count}, "columns": {name: {"n", "bins": {bin: count}, "sum", "low",
    "high"}}}. Missing cells are not counted here: they are quality. Sketches add up, see :func:`together`. ``typed``: ``cleaned(data)``,
    where it is at hand."""
    table = cleaned(data, model) if typed is None else typed
    columns = {}
    for name, known in histograms(model).items():
        values = table.column(name).drop_null()
        line: dict[str, Any] = {"n": len(values)}
        if known.edges is not None:
            numbers = np.asarray(values.to_numpy(), dtype=float)
            span = known.ends[1] - known.ends[0]
            line["sum"] = float(np.clip(numbers, known.ends[0] - span, known.ends[1] + span).sum())
            line |= {"low": float(numbers.min()), "high": float(numbers.max())} if len(numbers) else {}
            line["bins"] = _counted(known.place(numbers))
        else:
            line["bins"] = _counted(known.place(values.to_pylist()))
        columns[name] = line
    return {"rows": len(found), "alarms": int(found.is_anomaly.sum()), "columns": columns,
            "p": _counted(np.searchsorted(_P_EDGES, found.p_value, side="left"))}


def together(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Sketches, or what quality counted, added up.

    >>> together([{"rows": 2, "columns": {"a": {"n": 2, "low": 1.0}}}, {"rows": 1, "columns": {"a": {"n": 1, "low": 0.5}}}])
    {'rows': 3, 'columns': {'a': {'n': 3, 'low': 0.5}}}
    """
    total: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            if isinstance(value, dict):
                total[name] = together([total.get(name, {}), value])
            else:
                join = {"low": min, "high": max}.get(name, lambda a, b: a + b)
                total[name] = join(total[name], value) if name in total else value
    return total


def inputs(seen: dict[str, Any], model: Pipeline, level: float) -> list[dict[str, Any]]:
    """One signal a column, of the rows that ``seen`` sums up; ``level``: the false discovery rate over the columns.

    A signal fires when its column stands out at that level and the change matters (``RELEVANT``). {what, column, value, p_value, fired,
    detail}; ``value`` is the population stability index.
    """
    known = histograms(model)
    names = [name for name in known if name in seen.get("columns", {})]
    pairs = [known[name].compare(_counts(seen["columns"][name]["bins"], known[name].bins)) for name in names]
    out = standing_out(np.array([p for p, _ in pairs]), level)
    return [{"what": "input_drift", "column": name, "value": size, "p_value": p, "fired": bool(odd and size >= RELEVANT),
             "detail": {"rows": int(seen["columns"][name]["n"]), **_told(name, known[name], seen["columns"][name], model)}}
            for name, (p, size), odd in zip(names, pairs, out)]


def scores(seen: dict[str, Any], model: Pipeline, level: float) -> dict[str, Any]:
    """One signal: do p-values fall as they did on held-out training rows? Evenly, when the calibration was right."""
    base = held_histogram(model)
    counts = _counts(seen["p"], base.bins)
    p, size = base.compare(counts)
    now, before = float(counts[:5].sum() / max(counts.sum(), 1)), float(base.counts[:5].sum() / max(len(base.codes), 1))
    title = f"Rows look {'more' if now > before else 'less'} unusual than in training: {now:.0%} of them are among what used to be the " \
            f"oddest {before:.0%}"
    return {"what": "score_drift", "column": "", "value": size, "p_value": p, "fired": bool(p <= level and size >= RELEVANT),
            "detail": {"rows": int(counts.sum()), "unusual": now, "unusual_in_training": before, "title": title}}


def held_histogram(model: Pipeline) -> Histogram:
    """p-values of held-out training rows. Those of a table's held-out part stand for all of its rows; a series is held out in stretches."""
    if model not in _held:
        held = held_p(model)
        every = len(held) if model.kind_ == "series" else max(int(model.facts_["n_train"]), len(held))
        _held[model] = Histogram(np.searchsorted(_P_EDGES, held, side="left"), np.arange(len(held)) * every // max(len(held), 1), every,
                                 len(_P_EDGES) + 1, model.kind_ == "series", _reach(model), _P_EDGES)
    return _held[model]


def held_p(model: Pipeline) -> np.ndarray:
    """p-values of held-out training rows, labelled anomalies left out."""
    p, y = np.asarray(model.held_["p"], dtype=float), model.held_["y"]
    return p if y is None else p[np.asarray(y) == 0]


def cleaned(data: Dataset, model: Pipeline) -> pa.Table:
    """The cells of ``data`` in their learned types; what cannot be read is null."""
    table = as_table(data)
    for step in model.preparation_.steps:
        if isinstance(step, Clean):
            return step.transform(table, part=True)
    return table


def _learn(model: Pipeline) -> dict[str, Histogram]:
    matrix, at, effect = _sample(model)
    total, series = max(int(model.facts_["n_train"]), int(at.max(initial=0)) + 1), model.kind_ == "series"
    roles: dict[str, set[str]] = {}
    gone: dict[str, np.ndarray] = {}
    for j, feature in enumerate(model.preparation_.features):
        roles.setdefault(feature["source"], set()).add(feature["role"])
        if feature["role"] == "missing":
            gone[feature["source"]] = matrix[:, j] > 0
    found: dict[str, Histogram] = {}
    for name, cells in model.preparation_.own_units(matrix, effect).items():
        there = np.array([value is not None for value in cells]) & ~gone.get(name, np.zeros(len(cells), dtype=bool))
        if len(found) == MOST_COLUMNS or there.sum() < 2 or not roles[name] & {"value", "boolean", "level"}:
            continue
        kept = [value for value, good in zip(cells, there) if good]
        where: dict[str, Any] = {"series": series, "reach": _reach(model)}
        made = Histogram.of_numbers(np.array(kept, dtype=float), at[there], total, **where) if "value" in roles[name] \
            else Histogram.of_levels(kept, at[there], total, **where)
        if made.bins > 1:
            found[name] = made
    return found


def _sample(model: Pipeline) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Training rows (m, d) as the detector saw them, their places (m,), rising, and what covariates added to them, if there are any (m, d).
    Of a series all steps of the kept windows, which is most of it when it is not long."""
    kept = model.reference_
    last, at, windows = np.asarray(kept["last"]), np.asarray(kept["at"]), np.asarray(kept["rows"])
    d = last.shape[1]
    length = windows.shape[1] // d
    if model.kind_ != "series" or length < 2:
        return last, at, kept["effect"] if kept.get("effect") is not None else None
    steps = windows.reshape(len(at), length, d)[-(_MOST_STEPS // length):]
    places = at[-(_MOST_STEPS // length):, None] + np.arange(1 - length, 1)
    _, first = np.unique(places[:, ::-1].ravel(), return_index=True)  # a window's last steps are surest: its first may be filled up
    places, rows = places[:, ::-1].ravel()[first], steps[:, ::-1].reshape(-1, d)[first]
    effect = kept.get("effect")
    if effect is not None:
        effects = np.asarray(effect).reshape(len(at), length, d)[-(_MOST_STEPS // length):]
        effect = effects[:, ::-1].reshape(-1, d)[first][places >= 0]
    return rows[places >= 0], places[places >= 0], effect


def _reach(model: Pipeline) -> int:
    return int(model.facts_["params"].get("window") or 1)


def _counted(codes: np.ndarray) -> dict[str, int]:
    different, times = np.unique(codes, return_counts=True)
    return {str(code): count for code, count in zip(different.tolist(), times.tolist())}


def _counts(bins: dict[str, int], b: int) -> np.ndarray:
    out = np.zeros(b)
    for code, count in bins.items():
        out[min(int(code), b - 1)] += count
    return out


def _told(name: str, known: Histogram, seen: dict[str, Any], model: Pipeline) -> dict[str, Any]:
    """What changed, in the column's own units, and a sentence."""
    n = max(int(seen["n"]), 1)
    start = f"'{name}' is not what it was: "
    if known.edges is not None:
        moved = seen.get("sum", 0.0) / n - known.mean
        unit = f" {model.schema_[name].unit}" if model.schema_[name].unit else ""
        far = abs(moved) >= 0.1 * known.spread
        words = f"{abs(moved):.3g}{unit} {'higher' if moved > 0 else 'lower'} than in training" if far \
            else "its values are spread differently than in training"
        return {"mean": known.mean + moved, "mean_in_training": known.mean, "in_spreads": moved / known.spread if known.spread else 0.0,
                "title": start + words}
    now, before = _counts(seen["bins"], known.bins) / n, known.counts / max(known.counts.sum(), 1)
    worst = int(np.argmax(np.abs(now - before)))
    label = known.name_of(worst)
    return {"level": label, "share": float(now[worst]), "share_in_training": float(before[worst]),
            "title": f"{start}{'something else' if label == 'other' else repr(label)} in {now[worst]:.0%} of rows, "
                     f"{before[worst]:.0%} in training"}
