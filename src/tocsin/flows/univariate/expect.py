"""What each point should have been: from all other points (``expect``), or from those before it alone (``foresee``)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tocsin.flows.univariate.season import profile
from tocsin.flows.univariate.smooth import neighbours_median, season_mean
from tocsin.flows.univariate.spread import Spread, spread

_TRIED = 2048
_WORSE = 1.1  # a longer memory is preferred as long as its error is at most this much larger


@dataclass(frozen=True)
class Expectation:
    """``value`` (m,) expected, and the ``spread`` around it."""

    value: np.ndarray
    spread: Spread


def expect(y: np.ndarray, gaps: np.ndarray, period: int, *, better: bool = False) -> Expectation:
    """What every slot of ``y`` (m,) should have been, judging by the others; ``gaps`` (m,) mark slots that nobody measured.

    Season by medians at each phase, level by the median of the neighbours without the point itself. The window of neighbours is the longest
    that foretells about as well as the best, so a flat series is compared with a long stretch, and a wandering one with what is near.
    With ``better`` long gaps are filled anew with season and level.
    """
    if better and gaps.any():
        y = np.where(gaps, _parts(y, period)[0], y)
    value, residual = _parts(y, period)
    return Expectation(value, spread(residual, ~gaps, period))


def foresee(y: np.ndarray, gaps: np.ndarray, period: int, ahead: int = 1) -> Expectation:
    """What the slot ``ahead`` of the end of ``y`` (m,) should be, judging by ``y`` alone: value (1,) and spread (1,).

    Every way of carrying the level on (the median of the last 1, 3, 7, 15 ... points, with or without their slope) is tried on the newest
    2,048 slots, each foretold from those at least ``ahead`` before it. The one that did best, the longest memory among equals, foretells;
    its own errors are the spread.
    """
    season = _season(y, period)
    x = y - season(np.arange(len(y)))
    errors, value = _best_carried(x, gaps, ahead)
    around = spread(errors, ~gaps[-len(errors):], 0)
    value = value + season(np.array([len(y) - 1 + ahead]))
    return Expectation(value, Spread(around.up[-1:], around.down[-1:]))


def _parts(y: np.ndarray, period: int) -> tuple[np.ndarray, np.ndarray]:
    """Expected values and residuals, (m,) each."""
    season = _season(y, period)(np.arange(len(y)))
    x = y - season
    level = _level(x)
    return season + level, x - level


def _season(y: np.ndarray, period: int) -> Callable[[np.ndarray], np.ndarray]:
    """A function from slots to the season's height there."""
    if period < 2:
        return lambda at: np.zeros(len(at))
    shape = profile(y - season_mean(y, period), period)
    return lambda at: shape[at % period]


def _level(x: np.ndarray) -> np.ndarray:
    """Median of the neighbours over the longest window that is about as good as the best one."""
    windows = [5]
    while 2 * windows[-1] - 1 <= len(x):
        windows.append(2 * windows[-1] - 1)
    levels = [neighbours_median(x, window) for window in windows]
    return levels[_longest_good([_typical(x - level) for level in levels])]


def _typical(r: np.ndarray) -> float:
    """Mean size of the nine smallest tenths."""
    size = np.sort(np.abs(r))
    return float(size[: max(int(0.9 * len(size)), 1)].mean())


def _longest_good(errors: list[float]) -> int:
    return max(i for i, error in enumerate(errors) if error <= _WORSE * min(errors) + 1e-15)


def _best_carried(x: np.ndarray, gaps: np.ndarray, ahead: int) -> tuple[np.ndarray, np.ndarray]:
    """Errors of the best way of carrying the level on (newest last), and what it says (1,)."""
    x, gaps = x[-_TRIED:], gaps[-_TRIED:]
    ahead = min(ahead, max(len(x) // 4, 1))  # further ahead nothing can be tried, and no slope is followed
    memories = [1]
    while 2 * memories[-1] + 1 <= min(len(x) // 4, 513):
        memories.append(2 * memories[-1] + 1)
    tried = [_carried(x, k, ahead, slope) for slope in (True, False) for k in memories]
    shared = min(len(errors) for errors, _ in tried)
    kept = ~gaps[-shared:]
    return tried[_longest_good([_typical(errors[-shared:][kept]) if kept.any() else 0.0 for errors, _ in tried])]


def _carried(x: np.ndarray, memory: int, ahead: int, slope: bool) -> tuple[np.ndarray, np.ndarray]:
    """Errors (newest last) of the median of the last ``memory`` points, moved on by its slope or not; and the value ``ahead`` (1,)."""
    level = np.median(np.lib.stride_tricks.sliding_window_view(x, memory), axis=1)  # level[i] ends at i + memory - 1
    if slope:
        rise = (level[memory:] - level[:-memory]) / memory
        level = level[memory:] + rise * ((memory - 1) / 2 + ahead)  # the median stands for the middle of its window
    lost = len(x) - len(level)
    return x[lost + ahead:] - level[:-ahead], level[-1:]
