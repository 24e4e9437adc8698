"""Which channels usually move together, and which of these relations broke in a stretch of a series."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from tocsin.core.errors import ConfigError

_STRONG = 0.5  # a usual correlation below this is no relation worth telling
_NOTICED = 2.5  # standard deviations by which the relation must stand above what its own blocks show: else a break could not be seen
_BROKEN, _CHANGE = 3.5, 0.3  # least z and least change of the correlation of a broken pair
_LAGS = (0, 1, 2, 4, 8)
_LAG_GAIN = 0.05  # by which a lag must beat lag 0
_PAIRS = 2_000  # kept at most, the steadiest first
_CELLS = 2_000_000  # block cells learned from: 16 MB
_BLOCKS = 256
_FAR = 8.0  # spreads: cells beyond count as that, so that one giant spike is no relation
_PRIOR = 4.0  # independent steps that the usual relation counts for in a stretch, so that a stretch without movement breaks nothing
_LEAST, _MOST = 16, 256  # steps of a block


def learn(X: np.ndarray, groups: np.ndarray, reach: int) -> dict[str, Any]:
    """The steady relations of training rows ``X`` (t, c), standardised channels; ``groups`` (t,) segments, ``reach`` the window in steps.

    Idea. For each pair of channels, and a few lags, the correlation around the usual level, shrunk (Ledoit and Wolf 2004 in spirit: towards
    none, by the number of independent steps). Kept are the pairs that are strong on the whole and steady from block to block: a pair is
    worth watching only if its absence in one block would stand out from what its blocks show anyway.

    When it works: linear relations that hold all the time, up to 2,000 pairs of any number of channels. When not: relations that hold in
    some states only; where levels wander, everything correlates with everything for a while, and the pairs count as unsteady.

    Returns plain values: pairs (k, 2), lag (k,), usual (k,), spread (k,) of Fisher's z over blocks, tau (k,) the part of it that longer
    stretches do not average out, steps of a block; k = 0 when there is no relation.
    """
    if X.ndim != 2 or len(groups) != len(X):
        raise ConfigError("TOC-244", "relations are learned from rows (t, c) with one group each", came=f"{X.shape}, {len(groups)} groups",
                          todo="pass a matrix and its groups")
    size = int(np.clip(reach, _LEAST, _MOST))
    lags = [lag for lag in _LAGS if lag < size]
    starts = _starts(groups, size, lags[-1], X.shape[1])
    if X.shape[1] < 2 or len(starts) < 8:
        return _nothing(size)
    rows = np.concatenate([np.arange(start, start + size) for start in starts])
    now = np.clip(X[rows], -_FAR, _FAR)  # (n, c), around the usual level 0
    n, c = now.shape
    power = np.sqrt(np.maximum(np.mean(now**2, axis=0), 1e-12))
    best, which = np.zeros((c, c)), np.zeros((c, c), dtype=np.int64)
    for lag in lags:  # r[a, b]: b follows a by ``lag``
        r = (np.clip(X[rows - lag], -_FAR, _FAR) / power).T @ (now / power) / n
        better = np.abs(r) > np.abs(best) + (_LAG_GAIN if lag else 0.0)
        best, which = np.where(better, r, best), np.where(better, lag, which)
    best *= n / (n + size)  # a block counts for one independent step at least
    a, b = np.nonzero(np.triu(np.maximum(np.abs(best), np.abs(best.T)) >= _STRONG, k=1))
    turned = np.abs(best[b, a]) > np.abs(best[a, b])  # a follows b
    a, b = np.where(turned, b, a), np.where(turned, a, b)
    order = np.argsort(-np.abs(best[a, b]), kind="stable")[: 2 * _PAIRS]
    return _steady(X, starts, size, a[order], b[order], which[a, b][order], best[a, b][order])


def broken(state: dict[str, Any], X: np.ndarray, groups: np.ndarray, start: int, end: int, most: int = 3) -> list[dict[str, Any]]:
    """The relations that differ most from the usual in rows ``start`` to ``end`` (exclusive) of ``X`` (t, c), the most surprising first.

    Each {"a", "b": channel positions, "lag", "usual", "now": correlations, "z"}. A stretch shorter than the block learned with is
    widened to it inside its segment. Only pairs more than 3.5 standard deviations and 0.3 away from the usual are told, ``most`` of them.
    """
    pairs = np.asarray(state["pairs"], dtype=np.int64).reshape(-1, 2)
    if not len(pairs):
        return []
    lag, usual = np.asarray(state["lag"], dtype=np.int64), np.asarray(state["usual"])
    size = int(state["steps"])
    start, end = _widened(groups, start, end, size)
    first = start - int(lag.max())
    inside = first >= 0 and groups[first] == groups[start]
    low = first if inside else start
    part = np.clip(X[low:end], -_FAR, _FAR)
    now, m = _correlations(part, pairs, lag, start - low if inside else int(lag.max()), usual)
    if m < _LEAST // 2:
        return []
    spread, tau = np.asarray(state["spread"]), np.asarray(state["tau"])
    deviation = np.sqrt(tau**2 + np.maximum(spread**2 - tau**2, 0.0) * min(1.0, size / m))
    z = (_fisher(now) - np.asarray(state["middle"])) / np.maximum(deviation, 0.05)
    told = np.flatnonzero((np.abs(z) >= _BROKEN) & (np.abs(now - usual) >= _CHANGE) & (np.abs(now) < np.abs(usual)))
    told = told[np.argsort(-np.abs(z[told]), kind="stable")][:most]
    return [{"a": int(pairs[i, 0]), "b": int(pairs[i, 1]), "lag": int(lag[i]), "usual": float(usual[i]), "now": float(now[i]),
             "z": float(z[i])} for i in told]


def _steady(X: np.ndarray, starts: np.ndarray, size: int, a: np.ndarray, b: np.ndarray, lag: np.ndarray,
            usual: np.ndarray) -> dict[str, Any]:
    """Of the candidate pairs those whose blocks agree."""
    if not len(a):
        return _nothing(size)
    pairs = np.stack([a, b], axis=1)
    reach = int(lag.max())
    # Blocks are drawn towards the whole as the stretches will be, so that both scatter alike.
    blocks = np.stack([_correlations(np.clip(X[start - reach:start + size], -_FAR, _FAR), pairs, lag, reach, usual)[0] for start in starts])
    fisher = _fisher(blocks)  # (blocks, k)
    middle = np.median(fisher, axis=0)
    spread = np.maximum(1.4826 * np.median(np.abs(fisher - middle), axis=0), fisher.std(axis=0) / 2)
    pooled = fisher[: len(fisher) // 4 * 4].reshape(4, -1, len(pairs)).mean(axis=1)  # what quarters of the series still differ by
    tau = np.minimum(pooled.std(axis=0), spread)
    steady = (np.abs(usual) >= _STRONG) & (np.abs(middle) >= _NOTICED * np.maximum(spread, 0.05)) & (np.sign(middle) == np.sign(usual))
    chosen = np.flatnonzero(steady)
    chosen = chosen[np.argsort(-np.abs(middle[chosen]) / np.maximum(spread[chosen], 0.05), kind="stable")][:_PAIRS]
    return {"pairs": pairs[chosen], "lag": lag[chosen], "usual": usual[chosen], "middle": middle[chosen], "spread": spread[chosen],
            "tau": tau[chosen], "steps": size}


def _nothing(size: int) -> dict[str, Any]:
    none = np.zeros(0)
    return {"pairs": np.zeros((0, 2), dtype=np.int64), "lag": np.zeros(0, dtype=np.int64), "usual": none, "middle": none, "spread": none,
            "tau": none, "steps": size}


def _starts(groups: np.ndarray, size: int, lag: int, c: int) -> np.ndarray:
    """(b,) first rows of whole blocks, with ``lag`` rows of their segment before them; evenly chosen when there are too many."""
    border = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1], True])
    found = [np.arange(low + lag, high - size + 1, size) for low, high in pairwise(border)]
    starts = np.concatenate(found) if found else np.zeros(0, dtype=np.int64)
    most = int(min(_BLOCKS, max(_CELLS // (size * c), 8)))
    return starts if len(starts) <= most else starts[np.linspace(0, len(starts) - 1, most).astype(int)]


def _correlations(part: np.ndarray, pairs: np.ndarray, lag: np.ndarray, own: int, usual: np.ndarray) -> tuple[np.ndarray, int]:
    """((k,) correlations around 0 of the rows of ``part`` (m, c) from ``own`` on, drawn towards the ``usual`` ones, and how many rows).

    The stretch's second moments are mixed with those of ``_PRIOR`` usual steps, worth unit power: where hardly anything moves, the usual
    relation stands; a channel that is stuck while the other moves loses it.
    """
    m = len(part) - own
    if m < 2:
        return usual.copy(), max(m, 0)
    after = part[own:]
    square = (after**2).sum(axis=0)
    made = np.empty(len(pairs))
    for shift in np.unique(lag).tolist():
        chosen = np.flatnonzero(lag == shift)
        before = part[own - shift:len(part) - shift]
        a, b = pairs[chosen].T
        cross = (before.T @ after)[a, b]
        power = ((before**2).sum(axis=0)[a] + _PRIOR) * (square[b] + _PRIOR)
        made[chosen] = (cross + _PRIOR * usual[chosen]) / np.sqrt(power)
    return made, m


def _widened(groups: np.ndarray, start: int, end: int, size: int) -> tuple[int, int]:
    """The stretch, at least ``size`` steps of its own segment where that has them."""
    border = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1], True])
    place = int(np.searchsorted(border, start, side="right")) - 1
    low, high = int(border[place]), int(border[place + 1])
    end = min(end, high)
    lack = max(0, size - (end - start))
    start = max(low, min(start - lack // 2, high - size))
    return start, min(high, max(end, start + size))


def _fisher(r: np.ndarray) -> np.ndarray:
    return np.arctanh(np.clip(r, -0.999, 0.999))
