"""Pictures by statistics over what a backbone sees, as nodes: what ``deep.vision.viewed`` does.

Letters: n pictures, c channels, g cells along a side, p places, e numbers of a vector.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import numpy_helper

from tocsin.core.errors import ArtifactError
from tocsin.core.seed import some
from tocsin.deep.vision import pattern, views
from tocsin.deep.vision import viewed as original
from tocsin.delivery.export.graph import DOUBLE, FLOAT, Graph
from tocsin.delivery.export.scorer_fusion import evidence
from tocsin.delivery.export.scorer_patches import lines, top_mean

_HALF = 10  # ONNX's number for half precision
_LEAST = 1e-6  # of a matrix' length: smaller values are not told apart from 0
_STEPS = 18  # of the iteration for the sign, which brings the least value to 1
_TINY = 1e-9


def viewed(graph: Graph, taps: list[str], detector: Any) -> tuple[str, str]:
    """(scores (n,) double, maps (n, g, g) float32). Raises ArtifactError TOC-427 for a detector of several products."""
    if len(detector.products_) != 1:
        raise ArtifactError("TOC-427", "a model of several products cannot be exported", came=f"{len(detector.products_)} products",
                            todo="fit one for each product, or serve the model itself")
    seen = _seen(graph, taps, detector)
    found = {name: _VIEWS[type(view)](graph, seen, view) for name, view in detector._views[0].items()}
    raw = graph.concat([graph.unsqueeze(score, 1) for score, _ in found.values()], 1)  # (n, views)
    logs = graph.node("Log", graph.add(raw, _TINY))
    score = graph.mean(evidence(graph, logs, [detector.learned_[0][name] for name in found]), 1)
    maps = [each for _, each in found.values() if each[0]]
    if not maps:
        raise ArtifactError("TOC-427", "a detector without a map cannot be exported", came=", ".join(found), todo="use images.fusion")
    side = max(have for _, have in maps)
    total = _finer(graph, *maps[0], side)
    for each in maps[1:]:
        total = graph.add(total, _finer(graph, *each, side))
    return score, graph.div(total, np.float32(len(maps)))


@dataclass(frozen=True)
class Cells:
    """``cells`` (n, c, g, g); ``vectors``, of each of the deeper taps (n, e); ``fine`` (n, f, h, h), "" where there are none; ``regions``,
    each (n, e, r, r): float32."""

    cells: str
    g: int
    vectors: list[str]
    fine: str = ""
    h: int = 0
    regions: tuple[str, ...] = ()


def _seen(graph: Graph, taps: list[str], detector: Any) -> Cells:
    """What ``ViewedPictures._seen`` makes of a picture."""
    features, half, seed = detector.features_, np.float32(original._HALF), detector.seed
    maps = []
    for tap, (name, have) in enumerate(zip(taps, features.channels)):
        kept = graph.take(name, some(have, original._CHANNELS, seed, "channels", tap), axis=1)
        maps.append(graph.node("Clip", kept, -half, half))
    grids, widths = features.grids, [min(have, original._CHANNELS) for have in features.channels]
    finer = len(maps) > 1 and grids[0] > grids[1]
    fine = _halved(graph, graph.take(maps[0], some(widths[0], original._FINE, seed, "fine"), axis=1)) if finer else ""
    at = list(range(1 if finer else 0, len(maps)))
    at = at[:-1] if len(at) > 2 else at
    g = max(grids[i] for i in at)
    joined = graph.concat([_finer(graph, maps[i], grids[i], g) for i in at], 1)
    few = some(sum(widths[i] for i in at), original._CHANNELS, seed, "cells")
    vectors = [_vector(graph, each) for each in maps[-2:]]
    told = _regions(graph, [(maps[i], grids[i], widths[i]) for i in [*range(finer), *at]], seed) if g >= original._LEAST_SIDE else ()
    return Cells(_halved(graph, graph.take(joined, few, axis=1)), g, vectors, fine, grids[0], told)


def _regions(graph: Graph, maps: list[tuple[str, int, int]], seed: int) -> tuple[str, ...]:
    """What ``pattern.divisions`` makes of ``maps``: each a name, its cells a side and its channels."""
    told, half = [], np.float32(original._HALF)
    for i, (some_maps, edge) in enumerate(((maps, 0.0), (maps[:max(len(maps) - 1, 1)], pattern.EDGE))):
        parts = []
        for name, g, _ in some_maps:
            line = pattern.covering(g, pattern._SIDE, edge).astype(np.float32)
            mean = _between(graph, line, name)
            gap = graph.sub(_between(graph, line, graph.square(name)), graph.square(mean))
            parts += [mean, graph.node("Sqrt", graph.node("Max", gap, np.float32(pattern._TINY)))]
        kept = some(2 * sum(width for _, _, width in some_maps), original._REGION, seed, "regions", i)
        told.append(_halved(graph, graph.node("Clip", graph.take(graph.concat(parts, 1), kept, axis=1), -half, half)))
    return tuple(told)


def _between(graph: Graph, line: np.ndarray, cells: str) -> str:
    """(..., want, want) of ``cells`` (..., have, have): both sides by ``line`` (want, have)."""
    return graph.matmul(graph.matmul(line, cells), np.ascontiguousarray(line.T))


def _finer(graph: Graph, cells: str, have: int, want: int) -> str:
    """(..., want, want) of ``cells`` (..., have, have)."""
    return cells if have == want else _between(graph, lines(have, want), cells)


def _halved(graph: Graph, cells: str) -> str:
    """In half precision's digits."""
    return graph.cast(graph.cast(cells, _HALF), FLOAT)


