"""Filling the holes of series windows along time, as ``Impute`` does with "previous" and "linear".

Letters: b windows, t time steps, d columns.
"""

from __future__ import annotations

import numpy as np

from tocsin.delivery.export.graph import DOUBLE, INT64, Graph


def filled(graph: Graph, X: str, *, ahead: bool) -> str:
    """(b, t, d) with holes (NaN) filled from the known neighbours in the same window and column; a column without any stays NaN.

    ``ahead``: on the line between the known cells before and after, at the ends the nearest one; else the last known cell.

    The k-th known cell of a column is found by counting: a running sum numbers the known cells, their positions are scattered into a
    table under that number, and each cell looks up the number reached (the cell before it) and the next one (the cell after it).
    """
    hole = graph.node("IsNaN", X)
    known = graph.cast(graph.node("Not", hole), INT64)
    number = graph.node("CumSum", known, np.int64(1))  # (b, t, d) known cells so far
    shape = graph.node("Shape", X)
    length = graph.take(shape, np.array([1]))
    position = graph.node("Expand", graph.reshape(_steps(graph, length), [1, -1, 1]), shape)
    # slot t + 1 takes the holes' positions, which nobody asks for
    slot = graph.where(hole, graph.add(length, np.int64(1)), number)
    table = graph.node("Expand", np.int64(0), graph.add(shape, np.array([0, 2, 0])))
    table = graph.node("ScatterElements", table, slot, position, axis=1)
    before = graph.node("GatherElements", table, number, axis=1)  # of the first holes: position 0, a hole itself
    left = graph.node("GatherElements", X, before, axis=1)
    if not ahead:
        return graph.where(hole, left, X)
    count = graph.take(number, graph.sub(length, np.int64(1)), axis=1)  # (b, 1, d) known cells in all
    following = graph.add(number, np.int64(1))
    after = graph.node("GatherElements", table, graph.node("Min", following, graph.node("Max", count, np.int64(1))), axis=1)
    at_start = graph.compare("Equal", number, np.int64(0))
    before = graph.where(at_start, after, before)
    at_end = graph.compare("Equal", number, count)
    after = graph.where(at_end, before, after)
    left, right = graph.node("GatherElements", X, before, axis=1), graph.node("GatherElements", X, after, axis=1)
    gap = graph.node("Max", graph.sub(after, before), np.int64(1))
    share = graph.div(graph.cast(graph.sub(position, before), DOUBLE), graph.cast(gap, DOUBLE))
    share = graph.clip(share, 0.0, 1.0)
    line = graph.add(graph.mul(left, graph.sub(1.0, share)), graph.mul(right, share))
    return graph.where(hole, line, X)


def _steps(graph: Graph, length: str) -> str:
    """(t,) 0, 1, …"""
    return graph.node("Range", np.int64(0), graph.node("Squeeze", length), np.int64(1))
