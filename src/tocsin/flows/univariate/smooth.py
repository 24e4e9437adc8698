"""Running medians over windows of any length, with edges that keep a slope."""

from __future__ import annotations

import numpy as np

_DIRECT = 65  # longer windows are taken over block medians: the cost stays linear


def running_median(y: np.ndarray, window: int) -> np.ndarray:
    """(n,) medians over ``window`` points around each point. Long windows go over blocks and are joined by straight lines.

    >>> running_median(np.array([1.0, 1.0, 9.0, 1.0, 1.0, 1.0, 1.0]), 3)
    array([1., 1., 1., 1., 1., 1., 1.])
    """
    window = min(window | 1, _odd_below(len(y)))
    if window <= _DIRECT:
        return np.asarray(np.median(_views(y, window), axis=1))
    block = window // 33
    middles, centres = _blocks(y, block)
    wide = min(max(window // block, 3) | 1, _odd_below(len(middles)))
    return np.interp(np.arange(len(y)), centres, np.median(_views(middles, wide), axis=1))


def neighbours_median(y: np.ndarray, window: int) -> np.ndarray:
    """(n,) medians of the points around each point, the point itself left out, so that no point speaks for itself.

    In windows longer than 65 one point weighs so little that it is not left out.

    >>> neighbours_median(np.array([0.0, 0.0, 0.0, 9.0, 0.0, 0.0, 0.0]), 3)
    array([0. , 0. , 4.5, 0. , 4.5, 0. , 0. ])
    """
    window = min(window | 1, _odd_below(len(y)))
    if window > _DIRECT or window < 3:
        return running_median(y, window)
    around = _views(y, window)
    half = window // 2
    return np.asarray(np.median(np.concatenate([around[:, :half], around[:, half + 1:]], axis=1), axis=1))


def season_mean(y: np.ndarray, period: int) -> np.ndarray:
    """(n,) means over whole periods around each point, so that no season is left in them; extremes are pulled in first.

    Near the edges, where half a period is missing, the nearest period stands in, moved on by the drift between the last two.

    >>> wave = np.sin(np.arange(96) * 2 * np.pi / 24)
    >>> bool(np.abs(season_mean(wave + 5, 24) - 5).max() < 1e-9)
    True
    """
    low, high = np.quantile(y, [0.02, 0.98])
    x = np.clip(y, low - (high - low) / 2, high + (high - low) / 2)
    rise = [float(np.median(x[a + period: a + 2 * period] - x[a: a + period])) for a in (0, len(x) - 2 * period)]
    half = period // 2 + 1
    longer = np.concatenate([x[period - half: period] - rise[0], x, x[-period: len(x) - period + half] + rise[1]])
    total = np.concatenate([[0.0], np.cumsum(longer)])
    means = (total[period:] - total[:-period]) / period  # means[i] covers longer[i: i + period]
    if period % 2:
        return means[1: 1 + len(y)]
    return np.asarray((means[1: 1 + len(y)] + means[2: 2 + len(y)]) / 2)  # an even window has no middle: the mean of the two beside it


def _odd_below(n: int) -> int:
    return n if n % 2 else max(n - 1, 1)


def _views(y: np.ndarray, window: int) -> np.ndarray:
    """(n, window) windows centred on each point of ``y``, beyond the edges its point reflection: a straight line goes on straight."""
    half = window // 2
    return np.lib.stride_tricks.sliding_window_view(np.concatenate([_before(y, half), y, _before(y[::-1], half)[::-1]]), window)


def _before(y: np.ndarray, length: int) -> np.ndarray:
    few = min(5, len(y))
    few -= 1 - few % 2
    at = np.minimum(few - 1 + np.arange(length, 0, -1), len(y) - 1)
    return np.asarray(2 * np.median(y[:few]) - y[at])  # the median of a few, lest one odd first point bends the edge


def _blocks(y: np.ndarray, block: int) -> tuple[np.ndarray, np.ndarray]:
    """Medians (m,) of consecutive blocks and where their centres lie (m,)."""
    whole = len(y) // block
    middles = np.median(y[: whole * block].reshape(whole, block), axis=1)
    return middles, (np.arange(whole) + 0.5) * block - 0.5
