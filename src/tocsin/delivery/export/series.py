"""Detectors of series as ONNX nodes: windows are gathered from a segment, judged in one batch, and their scores put back on its steps.

A graph takes segments (b, t, c); each of the b is a series of its own, and both b and t stay open. The rules are those of
``deep.series`` and ``detectors.windows``: forecasters judge blocks laid end to end from a segment's first row and borrow the history
before it; the others judge overlapping windows, and a step takes the mean over those that cover it.

Letters: b segments, t steps, c channels, l window length, w windows of a segment, k stretches of training data kept for short histories.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnx.numpy_helper

from tocsin.core.detector import Detector
from tocsin.deep.series import DeepSeriesDetector
from tocsin.delivery.export import layers
from tocsin.delivery.export.graph import DOUBLE, Graph
from tocsin.delivery.export.network import cells, foretold, standardised
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
    if not isinstance(detector, DeepSeriesDetector):
        raise layers.unknown(detector)
    z = standardised(graph, window, detector.net_.inputs)
    return _laid_out(graph, z, detector) if detector._forecasts() else _overlapped(graph, z, detector)


def _laid_out(graph: Graph, z: str, detector: DeepSeriesDetector) -> str:
    """Blocks of l rows, each with the l rows before it, from the segment's first row on."""
    length, width = detector.shape_
    t = _steps(graph, z)
    whole = graph.concat([_history(graph, z, t, detector), z], 1)  # (b, l + t, c)
    starts = _every(graph, t, length)  # (w, 1)
    last = graph.add(t, length - 1)
    index = graph.node("Min", graph.add(starts, np.arange(2 * length)), last)
    blocks = _batch(graph, graph.take(whole, index, 1), 2 * length, width)
    judged = cells(graph, layers.part(graph, blocks, 1, -length), foretold(graph, blocks, detector, length), detector.net_.spread.cpu())
    scores = graph.reshape(_channel_mean(graph, judged), _rows_of(graph, z))
    return graph.node("Slice", scores, np.array([0]), t, np.array([1]))  # the last block's rows beyond the segment's end


def _history(graph: Graph, z: str, t: str, detector: DeepSeriesDetector) -> str:
    """(b, l, c) before each segment: what came before the training stretch that goes on most like the segment's first rows."""
    length, bank = detector.shape_[0], np.asarray(detector.bank_, dtype=np.float32)  # (k, 2l, c)
    if not len(bank):
        return graph.take(z, np.zeros(length, dtype=np.int64), 1)  # the first row, repeated
    known = graph.unsqueeze(layers.part(graph, z, 1, 0, length), 1)  # (b, 1, m, c), m = min(t, l)
    following = graph.node("Slice", bank[:, length:], np.array([0]), t, np.array([1]))  # (k, m, c)
    return graph.take(bank[:, :length], _nearest(graph, following, known), 0)


def _nearest(graph: Graph, bank: str, known: str) -> str:
    """(b,) the number of the stretch in ``bank`` (k, m, c) that is nearest to ``known`` (b, 1, m, c)."""
    gap = graph.cast(graph.sub(bank, known), DOUBLE)
    gap = graph.node("ReduceSumSquare", gap, axes=[2, 3], keepdims=0)  # (b, k)
    return graph.node("ArgMin", gap, axis=1, keepdims=0)


