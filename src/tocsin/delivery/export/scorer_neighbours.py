"""Distances to remembered rows as nodes: nearest neighbours, those of the dense part, local outlier factor.

Letters: n rows, d columns, m rows remembered, k neighbours, c candidates.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tocsin.delivery.export.graph import Graph
from tocsin.delivery.export.standardise import standardised

SPARE = 8  # nearest rows looked at beyond k: rounding in the fast search must not push a true neighbour out
_LIMIT = 1e9  # as Lof clips


def knn(graph: Graph, matrix: str, detector: Any) -> str:
    """Scores (n,) of a fitted ``knn``."""
    Q = standardised(graph, matrix, detector.mean_, detector.spread_)
    rows = np.asarray(detector.rows_)
    k = min(int(detector.k), len(rows))
    weights = np.cumsum(1 / np.arange(k, 0, -1))[::-1] / k  # see Knn._score
    distances = _absolute(graph, Q, rows, k) if detector.metric == "l1" else graph.node("Sqrt", nearest(graph, Q, rows, k)[0])
    return graph.sum(graph.mul(distances, np.ascontiguousarray(weights)), 1)


def lof(graph: Graph, matrix: str, detector: Any) -> str:
    """Scores (n,) of a fitted ``lof``."""
    Q = standardised(graph, matrix, detector.mean_, detector.spread_, _LIMIT)
    rows = np.asarray(detector.rows_)
    squared, index = nearest(graph, Q, rows, min(int(detector.k), len(rows) - 1))
    reach = graph.node("Max", graph.node("Sqrt", squared), graph.take(np.asarray(detector.radius_), index))
    density = graph.mean(graph.take(np.asarray(detector.density_), index), 1)
    return graph.mul(graph.node("Max", graph.mean(reach, 1), float(detector.least_)), density)


def robust_knn(graph: Graph, matrix: str, detector: Any) -> str:
    """Scores (n,) of a fitted ``robust_knn``."""
    R = graph.clip(graph.div(graph.sub(matrix, np.asarray(detector.centre_)), np.asarray(detector.spread_)), -detector.far, detector.far)
    rows = np.asarray(detector.rows_)
    _, index = nearest(graph, R, rows, detector.reach)
    gaps = graph.node("Abs", graph.sub(graph.unsqueeze(R, 1), graph.take(rows, index)))  # (n, c, d)
    return graph.mean(smallest(graph, graph.sum(gaps, 2), min(int(detector.k), len(rows))), 1)


def nearest(graph: Graph, Q: str, rows: np.ndarray, k: int) -> tuple[str, str]:
    """(n, k) squared distances, ascending, and the numbers (n, k) of the rows: candidates by one matrix product, then their true
    differences. Equally near ones come in their order."""
    k, centre = min(k, len(rows)), rows.mean(axis=0)
    lengths = np.square(rows - centre).sum(axis=1)
    rough = graph.node("Gemm", graph.sub(Q, centre), rows, lengths, alpha=-2.0, transB=1)  # (n, m): what is equal along a line is left out
    count = np.array([min(k + SPARE, len(rows))])
    _, some = graph.nodes_out("TopK", 2, rough, count, axis=1, largest=0, sorted=0)
    some, _ = graph.nodes_out("TopK", 2, some, count, axis=1, largest=0, sorted=1)  # (n, c) ascending numbers
    gaps = graph.sub(graph.unsqueeze(Q, 1), graph.take(rows, some))  # (n, c, d)
    squared, place = graph.nodes_out("TopK", 2, graph.sum(graph.square(gaps), 2), np.array([k]), axis=1, largest=0, sorted=1)
    return squared, graph.node("GatherElements", some, place, axis=1)


def _absolute(graph: Graph, Q: str, rows: np.ndarray, k: int) -> str:
    """(n, k) sums of absolute differences, ascending; column by column, so that memory is n · m."""
    total = ""
    for j in range(rows.shape[1]):
        gap = graph.node("Abs", graph.sub(graph.take(Q, np.array([j]), axis=1), np.ascontiguousarray(rows[:, j])[None]))
        total = graph.add(total, gap) if total else gap
    return smallest(graph, total, k)


def smallest(graph: Graph, values: str, k: int) -> str:
    """(n, k) the smallest of each line of ``values`` (n, c), ascending."""
    return graph.nodes_out("TopK", 2, values, np.array([k]), axis=1, largest=0, sorted=1)[0]
