"""The judgement: boundaries around what was expected, what lies outside them, and how far."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tocsin.flows.univariate.expect import expect, foresee
from tocsin.flows.univariate.grid import natural_periods, slots, suggested_window
from tocsin.flows.univariate.impute import MOST, Filled, check_gaps, fill
from tocsin.flows.univariate.magnitude import Magnitude
from tocsin.flows.univariate.season import find_period
from tocsin.flows.univariate.terms import Terms, check, check_period

NARROWEST = 3.5  # standard deviations at sensitivity 99
_STEP = 1.045  # each step of sensitivity down widens by this factor: 95 → 4.2, 90 → 5.2, 80 → 8.1, 50 → 30, 0 → 273


@dataclass(frozen=True)
class Judgement:
    """For each point, (n,) arrays: expected value, margins above and below, flags, severity 0-1; and the period, 0 for none.

    A point is flagged if and only if ``value > expected + (100 - sensitivity) * upper`` or
    ``value < expected - (100 - sensitivity) * lower``.
    """

    period: int
    expected: np.ndarray
    upper: np.ndarray
    lower: np.ndarray
    positive: np.ndarray
    negative: np.ndarray
    severity: np.ndarray
    suggested_window: int = 0

    @property
    def flagged(self) -> np.ndarray:
        """(n,) True where a point lies outside."""
        return np.asarray(self.positive | self.negative)


def width(sensitivity: int) -> float:
    """Half the width of the boundaries in standard deviations; it falls as ``sensitivity`` rises.

    >>> round(width(99), 2), round(width(90), 2)
    (3.5, 5.2)
    """
    return float(NARROWEST * _STEP ** (99 - sensitivity))


def entire(values: np.ndarray, stamps: np.ndarray | None = None, terms: Terms | None = None) -> Judgement:
    """Every point of ``values`` (n,) judged by all others; ``stamps`` (n,) datetime64[us] or None for an even clock.

    For a season with occasional anomalies, or a level with spikes, dips and short excursions. A shift that stays is shown at its start and
    then becomes the new level. When more than ``max_ratio`` of the points lie outside, the boundaries are widened until it is kept.

    Raises DataError TOC-180 (points), TOC-181 (stamps), TOC-182 (period), TOC-183 (gaps).

    >>> values = np.sin(np.arange(96) * 2 * np.pi / 24) + np.random.default_rng(0).normal(0, 0.05, 96)
    >>> values[40] += 2
    >>> found = entire(values)
    >>> found.period, np.flatnonzero(found.positive)
    (24, array([40]))
    """
    terms = terms or Terms()
    values = check(values)
    filled = _filled(values, slots(stamps, terms.granularity, terms.interval, n=len(values)), terms)
    size = Magnitude.of(filled.y)
    y, gaps = size.down(filled.y), filled.gaps
    period = terms.period or find_period(y, natural_periods(terms.granularity, terms.interval))
    found = expect(y, gaps, period, better=filled.loose)
    distance = found.spread.distance(y - found.value)[filled.at]
    limit = _within_ratio(distance, width(terms.sensitivity), terms.max_ratio)
    expected = size.up(found.value[filled.at])
    up, down = (size.room(limit * side[filled.at], expected) for side in (found.spread.up, found.spread.down))
    answer = _judged(values, expected, up, down, distance, limit, terms, period)
    if answer.flagged.mean() <= terms.max_ratio:
        return answer
    # Boundaries wide enough would be beyond the largest double, or narrower than the smallest: only then does the ratio decide alone.
    kept = distance > limit
    return replace(answer, positive=answer.positive & kept, negative=answer.negative & kept, severity=answer.severity * kept)


def last(values: np.ndarray, stamps: np.ndarray | None = None, terms: Terms | None = None) -> Judgement:
    """The newest point of ``values`` (n,) judged by those before it, never by itself; arrays are (1,) long.

    ``max_ratio`` says nothing about one point and is not used. Raises what ``entire`` raises.

    >>> values = np.r_[np.random.default_rng(0).normal(size=60), 9.0]
    >>> last(values).positive, last(values[:-1]).positive
    (array([ True]), array([False]))
    """
    terms = terms or Terms()
    values = check(values)
    at = slots(stamps, terms.granularity, terms.interval, n=len(values))
    past, ahead = _past(values[:-1], at, terms)
    check_period(terms.period, len(past.y) + 1)
    size = Magnitude.of(past.y)
    y = size.down(past.y)
    period = terms.period or find_period(y, natural_periods(terms.granularity, terms.interval))
    found = foresee(y, past.gaps, period, ahead)
    expected, limit = size.up(found.value), width(terms.sensitivity)
    up, down = (size.room(limit * side, expected) for side in (found.spread.up, found.spread.down))
    off = values[-1:] / 2 - expected / 2  # halves: the difference of two huge numbers stays finite
    side = np.maximum(np.where(off > 0, up, down) / limit / 2, np.finfo(float).tiny)
    distance = np.minimum(np.abs(off), 1e300) / np.maximum(side, np.abs(off) * 1e-12).clip(np.finfo(float).tiny)
    found_window = suggested_window(terms.granularity, period)
    return _judged(values[-1:], expected, up, down, distance, limit, terms, period, found_window)


def _filled(values: np.ndarray, at: np.ndarray, terms: Terms) -> Filled:
    filled = fill(values, at, terms.impute, terms.fixed)
    check_period(terms.period, len(filled.y))
    return filled


def _past(values: np.ndarray, at: np.ndarray, terms: Terms) -> tuple[Filled, int]:
    """The points before the newest, filled, and how many slots ahead of them the newest lies. A gap before the newest is filled, too."""
    length = int(at[-1])
    by_order = terms.impute == "notFill" or (terms.impute == "auto" and length + 1 > MOST)
    if by_order:
        return fill(values, np.arange(len(values))), 1
    check_gaps(len(values) + 1, length + 1)
    past = fill(values, at[:-1], terms.impute, terms.fixed)
    ahead = length - len(past.y) + 1
    if terms.impute in ("auto", "linear"):
        return past, ahead
    missing = np.full(ahead - 1, {"previous": values[-1], "zero": 0.0, "fixed": terms.fixed}[terms.impute])
    return Filled(np.concatenate([past.y, missing]), past.at), 1


def _within_ratio(distance: np.ndarray, limit: float, ratio: float) -> float:
    """``limit``, or the larger one that at most ``ratio`` of the points exceed."""
    allowed = int(ratio * len(distance) + 1e-9)
    next_one = np.sort(distance)[::-1][allowed]  # ratio < 0.5, so there is one
    return max(limit, float(next_one) * (1 + 1e-9))


def _judged(values: np.ndarray, expected: np.ndarray, up: np.ndarray, down: np.ndarray, distance: np.ndarray, limit: float, terms: Terms,
            period: int, window: int = 0) -> Judgement:
    scale = 100 - terms.sensitivity
    upper, lower = up / scale, down / scale
    positive, negative = values > expected + scale * upper, values < expected - scale * lower  # as the reader of the answer will reckon
    flagged = positive | negative
    severity = np.where(flagged, np.clip(1 - NARROWEST / np.maximum(distance, limit), 0.001, 1.0), 0.0)
    return Judgement(period, expected, upper, lower, positive, negative, severity, window)