def _overlapped(graph: Graph, z: str, detector: DeepSeriesDetector) -> str:
    """Windows that overlap by three quarters; the mean over those that cover a step."""
    length, width = detector.shape_
    index, missing = _places(graph, _steps(graph, z), length, max(1, length // 4))
    own = graph.node("Max", graph.sub(index, missing), 0)  # a short segment's first row is repeated
    windows = _batch(graph, graph.take(z, own, 1), length, width)
    judged = cells(graph, windows, foretold(graph, windows, detector, length), detector.net_.spread.cpu())
    scores = graph.reshape(_channel_mean(graph, judged), _rows_of(graph, z))  # (b, w · l)
    return _own(graph, _covering_mean(graph, scores, index, _segments(graph, z), _total(graph, z, missing)), missing)


def _by_windows(graph: Graph, x: str, detector: Windows, rows: RowScorer) -> str:
    """Each window one row of l · c numbers for the inner detector; its score counts for all its steps."""
    length, stride = detector.window_, detector.stride
    width = int(detector.width_)
    index, missing = _places(graph, _steps(graph, x), length, stride)
    whole = graph.concat([_completion(graph, x, missing, detector), x], 1)  # (b, max(t, l), c)
    windows = graph.reshape(graph.take(whole, index, 1), [-1, length * width])
    scores = graph.reshape(rows(graph, windows, detector.inner_), _rows_of(graph, x))
    spread = graph.node("Expand", graph.unsqueeze(scores, 2), np.array([1, 1, length]))  # (b, w, l)
    steps = _total(graph, x, missing)
    made = _covering_mean(graph, graph.reshape(spread, _rows_of(graph, x)), index, _segments(graph, x), steps)
    if stride > length:
        made = _bridged(graph, made, steps, length, stride)
    return _own(graph, made, missing)


def _completion(graph: Graph, x: str, missing: str, detector: Windows) -> str:
    """(b, missing, c) the rows before a segment shorter than the window: of the training window that ends most alike."""
    if not len(detector.bank_):
        first = graph.node("Slice", x, np.array([0]), np.array([1]), np.array([1]))
        return graph.node("Expand", first, graph.node("Concat", np.array([1]), missing, np.array([1]), axis=0))
    bank = np.asarray(detector.bank_, dtype=np.float64)  # (k, l, c)
    ending = graph.node("Slice", bank, missing, np.array([detector.window_]), np.array([1]))  # (k, own, c)
    known = layers.part(graph, x, 1, -detector.window_)
    nearest = _nearest(graph, ending, graph.unsqueeze(known, 1))
    before = graph.node("Slice", bank, np.array([0]), missing, np.array([1]))
    return graph.take(before, nearest, 0)


def _places(graph: Graph, t: str, length: int, stride: int) -> tuple[str, str]:
    """Rows (w, l) of every ``stride``-th full window and always of the last one, counted in the segment filled up on the left to a
    full window; and how many rows (1,) are filled up."""
    missing = graph.node("Max", graph.sub(length, t), 0)
    last = graph.node("Max", graph.sub(t, length), 0)  # the last window's first row
    starts = graph.node("Min", _every(graph, graph.add(last, stride), stride), last)
    return graph.add(starts, np.arange(length)), missing


def _every(graph: Graph, limit: str, stride: int) -> str:
    """(w, 1) 0, stride, 2 stride ... below ``limit`` (1,)."""
    return graph.unsqueeze(graph.node("Range", 0, graph.node("Squeeze", limit), stride), 1)


def _covering_mean(graph: Graph, scores: str, index: str, count: str, steps: str) -> str:
    """(b, T): of each step, the mean of ``scores`` (b, w · l) over the windows that cover it; 0 where none does."""
    flat = graph.reshape(index, [-1])
    zeros = graph.node("ConstantOfShape", graph.concat([count, steps], 0), value=_zero())  # (b, T)
    sums = graph.node("ScatterElements", zeros, graph.node("Expand", flat, graph.node("Shape", scores)), scores, axis=1, reduction="add")
    ones = graph.node("ConstantOfShape", graph.node("Shape", flat), value=_zero(1.0))
    none = graph.node("ConstantOfShape", steps, value=_zero())
    covering = graph.node("ScatterElements", none, flat, ones, axis=0, reduction="add")
    return graph.div(sums, graph.node("Max", covering, np.float64(1)))


def _bridged(graph: Graph, made: str, total: str, length: int, stride: int) -> str:
    """Steps between windows further apart than their length take the next window's first value."""
    step = graph.node("Range", 0, graph.node("Squeeze", total), 1)
    up = graph.div(graph.add(step, stride - 1), stride)
    following = graph.mul(up, stride)
    last = graph.sub(total, length)
    here = graph.node("Less", graph.node("Mod", step, stride), length)
    covered = graph.node("Or", here, graph.node("GreaterOrEqual", step, last))
    return graph.take(made, graph.node("Where", covered, step, graph.node("Min", following, last)), 1)


def _own(graph: Graph, scores: str, missing: str) -> str:
    """(b, T) → (b, t), without the steps that were filled up."""
    return graph.node("Slice", scores, missing, np.array([layers.END]), np.array([1]))


def _channel_mean(graph: Graph, judged: str) -> str:
    """(..., c) float32 → (...) double."""
    return graph.mean(graph.cast(judged, DOUBLE), -1)


def _batch(graph: Graph, windows: str, span: int, width: int) -> str:
    """(b, w, s, c) → (b · w, s, c)."""
    return graph.reshape(windows, [-1, span, width])


def _steps(graph: Graph, x: str) -> str:
    """(1,) t of (b, t, c)."""
    return graph.node("Shape", x, start=1, end=2)


def _segments(graph: Graph, x: str) -> str:
    """(1,) b of (b, t, c)."""
    return graph.node("Shape", x, start=0, end=1)


def _rows_of(graph: Graph, x: str) -> str:
    """The shape (b, all that is left)."""
    return graph.node("Concat", _segments(graph, x), np.array([-1]), axis=0)


def _total(graph: Graph, x: str, missing: str) -> str:
    """(1,) steps of a segment with those that were filled up."""
    return graph.add(_steps(graph, x), missing)


def _zero(value: float = 0.0) -> onnx.TensorProto:
    return onnx.numpy_helper.from_array(np.array([value]))
