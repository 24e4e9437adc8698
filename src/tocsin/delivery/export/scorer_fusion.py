"""The fusion of neighbours and models as nodes.

Letters: n rows, d columns, m rows remembered, k neighbours, c candidates, e members.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tocsin.core.errors import ArtifactError
from tocsin.core.state import build
from tocsin.data.scale import Scale
from tocsin.decision.evidence import HEIGHTS
from tocsin.delivery.export import scorer_columns, scorer_forest, scorer_gaussians
from tocsin.delivery.export.graph import Graph
from tocsin.delivery.export.knots import Knots, normal_scores
from tocsin.delivery.export.scorer_neighbours import nearest, smallest
from tocsin.delivery.export.standardise import standardised
from tocsin.detectors.neighbour_fusion import AROUND, FAR, NEIGHBOURS, TINY, NeighbourFusion, least_of
from tocsin.memory import uneven

_SAME = 1e-13  # a score so little below a knot is on it: copies of rows all have one score, and logarithms differ in the last bit
_MODELS: dict[str, Callable[[Graph, str, Any], str]] = {
    "gaussian_mixture": scorer_gaussians.mixture, "gaussian": scorer_gaussians.gaussian, "copula": scorer_columns.copula,
    "iforest": scorer_forest.iforest,
}
_MEASURES = ("first", "mean", "absolute", "relative")


def neighbour_fusion(graph: Graph, matrix: str, detector: NeighbourFusion) -> str:
    """Scores (n,) of a fitted ``neighbour_fusion``: the mean evidence of its members. Raises ArtifactError TOC-427 for a member that there
    is no ONNX form of."""
    Z = standardised(graph, matrix, detector.mean_, detector.spread_, FAR)
    Z = Z if detector.mixed_ is None else _tamed(graph, Z, {name: np.asarray(part) for name, part in detector.mixed_.items()})
    names = list(detector.learned_)
    raw: dict[str, str] = {}
    unknown = [name for name in names if name not in _MODELS and NEIGHBOURS.get(name, ("", ""))[1] not in _MEASURES]
    spaces = dict.fromkeys(NEIGHBOURS[name][0] for name in names if name in NEIGHBOURS)
    if unknown or not set(spaces) <= set(_SPACES):
        raise ArtifactError("TOC-427", "a member of this fusion has no ONNX form", came=", ".join(map(repr, unknown or spaces)),
                            todo="fit anew with members that have one, such as the usual ones")
    for space in spaces:
        raw |= _measured(graph, _SPACES[space](graph, Z, detector), space, detector)
    raw |= {name: _MODELS[name](graph, Z, model) for name, model in detector._models.items()}
    plain = [name for name in names if name == "gaussian_mixture"]
    order = [name for name in names if name not in plain]
    parts = [graph.node("Log", graph.add(_beside(graph, [raw[name] for name in order]), TINY))] if order else []
    sharp = graph.concat([*parts, *(graph.unsqueeze(raw[name], 1) for name in plain)], 1)  # (n, e)
    return graph.mean(evidence(graph, sharp, [detector.learned_[name] for name in (*order, *plain)]), 1)


def _ranked(graph: Graph, Z: str, detector: NeighbourFusion) -> str:
    """(n, d) by rank; every column was learned."""
    ranks = graph.clip(normal_scores(graph, Z, build(Scale, detector.ranks_)), -FAR, FAR)
    if detector.mixed_ is None:
        return ranks
    two, still = (graph.const(np.asarray(detector.mixed_[name])) for name in ("two", "still"))
    return graph.where(two, Z, graph.where(still, graph.div(Z, 2.0), ranks))


def _tamed(graph: Graph, Z: str, mixed: dict[str, np.ndarray]) -> str:
    """(n, d) as ``memory.uneven.tamed`` has them."""
    still = mixed["still"]
    within = graph.clip(Z, -uneven.USUAL, uneven.USUAL)
    sign = graph.node("Sign", Z)
    made = graph.add(within, graph.mul(sign, graph.log1p(graph.node("Abs", graph.sub(Z, within)))))
    if not still.any():
        return made
    moved = graph.node("And", graph.const(still), graph.compare("Greater", graph.node("Abs", Z), uneven.STILL))
    off = graph.where(moved, sign, 0.0)
    count = graph.node("Max", graph.unsqueeze(graph.sum(graph.node("Abs", off), 1), 1), 1.0)
    return graph.where(graph.const(still), graph.div(graph.mul(off, uneven.CHANGE), graph.node("Sqrt", count)), made)


_SPACES: dict[str, Callable[[Graph, str, Any], str]] = {"value": lambda graph, Z, detector: Z, "rank": _ranked}
"""space → rows (n, d) as they are compared there"""


def _measured(graph: Graph, Z: str, space: str, detector: NeighbourFusion) -> dict[str, str]:
    """Member → what is measured (n,) in ``space``; see ``NeighbourFusion._measured``."""
    rows, k = np.asarray(detector.rows_[space]), int(detector.k)
    squared, index = nearest(graph, Z, rows, detector._reach(space))
    distances = graph.node("Sqrt", graph.part(squared, 1, 0, k))
    near = graph.mean(distances, 1)
    made = {}
    for name in detector.learned_:
        where, what = NEIGHBOURS.get(name, ("", ""))
        if where != space:
            continue
        if what == "first":
            made[name] = graph.take(distances, 0, axis=1)
        elif what == "mean":
            made[name] = near
        elif what == "absolute":
            gaps = graph.node("Abs", graph.sub(graph.unsqueeze(Z, 1), graph.take(rows, index)))  # (n, c, d)
            made[name] = graph.mean(smallest(graph, graph.sum(gaps, 2), min(k, len(rows))), 1)
        else:
            own = np.asarray(detector.own_[space])
            least = least_of(own)
            usual = graph.mean(graph.take(own, graph.part(index, 1, 0, AROUND)), 1)
            made[name] = graph.div(graph.add(near, least), graph.add(usual, least))
    return made


def evidence(graph: Graph, scores: str, learned: list[dict[str, Any]]) -> str:
    """(n, e) evidence of ``scores`` (n, e); see ``decision.evidence``. Entry 0 of a table is below all knots, entry i from knot i on,
    counted from 1."""
    starts, heights, slopes, bounds = [], [], [], []
    for one in learned:
        knots = np.asarray(one["knots"])
        height = HEIGHTS
        distinct, first, count = np.unique(knots, return_index=True, return_counts=True)
        last = first + count - 1  # where knots are tied, evidence goes up in one step
        with np.errstate(over="ignore"):
            rise = np.minimum((height[first[1:]] - height[last[:-1]]) / np.diff(distinct), np.finfo(float).max)
        bounds.append(distinct)
        starts.append(np.concatenate([distinct[:1], distinct]))
        heights.append(np.concatenate([[0.0], height[last]]))
        slopes.append(np.concatenate([[0.0], rise, [0.0]]))
    knots_of = Knots(bounds)
    place = knots_of.reached(graph, graph.add(scores, _SAME))
    begun, reached, steep = (knots_of.at(graph, knots_of.laid(part, more=1), place) for part in (starts, heights, slopes))
    ends, scales = np.array([knots[-1] for knots in bounds]), np.array([float(one["scale"]) for one in learned])
    inside = graph.node("Min", scores, ends)
    tail = graph.div(graph.node("Max", graph.sub(scores, ends), 0.0), scales)
    return graph.add(graph.add(graph.mul(graph.sub(inside, begun), steep), reached), tail)


def _beside(graph: Graph, columns: list[str]) -> str:
    return graph.concat([graph.unsqueeze(column, 1) for column in columns], 1)
