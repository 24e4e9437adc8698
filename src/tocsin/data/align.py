"""Two tables of one kind: how the columns of the second are moved and stretched against the first, and whether the first tells of it.

Letters: m source rows, n target rows (few), d columns. Both in the unit of the source: its mean is about 0 and its spread about 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import logsumexp

from tocsin.core.seed import generator

WAYS = ("none", "level", "level and spread")
_STILL = 1e-6  # spreads below are those of a column that does not vary in the few rows: it tells nothing of its spread
_HALF = 0.455  # the median of a squared standard normal value
_SURE = 2.0  # standard errors
_FLATTEST, _HEAVIEST = 1.5, 30.0  # kurtosis
_WIDTHS = np.geomspace(0.05, 2.0, 12)  # kernel widths tried
_LOWEST = 0.05  # share of rows that a width need not suit: a single far row would ask for a giant one
_MOST, _WIDTH_ROWS = 300, 200  # target rows that are looked at, rows that a width is chosen on
_SOURCE = 1_000
_FOLDS = 5
_ROUNDS = 100


@dataclass(frozen=True)
class Move:
    """A target row x stands where the source has (x − level) / gain; (d,) each."""

    level: np.ndarray
    gain: np.ndarray

    @classmethod
    def none(cls, d: int) -> Move:
        """Nothing moves."""
        return cls(np.zeros(d), np.ones(d))

    def back(self, rows: np.ndarray) -> np.ndarray:
        """Target rows (n, d) in the place of the source."""
        made: np.ndarray = (rows - self.level) / self.gain
        return made


def move(source: np.ndarray, target: np.ndarray, way: str = "level and spread") -> Move:
    """How each column of ``target`` (n, d) is moved against ``source`` (m, d), as far as the rows show it.

    Idea. A column's shift is its mean, a column's gain the logarithm of its spread, each with a sampling error that few rows make large.
    What the usual column shows beyond its error is the variance t² of the true shifts; a shift with error variance v then counts
    t² / (t² + v), and 1 - 4 v / shift² where that is more. Where no column moves, everything stays about in place; with many rows the
    target is standardised by itself.

    ``way``: one of ``WAYS``. Works when columns are measured in other units, from other zeros or at another level. It cannot see columns
    that turned into one another, nor groups of rows that are new. Source: Efron and Morris, "Stein's estimation rule" (1973).

    >>> rng = np.random.default_rng(0)
    >>> found = move(rng.normal(size=(500, 2)), rng.normal(size=(400, 2)) * [1.0, 3.0] + [5.0, 9.0])
    >>> found.level.round().tolist(), found.gain.round().tolist()
    ([5.0, 9.0], [1.0, 3.0])
    """
    n, d = target.shape
    if way == "none" or n < 2:
        return Move.none(d)
    mean, spread = target.mean(axis=0), target.std(axis=0, ddof=1)
    still = spread < _STILL
    spread = np.where(still, 1.0, spread)
    level = mean * _trust(mean, spread**2 / n, np.ones(d, dtype=bool))
    if way == "level":
        return Move(level, np.ones(d))
    stretch = np.log(spread)
    return Move(level, np.exp(stretch * _trust(stretch, (_kurtosis(source) - 1) / (4 * n), ~still)))


def _trust(found: np.ndarray, error: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """(d,) how far each of ``found`` (d,) is believed, 0 to 1, given its sampling variance ``error`` (d,).

    The usual column tells how far columns move, by the median, so that one that moved far does not vouch for the noise of the others; it
    is believed for itself where it lies beyond two standard errors.
    """
    error = np.maximum(error, 1e-300)
    between = max(float(np.median((found**2 / _HALF - error)[counts])), 0.0) if counts.any() else 0.0
    with np.errstate(over="ignore"):  # a shift of nothing is never sure
        alone = 1 - _SURE**2 * error / np.maximum(found**2, 1e-300)
    return np.asarray(np.where(counts, np.maximum(between / (between + error), alone), 0.0))


def _kurtosis(rows: np.ndarray) -> np.ndarray:
    centred = rows - rows.mean(axis=0)
    size = np.maximum(np.sqrt(np.square(centred).mean(axis=0)), 1e-9)
    return np.asarray(np.clip(((centred / size) ** 4).mean(axis=0), _FLATTEST, _HEAVIEST))


@dataclass(frozen=True)
class Kinship:
    """``way``: the move under which the source tells most of the target; ``strange``: the share of target rows, 0 to 1, that other
    target rows foretell better than the moved source rows do; ``likelihood``: mean log density per way."""

    way: str
    strange: float
    likelihood: dict[str, float]


def kinship(source: np.ndarray, target: np.ndarray, movable: np.ndarray, *, seed: int = 0) -> Kinship:
    """Whether ``source`` (m, d) tells of ``target`` (n, d), and under which move of the ``movable`` (d,) columns. n at least 2.

    Idea. Each target row is foretold, held out, by two kernel densities: of the moved source rows and of the other target rows. The
    mixture of both that gives the rows the highest likelihood says for which share of them the target itself is the better guide. Widths
    come from the leave-one-out likelihood of each side. No label is needed, and no detector: a density that foretells normal rows better
    is the better picture of what is normal. Kernels see little in hundreds of columns; the answer is then mostly a matter of the level.

    >>> rng = np.random.default_rng(0)
    >>> source, every = rng.normal(size=(300, 2)), np.ones(2, dtype=bool)
    >>> kinship(source, rng.normal(size=(20, 2)) + 8, every).strange < 0.5
    True
    >>> turned = rng.normal(size=(20, 1)) * [1, 1] + 0.01 * rng.normal(size=(20, 2))
    >>> kinship(source, turned, every).strange > 0.5
    True
    """
    rng = generator(seed, "kinship")
    source, target = _some(source, _SOURCE, rng), _some(target, _MOST, rng)
    width = _width(source)
    order = rng.permutation(len(target))
    folds = np.array_split(order, min(_FOLDS, len(target)))
    strange, likelihood = {}, {}
    for way in WAYS:
        theirs, own = np.empty(len(target)), np.empty(len(target))
        for fold in folds:
            rest = np.setdiff1d(order, fold)
            found = only(move(source, target[rest], way), movable)
            known, asked = found.back(target[rest]), found.back(target[fold])
            unit = float(np.log(found.gain).sum())
            theirs[fold] = _density(asked, source, width) - unit
            own[fold] = _density(asked, known, max(_width(known), width)) - unit
        strange[way], likelihood[way] = _mixture(theirs, own)
    best = max(WAYS, key=lambda way: likelihood[way])
    return Kinship(best, strange[best], likelihood)


def only(found: Move, movable: np.ndarray) -> Move:
    """``found`` for the ``movable`` (d,) columns, the others in their place."""
    return Move(np.where(movable, found.level, 0.0), np.where(movable, found.gain, 1.0))


def _some(rows: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    return rows if len(rows) <= most else rows[rng.choice(len(rows), most, replace=False)]


def _width(rows: np.ndarray) -> float:
    """The kernel width that foretells ``rows`` (n, d) best, each from the others."""
    rows = rows[:: max(1, len(rows) // _WIDTH_ROWS)]
    n, d = rows.shape
    if n < 2:
        return 1.0
    squared = cdist(rows, rows, "sqeuclidean")
    np.fill_diagonal(squared, np.inf)
    found = [np.sort(logsumexp(-squared / (2 * width**2), axis=1) - d * np.log(width))[int(_LOWEST * n):].mean() for width in _WIDTHS]
    return float(_WIDTHS[int(np.argmax(found))])


def _density(asked: np.ndarray, known: np.ndarray, width: float) -> np.ndarray:
    """(n,) log density of ``asked`` (n, d), up to a constant that all densities here share."""
    near = logsumexp(-cdist(asked, known, "sqeuclidean") / (2 * width**2), axis=1)
    return np.asarray(near - asked.shape[1] * np.log(width) - np.log(len(known)))


def _mixture(theirs: np.ndarray, own: np.ndarray) -> tuple[float, float]:
    """(weight of ``own``, mean log likelihood) of the best mixture, by expectation and maximisation; half a row on each side beforehand."""
    weight = 0.5
    for _ in range(_ROUNDS):
        odds = np.clip(np.log1p(-weight) - np.log(weight) + theirs - own, -500, 500)
        weight = float((np.sum(1 / (1 + np.exp(odds))) + 0.5) / (len(own) + 1))
    return weight, float(np.mean(np.logaddexp(np.log1p(-weight) + theirs, np.log(weight) + own)))
