"""Pictures by statistics over what a backbone sees, as nodes: what ``deep.vision.viewed`` does.

Letters: n pictures, c channels, g cells along a side, p places, e numbers of a vector.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import numpy_helper

from tocsin.core.errors import ArtifactError
from tocsin.core.seed import some
from tocsin.deep.vision import viewed as original
from tocsin.deep.vision import views
from tocsin.delivery.export.graph import DOUBLE, FLOAT, Graph
from tocsin.delivery.export.scorer_fusion import evidence
from tocsin.delivery.export.scorer_patches import lines, top_mean

_HALF = 10  # ONNX's number for half precision
_TINY = 1e-9


def viewed(graph: Graph, taps: list[str], detector: Any) -> tuple[str, str]:
    """(scores (n,) double, maps (n, g, g) float32). Raises ArtifactError TOC-427 for a detector of several products."""
    if len(detector.products_) != 1:
        raise ArtifactError("TOC-427", "a model of several products cannot be exported", came=f"{len(detector.products_)} products",
                            todo="fit one for each product, or serve the model itself")
    cells, vectors, g = _seen(graph, taps, detector)
    found = {name: _VIEWS[type(view)](graph, cells, vectors, view, g) for name, view in detector._views[0].items()}
    raw = graph.concat([graph.unsqueeze(score, 1) for score, _ in found.values()], 1)  # (n, views)
    logs = graph.node("Log", graph.add(raw, _TINY))
    score = graph.mean(evidence(graph, logs, [detector.learned_[0][name] for name in found]), 1)
    maps = [each for _, each in found.values() if each]
    if not maps:
        raise ArtifactError("TOC-427", "a detector without a map cannot be exported", came=", ".join(found), todo="use images.fusion")
    total = maps[0]
    for each in maps[1:]:
        total = graph.add(total, each)
    return score, graph.div(total, np.float32(len(maps)))


def _seen(graph: Graph, taps: list[str], detector: Any) -> tuple[str, list[str], int]:
    """(n, c, g, g) float32 cells, for each of the deeper taps (n, e) float32, and g."""
    features, channels, half = detector.features_, original._CHANNELS, np.float32(original._HALF)
    maps = []
    for tap, (name, have) in enumerate(zip(taps, features.channels)):
        kept = graph.take(name, some(have, channels, detector.seed, "channels", tap), axis=1)
        maps.append(graph.node("Clip", kept, -half, half))
    near = list(zip(maps, features.grids))[: len(maps) - 1 if len(maps) > 2 else len(maps)]
    g = max(have for _, have in near)
    parts = [each if have == g else graph.matmul(graph.matmul(lines(have, g), each), np.ascontiguousarray(lines(have, g).T))
             for each, have in near]
    width = sum(min(have, channels) for have in features.channels[: len(near)])
    cells = graph.take(graph.concat(parts, 1), some(width, channels, detector.seed, "cells"), axis=1)
    return graph.cast(graph.cast(cells, _HALF), FLOAT), [_vector(graph, each) for each in maps[-2:]], g


def _vector(graph: Graph, cells: str) -> str:
    """(n, 2c): means and deviations of ``cells`` (n, c, g, g) over all places."""
    flat = graph.cast(graph.reshape(cells, np.array([0, 0, -1])), DOUBLE)
    mean = graph.mean(flat, 2, keep=True)
    spread = graph.node("Sqrt", graph.mean(graph.square(graph.sub(flat, mean)), 2))
    return graph.cast(graph.concat([graph.reshape(mean, np.array([0, -1])), spread], 1), FLOAT)


def _places(graph: Graph, cells: str, vectors: list[str], view: Any, g: int) -> tuple[str, str]:
    gaussian = view.gaussian
    p, c = gaussian.mean.shape
    rows = graph.node("Transpose", graph.reshape(cells, np.array([0, 0, -1])), perm=[0, 2, 1])  # (n, p, c)
    turned = graph.matmul(graph.sub(rows, gaussian.mean), gaussian.whiten)
    if p == 1:
        lengths = graph.sum(graph.square(graph.matmul(turned, np.ascontiguousarray(gaussian._lower[0].T))), 2)  # (n, p)
    else:
        lower = graph.cast(_halves(graph, gaussian._lower), FLOAT)  # (p, c, c)
        each = graph.matmul(lower, graph.node("Transpose", turned, perm=[1, 2, 0]))  # (p, c, n)
        lengths = graph.node("Transpose", graph.sum(graph.square(each), 1), perm=[1, 0])
    distances = graph.div(lengths, np.float32(c))
    square = graph.reshape(distances, [-1, g, g])
    edge = round(views._EDGE * g)
    inner = graph.part(graph.part(square, 1, edge, g - edge), 2, edge, g - edge)
    count = max(1, round(views.TOP * (g - 2 * edge) ** 2))
    return top_mean(graph, graph.reshape(inner, np.array([0, -1])), count), graph.div(square, np.float32(view.usual))


def _whole(graph: Graph, cells: str, vectors: list[str], view: Any, g: int) -> tuple[str, str]:
    logs = []
    for gaussian, vector in zip(view.gaussians, vectors):
        standard = graph.div(graph.sub(vector, gaussian.centre), gaussian.scale)
        turned = graph.cast(graph.matmul(standard, np.ascontiguousarray(gaussian.lower.T)), DOUBLE)
        logs.append(graph.node("Log", graph.add(graph.mean(graph.square(turned), 1, keep=True), _TINY)))
    apart = graph.div(graph.sub(graph.concat(logs, 1), view.usual[:, 0]), view.usual[:, 1])
    return graph.node("Exp", graph.clip(graph.mean(apart, 1), -50, 50)), ""


def _mirror(graph: Graph, cells: str, vectors: list[str], view: Any, g: int) -> tuple[str, str]:
    even = graph.div(cells, view.scale[:, None, None].astype(np.float32))
    other = graph.take(even, np.arange(g)[::-1].copy(), axis=3)
    gap = graph.div(graph.node("Sqrt", graph.sum(graph.square(graph.sub(even, other)), 1)), np.float32(view.usual))  # (n, g, g)
    flat = graph.cast(graph.reshape(gap, np.array([0, -1])), DOUBLE)
    return graph.add(graph.mean(flat, 1), _TINY), gap


def _halves(graph: Graph, values: np.ndarray) -> str:
    """A constant in half precision, as it was learned: half the file."""
    name = graph.name("half")
    graph.initializers.append(numpy_helper.from_array(values.astype(np.float16), name))
    return name


_VIEWS: dict[type, Callable[[Graph, str, list[str], Any, int], tuple[str, str]]] = {
    views.Places: _places, views.Whole: _whole, views.Mirror: _mirror}
