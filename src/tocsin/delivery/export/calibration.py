"""Score → p → decision as nodes: what ``Conformal.transform`` and a threshold's cut do, in double.

Letters: n rows, q knots.
"""

from __future__ import annotations

import math

import numpy as np

from tocsin.core.errors import ArtifactError, ConfigError
from tocsin.decision import tail as tails
from tocsin.decision.calibrate import SMALLEST_P, Calibrator, Conformal
from tocsin.decision.threshold import Threshold
from tocsin.delivery.export.graph import Graph


def p_values(graph: Graph, score: str, calibrator: Calibrator, *, near: float) -> str:
    """(n,) double p-values of ``score`` (n,) double.

    All knots are kept. ``near``: a score within this share of a calibration score that occurs several times counts as that score. The
    graph adds in another order than numpy, and p jumps at such a score (tables of a few categories hold many equal rows): without this, a
    last bit would decide. p is then never smaller than it should be.

    Raises ArtifactError TOC-423 for a calibrator that is not ``Conformal``.
    """
    if not isinstance(calibrator, Conformal):
        raise ArtifactError("TOC-423", "this calibrator cannot be exported", came=type(calibrator).__name__, todo="use the conformal one")
    knots, at, above = (np.asarray(part, dtype=float) for part in (calibrator.knots_, calibrator.log_at_, calibrator.log_above_))
    s = score if calibrator.unit_ == 1.0 else graph.div(score, float(calibrator.unit_))
    place = graph.search(knots, s)
    upper = graph.node("Min", place, len(knots) - 1)
    lower = graph.node("Max", graph.sub(upper, 1), 0)
    tied = at > above
    if tied.any():
        s = _snapped(graph, s, knots, tied, (lower, upper), near)
        place = graph.search(knots, s)  # a score put on the knot below is now found at it
        upper = graph.node("Min", place, len(knots) - 1)
        lower = graph.node("Max", graph.sub(upper, 1), 0)
    within = _within(graph, s, knots, at, above, lower, upper)
    log_p = graph.where(graph.compare("Greater", s, float(knots[-1])), _beyond(graph, s, calibrator), within)
    p = graph.node("Max", graph.node("Exp", graph.node("Min", log_p, 0.0)), SMALLEST_P)
    # On a knot p is looked up as numpy made it: cuts learned from held-out p-values are such numbers to the last bit.
    on_knot = graph.compare("Equal", s, graph.take(knots, upper))
    return graph.where(on_knot, graph.take(np.maximum(np.exp(np.minimum(at, 0.0)), SMALLEST_P), upper), p)


def decisions(graph: Graph, p: str, threshold: str) -> str:
    """(n,) bool: p at most the cut, the value called ``threshold``."""
    return graph.compare("LessOrEqual", p, threshold)


def cut_of(threshold: Threshold) -> float:
    """The cut on p. Raises ConfigError TOC-270 for a rule that decides over all rows of a batch together."""
    if threshold.of_batch:
        raise ConfigError("TOC-270", "this threshold decides over all rows of a batch together and has no fixed cut to export",
                          came=repr(threshold), todo="export with threshold=\"false_alarm_rate=0.01\" (on the command line --threshold)")
    return float(threshold.value)


def _snapped(graph: Graph, s: str, knots: np.ndarray, tied: np.ndarray, places: tuple[str, str], near: float) -> str:
    for index in places:
        knot = graph.take(knots, index)
        gap = graph.node("Abs", graph.sub(s, knot))
        close = graph.compare("LessOrEqual", gap, graph.mul(graph.node("Abs", knot), near))
        s = graph.where(graph.node("And", close, graph.take(tied, index)), knot, s)
    return s


def _within(graph: Graph, s: str, knots: np.ndarray, at: np.ndarray, above: np.ndarray, lower: str, upper: str) -> str:
    """log p up to the largest knot; see ``Conformal._within``."""
    low, high = graph.take(knots, lower), graph.take(knots, upper)
    gap = graph.sub(high, low)
    apart = graph.compare("Greater", gap, 0.0)
    inside = graph.sub(graph.clip(s, knots[0], knots[-1]), low)
    part = graph.where(apart, graph.div(inside, graph.where(apart, gap, 1.0)), 1.0)
    top, bottom = graph.take(above, lower), graph.take(at, upper)
    line = graph.add(top, graph.mul(graph.sub(bottom, top), part))
    line = graph.node("Max", graph.node("Min", line, top), bottom)
    return graph.where(graph.compare("Less", s, float(knots[0])), 0.0, line)


def _beyond(graph: Graph, s: str, calibrator: Conformal) -> str:
    """log p beyond the largest knot; see ``Conformal._beyond`` and ``Tail``."""
    last = float(calibrator.log_above_[-1])
    if calibrator.tail == "none":
        return graph.const(last)
    distance = graph.node("Max", graph.sub(s, float(calibrator.knots_[-1])), 1e-300)
    ratio = graph.sub(graph.node("Log", distance), math.log(calibrator.tail_scale_))
    # log(1 + e^r) without overflow; far below zero e^r is below a double's step and the result is rightly 0
    z = graph.add(graph.node("Max", ratio, 0.0), graph.log1p(graph.node("Exp", graph.node("Neg", graph.node("Abs", ratio)))))
    far = graph.node("Min", z, float(tails.KNOTS[-1]))
    inside = graph.interp(far, tails.KNOTS, np.asarray(calibrator.tail_, dtype=float))
    return graph.add(graph.sub(inside, graph.div(graph.sub(z, far), tails.SHAPES[1])), last)