def _averaged(graph: Graph, cells: str) -> str:
    """Each cell as the mean over it and its neighbours, edges repeated."""
    wide = graph.node("Pad", cells, np.array([0, 0, 1, 1, 0, 0, 1, 1]), mode="edge")
    return graph.node("AveragePool", wide, kernel_shape=[3, 3], strides=[1, 1])


def _vector(graph: Graph, cells: str) -> str:
    """(n, 2c): means and deviations of ``cells`` (n, c, g, g) over all places."""
    flat = graph.cast(graph.reshape(cells, np.array([0, 0, -1])), DOUBLE)
    mean = graph.mean(flat, 2, keep=True)
    spread = graph.node("Sqrt", graph.mean(graph.square(graph.sub(flat, mean)), 2))
    return graph.cast(graph.concat([graph.reshape(mean, np.array([0, -1])), spread], 1), FLOAT)


def _places(graph: Graph, seen: Cells, view: Any) -> tuple[str, tuple[str, int]]:
    g = seen.g
    layers = [(seen.cells, g)]
    if seen.fine:
        layers += [(seen.fine, seen.h), (_averaged(graph, seen.fine), seen.h)]
    apart = [_distances(graph, cells, side, gaussian) for (cells, side), gaussian in zip(layers, view.gaussians)]
    edge = round(views._EDGE * g)
    inner = graph.part(graph.part(apart[0], 1, edge, g - edge), 2, edge, g - edge)
    count = max(1, round(views.TOP * (g - 2 * edge) ** 2))
    score = top_mean(graph, graph.reshape(inner, np.array([0, -1])), count)
    side = max(have for _, have in layers)
    made = _layered(graph, [(each, have) for each, (_, have) in zip(apart, layers)], view.usual, side)
    return score, (graph.div(graph.add(made, _patterned(graph, seen, view, side)), np.float32(2)) if view.patterns else made, side)


