"""Networks that judge a series, as ONNX nodes: the rules of ``deep.series``.

Forecasters judge blocks laid end to end from a segment's first row and borrow the history before it; the others judge overlapping
windows, and a step takes the mean over those that cover it.

Letters: b segments, t steps, c channels, l window length, w windows of a segment, k stretches of training data kept for short histories.
"""

from __future__ import annotations

import numpy as np

from tocsin.core.detector import Detector
from tocsin.deep.series import DeepSeriesDetector
from tocsin.delivery.export import layers, placing
from tocsin.delivery.export.graph import DOUBLE, FLOAT, Graph
from tocsin.delivery.export.network import cells, foretold, standardised


def network_series(graph: Graph, window: str, detector: Detector) -> str:
    """Scores (b, t) of segments ``window`` (b, t, c). Raises ArtifactError TOC-432 for a network that there is no ONNX form of."""
    if not isinstance(detector, DeepSeriesDetector):
        raise layers.unknown(detector)
    z = standardised(graph, window, detector.net_.inputs)
    scores = _laid_out(graph, z, detector) if detector._forecasts() else _overlapped(graph, z, detector)
    return _smoothed(graph, scores, *detector.reach())


def _smoothed(graph: Graph, scores: str, before: int, after: int) -> str:
    """(b, t) the mean of each step and those around it, at the ends of those that there are. The runtime pools float32 only."""
    if not before + after:
        return scores
    line = graph.unsqueeze(graph.cast(scores, FLOAT), 1)  # (b, 1, t)
    pooled = graph.node("AveragePool", line, kernel_shape=[before + after + 1], pads=[before, after], count_include_pad=0)
    return graph.cast(graph.node("Squeeze", pooled, np.array([1])), DOUBLE)


def _laid_out(graph: Graph, z: str, detector: DeepSeriesDetector) -> str:
    """Blocks of l rows, each with the l rows before it, from the segment's first row on."""
    length, width = detector.shape_
    t = placing.steps_of(graph, z)
    whole = graph.concat([_history(graph, z, t, detector), z], 1)  # (b, l + t, c)
    starts = placing.every(graph, t, length)  # (w, 1)
    last = graph.add(t, length - 1)
    index = graph.node("Min", graph.add(starts, np.arange(2 * length)), last)
    blocks = _batch(graph, graph.take(whole, index, 1), 2 * length, width)
    judged = cells(graph, graph.part(blocks, 1, -length), foretold(graph, blocks, detector, length), detector.net_.spread.cpu())
    scores = graph.reshape(_channel_mean(graph, judged), placing.rows_of(graph, z))
    return graph.node("Slice", scores, np.array([0]), t, np.array([1]))  # the last block's rows beyond the segment's end


def _history(graph: Graph, z: str, t: str, detector: DeepSeriesDetector) -> str:
    """(b, l, c) before each segment: what came before the training stretch that goes on most like the segment's first rows."""
    length, bank = detector.shape_[0], np.asarray(detector.bank_, dtype=np.float32)  # (k, 2l, c)
    if not len(bank):
        return graph.take(z, np.zeros(length, dtype=np.int64), 1)  # the first row, repeated
    known = graph.unsqueeze(graph.part(z, 1, 0, length), 1)  # (b, 1, m, c), m = min(t, l)
    following = graph.node("Slice", bank[:, length:], np.array([0]), t, np.array([1]))  # (k, m, c)
    return graph.take(bank[:, :length], placing.nearest(graph, following, known), 0)


def _overlapped(graph: Graph, z: str, detector: DeepSeriesDetector) -> str:
    """Windows that overlap by three quarters; the mean over those that cover a step."""
    length, width = detector.shape_
    index, missing = placing.places(graph, placing.steps_of(graph, z), length, max(1, length // 4))
    own = graph.node("Max", graph.sub(index, missing), 0)  # a short segment's first row is repeated
    windows = _batch(graph, graph.take(z, own, 1), length, width)
    judged = cells(graph, windows, foretold(graph, windows, detector, length), detector.net_.spread.cpu())
    scores = graph.reshape(_channel_mean(graph, judged), placing.rows_of(graph, z))  # (b, w · l)
    made = placing.covering_mean(graph, scores, index, placing.segments_of(graph, z), placing.total_of(graph, z, missing))
    return placing.own_steps(graph, made, missing)


def _channel_mean(graph: Graph, judged: str) -> str:
    """(..., c) float32 → (...) double."""
    return graph.mean(graph.cast(judged, DOUBLE), -1)


def _batch(graph: Graph, windows: str, span: int, width: int) -> str:
    """(b, w, s, c) → (b · w, s, c)."""
    return graph.reshape(windows, [-1, span, width])
