"""Column-wise densities and tails as nodes: histograms, empirical tails with a Gaussian copula.

Letters: n rows, d columns, c columns and axes, q knots.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import erfcx, ndtri, ndtri_exp

from tocsin.delivery.export.graph import INT64, Graph
from tocsin.delivery.export.knots import Knots
from tocsin.delivery.export.scorer_gaussians import squared_length
from tocsin.delivery.export.standardise import standardised

_FAR = 1e12  # as Copula clips
_STEP = 0.005  # of the logarithm, between the places where the normal tail is known


def hbos(graph: Graph, matrix: str, detector: Any) -> str:
    """Scores (n,) of a fitted ``hbos``."""
    Z = standardised(graph, matrix, detector.mean_, detector.std_)
    axes = np.asarray(detector.axes_)
    values = graph.concat([Z, graph.matmul(Z, np.ascontiguousarray(axes.T))], 1) if len(axes) else Z  # (n, c)
    low, width, surprise = (np.asarray(part) for part in (detector.low_, detector.width_of_bin_, detector.surprise_))
    bins = surprise.shape[1] - 2
    steps = graph.div(graph.sub(values, low), width)
    within = graph.add(graph.clip(graph.node("Floor", steps), 0, bins - 1), 1.0)
    above = graph.where(graph.compare("Greater", steps, bins * (1 + 1e-12)), float(bins + 1), within)
    place = graph.cast(graph.where(graph.compare("Less", steps, 0.0), 0.0, above), INT64)
    cells = graph.take(surprise.ravel(), graph.add(place, np.arange(len(surprise)) * surprise.shape[1]))
    out = graph.node("Max", graph.node("Max", graph.sub(low, values), graph.sub(values, low + bins * width)), 0.0)
    beyond = graph.div(graph.div(out, width), float(bins))
    return graph.div(graph.sum(graph.add(cells, graph.mul(beyond, 5.0)), 1), float(detector.width_))


def copula(graph: Graph, matrix: str, detector: Any) -> str:
    """Scores (n,) of a fitted ``copula``. Between two knots, and on one, the evidence and the normal score are constants: they are held in
    tables, of which 2i + 1 is the entry of knot i and 2i + 2 that of the gap above it."""
    Z = graph.clip(standardised(graph, matrix, detector.mean_, detector.std_), -_FAR, _FAR)
    n, d = int(detector.n_), int(detector.width_)
    parts = [slice(start, start + count) for start, count in zip(np.asarray(detector.starts_), np.asarray(detector.counts_))]
    columns = [np.asarray(detector.values_)[part] for part in parts]
    knots = Knots(columns)
    left, right, normal = (knots.laid(made, more=knots.padded.shape[1] + 1) for made in zip(*(_tables(detector, part) for part in parts)))
    reached = knots.reached(graph, Z)
    last = graph.node("Max", graph.sub(reached, 1), 0)
    on = graph.cast(graph.compare("Equal", knots.at(graph, knots.padded, last), Z), INT64)
    place = graph.sub(graph.mul(reached, 2), on)
    low, high = (np.array([column[end] for column in columns]) for end in (0, -1))
    excess = np.asarray(detector.excess_)
    under = graph.div(graph.node("Max", graph.sub(low, Z), 0.0), np.ascontiguousarray(excess[:, 0]))
    over = graph.div(graph.node("Max", graph.sub(Z, high), 0.0), np.ascontiguousarray(excess[:, 1]))
    lefts, rights = graph.add(knots.at(graph, left, place), under), graph.add(knots.at(graph, right, place), over)
    longer = graph.where(graph.const(np.asarray(detector.skewed_) > 0), lefts, rights)
    made = graph.node("Max", *(graph.sum(part, 1) for part in (lefts, rights, longer)))
    if detector.dependence:
        scores = _normal(graph, knots.at(graph, normal, place), under, over, n, float(excess.min()))
        made = graph.add(made, graph.div(squared_length(graph, scores, detector.centre_, detector.factor_), 2.0))
    return graph.div(made, float(d))


def _tables(detector: Any, part: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(2q + 1,) each: evidence of the left tail, of the right tail, and normal scores, by place; see ``Copula._tails``."""
    n, up, down = int(detector.n_), np.asarray(detector.up_)[part], np.asarray(detector.down_)[part]
    below = np.repeat(np.concatenate([[0], up]), 2)[1:]  # training rows at most there
    above = np.repeat(np.concatenate([down, [0]]), 2)[:-1]  # training rows at least there
    normal = ndtri(np.clip((below + n - above) / (2 * n), 0.5 / n, 1 - 0.5 / n))
    return np.log((n + 1) / np.maximum(below, 1)), np.log((n + 1) / np.maximum(above, 1)), normal


def _normal(graph: Graph, inside: str, under: str, over: str, n: int, excess: float) -> str:
    """(n, d) normal scores: those ``inside`` the training range; beyond it ±w with log Q(w) = −log 2n − excess, Q the normal's tail.

    w is known at even steps of τ = log √(2 · (log 2n + excess)), with its slope; between them runs the cubic that fits both: an error of
    1e-11 of w.
    """
    first, most = np.log(2 * n), np.log(2 * n) + 2 * _FAR / excess
    start = np.log(2 * first) / 2 - _STEP
    tau = start + _STEP * np.arange(int((np.log(2 * most) / 2 - start) / _STEP) + 3)
    y = np.exp(2 * tau) / 2
    w = -ndtri_exp(-y)
    slope = 2 * y * np.sqrt(np.pi / 2) * erfcx(w / np.sqrt(2)) * _STEP  # dw/dτ, for one step
    out = graph.add(under, over)
    steps = graph.div(graph.sub(graph.div(graph.node("Log", graph.mul(graph.add(out, float(first)), 2.0)), 2.0), float(start)), _STEP)
    whole = graph.node("Floor", steps)
    at, t = graph.cast(whole, INT64), graph.sub(steps, whole)
    value, tangent = graph.take(w, at), graph.take(slope, at)
    rise = graph.sub(graph.take(w[1:], at), value)
    bend = graph.sub(graph.add(tangent, graph.take(slope[1:], at)), graph.mul(rise, 2.0))  # of t³; of t²: rise − tangent − bend
    cubic = graph.add(graph.mul(bend, t), graph.sub(graph.sub(rise, tangent), bend))
    far = graph.add(value, graph.mul(t, graph.add(tangent, graph.mul(t, cubic))))
    high = graph.where(graph.compare("Greater", over, 0.0), far, inside)
    return graph.where(graph.compare("Greater", under, 0.0), graph.node("Neg", far), high)
