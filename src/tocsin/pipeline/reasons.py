"""Why rows score as they do: the explanation floor's functions, joined with a fitted pipeline's preparation and units."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tocsin.core.seed import generator
from tocsin.core.types import Dataset, Explanation, Relation
from tocsin.data.scale import Scale
from tocsin.data.window import first_rows, take
from tocsin.explanation import aggregate, attribution, neighbours, relations, residual, summary
from tocsin.pipeline import answers
from tocsin.pipeline.calibration import cut_groups, runs
from tocsin.pipeline.preparation import Prepared

if TYPE_CHECKING:
    from tocsin.pipeline.pipeline import Pipeline

Cells = tuple[tuple[Any, ...], ...]  # (m, p)

_CELLS = 2_000_000  # window cells scored at once: 16 MB
_STRETCHES = 200  # runs of explained rows whose relations are looked at, the first ones asked for
_NORMALS = 5  # nearest normal rows whose cells stand in for an anomalous row's


def residual_scale(gaps: list[np.ndarray], matrix: np.ndarray, features: list[dict[str, Any]]) -> np.ndarray | None:
    """(d,) usual |observed − expected| on held-out normal rows, as a standard deviation; None when the detector expects nothing.

    ``gaps`` are absolute residuals (r, d) of rows that their detector was not fitted on. The median times 1.4826, or the root mean square
    where half of them are zero (indicators); never below a tenth of the column's own spread, which no single row can undercut by luck.
    Columns that are not values (levels, switches) count at least half of theirs: that a common level differs from the neighbours' is
    little, however alike neighbours are in it.
    """
    if not gaps:
        return None
    gap = np.concatenate(gaps)  # (r, d)
    robust, plain = 1.4826 * np.median(gap, axis=0), np.sqrt(np.mean(gap**2, axis=0))
    least = np.array([0.1 if feature["role"] == "value" else 0.5 for feature in features])
    floor = np.maximum(least * matrix.std(axis=0), 1e-6)
    return cast(np.ndarray, np.maximum(np.where(robust > floor, robust, plain), floor))


def reference(data: Dataset, prepared: Prepared, usable: np.ndarray, reach: int, most: int, seed: int) -> dict[str, Any]:
    """A sample of training rows (for a series: of windows) in the detector's matrix, with the names they have in the data."""
    back = np.full(len(prepared.matrix), -1)
    back[prepared.row] = np.arange(len(prepared.row))
    rows = np.flatnonzero(usable & (back >= 0))
    if len(rows) > most:
        rows = np.sort(generator(seed, "reference").choice(rows, most, replace=False))
    named = data.time if data.time is not None else data.ids
    ids = [str(value) if not isinstance(value, (int, np.integer)) else int(value) for value in named[back[rows]]]
    made = {"rows": _embed(prepared, rows, reach), "last": prepared.matrix[rows], "at": rows, "ids": ids}
    if data.kind == "series":
        normal = np.flatnonzero(usable)
        made["relations"] = relations.learn(prepared.matrix[normal], cut_groups(normal, prepared.groups), reach)
    if prepared.effect is not None:
        made["effect"] = _embed(replace(prepared, matrix=prepared.effect), rows, reach)
    return made


def explain(model: Pipeline, data: Dataset, rows: np.ndarray, k: int, *, p: np.ndarray | None = None,
            held_out: np.ndarray | None = None) -> Explanation:
    """The Explanation of ``rows`` (positions in ``data``).

    p (n,) and held_out (g, d), expected matrix cells, come from :meth:`Pipeline.fit_detect` when the rows are the training rows:
    the detector that stays has seen those and would explain them too kindly. No rows give an explanation without rows.
    """
    if not len(rows):
        return _nothing(model, rows)
    prepared = model.preparation_.transform(data)
    at = prepared.row[rows]
    sources = model.preparation_.sources
    part = [sources.index(feature["source"]) for feature in model.preparation_.features]
    near = _nearest(model, prepared, at, own=held_out is not None)
    if model.residual_ is not None:
        kind, usual = "residual", _expected(model, prepared, at) if held_out is None else held_out[at].copy()
        blank = np.flatnonzero(np.isnan(usual).any(axis=1))
        if len(blank):  # a fold's columns differed from the model's
            usual[blank] = _expected(model, prepared, at[blank])
        # far outside the data a network's answer goes along with the outlier; nothing beyond the normal range was ever expected
        usual = np.clip(usual, model.reference_["last"].min(axis=0), model.reference_["last"].max(axis=0))
        usual = _present(model, usual)
        shares = aggregate.by_source(residual.contributions(prepared.matrix[at], usual, model.residual_), part, len(sources))
    else:
        kind = "replacement"
        shares, usual = _replacement(model, prepared, at, near, part, len(sources), own=held_out is not None)
    if p is None:
        p = model.calibrator_.transform(answers.scored(model, prepared)[prepared.row])
    new = _unseen(model, prepared.matrix[at])
    seen, usual_cells = model.preparation_.observed(data[rows]), model.preparation_.own_units(usual, prepared.effect_at(at))
    observed = tuple(tuple(seen[name][i] for name in sources) for i in range(len(rows)))
    expected = tuple(tuple(usual_cells[name][i] for name in sources) for i in range(len(rows)))
    shares = _only_what_differs(shares, observed, expected)
    spread = own_spread(model)
    ids, pairs = model.reference_["ids"], _broken(model, prepared, at, sources)
    said = answers.words(model, prepared.matrix[at], prepared.groups[at])
    return Explanation(
        kind, rows, sources, shares, observed, expected, np.array([spread[name] for name in sources]),
        tuple(tuple(ids[j] for j in line[:k]) for line in near),
        tuple(_sentence(model, sources, shares[i], observed[i], expected[i], spread, float(p[row]), new[i], pairs[i] if pairs else ())
              + said[i] for i, row in enumerate(rows)),
        pairs,
    )


