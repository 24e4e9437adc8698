"""How far points usually lie from what was expected: robust, on each side, and changing with time and with the phase of the season."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Shares of residuals and the |z| of a normal distribution below which they lie: each quantile estimates the same standard deviation.
# The first two are little moved by wild residuals; the others see heavy tails, and widen by _HEAVIEST at most.
_MIDDLE, _MIDDLE_NORMAL = np.array([0.5, 0.75]), np.array([0.6745, 1.1503])
_OUTER, _OUTER_NORMAL, _HEAVIEST = np.array([0.9, 0.975]), np.array([1.6449, 2.2414]), 1.6
_LEAST = 32 * np.finfo(float).eps  # of a series brought near one: below this lies only rounding


@dataclass(frozen=True)
class Spread:
    """Standard deviations above and below the expected value, (m,) each, in the residuals' unit."""

    up: np.ndarray
    down: np.ndarray

    def distance(self, r: np.ndarray) -> np.ndarray:
        """(m,) size of residuals in standard deviations of their side."""
        return np.asarray(np.abs(r) / np.where(r > 0, self.up, self.down))


def spread(r: np.ndarray, counted: np.ndarray, period: int = 0) -> Spread:
    """The spread of residuals ``r`` (m,), learned from those that are ``counted`` (m,), with a season of ``period`` slots or 0.

    A tenth of wild residuals widens it two or three times, and so do heavy tails, not without limit. Skewed residuals get two widths. Where
    the series is calmer or wilder than usual, for a stretch of time or at a phase of its season, the width follows, from half to double.

    >>> rng = np.random.default_rng(0)
    >>> found = spread(rng.normal(size=1000), np.ones(1000, bool))
    >>> bool(abs(found.up.mean() - 1) < 0.15)
    True
    """
    size = np.abs(r)
    overall = _sigma(size[counted])
    half = float(np.median(size[counted]))
    up, down = (_side(size[counted & side], overall, half) for side in (r > 0, r < 0))
    calm = _rhythm(np.minimum(size, 3 * overall) * counted, counted, period) if overall > _LEAST else np.ones(len(r))
    return Spread(np.maximum(up * calm, _LEAST), np.maximum(down * calm, _LEAST))


def _sigma(size: np.ndarray) -> float:
    middle = float((np.quantile(size, _MIDDLE) / _MIDDLE_NORMAL).max())
    outer = np.quantile(size, _OUTER) / _OUTER_NORMAL
    # More than half of a series may repeat one value: then only the outer points tell what is usual.
    return float(np.clip(outer.max(), middle, _HEAVIEST * middle)) if middle > _LEAST else float(outer[0])


def _side(size: np.ndarray, overall: float, half: float) -> float:
    """One side's deviation. Of one side twice the share may be wild, so only its median is compared with the median of both."""
    if len(size) < 20 or half <= _LEAST:
        return overall
    return float(np.clip(np.median(size) / half, 0.6, 2.0)) * overall


def _rhythm(size: np.ndarray, counted: np.ndarray, period: int) -> np.ndarray:
    """(m,) factors by which a stretch of time and a phase of the season are wilder than the whole."""
    mean = size.sum() / counted.sum()
    if mean <= 0:
        return np.ones(len(size))
    window = max(2 * period, len(size) // 8, 65)
    factor = _shrunk(_box(size, window), _box(counted, window), mean) if len(size) > 2 * window else np.ones(len(size))
    if period > 1:
        phase, reach = np.arange(len(size)) % period, period // 24
        sums, counts = (_around(np.bincount(phase, part, period), reach) for part in (size, counted))
        factor = factor * _shrunk(sums, counts, mean)[phase]
    return np.asarray(np.clip(factor, 0.5, 2.0))


def _shrunk(sums: np.ndarray, counts: np.ndarray, mean: float, weight: int = 30) -> np.ndarray:
    """Means over the whole mean, drawn towards 1 as if ``weight`` ordinary points had been seen besides."""
    return np.asarray((sums / mean + weight) / (counts + weight))


def _box(x: np.ndarray, window: int) -> np.ndarray:
    """(m,) sums over ``window`` points around each point, of those that there are."""
    total = np.concatenate([[0.0], np.cumsum(x)])
    at = np.arange(len(x))
    return np.asarray(total[np.minimum(at + window // 2 + 1, len(x))] - total[np.maximum(at - window // 2, 0)])


def _around(x: np.ndarray, reach: int) -> np.ndarray:
    """(p,) sums over ``reach`` neighbours on both sides, in a circle."""
    return np.asarray(sum(np.roll(x, k) for k in range(-reach, reach + 1)))
