"""Row scores of fitted vector detectors as nodes, by catalog name. Adding a detector here is one function and one line in ``SCORERS``.

Each function takes the graph, the name of the matrix (n, d) double and the detector, and returns the name of the scores (n,) double.
Letters: n rows, d columns, r axes, m training rows kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tocsin.core import catalog
from tocsin.core.detector import Detector
from tocsin.core.errors import ArtifactError
from tocsin.data.moments import spread
from tocsin.delivery.export.graph import DOUBLE, FLOAT, Graph

_LIMIT = 1e100  # as moments.standardise clips
_SINGLE = 1e30  # as iforest clips before it rounds to single precision
_SPARE = 8  # nearest rows looked at beyond k: rounding in the fast search must not push a true neighbour out


def row_scores(graph: Graph, matrix: str, detector: Detector) -> str:
    """(n,) double. Raises ArtifactError TOC-421 for a detector that cannot be exported."""
    name = catalog.name_of(detector)
    if name not in SCORERS:
        raise not_exportable(name)
    return SCORERS[name](graph, matrix, detector)


def not_exportable(name: str) -> ArtifactError:
    """The error for a detector that no graph is known for."""
    able = [other for other in catalog.names() if catalog.card(other).tags.exportable]
    return ArtifactError("TOC-421", f"the detector {name!r} cannot be exported", came=name,
                         todo=f"fit anew with one of {', '.join(able)}; alarms will differ, so look at them first")


def _baseline(graph: Graph, matrix: str, detector: Any) -> str:
    return graph.mean(graph.square(_standardised(graph, matrix, detector.mean_, detector.std_)), 1)


def _gaussian(graph: Graph, matrix: str, detector: Any) -> str:
    Z = _standardised(graph, matrix, detector.mean_, detector.std_)
    axes = np.asarray(detector.axes_)  # (r, d)
    along = graph.matmul(Z, np.ascontiguousarray(axes.T))
    squared = graph.sum(graph.div(graph.square(along), np.asarray(detector.variances_)), 1)
    if detector.rest_:
        across = graph.sum(graph.square(graph.sub(Z, graph.matmul(along, axes))), 1)
        squared = graph.add(squared, graph.mul(across, float(detector.rest_)))
    return graph.div(squared, float(detector.width_))


def _knn(graph: Graph, matrix: str, detector: Any) -> str:
    Q = _standardised(graph, matrix, detector.mean_, detector.spread_)
    rows = np.asarray(detector.rows_)
    k = min(int(detector.k), len(rows))
    weights = np.cumsum(1 / np.arange(k, 0, -1))[::-1] / k  # see Knn._score
    distances = _absolute(graph, Q, rows, k) if detector.metric == "l1" else _euclidean(graph, Q, rows, k)
    return graph.sum(graph.mul(distances, np.ascontiguousarray(weights)), 1)


def _euclidean(graph: Graph, Q: str, rows: np.ndarray, k: int) -> str:
    """(n, k) distances, ascending: candidates by one matrix product, then their true differences."""
    rough = graph.node("Gemm", Q, rows, np.square(rows).sum(axis=1), alpha=-2.0, transB=1)  # (n, m) |r|² − 2 q·r, |q|² left out
    _, index = graph.nodes_out("TopK", 2, rough, np.array([min(k + _SPARE, len(rows))]), axis=1, largest=0, sorted=0)
    gaps = graph.sub(graph.unsqueeze(Q, 1), graph.take(rows, index))  # (n, k + spare, d)
    return _nearest(graph, graph.node("Sqrt", graph.sum(graph.square(gaps), 2)), k)


def _absolute(graph: Graph, Q: str, rows: np.ndarray, k: int) -> str:
    """(n, k) sums of absolute differences, ascending; column by column, so that memory is n · m."""
    total = ""
    for j in range(rows.shape[1]):
        gap = graph.node("Abs", graph.sub(graph.take(Q, np.array([j]), axis=1), np.ascontiguousarray(rows[:, j])[None]))
        total = graph.add(total, gap) if total else gap
    return _nearest(graph, total, k)


def _nearest(graph: Graph, distances: str, k: int) -> str:
    return graph.nodes_out("TopK", 2, distances, np.array([k]), axis=1, largest=0, sorted=1)[0]


def _iforest(graph: Graph, matrix: str, detector: Any) -> str:
    """All trees at once, one level at a time; a leaf leads to itself."""
    Z = graph.clip(_standardised(graph, matrix, detector.mean_, detector.std_), -_SINGLE, _SINGLE)
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


def _network(graph: Graph, matrix: str, detector: Any) -> str:
    from tocsin.delivery.export.network import network_scorer  # loads PyTorch: only models that hold a network need it

    return network_scorer(graph, matrix, detector)


SCORERS: dict[str, Callable[[Graph, str, Any], str]] = {
    "baseline": _baseline, "gaussian": _gaussian, "knn": _knn, "iforest": _iforest, "autoencoder": _network, "vae": _network,
}
"""catalog name → the function that writes its scores"""


def _standardised(graph: Graph, X: str, mean: np.ndarray, std: np.ndarray) -> str:
    mean, std = np.asarray(mean), np.asarray(std)
    return graph.clip(graph.div(graph.sub(X, mean), spread(mean, std)), -_LIMIT, _LIMIT)
