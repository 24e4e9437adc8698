"""Which calibration scores cannot be normal, when anomalies may be among them."""

from __future__ import annotations

import numpy as np
from scipy.stats import binom

from tocsin.decision.tail import plausible

_FEWEST = 40  # below, a tail fitted to part of the scores cannot call anything impossible
_GUARD = (0.2, 0.1, 0.05, 0.025)  # shares that are kept out of the fit: anomalies above the first are out of reach
_LEVEL = 0.01  # of one pass; its tests are nested, and so is their answer
_BELIEVED, _HEAVIEST = 40, 1.0
_MOST, _DISTINCT = 200, 10


def keep(scores: np.ndarray, block: int = 1) -> np.ndarray:
    """(m,) False for scores that the tail of the bulk finds impossible.

    Idea: fit the tail to the upper part of the bulk, the top 20 % being known only by their number. Under each law that explains the
    bulk, the number of scores beyond a point is binomial; where so many as were seen are too many (1 %, averaged over the laws), the
    surplus at the most telling point is removed from the top. Repeat with a smaller top part: a shorter reach is a sharper test. The
    fit counts as no more than 40 excesses and shapes go up to 1, so that heavy tails, which the bulk shows only in part, are left alone.

    Works for up to about 15 % anomalies that score clearly higher than normal rows. Anomalies that score like normal rows stay; with more
    than 20 % the bulk itself is contaminated. Scores with many ties, and fewer than 40, are left as they are. In a series, ``block`` steps
    count as one score.
    """
    kept = np.ones(len(scores), dtype=bool)
    for guard in _GUARD:
        inside = np.flatnonzero(kept)
        if len(inside) < _FEWEST:
            break
        order = inside[np.argsort(-scores[inside], kind="stable")]  # highest first
        kept[order[:_surplus(scores[order], int(guard * len(order)), block)]] = False
    return kept


def _surplus(ranked: np.ndarray, guard: int, block: int) -> int:
    """How many more of ``ranked`` (m,), highest first, lie far out than the tail of those below the ``guard`` highest allows."""
    m = len(ranked)
    cut = ranked[min(guard, m - 1)]
    guard = int((ranked > cut).sum())  # fewer than asked where scores tie
    stop = min(max(m // 2, guard + 20), 3 * guard + 20, m - 1)
    body = ranked[guard:stop]
    body = body[body > ranked[stop]]
    if not guard or len(np.unique(body)) < _DISTINCT:
        return 0
    thin = body[np.linspace(0, len(body) - 1, min(len(body), _MOST)).astype(int)]  # a few hundred say as much
    level = ranked[stop]
    laws = plausible(thin - level, round(guard * len(thin) / len(body)), float(cut - level), believed=_BELIEVED / block, heaviest=_HEAVIEST)
    beyond = np.unique(np.geomspace(1, guard, 40).astype(int))  # (c,) so many lie at or beyond the point
    share = laws.survival(ranked[beyond - 1] - level)  # (c, g)
    counted = np.maximum(beyond // block, 1)[:, None]
    chance = binom.sf(counted - 1, -(-guard // block), np.minimum(share, 1.0)) @ laws.weight  # (c,)
    best = int(np.argmin(chance))
    if chance[best] > _LEVEL:
        return 0
    return max(0, round(float(beyond[best] - guard * (share[best] @ laws.weight))))
