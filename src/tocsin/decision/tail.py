"""How often a normal score lies beyond the largest one seen: the generalised Pareto tail, averaged over what is not known of it.

Above a high level, excesses of nearly every law follow a generalised Pareto law (Pickands 1975), with a scale σ and a shape ξ.
Plugging in one fitted (σ, ξ) promises too few false alarms when few scores are known: the fit is uncertain, and its errors do not
cancel. Here every (σ, ξ) on a grid speaks, weighted by how well it explains the excesses (flat prior for log σ, and for ξ
unless few are known: see ``FEW``). With the shape known to be 0 this average is exact at any number of scores:
P(new > start + x | new > start) = (1 + x / Σ)^-k.

The average also settles what lies beyond a finite end point. A negative shape says "impossible" there; shapes from 0 up always keep
some weight, however small, so that the survival falls strictly and never reaches 0: far outliers do not tie.

Letters: k excesses, g grid points, q knots.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

SHAPES = (-1.5, 2.0)  # from bounded and piling up at the end, to no mean at all; narrower ranges delivered too much on heavy tails
FEWEST_FOR_SHAPE = 5  # below, a shape cannot be told from so few excesses: exponential
_GRID = (29, 41)
# Knots in z = log(1 + (s - start) / scale): dense where the survival bends, up to where the heaviest shape rules alone.
KNOTS = np.concatenate([np.linspace(0, 5, 101), np.linspace(5.2, 12, 35), np.linspace(12.5, 80, 136)])


@dataclass(frozen=True)
class Prior:
    """What is believed of the shape before an excess is seen: normal around ``centre`` with ``spread``, within ``shapes``."""

    shapes: tuple[float, float] = SHAPES
    centre: float = 0.0
    spread: float = math.inf

    def log_weight(self, shape: np.ndarray) -> np.ndarray:
        """(g,) −inf outside ``shapes``."""
        inside = (shape >= self.shapes[0]) & (shape <= self.shapes[1])
        return np.where(inside, -0.5 * ((shape - self.centre) / self.spread) ** 2, -np.inf)


FLAT = Prior()
# For few clusters, whose excesses cannot tell the shape: the annual floods and extreme rains of the world scatter so
# (Martins and Stedinger 2000, there a mean of 0.10 and a deviation of 0.12), taken wider here.
FEW = Prior(centre=0.1, spread=0.2)


@dataclass(frozen=True)
class Tail:
    """log P(score > s | score > start), as a table over z = log(1 + (s - start) / scale); straight in z beyond the last knot."""

    start: float
    scale: float
    log_survival: np.ndarray  # (q,), 0 at z = 0, strictly falling

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """(n,) log survival, 0 up to ``start``. The distance is taken in logarithms, so that its ratio to the scale cannot overflow."""
        with np.errstate(divide="ignore"):
            z = np.logaddexp(0.0, np.log(np.maximum(scores - self.start, 0.0)) - math.log(self.scale))
        far = np.minimum(z, KNOTS[-1])
        return np.asarray(np.interp(far, KNOTS, self.log_survival) - (z - far) / SHAPES[1])


def pareto(excesses: np.ndarray, start: float, level: float, *, prior: Prior | None = None) -> Tail:
    """The tail beyond ``start`` from ``excesses`` (k,) > 0 over ``level`` <= start. Without a ``prior``, exponential when k < 5.

    Works when the level is in the part of the law that already looks like its tail. Ties are harmless.
    """
    if prior is None and len(excesses) < FEWEST_FOR_SHAPE:
        return exponential(excesses, start, level)
    scale = float(excesses.mean())
    return Tail(start, scale, _strict(_predict(excesses / scale, (start - level) / scale, KNOTS, prior or FLAT)))


def exponential(excesses: np.ndarray, start: float, level: float) -> Tail:
    """The predictive law of exponential excesses, a Pareto law with shape 1 / k: heavier the fewer excesses there are."""
    total = float(excesses.sum()) + (start - level)
    return Tail(start, total, _strict(-max(len(excesses), 1) * KNOTS))


def degenerate(start: float) -> Tail:
    """For constant scores: nothing says what is far, so far is measured in units of the constant itself (1 when it is 0)."""
    return Tail(start, abs(start) or 1.0, _strict(-KNOTS))


def plausible(excesses: np.ndarray, censored: int, cut: float, *, believed: float, prior: Prior) -> Plausible:
    """The laws that could have given ``excesses`` (k,), none above ``cut``, and ``censored`` more, only known to lie beyond ``cut``.

    ``believed`` tempers the likelihood: the fit counts as if it came from that many excesses at most; ``prior`` is on
    the shape. Used by the trimming, which carries a tail far beyond the part it was learned from and must not be surer than that allows.
    """
    unit = float(excesses.mean())
    shape, scale = _grid()
    believable = np.isfinite(prior.log_weight(shape))
    shape, scale = shape[believable], scale[believable]
    at_cut = _log_survival(np.array([cut / unit]), shape, scale)[0]
    weight = _log_density(excesses / unit, shape, scale) + censored * np.maximum(at_cut, -1e300)
    weight = min(1.0, believed / (len(excesses) + censored)) * weight + prior.log_weight(shape)
    weight = np.exp(weight - weight.max())
    near = weight > 1e-6
    return Plausible(shape[near], scale[near] * unit, weight[near] / weight[near].sum(), cut)


@dataclass(frozen=True)
class Plausible:
    """Generalised Pareto laws (g,) with weights that sum to 1."""

    shape: np.ndarray
    scale: np.ndarray
    weight: np.ndarray
    cut: float

    def survival(self, at: np.ndarray) -> np.ndarray:
        """(n, g) P(excess > at | excess > cut) under each law."""
        return np.asarray(np.exp(_log_survival(at, self.shape, self.scale) - _log_survival(np.array([self.cut]), self.shape, self.scale)))


def _predict(x: np.ndarray, start: float, z: np.ndarray, prior: Prior) -> np.ndarray:
    """(n,) log survival at start + e^z − 1, given beyond start, averaged over the grid. ``x`` (k,) has mean 1."""
    shape, scale = _grid()
    weight = _log_density(x, shape, scale) + prior.log_weight(shape)  # (g,), kept in logarithms: the faintest law rules far out
    base = _log_sum(weight + _log_survival(np.array([start]), shape, scale)[0])
    out = np.empty(len(z))
    for first in range(0, len(z), 256):  # (256, g) at a time
        part = slice(first, first + 256)
        out[part] = _log_sum(weight + _log_survival(start + np.expm1(z[part]), shape, scale)) - base
    return out


def _grid() -> tuple[np.ndarray, np.ndarray]:
    """(g,) shapes and scales; the scale in units of the mean excess. No shape is exactly 0: 1e-9 is, to the last digit, exponential."""
    shape, log_scale = np.meshgrid(np.linspace(*SHAPES, _GRID[0]), np.linspace(math.log(0.1), math.log(8.0), _GRID[1]), indexing="ij")
    return np.where(np.abs(shape) < 1e-9, 1e-9, shape).ravel(), np.exp(log_scale).ravel()


def _log_density(x: np.ndarray, shape: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """(g,) sum over the excesses of the log density; −inf where an excess lies beyond the end point."""
    log_base = _log_base(x, shape, scale)  # (k, g)
    dead = np.isneginf(log_base).any(axis=0)
    total = -(1 / shape + 1) * np.where(dead, 0.0, log_base).sum(axis=0) - len(x) * np.log(scale)
    return np.where(dead, -np.inf, total)


def _log_survival(x: np.ndarray, shape: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """(n, g)."""
    log_base = _log_base(x, shape, scale)
    return np.where(np.isneginf(log_base), -np.inf, -log_base / shape)


def _log_base(x: np.ndarray, shape: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """(n, g) log(1 + ξ x / σ); −inf from the end point on."""
    with np.errstate(over="ignore"):
        ratio = x[:, None] / scale * shape
    inside = ratio > -1
    return np.where(inside, np.log1p(np.where(inside, ratio, 0.0)), -np.inf)


def _log_sum(a: np.ndarray) -> np.ndarray:
    """Log of the sum of exponentials over the last axis; there is always a finite term (shapes >= 0 have no end point)."""
    top = a.max(axis=-1, keepdims=True)
    return np.asarray(np.log(np.exp(a - top).sum(axis=-1)) + top[..., 0])


def _strict(log_survival: np.ndarray) -> np.ndarray:
    """Starts at 0 and falls at every knot at least as the heaviest shape's survival does in the far tail, over a hundred."""
    steps = np.minimum(np.diff(log_survival), -np.diff(KNOTS) / SHAPES[1] / 100)
    return np.concatenate([[0.0], np.cumsum(steps)])
