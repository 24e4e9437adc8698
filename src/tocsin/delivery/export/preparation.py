"""The fitted preparation as nodes: raw columns of a table, or raw windows of a series, to what the detector sees.

Every fitted step is said or refused by name (ArtifactError TOC-422); none is skipped. The steps of a series work on (b, t, d), b windows
at once, each a segment of its own on the model's regular grid.

Letters: n rows, d matrix columns, b windows, t time steps, c source columns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tocsin.data.clean import Clean
from tocsin.data.denoise import Denoise
from tocsin.data.encode import Encode
from tocsin.data.impute import Impute
from tocsin.data.scale import DIGITS, Scale
from tocsin.data.transformer import Transformer
from tocsin.delivery.export import holes
from tocsin.delivery.export.columns import Column, columns_of, declare, encoded, refused
from tocsin.delivery.export.graph import DOUBLE, Graph
from tocsin.delivery.export.knots import normal_scores
from tocsin.pipeline.preparation import Preparation

WINDOW = "window"
"""The one input of a series."""

_FAR = 1e6  # as Scale clips


def table_matrix(graph: Graph, preparation: Preparation) -> tuple[str, list[Column]]:
    """Adds one input per source column; returns the matrix (n, d) double and the columns."""
    columns = columns_of(encode_of(preparation))
    matrix = encoded(graph, columns, declare(graph, columns))
    for step in preparation.steps[2:]:
        if isinstance(step, Impute) and step.method not in ("median", "mean"):
            raise refused(f"the step Impute({step.method!r})", "it fills a cell of a table from the rows around it", "use Impute('median')")
        if isinstance(step, Denoise):
            raise refused("the step Denoise", "it smooths a row of a table with the rows around it", "leave it out")
        matrix = _step(graph, matrix, step)
    return matrix, columns


def series_matrix(graph: Graph, preparation: Preparation) -> tuple[str, list[Column]]:
    """Adds the input ``window`` double (b, t, c); returns the prepared windows (b, t, d) double and the columns, in the order of c.

    NaN and infinity are missing cells; they are imputed along the window as the fitted step does. Columns of strings and dates
    are refused: a window holds numbers (booleans as 1 and 0).
    """
    columns = columns_of(encode_of(preparation))
    for column in columns:
        if column.form in ("string", "date"):
            kind = "categories or text" if column.form == "string" else "dates"
            raise refused(f"column {column.name!r} of a series", f"it holds {kind}, and a window holds numbers",
                          "leave the column out (ignore=), or give it as numbers")
    window = graph.input(WINDOW, DOUBLE, ["b", "t", len(columns)])
    flat = graph.reshape(window, [-1, len(columns)])
    cells = [graph.take(flat, np.array([j]), axis=1) for j in range(len(columns))] if len(columns) > 1 else [flat]
    rows = encoded(graph, columns, cells)
    width = sum(column.plan["width"] for column in columns)
    shape = graph.concat([graph.size(window, 0), graph.size(window, 1), graph.const(np.array([width]))], axis=0)
    matrix = graph.reshape(rows, shape)
    for step in preparation.steps[2:]:
        matrix = _step(graph, matrix, step)
    return matrix, columns


def encode_of(preparation: Preparation) -> Encode:
    """The fitted Encode step. Raises ArtifactError TOC-422 unless the steps begin with Clean and Encode."""
    steps = preparation.steps
    if preparation.donors:
        raise refused("a model whose channels may be absent", "a file bridges holes by lines, this model fills them from training",
                      "fit without missing='ignore'")
    if len(steps) < 2 or type(steps[0]) is not Clean or type(steps[1]) is not Encode:
        named = ", ".join(type(step).__name__ for step in steps)
        raise refused("this preparation", f"its steps are {named}", "begin with Clean and Encode")
    return steps[1]


def _step(graph: Graph, matrix: str, step: Transformer) -> str:
    for kind, write in _WRITERS.items():
        if type(step) is kind:  # a subclass may do something else
            return write(graph, matrix, step)
    raise refused(f"the step {type(step).__name__}", "the graph does not know it", "use Clean, Encode, Impute, Denoise and Scale")


def _imputed(graph: Graph, matrix: str, step: Impute) -> str:
    if step.method in ("previous", "linear"):
        matrix = holes.filled(graph, matrix, ahead=step.method == "linear")
    return graph.where(graph.node("IsNaN", matrix), np.asarray(step.fill_, dtype=float), matrix)


def _scaled(graph: Graph, matrix: str, step: Scale) -> str:
    value = np.asarray(step.value_, dtype=bool)
    center, spread = np.asarray(step.center_, dtype=float), np.asarray(step.spread_, dtype=float)
    if step.method == "quantile":
        return _quantiles(graph, matrix, step)
    matrix = _sized(graph, matrix, step) if step.by_size.any() else matrix
    scaled = matrix if not center.any() else graph.sub(matrix, center)
    scaled = scaled if (spread == 1.0).all() else graph.div(scaled, spread)
    if step.method == "none" or not value.any():
        return scaled
    clipped = graph.clip(scaled, -_FAR, _FAR)
    return clipped if value.all() else graph.where(graph.const(value), clipped, scaled)


def _sized(graph: Graph, matrix: str, step: Scale) -> str:
    """Columns taken by size as logarithms."""
    unit = np.where(step.by_size, np.asarray(step.step_, dtype=float), 1.0)
    above, most = graph.sub(matrix, np.asarray(step.low_, dtype=float)), float(np.finfo(float).max)
    far = graph.node("Min", graph.div(graph.node("Min", graph.node("Abs", above), most), unit), most)
    size = graph.mul(graph.node("Sign", above), graph.div(graph.node("Round", graph.mul(graph.log1p(far), DIGITS)), DIGITS))
    return size if step.by_size.all() else graph.where(graph.const(step.by_size), size, matrix)


def _quantiles(graph: Graph, matrix: str, step: Scale) -> str:
    """Learned columns by :func:`knots.normal_scores`, the others divided."""
    value, spread = np.asarray(step.value_, dtype=bool), np.asarray(step.spread_, dtype=float)
    rows = graph.reshape(matrix, [-1, len(value)])
    parts = []
    if value.any():
        learned = rows if value.all() else graph.take(rows, np.flatnonzero(value), axis=1)
        parts.append(normal_scores(graph, learned, step))
    if not value.all():
        parts.append(graph.div(graph.take(rows, np.flatnonzero(~value), axis=1), spread[~value]))
    order = np.argsort(np.concatenate([np.flatnonzero(value), np.flatnonzero(~value)]))
    made = graph.concat(parts, axis=1)
    if len(parts) > 1:
        made = graph.take(made, order, axis=1)
    return graph.reshape(made, graph.node("Shape", matrix))


def _smoothed(graph: Graph, matrix: str, step: Denoise) -> str:
    """The running median; see ``Denoise``."""
    if step.method != "median":
        raise refused(f"the step Denoise({step.method!r})", "the graph knows the running median only", "use Denoise('median') or none")
    half = step.width // 2
    padded = graph.node("Pad", matrix, np.array([0, half, 0, 0, half, 0]), mode="edge")
    length = graph.size(matrix, 1)
    shifted = [graph.unsqueeze(graph.node("Slice", padded, np.array([k]), graph.add(length, np.array([k])), np.array([1])), 3)
               for k in range(step.width)]
    middle, _ = graph.nodes_out("TopK", 2, graph.concat(shifted, axis=3), np.array([half + 1]), axis=3, largest=1, sorted=1)
    smooth = graph.reshape(graph.take(middle, np.array([half]), axis=3), graph.node("Shape", matrix))
    value = np.asarray(step.value_, dtype=bool)
    return smooth if value.all() else graph.where(graph.const(value), smooth, matrix)


_WRITERS: dict[type[Transformer], Callable[[Graph, str, Any], str]] = {Impute: _imputed, Scale: _scaled, Denoise: _smoothed}
