"""Gaussians as nodes: one, one that outliers did not widen, one along main axes, and a mixture.

Letters: n rows, d columns, r axes, k components.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tocsin.delivery.export.graph import Graph
from tocsin.delivery.export.standardise import standardised


def gaussian(graph: Graph, matrix: str, detector: Any) -> str:
    """Scores (n,) of a fitted ``gaussian``."""
    Z = standardised(graph, matrix, detector.mean_, detector.std_)
    along = _along(graph, Z, np.asarray(detector.axes_))
    squared = graph.sum(graph.div(graph.square(along), np.asarray(detector.variances_)), 1)
    if detector.rest_:
        squared = graph.add(squared, graph.mul(_off(graph, Z, along, detector.axes_), float(detector.rest_)))
    return graph.div(squared, float(detector.width_))


def pca(graph: Graph, matrix: str, detector: Any) -> str:
    """Scores (n,) of a fitted ``pca``."""
    Z = standardised(graph, matrix, detector.mean_, detector.std_)
    along = _along(graph, Z, np.asarray(detector.axes_))
    squared = graph.sum(graph.div(graph.square(along), np.asarray(detector.variances_)), 1)
    off = graph.div(_off(graph, Z, along, detector.axes_), float(detector.rest_))
    return graph.div(graph.add(squared, off), float(detector.width_))


def mcd(graph: Graph, matrix: str, detector: Any) -> str:
    """Scores (n,) of a fitted ``mcd``."""
    Z = standardised(graph, matrix, detector.mean_, detector.std_)
    axes = np.asarray(detector.axes_)
    along = _along(graph, Z, axes) if len(axes) else Z
    squared = squared_length(graph, along, detector.centre_, detector.factor_)
    if detector.rest_:
        squared = graph.add(squared, graph.mul(_off(graph, Z, along, axes), float(detector.rest_)))
    return graph.div(squared, float(detector.usual_))


def mixture(graph: Graph, matrix: str, detector: Any) -> str:
    """Scores (n,) of a fitted ``gaussian_mixture``."""
    Z = standardised(graph, matrix, detector.mean_, detector.std_)
    axes, means, factors = (np.asarray(part) for part in (detector.axes_, detector.means_, detector.factors_))
    (p, d), rest = axes.shape, float(detector.rest_)
    along = _along(graph, Z, axes) if p < d else Z
    apart = graph.sub(graph.unsqueeze(along, 0), means[:, None])  # (k, n, r)
    squared = graph.sum(graph.square(graph.matmul(apart, factors)), 2)  # (k, n)
    volume = np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    level = np.asarray(detector.log_shares_) + volume - p / 2 * np.log(2 * np.pi)
    made = graph.node("Neg", _summed(graph, graph.sub(level[:, None], graph.div(squared, 2.0))))
    if p < d:
        missed = graph.div(_off(graph, Z, along, axes), rest)
        made = graph.add(made, graph.div(graph.add(missed, float((d - p) * np.log(2 * np.pi * rest))), 2.0))
    return graph.div(made, float(d))


def squared_length(graph: Graph, rows: str, centre: Any, factor: Any) -> str:
    """(n,) squared lengths of (``rows`` − ``centre``) @ ``factor``."""
    return graph.sum(graph.square(graph.matmul(graph.sub(rows, np.asarray(centre)), np.asarray(factor))), 1)


def _along(graph: Graph, Z: str, axes: np.ndarray) -> str:
    return graph.matmul(Z, np.ascontiguousarray(axes.T))


def _off(graph: Graph, Z: str, along: str, axes: Any) -> str:
    """(n,) squared distance of ``Z`` (n, d) from its place ``along`` (n, r) the axes (r, d)."""
    return graph.sum(graph.square(graph.sub(Z, graph.matmul(along, np.asarray(axes)))), 1)


def _summed(graph: Graph, joint: str) -> str:
    """(n,) log of the sum of exp over the components of ``joint`` (k, n)."""
    top = graph.node("ReduceMax", joint, axes=[0], keepdims=1)
    total = graph.node("Log", graph.sum(graph.node("Exp", graph.sub(joint, top)), 0))
    return graph.add(graph.node("Squeeze", top, np.array([0])), total)
