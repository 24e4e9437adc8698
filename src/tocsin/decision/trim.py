"""Which calibration scores cannot be normal, when anomalies may be among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from tocsin.decision.cluster import regions
from tocsin.decision.tail import SHAPES, Prior, plausible

_FEWEST = 6  # below, a tail fitted to part of the clusters cannot call anything impossible
_FEW = 40  # rows below which a bounded law cannot be told from chance
_GUARD = (0.2, 0.1, 0.05, 0.025)  # shares that are kept out of the fit: anomalies above the first are out of reach
_BELIEVED = 40
_MOST, _DISTINCT = 200, 10


@dataclass(frozen=True)
class Rule:
    """Which shapes are thinkable, how unlikely a surplus (in one pass; its tests are nested, and so is their answer) is impossible, and
    how unlikely a single score must be to be taken out with it."""

    prior: Prior
    level: float
    alone: float = 5e-3


_ROWS = Rule(Prior((SHAPES[0], 1.0)), 0.01)
_FEW_ROWS = Rule(Prior((0.0, 1.0)), 0.01)
_CLUSTERS = Rule(Prior((0.0, 0.5), spread=0.2), 0.015, alone=1.0)  # so few that each must be tested as the surplus it is


def keep(scores: np.ndarray, block: int = 1) -> np.ndarray:
    """(m,) False for scores that the tail of the bulk finds impossible.

    Idea: fit the tail to the upper part of the bulk, the top 20 % being known only by their number. Under each law that explains the
    bulk, the number of scores beyond a point is binomial; where so many as were seen are too many (1 %, averaged over the laws), the
    surplus at the most telling point is removed from the top, as far as each of its scores has a chance under 1 in 200 by itself:
    a second, rarer kind of normal row makes a surplus, too. Repeat with a smaller top part: a shorter reach is a sharper test. The
    fit counts as no more than 40 excesses and shapes go up to 1, so that heavy tails, which the bulk shows only in part, are left alone.

    In a series (``block`` > 1) cluster peaks stand for scores, and a removed peak takes its region along (see ``cluster.regions``). They
    are too few to tell a shape, but means over windows have a finite variance: shapes from 0 to 0.5, the small ones likelier.

    Works for up to about 15 % anomalies that score clearly higher than normal rows. Anomalies that score like normal rows stay; with more
    than 20 % the bulk itself is contaminated. Scores with many ties, and fewer than 6 scores or clusters, are left as they are. Clean
    scores lose under 1 %, on average; scores of a series with a lognormal law as heavy as exp(N(0, 1)) and long memory lose up to 3 %.
    """
    kept = np.ones(len(scores), dtype=bool)
    for guard in _GUARD:
        tops, owner = regions(scores, kept, block)
        if len(tops) < _FEWEST:
            break
        rule = _CLUSTERS if block > 1 else _ROWS if len(tops) >= _FEW else _FEW_ROWS
        surplus = _surplus(scores[tops], max(1, int(guard * len(tops))), rule)
        kept[np.isin(owner, np.arange(surplus))] = False
    return kept


def _surplus(ranked: np.ndarray, guard: int, rule: Rule) -> int:
    """How many more of ``ranked`` (m,), highest first, lie far out than the tail of those below the ``guard`` highest allows."""
    m = len(ranked)
    guard = int((ranked > ranked[guard]).sum())  # fewer than asked where scores tie
    stop = min(max(m // 2, guard + 20), 3 * guard + 20, m - 1)
    body = ranked[guard:stop]
    body = body[body > ranked[stop]]
    if not guard or len(np.unique(body)) < min(_DISTINCT, (m + 2) // 3):
        return 0
    thin = body[np.linspace(0, len(body) - 1, min(len(body), _MOST)).astype(int)]  # a few hundred say as much
    level = ranked[stop]
    laws = plausible(thin - level, round(guard * len(thin) / len(body)), float(ranked[guard] - level), believed=_BELIEVED,
                     prior=rule.prior)
    beyond = np.unique(np.geomspace(1, guard, 40).astype(int))  # (c,) so many lie at or beyond the point
    share = laws.survival(ranked[beyond - 1] - level)  # (c, g)
    chance = binom.sf(beyond[:, None] - 1, guard, np.minimum(share, 1.0)) @ laws.weight  # (c,)
    best = int(np.argmin(chance))
    if chance[best] > rule.level:
        return 0
    surplus = max(0, round(float(beyond[best] - guard * (share[best] @ laws.weight))))
    alone = guard / m * (laws.survival(ranked[:surplus] - level) @ laws.weight)  # (surplus,) each one's own chance, highest first
    return int((alone <= rule.alone).sum())