def _nothing(model: Pipeline, rows: np.ndarray) -> Explanation:
    """Of no rows: where nothing was flagged there is nothing to explain, which is no error."""
    sources, spread = model.preparation_.sources, own_spread(model)
    kind = "replacement" if model.residual_ is None else "residual"
    return Explanation(kind, rows, sources, np.zeros((0, len(sources))), (), (), np.array([spread[name] for name in sources]), ())


def _broken(model: Pipeline, prepared: Prepared, at: np.ndarray, sources: tuple[str, ...]) -> tuple[tuple[Relation, ...], ...]:
    """For each of the matrix rows ``at``, the relations that broke in the stretch of explained rows around it; () for tables."""
    known = model.reference_.get("relations")
    if known is None:
        return ()
    names = [feature["source"] for feature in model.preparation_.features]
    stretches: list[tuple[int, int]] = []
    for start, end in runs(np.unique(at)):
        cuts = [start, *(np.flatnonzero(np.diff(prepared.groups[start:end])) + start + 1).tolist(), end]
        stretches += list(pairwise(cuts))
    first = np.full(len(prepared.matrix), len(at))
    np.minimum.at(first, at, np.arange(len(at)))
    told: dict[int, tuple[Relation, ...]] = {}
    for low, high in sorted(stretches, key=lambda one: int(first[one[0]:one[1]].min()))[:_STRETCHES]:
        gone = np.zeros(len(names), dtype=bool) if prepared.missing is None else prepared.missing[low:high].mean(axis=0) > 0.5
        found = relations.broken(known, prepared.matrix, prepared.groups, low, high)
        pairs = tuple(Relation(names[one["a"]], names[one["b"]], one["usual"], one["now"], one["z"], one["lag"]) for one in found
                      if names[one["a"]] != names[one["b"]] and not (gone[one["a"]] or gone[one["b"]]))
        told.update(dict.fromkeys(range(low, high), pairs))
    return tuple(told.get(int(row), ()) for row in at)


def _present(model: Pipeline, usual: np.ndarray) -> np.ndarray:
    """A cell that is there in most rows was expected to be there, whatever rows like this one (its neighbours lack it, too) hold."""
    lacks = [j for j, feature in enumerate(model.preparation_.features) if feature["role"] == "missing"]
    usual[:, lacks] = np.minimum(usual[:, lacks], np.median(model.reference_["last"][:, lacks], axis=0))
    return usual


def _only_what_differs(shares: np.ndarray, observed: Cells, expected: Cells) -> np.ndarray:
    """A category that is what was expected is no reason, however unsure a network was of it; the others take its share."""
    same = np.array([[not _is_number(seen) and seen == usual for seen, usual in zip(*line)] for line in zip(observed, expected)])
    kept = np.where(same.reshape(shares.shape), 0.0, shares)
    total = kept.sum(axis=1, keepdims=True)
    return cast(np.ndarray, np.divide(kept, total, out=shares.copy(), where=total > 0))


def _expected(model: Pipeline, prepared: Prepared, at: np.ndarray) -> np.ndarray:
    """(m, d) expected cells of matrix rows ``at``; of a series only the surroundings that reach them are looked at."""
    reach = 2 * model._reach()
    near = np.zeros(len(prepared.matrix) + 1, dtype=np.int64)
    np.add.at(near, np.maximum(at - reach, 0), 1)
    np.add.at(near, np.minimum(at + reach + 1, len(prepared.matrix)), -1)
    rows = np.flatnonzero(np.cumsum(near[:-1]) > 0)
    found = model.detector_.expected(prepared.matrix[rows], groups=cut_groups(rows, prepared.groups))
    return found[np.searchsorted(rows, at)]


