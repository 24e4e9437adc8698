"""Isolation forests as nodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tocsin.delivery.export.graph import DOUBLE, FLOAT, Graph
from tocsin.delivery.export.standardise import standardised

_SINGLE = 1e30  # as iforest clips before it rounds to single precision


def iforest(graph: Graph, matrix: str, detector: Any) -> str:
    """Scores (n,) double of a fitted ``iforest`` for the rows ``matrix`` (n, d): all trees at once, one level at a time; a leaf leads to
    itself."""
    Z = graph.clip(standardised(graph, matrix, detector.mean_, detector.std_), -_SINGLE, _SINGLE)
    cells = graph.cast(graph.cast(Z, FLOAT), DOUBLE)  # the trees were grown on single precision
    roots = np.asarray(detector.roots_)
    shape = graph.concat([graph.size(matrix, 0), graph.const(np.array([len(roots)]))], axis=0)
    node = graph.node("Expand", roots[None], shape)
    for _ in range(int(detector.steps_)):
        cell = graph.node("GatherElements", cells, graph.take(np.asarray(detector.column_), node), axis=1)
        goes_left = graph.compare("LessOrEqual", cell, graph.take(np.asarray(detector.cut_), node))
        node = graph.where(goes_left, graph.take(np.asarray(detector.left_), node), graph.take(np.asarray(detector.right_), node))
    depth = graph.mean(graph.take(np.asarray(detector.depth_), node), 1)
    return graph.node("Pow", 2.0, graph.div(depth, -float(detector.usual_)))
