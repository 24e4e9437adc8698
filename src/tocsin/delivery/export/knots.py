"""Where values lie among the ascending knots of their columns, for all columns at once, and functions that are straight between knots.

Column by column, a table of a hundred columns would be thousands of nodes, and one row would take milliseconds.

Letters: n rows, d columns, q knots of the column that has most, s knots of a block, b blocks of a column.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tocsin.data.scale import Scale
from tocsin.delivery.export.graph import INT64, Graph

_LARGEST = float(np.finfo(float).max)


class Knots:
    """Ascending, distinct knots of d columns, cut into about √q blocks of as many: memory of a search is n · d · √q."""

    def __init__(self, columns: Sequence[np.ndarray]) -> None:
        most = max(len(column) for column in columns)
        self.side = int(np.ceil(np.sqrt(most)))
        self.blocks = -(-most // self.side)
        self.columns = columns
        self.padded = self.laid(columns, np.inf)  # (d, b · s)

    def laid(self, parts: Sequence[np.ndarray], fill: float = 0.0, more: int = 0) -> np.ndarray:
        """(d, b · s + more): ``parts``, one for each column, filled up to one length."""
        made = np.full((len(parts), self.blocks * self.side + more), fill)
        for row, part in zip(made, parts):
            row[:len(part)] = part
        return made

    def reached(self, graph: Graph, x: str) -> str:
        """(n, d) int64: how many knots of its column are at most ``x`` (n, d)."""
        d = len(self.columns)
        cells = graph.unsqueeze(x, 2)
        if self.blocks == 1:
            return _at_most(graph, self.padded[None], cells)
        grid = self.padded.reshape(d, self.blocks, self.side)
        block = _at_most(graph, np.ascontiguousarray(grid[None, :, :-1, -1]), cells)  # those passed as a whole
        inside = graph.take(grid.reshape(d * self.blocks, self.side), graph.add(block, np.arange(d) * self.blocks))  # (n, d, s)
        return graph.add(graph.mul(block, self.side), _at_most(graph, inside, cells))

    def at(self, graph: Graph, values: np.ndarray, place: str) -> str:
        """(n, d): ``values`` (d, w) of each cell's own column at its ``place`` (n, d)."""
        return graph.take(values.ravel(), graph.add(place, np.arange(len(values)) * values.shape[1]))


def straight(graph: Graph, x: str, columns: Sequence[np.ndarray], values: Sequence[np.ndarray]) -> str:
    """numpy's ``interp`` of each column of ``x`` (n, d), to the last bit: copies of training rows must stay copies."""
    knots = Knots(columns)
    slopes = []
    for q, v in zip(columns, values):
        with np.errstate(over="ignore"):
            slopes.append(np.clip(np.diff(v) / np.diff(q), -_LARGEST, _LARGEST))
    low, high = (np.array([q[end] for q in columns]) for end in (0, -1))
    inside = graph.node("Min", graph.node("Max", x, low), high)
    place = graph.sub(knots.reached(graph, inside), 1)  # the last knot has slope 0
    gap = graph.sub(inside, knots.at(graph, knots.padded, place))
    return graph.add(graph.mul(gap, knots.at(graph, knots.laid(slopes), place)), knots.at(graph, knots.laid(values), place))


def normal_scores(graph: Graph, x: str, scale: Scale) -> str:
    """What a fitted ``Scale("quantile")`` makes of the columns that it learned; ``x`` (n, d) holds these alone."""
    value = np.flatnonzero(np.asarray(scale.value_, dtype=bool))
    spread = np.asarray(scale.spread_, dtype=float)[value]
    found = [np.unique(np.asarray(scale.knots_)[:, j], return_index=True) for j in value]
    columns = [knots for knots, _ in found]
    low, high = (np.array([knots[end] for knots in columns]) for end in (0, -1))
    z = straight(graph, x, columns, [np.asarray(scale.normal_)[first, j] for j, (_, first) in zip(value, found)])
    gap = graph.clip(graph.div(graph.node("Max", graph.sub(x, high), graph.sub(low, x)), spread), 0.0, _LARGEST)
    far = graph.log1p(gap)
    return graph.where(graph.compare("Greater", x, high), graph.add(z, far), graph.sub(z, far))


def _at_most(graph: Graph, knots: object, cells: str) -> str:
    """(n, d): how many of ``knots`` (n or 1, d, w) are at most ``cells`` (n, d, 1)."""
    return graph.sum(graph.cast(graph.compare("LessOrEqual", knots, cells), INT64), 2)
