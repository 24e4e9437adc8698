"""Where the level or the slope of a series changes for good."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tocsin.core.errors import DataError
from tocsin.flows.univariate.grid import natural_periods, slots
from tocsin.flows.univariate.impute import fill
from tocsin.flows.univariate.magnitude import Magnitude
from tocsin.flows.univariate.season import find_period, profile
from tocsin.flows.univariate.smooth import running_median, season_mean
from tocsin.flows.univariate.terms import Terms, check, check_period

# Slots on each side in which a trend is called stable, where the caller says nothing.
_WINDOW = {"yearly": 4, "monthly": 6, "weekly": 6, "daily": 7, "hourly": 24, "minutely": 60, "secondly": 60, "microsecond": 100, "none": 24}
_CHANCE = 0.01  # how often a series without a change shows one
_LEAST = 1e-12  # variance of rounding in a series brought near one
SHORTEST = 3


@dataclass(frozen=True)
class Changes:
    """For each point, (n,): is it the first of a new trend, and how much of the movement around it the change explains, 0-1."""

    period: int
    changed: np.ndarray
    confidence: np.ndarray


def changes(values: np.ndarray, stamps: np.ndarray | None = None, terms: Terms | None = None, *, window: int = 0,
            threshold: float = 0.9) -> Changes:
    """Change points of ``values`` (n,): first points of a new level or slope that lasts at least ``window`` slots (0 = by granularity).

    Around each slot one straight line through both sides is compared with one line for each side. The gain is measured against what such
    gains usually are in this very series, so noise with a memory does not count as change. The season is taken off before, and spikes and
    excursions shorter than half a window are pulled in. Confidence is the square root of the share of squares explained, 0 where the gain
    could be chance (1 % for the whole series). A point is a change when its confidence exceeds ``1 - threshold``, so a lower threshold
    accepts fewer, and no better one lies within ``window``. The first and last ``window`` slots cannot be judged. Not for series whose
    slope changes all the time.

    Raises DataError TOC-180 to TOC-183 as ``entire`` does, TOC-184 for a window below 3 or not below half of the series.
    A generalised likelihood ratio for two-phase regression (Quandt, 1960).

    >>> found = changes(np.r_[np.zeros(40), np.ones(40)])
    >>> np.flatnonzero(found.changed)
    array([40])
    """
    terms = terms or Terms()
    values = check(values)
    if window and not (SHORTEST <= window < len(values) / 2):
        raise DataError("TOC-184", "the stable trend window is at least 3 and less than half of the points",
                        came=f"{window} for {len(values)} points", todo="send a shorter window, or leave it out")
    filled = fill(values, slots(stamps, terms.granularity, terms.interval, n=len(values)), terms.impute, terms.fixed)
    check_period(terms.period, len(filled.y))
    y = Magnitude.of(filled.y).down(filled.y)
    period = terms.period or find_period(y, natural_periods(terms.granularity, terms.interval))
    window = window or max(SHORTEST, min(_WINDOW[terms.granularity], len(y) // 4))
    calmed = _calmed(y, period, window)
    gain, share = _gains(calmed, window)
    confidence = np.where(gain > 2 * np.log(len(gain) / _CHANCE), np.sqrt(share), 0.0)
    changed = np.zeros(len(y), dtype=bool)
    changed[_tops(calmed, gain * (confidence > 1 - threshold), window)] = True
    return Changes(period, _to_points(changed, filled.at), confidence[filled.at])


def _calmed(y: np.ndarray, period: int, window: int) -> np.ndarray:
    """``y`` (m,) without season, and with what is over in less than half a window pulled in."""
    if period > 1:
        y = y - profile(y - season_mean(y, period), period)[np.arange(len(y)) % period]
    middle = running_median(y, max(window, 5))
    usual = 2 * 1.4826 * float(np.median(np.abs(y - middle)))
    return np.asarray(middle + np.clip(y - middle, -usual, usual))


def _gains(x: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """(m,) how much two lines beat one around each slot, in units in which chance is chi-squared(2), and the share of squares."""
    gain, share = np.zeros(len(x)), np.zeros(len(x))
    at = np.arange(window, len(x) - window + 1)
    error = _Lines(x).error
    two = error(at - window, at) + error(at, at + window)
    won = np.maximum(error(at - window, at + window) - two, 0.0)
    free = 2 * window - 4
    quarter = free * (1 - 2 / (9 * free) - 0.6745 * np.sqrt(2 / (9 * free))) ** 3  # of chi-squared(free), by Wilson and Hilferty (1931)
    noise = max(float(np.quantile(two, 0.25)) / quarter, _LEAST)  # a low quantile: in a short series most stretches touch the change
    usual = _memory(x, window)
    if len(at) >= 8 * window:  # then most slots are no change, and the lower quartile is chance's
        usual = max(usual, float(np.quantile(won / noise, 0.25)) / 0.5754)
    gain[at], share[at] = won / noise / usual, won / (won + two + _LEAST)  # window >= 3, so every slot is within the series
    return gain, share


def _memory(x: np.ndarray, window: int) -> float:
    """How much longer sums of this noise wander than sums of independent noise would: (1 + r) / (1 - r), r its correlation with itself."""
    r = x - running_median(x, 2 * window + 1)
    power = float(r @ r)
    own = float(r[1:] @ r[:-1]) / power - 1 / np.sqrt(len(x)) if power > _LEAST * len(x) else 0.0  # less what chance alone shows
    return (1 + max(own, 0.0)) / (1 - min(max(own, 0.0), 0.98))


class _Lines:
    """Straight lines through parts of ``x`` (m,), from running sums."""

    def __init__(self, x: np.ndarray) -> None:
        t = np.arange(len(x)) - (len(x) - 1) / 2
        self.sums = [np.concatenate([[0.0], np.cumsum(part)]) for part in (x, t * x, x * x)]
        self.middle = (len(x) - 1) / 2

    def error(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Squared errors (k,) of the lines through x[a:b], for arrays of ends (k,)."""
        length = b - a
        x, tx, xx = (total[b] - total[a] for total in self.sums)
        slope = tx - ((a + b - 1) / 2 - self.middle) * x
        return np.asarray(np.maximum(xx - x**2 / length - slope**2 * 12 / (length * (length.astype(float) ** 2 - 1)), 0.0))


def _tops(x: np.ndarray, gain: np.ndarray, window: int) -> list[int]:
    """Change points (k,): beginning with the largest gain, each moved to where it fits best, none within ``window`` of another."""
    error, left = _Lines(x).error, gain.copy()
    found: list[int] = []
    while left[top := int(np.argmax(left))] > 0:
        # Half a window beside a step two lines beat one as well: the best split of this stretch says where the step is.
        split = np.arange(top - window + 2, top + window - 1)
        two = error(np.full(len(split), top - window), split) + error(split, np.full(len(split), top + window))
        best = int(split[np.argmin(two)])
        if gain[best] > 0 and all(abs(best - other) > window for other in found):
            found.append(best)
        left[max(top - window, 0): top + window + 1] = 0.0
    return found


def _to_points(changed: np.ndarray, at: np.ndarray) -> np.ndarray:
    """(m,) slots → (n,) points; a change in a gap belongs to the first point after it."""
    points = np.zeros(len(at), dtype=bool)
    after = np.searchsorted(at, np.flatnonzero(changed))
    points[np.minimum(after, len(at) - 1)] = True
    return points