def _nearest(model: Pipeline, prepared: Prepared, at: np.ndarray, *, own: bool) -> np.ndarray:
    """(m, k) positions in the reference, nearest first; a row that may be in there itself (``own``) is no neighbour of its own."""
    known = model.reference_
    spare = 2 * model._reach() + 1 if own else 0
    near = neighbours.nearest(_embed(prepared, at, model._reach()), known["rows"], min(_NORMALS + spare, len(known["rows"])))
    if own:
        overlaps = np.abs(np.asarray(known["at"])[near] - at[:, None]) <= model._reach()
        near = np.take_along_axis(near, np.argsort(overlaps, axis=1, kind="stable"), axis=1)
    return near[:, :_NORMALS]


def own_spread(model: Pipeline) -> dict[str, float]:
    """source → usual distance between observed and expected in the source's own units; NaN where there is no single one: categories, and
    columns taken by their order of magnitude, where it is a factor."""
    features = model.preparation_.features
    scale = model.residual_ if model.residual_ is not None else np.std(model.reference_["last"], axis=0)
    middle = np.median(model.reference_["last"], axis=0)[None]
    low, high = (model.preparation_.own_units(middle + sign * scale) for sign in (-0.5, 0.5))
    by_size = next((step.by_size for step in model.preparation_.steps if isinstance(step, Scale)), np.zeros(len(features), dtype=bool))
    numeric = {feature["source"] for feature, sized in zip(features, by_size) if feature["role"] == "value" and not sized}
    return {name: abs(float(high[name][0]) - float(low[name][0])) if name in numeric and _is_number(low[name][0]) else float("nan")
            for name in model.preparation_.sources}


def _replacement(model: Pipeline, prepared: Prepared, at: np.ndarray, near: np.ndarray, part: list[int], p: int, *,
                 own: bool) -> tuple[np.ndarray, np.ndarray]:
    columns = [np.flatnonzero(np.asarray(part) == j) for j in range(p)]
    reach = model._reach()
    if reach <= 1:
        return attribution.by_replacement(model.detector_.anomaly_score, prepared.matrix[at], model.reference_["last"][near], columns)
    return _window_replacement(model, prepared, at, columns, reach, own=own)


def _window_replacement(model: Pipeline, prepared: Prepared, at: np.ndarray, columns: list[np.ndarray], reach: int, *,
                        own: bool) -> tuple[np.ndarray, np.ndarray]:
    """Of a series a channel becomes normal over the whole window around the row: one normal step amid a fault changes little."""
    width = prepared.matrix.shape[1]
    last = np.r_[np.flatnonzero(np.diff(prepared.groups)), len(prepared.groups) - 1]
    ends = np.minimum(at + reach // 2, last[np.searchsorted(last, at)])
    windows = _embed(prepared, ends, reach)  # (m, l·d)
    normals = model.reference_["rows"][_nearest(model, prepared, ends, own=own)]  # (m, k, l·d)
    parts = [(np.arange(reach)[:, None] * width + one).ravel() for one in columns]

    def score(candidates: np.ndarray) -> np.ndarray:
        """(r,) mean scores of windows (r, l·d), each a segment of its own."""
        step = max(1, _CELLS // candidates.shape[1])
        scores = [model.detector_.anomaly_score(some.reshape(-1, width), groups=np.repeat(np.arange(len(some)), reach))
                  for some in (candidates[start:start + step] for start in range(0, len(candidates), step))]
        return cast(np.ndarray, np.concatenate(scores).reshape(len(candidates), reach).mean(axis=1))

    shares, expected = attribution.by_replacement(score, windows, normals, parts)
    place = reach - 1 - (ends - at)
    return shares, expected.reshape(len(at), reach, width)[np.arange(len(at)), place]


def _embed(prepared: Prepared, rows: np.ndarray, reach: int) -> np.ndarray:
    if reach <= 1:
        return cast(np.ndarray, prepared.matrix[rows])
    windows = take(prepared.matrix, first_rows(prepared.groups), rows, reach)  # (m, l, d)
    return cast(np.ndarray, windows.reshape(len(rows), -1))


def _unseen(model: Pipeline, matrix: np.ndarray) -> list[set[str]]:
    """For each row (m, d), the sources whose value was never seen in training."""
    columns = [(j, feature["source"]) for j, feature in enumerate(model.preparation_.features) if feature["role"] == "unseen"]
    return [{source for j, source in columns if row[j] > 0} for row in matrix]


def _sentence(model: Pipeline, sources: tuple[str, ...], shares: np.ndarray, observed: tuple[Any, ...], expected: tuple[Any, ...],
              spread: dict[str, float], p: float, unseen: set[str], pairs: tuple[Relation, ...]) -> str:
    order = np.argsort(-shares, kind="stable")
    best = int(order[0])
    name = sources[best]
    others = [sources[j] for j in order[1:3] if shares[j] >= 0.5 * shares[best] and shares[j] > 0]
    text = summary.sentence(name, model.schema_[name].unit, observed[best], expected[best], spread[name], p, share=float(shares[best]),
                            others=others, unseen=name in unseen, broken=summary.relation(pairs[0]) if pairs else "")
    return text.replace("normal rows", "normal time steps") if model.kind_ == "series" else text


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