def _layered(graph: Graph, apart: list[tuple[str, int]], usual: np.ndarray, side: int) -> str:
    """(n, side, side) float32: the layers' mean in deviations of their logarithms, less the picture's middle, as a factor."""
    total = ""
    for (each, have), (centre, spread) in zip(apart, usual):
        logs = graph.node("Log", graph.add(each, np.float32(_TINY)))
        even = _finer(graph, graph.div(graph.sub(logs, np.float32(centre)), np.float32(spread * len(apart))), have, side)
        total = graph.add(total, even) if total else even
    flat, n = graph.reshape(total, np.array([0, -1])), side * side
    largest, _ = graph.nodes_out("TopK", 2, flat, np.array([n // 2 + 1]), axis=1, largest=1, sorted=1)
    middle = graph.mean(graph.part(largest, 1, n // 2 - 1 + n % 2), 1, keep=True)  # (n, 1)
    made = graph.node("Clip", graph.sub(flat, middle), np.float32(-50), np.float32(50))
    return graph.reshape(graph.node("Exp", made), [-1, side, side])


def _patterned(graph: Graph, seen: Cells, view: Any, side: int) -> str:
    """(n, side, side) float32: the patterns' mean factor."""
    total = ""
    for told, regions, edge in zip(view.patterns, seen.regions, (0.0, pattern.EDGE)):
        line = pattern.reading(pattern._SIDE, side, edge) * np.sqrt(views.STRESS / len(view.patterns))
        each = _between(graph, line, _factor(graph, regions, told))
        total = graph.add(total, each) if total else each
    return graph.cast(graph.node("Exp", total), FLOAT)


def _factor(graph: Graph, regions: str, told: Any) -> str:
    """(n, r, r) double: the logarithm of ``Pattern.factor``. The positive part of a matrix A is half the sum of A and A sign(A); the sign
    comes by Newton's and Schulz' iteration, for there are no eigenvalues in ONNX; each step is stretched as far as what is known of the
    least value allows (Chen and Chow, 2014)."""
    whitened = graph.cast(_turned(graph, regions, told.gaussian), DOUBLE)  # (n, p, c)
    p, c = pattern._SIDE ** 2, told.gaussian.mean.shape[1]
    gap = graph.sub(graph.matmul(whitened, graph.node("Transpose", whitened, perm=[0, 2, 1])), told.chance * np.eye(p))  # (n, p, p)
    length = graph.node("Sqrt", graph.sum(graph.sum(graph.square(gap), 2, keep=True), 1, keep=True))
    sign = graph.div(gap, graph.add(length, _TINY))
    least_value = _LEAST
    for _ in range(_STEPS):
        stretch = float(np.sqrt(3 / (1 + least_value + least_value ** 2)))
        cube = graph.matmul(graph.matmul(sign, sign), sign)
        sign = graph.sub(graph.mul(sign, 1.5 * stretch), graph.mul(cube, 0.5 * stretch ** 3))
        least_value *= 0.5 * stretch * (3 - (stretch * least_value) ** 2)
    whole = graph.mul(graph.add(gap, graph.matmul(gap, sign)), 0.5 * np.eye(p))
    energy = graph.add(graph.div(graph.node("Max", graph.sum(whole, 2), 0.0), float(c)), pattern.FAINT ** 2)  # (n, p)
    least = graph.node("ReduceMin", energy, axes=[1], keepdims=1)
    return graph.reshape(graph.mul(graph.node("Log", graph.div(energy, least)), 0.5), [-1, pattern._SIDE, pattern._SIDE])


def _distances(graph: Graph, cells: str, g: int, gaussian: Any) -> str:
    """(n, g, g) of ``cells`` (n, c, g, g) to the Gaussians of their places."""
    lengths = graph.sum(graph.square(_turned(graph, cells, gaussian)), 2)  # (n, p)
    return graph.reshape(graph.div(lengths, np.float32(gaussian.mean.shape[1])), [-1, g, g])


def _turned(graph: Graph, cells: str, gaussian: Any) -> str:
    """(n, p, c): what ``PlaceGaussian.turned`` makes of ``cells`` (n, c, g, g)."""
    rows = graph.node("Transpose", graph.reshape(cells, np.array([0, 0, -1])), perm=[0, 2, 1])  # (n, p, c)
    turned = graph.matmul(graph.sub(rows, gaussian.mean), gaussian.whiten)
    if len(gaussian.mean) == 1:
        return graph.matmul(turned, np.ascontiguousarray(gaussian._lower[0].T))
    lower = graph.cast(_halves(graph, gaussian._lower), FLOAT)  # (p, c, c)
    each = graph.matmul(lower, graph.node("Transpose", turned, perm=[1, 2, 0]))  # (p, c, n)
    return graph.node("Transpose", each, perm=[2, 0, 1])


def _whole(graph: Graph, seen: Cells, view: Any) -> tuple[str, tuple[str, int]]:
    logs = []
    for gaussian, vector in zip(view.gaussians, seen.vectors):
        standard = graph.div(graph.sub(vector, gaussian.centre), gaussian.scale)
        turned = graph.cast(graph.matmul(standard, np.ascontiguousarray(gaussian.lower.T)), DOUBLE)
        logs.append(graph.node("Log", graph.add(graph.mean(graph.square(turned), 1, keep=True), _TINY)))
    apart = graph.div(graph.sub(graph.concat(logs, 1), view.usual[:, 0]), view.usual[:, 1])
    return graph.node("Exp", graph.clip(graph.mean(apart, 1), -50, 50)), ("", 0)


def _mirror(graph: Graph, seen: Cells, view: Any) -> tuple[str, tuple[str, int]]:
    even = graph.div(seen.cells, view.scale[:, None, None].astype(np.float32))
    other = graph.take(even, np.arange(seen.g)[::-1].copy(), axis=3)
    gap = graph.div(graph.node("Sqrt", graph.sum(graph.square(graph.sub(even, other)), 1)), np.float32(view.usual))  # (n, g, g)
    flat = graph.cast(graph.reshape(gap, np.array([0, -1])), DOUBLE)
    return graph.add(graph.mean(flat, 1), _TINY), (gap, seen.g)


def _halves(graph: Graph, values: np.ndarray) -> str:
    """A constant in half precision, as it was learned: half the file."""
    name = graph.name("half")
    graph.initializers.append(numpy_helper.from_array(values.astype(np.float16), name))
    return name


_VIEWS: dict[type, Callable[[Graph, Cells, Any], tuple[str, tuple[str, int]]]] = {
    views.Places: _places, views.Whole: _whole, views.Mirror: _mirror}
