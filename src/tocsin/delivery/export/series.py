"""Detectors of series as ONNX nodes: windows are gathered from a segment, judged in one batch, and their scores put back on its steps.

A graph takes segments (b, t, c); each of the b is a series of its own, and both b and t stay open. The rules are those of
``detectors.windows`` here and of ``deep.series`` in ``forecast``.

Letters: b segments, t steps, c channels, l window length, w windows of a segment, k stretches of training data kept for short histories.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tocsin.core.detector import Detector
from tocsin.delivery.export import placing
from tocsin.delivery.export.graph import Graph
from tocsin.detectors.windows import Windows

RowScorer = Callable[[Graph, str, Detector], str]


def series_scorer(graph: Graph, window: str, detector: Detector, rows: RowScorer | None = None) -> str:
    """Add to ``graph`` what ``detector`` makes of segments ``window`` (b, t, c), double: scores (b, t), double.

    Equal to ``detector.anomaly_score`` of each segment alone, up to the rounding of float32, for every b and t from 1.
    ``rows`` writes the scorer of rows (n, d) that a ``windows`` detector holds. Raises ArtifactError TOC-432 for a detector that there
    is no ONNX form of.
    """
    if isinstance(detector, Windows) and rows is not None:
        return _by_windows(graph, window, detector, rows)
    from tocsin.delivery.export.forecast import network_series  # loads PyTorch, which windows of a memory or a forest do without

    return network_series(graph, window, detector)


def _by_windows(graph: Graph, x: str, detector: Windows, rows: RowScorer) -> str:
    """Each window one row of l · c numbers for the inner detector; its score counts for all its steps."""
    length, stride = detector.window_, detector.stride
    width = int(detector.width_)
    index, missing = placing.places(graph, placing.steps_of(graph, x), length, stride)
    whole = graph.concat([_completion(graph, x, missing, detector), x], 1)  # (b, max(t, l), c)
    windows = graph.reshape(graph.take(whole, index, 1), [-1, length * width])
    scores = graph.reshape(rows(graph, windows, detector.inner_), placing.rows_of(graph, x))
    spread = graph.node("Expand", graph.unsqueeze(scores, 2), np.array([1, 1, length]))  # (b, w, l)
    steps = placing.total_of(graph, x, missing)
    made = placing.covering_mean(graph, graph.reshape(spread, placing.rows_of(graph, x)), index, placing.segments_of(graph, x), steps)
    if stride > length:
        made = _bridged(graph, made, steps, length, stride)
    return placing.own_steps(graph, made, missing)


def _completion(graph: Graph, x: str, missing: str, detector: Windows) -> str:
    """(b, missing, c) the rows before a segment shorter than the window: of the training window that ends most alike."""
    if not len(detector.bank_):
        first = graph.node("Slice", x, np.array([0]), np.array([1]), np.array([1]))
        return graph.node("Expand", first, graph.node("Concat", np.array([1]), missing, np.array([1]), axis=0))
    bank = np.asarray(detector.bank_, dtype=np.float64)  # (k, l, c)
    ending = graph.node("Slice", bank, missing, np.array([detector.window_]), np.array([1]))  # (k, own, c)
    known = graph.part(x, 1, -detector.window_)
    nearest = placing.nearest(graph, ending, graph.unsqueeze(known, 1))
    before = graph.node("Slice", bank, np.array([0]), missing, np.array([1]))
    return graph.take(before, nearest, 0)


def _bridged(graph: Graph, made: str, total: str, length: int, stride: int) -> str:
    """Steps between windows further apart than their length take the next window's first value."""
    step = graph.node("Range", 0, graph.node("Squeeze", total), 1)
    up = graph.div(graph.add(step, stride - 1), stride)
    following = graph.mul(up, stride)
    last = graph.sub(total, length)
    here = graph.node("Less", graph.node("Mod", step, stride), length)
    covered = graph.node("Or", here, graph.node("GreaterOrEqual", step, last))
    return graph.take(made, graph.node("Where", covered, step, graph.node("Min", following, last)), 1)
