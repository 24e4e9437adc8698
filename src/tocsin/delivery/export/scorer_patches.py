"""Patches of pictures against a memory, as nodes: what ``images.patch_memory`` does, in single precision.

Letters: n pictures, c channels, h w cells, e columns of a remembered patch, m remembered patches.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tocsin.core.errors import ArtifactError
from tocsin.delivery.export.graph import DOUBLE, Graph

_TINY = np.float32(1e-12)


def patch_memory(graph: Graph, taps: list[str], detector: Any) -> tuple[str, str]:
    """(scores (n,) double, maps (n, g, g) float32). Raises ArtifactError TOC-427 for a detector with tiles, places or products."""
    if detector.tile is not None or detector.place or detector.products_:
        raise ArtifactError("TOC-427", "this patch memory cannot be exported", came=f"tile={detector.tile}, place={detector.place}, "
                            f"products={detector.products_}"[:160],
                            todo="fit one without tile, place and products, or serve the model itself")
    g = max(detector.features_.grids)
    rows = rows_of(graph, taps, detector.features_.grids, g)  # (n, g², c)
    columns = graph.matmul(graph.sub(rows, detector.basis_.mean), detector.basis_.axes)  # (n, g², e)
    odd = graph.div(nearest(graph, columns, detector.bank_.rows), detector.level_.reshape(-1).astype(np.float32))  # (n, g²)
    score = graph.div(top_mean(graph, odd, max(1, round(0.03 * g * g))), float(detector.usual_[0]))
    return score, graph.reshape(odd, [-1, g, g])


def rows_of(graph: Graph, taps: list[str], grids: tuple[int, ...], g: int) -> str:
    """(n, g², c): means over neighbouring cells, all maps (n, c, h, w) at the finest one's cells, divided by the root of their length."""
    parts = []
    for tap, have in zip(taps, grids):
        smooth = graph.node("AveragePool", tap, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[1, 1], count_include_pad=0)
        line = lines(have, g)
        parts.append(smooth if have == g else graph.matmul(graph.matmul(line, smooth), np.ascontiguousarray(line.T)))
    flat = graph.reshape(graph.concat(parts, 1), np.array([0, 0, -1]))  # (n, c, g²)
    rows = graph.node("Transpose", flat, perm=[0, 2, 1])
    length = graph.node("Sqrt", graph.sum(graph.square(rows), 2, keep=True))
    return graph.div(rows, graph.node("Sqrt", graph.node("Max", length, _TINY)))


def lines(have: int, want: int) -> np.ndarray:
    """(want, have) float32: straight lines between the centres of ``have`` cells, read at the centres of ``want``.

    >>> lines(1, 3).ravel().tolist(), lines(2, 2).tolist()
    ([1.0, 1.0, 1.0], [[1.0, 0.0], [0.0, 1.0]])
    """
    at = np.clip((np.arange(want) + 0.5) * have / want - 0.5, 0, have - 1)
    low = np.minimum(at.astype(int), have - 1)
    high, part = np.minimum(low + 1, have - 1), at - low
    made = np.zeros((want, have), dtype=np.float32)
    np.add.at(made, (np.arange(want), low), 1 - part)
    np.add.at(made, (np.arange(want), high), part)
    return made


def nearest(graph: Graph, rows: str, bank: np.ndarray) -> str:
    """(n, q) distance of ``rows`` (n, q, e) to the nearest of ``bank`` (m, e): found by products, then measured."""
    known = bank.astype(np.float32)
    gaps = graph.add(graph.matmul(rows, np.ascontiguousarray(-2.0 * known.T, dtype=np.float32)), np.einsum("ij,ij->i", known, known))
    best = graph.node("ArgMin", gaps, axis=2, keepdims=0)
    return graph.node("Sqrt", graph.sum(graph.square(graph.sub(rows, graph.take(known, best))), 2))


def top_mean(graph: Graph, cells: str, count: int) -> str:
    """(n,) double: the mean of the ``count`` largest of each row of ``cells`` (n, q)."""
    largest, _ = graph.nodes_out("TopK", 2, cells, np.array([count]), axis=1, largest=1, sorted=1)
    return graph.mean(graph.cast(largest, DOUBLE), 1)

