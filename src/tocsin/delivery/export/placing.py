"""Windows of segments as index arithmetic in a graph, and their scores put back on the segments' steps.

Letters: b segments, t steps, c channels, l window length, w windows of a segment, k stretches of training data kept for short histories.
"""

from __future__ import annotations

import numpy as np
import onnx
import onnx.numpy_helper

from tocsin.delivery.export.graph import DOUBLE, END, Graph


def places(graph: Graph, t: str, length: int, stride: int) -> tuple[str, str]:
    """Rows (w, l) of every ``stride``-th full window and always of the last one, counted in the segment filled up on the left to a
    full window; and how many rows (1,) are filled up."""
    missing = graph.node("Max", graph.sub(length, t), 0)
    last = graph.node("Max", graph.sub(t, length), 0)  # the last window's first row
    starts = graph.node("Min", every(graph, graph.add(last, stride), stride), last)
    return graph.add(starts, np.arange(length)), missing


def every(graph: Graph, limit: str, stride: int) -> str:
    """(w, 1) 0, stride, 2 stride ... below ``limit`` (1,)."""
    return graph.unsqueeze(graph.node("Range", 0, graph.node("Squeeze", limit), stride), 1)


def covering_mean(graph: Graph, scores: str, index: str, count: str, steps: str) -> str:
    """(b, T): of each step, the mean of ``scores`` (b, w · l) over the windows that cover it; 0 where none does."""
    flat = graph.reshape(index, [-1])
    zeros = graph.node("ConstantOfShape", graph.concat([count, steps], 0), value=_zero())  # (b, T)
    sums = graph.node("ScatterElements", zeros, graph.node("Expand", flat, graph.node("Shape", scores)), scores, axis=1, reduction="add")
    ones = graph.node("ConstantOfShape", graph.node("Shape", flat), value=_zero(1.0))
    none = graph.node("ConstantOfShape", steps, value=_zero())
    covering = graph.node("ScatterElements", none, flat, ones, axis=0, reduction="add")
    return graph.div(sums, graph.node("Max", covering, np.float64(1)))


def own_steps(graph: Graph, scores: str, missing: str) -> str:
    """(b, T) → (b, t), without the steps that were filled up."""
    return graph.node("Slice", scores, missing, np.array([END]), np.array([1]))


def steps_of(graph: Graph, x: str) -> str:
    """(1,) t of (b, t, c)."""
    return graph.node("Shape", x, start=1, end=2)


def segments_of(graph: Graph, x: str) -> str:
    """(1,) b of (b, t, c)."""
    return graph.node("Shape", x, start=0, end=1)


def rows_of(graph: Graph, x: str) -> str:
    """The shape (b, all that is left)."""
    return graph.node("Concat", segments_of(graph, x), np.array([-1]), axis=0)


def total_of(graph: Graph, x: str, missing: str) -> str:
    """(1,) steps of a segment with those that were filled up."""
    return graph.add(steps_of(graph, x), missing)


def _zero(value: float = 0.0) -> onnx.TensorProto:
    return onnx.numpy_helper.from_array(np.array([value]))


def nearest(graph: Graph, bank: str, known: str) -> str:
    """(b,) the number of the stretch in ``bank`` (k, m, c) that is nearest to ``known`` (b, 1, m, c)."""
    gap = graph.cast(graph.sub(bank, known), DOUBLE)
    gap = graph.node("ReduceSumSquare", gap, axes=[2, 3], keepdims=0)  # (b, k)
    return graph.node("ArgMin", gap, axis=1, keepdims=0)
