"""A threshold that learns while scores stream by: an extreme-value tail over recent scores, in bounded memory.

Letters: n scores remembered, k excesses over the level.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from typing import Any, NamedTuple

import numpy as np

from tocsin.core.errors import ArtifactError, ConfigError, DataError, StateError

SMALLEST_P = 1e-300
LEVEL_CHANGED = "level changed"
_KNOTS = 64  # parts of the table of ordinary scores
_EVERY = 16  # excesses learned between two fits
_LEAK = 0.1  # of a step that an ordinary score takes off the run of odd ones
_SHAPES = (-0.4, 1.0)
_FEWEST, _LARGEST = 20, 10_000_000
_GRANT, _MOST = 1.2, 6.0  # alarms learned from: so many times the promise (they come in bursts), and at once at most


class Verdict(NamedTuple):
    """``p``: how often an ordinary score is at least this high (1 while warming up); ``note``: "" or "level changed"."""

    p: float
    is_anomaly: bool
    note: str


class Spot:
    """Streaming scores → p-values and alarms, at ``rate`` false alarms per step.

    Idea. The last ``memory`` ordinary scores are kept, less their slow mean (a moving mean over about ``depth`` scores: the drift part).
    Their upper end, about 2·sqrt(n) of them, is a generalised Pareto tail, fitted anew every few excesses in some 0.1 ms; below it, p is
    the rank. A score is an alarm when its p is at most ``rate``.

    What it does not learn: alarms. Leaving all of them out would cut the tail shorter with every turn of the memory, so about as many as
    ``rate`` promises are learned, each as a score that is ordinary for an alarm; the rest teaches nothing, so anomalies, however
    far or long, do not raise the threshold.

    What it does not hold on to: a level that is gone. When alarms (or scores below nearly all that are remembered) go on for ``patience``
    steps, the memory is given up for the scores of that run and the verdict's note says "level changed". An alarm counts a whole step,
    an ordinary score takes a tenth back: stretches with more than a tenth of alarms end so, too.

    When it works: scores whose ordinary law moves slowly or in rare jumps; neighbouring scores may be alike, as long as what they forget
    in is short beside ``memory``. When not: with few scores (a ``warmup`` of 200 tells little of 1 in 10,000), a first stretch full of
    anomalies (far ones, up to 2 %, are left out), and odd spells longer than ``patience``, which become the new level. A new
    level is known from as few scores as ``patience``: for a while it raises more false alarms than promised.
    Asked 1 in 1,000 over 30,000 steps, simulated scores delivered 0.1 (bounded laws) to 2 (lognormal, Student) in 1,000;
    autoregressive ones, whose alarms come in clusters, 2 to 3.

    ``step(score)`` judges and learns; ``peek(score)`` judges only. Memory: ``memory`` + 4 · ``patience`` numbers, always.
    Raises ConfigError TOC-202, DataError TOC-110 (a score that is not finite).
    Sources: Siffer et al. 2017, "Anomaly detection in streams with extreme value theory" (the frame); Zhang and Stephens 2009, "A new and
    efficient estimation method for the generalized Pareto distribution" (the fit).

    >>> spot = Spot(rate=0.001, warmup=100)
    >>> ordinary = np.random.default_rng(0).normal(size=1000)
    >>> quiet = [spot.step(score) for score in ordinary]
    >>> spot.step(12.0).is_anomaly, spot.step(0.3).is_anomaly
    (True, False)
    """

    def __init__(self, rate: float = 0.001, *, warmup: int = 200, memory: int = 2000, depth: int = 400, patience: int = 100) -> None:
        if not (isinstance(rate, (int, float)) and 0 < rate < 0.5):
            raise ConfigError("TOC-202", "Spot: rate is a share between 0 and 0.5", came=repr(rate), todo="0.001 is 1 in 1,000 steps")
        for name, value, fewest in (("warmup", warmup, _FEWEST), ("memory", memory, _FEWEST), ("depth", depth, 0),
                                    ("patience", patience, _FEWEST)):
            least = max(int(warmup), fewest) if name == "memory" else fewest
            whole = isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.timedelta64))
            if not whole or not least <= value <= _LARGEST:
                raise ConfigError("TOC-202", f"Spot: {name} is a whole number, {least} at least and {_LARGEST} at most",
                                  came="a number far larger" if whole and value > 2 ** 62 else repr(value)[:80],
                                  todo=f"give {name} a number from {least}")
        self.rate, self.warmup, self.memory, self.depth, self.patience = float(rate), int(warmup), int(memory), int(depth), int(patience)
        self._kept = np.zeros(self.memory)  # ring of ordinary scores less the mean
        self._n = self._at = 0
        self._mean = 0.0
        self._knots: list[float] = []
        self._level = self._cut = self._low = 0.0
        self._share, self._shape, self._scale = 1.0, 0.0, 1.0
        self._fresh_excesses, self._until_fit = 0, 0
        self._allowance, self._run, self._low_run = _MOST, 0.0, 0.0
        self._recent: deque[float] = deque(maxlen=4 * self.patience)

    @property
    def warm(self) -> bool:
        """Whether scores are judged."""
        return bool(self._knots)

    @property
    def needed(self) -> int:
        """Scores still to come before they are judged."""
        return 0 if self._knots else self.warmup - self._n

    @property
    def threshold(self) -> float:
        """The score above which a step is an alarm now; inf while warming up."""
        return self._cut + self._mean if self._knots else math.inf

    def peek(self, score: float) -> Verdict:
        """Judge without learning."""
        if not self._knots:
            return Verdict(1.0, False, "")
        x = float(score) - self._mean
        return Verdict(self._p(x), x > self._cut, "")

    def step(self, score: float) -> Verdict:
        """Judge, then learn."""
        score = float(score)
        if not math.isfinite(score):
            raise DataError("TOC-110", "a score is not finite", came=repr(score), todo="score finite rows only")
        if not self._knots:
            self._gather(score)
            return Verdict(1.0, False, "")
        x = score - self._mean
        p, alarm = self._p(x), x > self._cut
        self._allowance = min(self._allowance + _GRANT * self.rate, _MOST)
        if alarm:
            if self._allowance >= 1.0:
                self._allowance -= 1.0
                self._learn(self.quantile(self.rate / 2) - self._mean)
        else:
            self._learn(x)
            if self.depth:
                self._mean += x / self.depth
        if self._long_run(score, alarm, x < self._low):
            self._relearn()
            return Verdict(p, alarm, LEVEL_CHANGED)
        return Verdict(p, alarm, "")

    def quantile(self, p: float) -> float:
        """The score that ordinary scores reach with chance ``p``; StateError TOC-343 while warming up."""
        if not self._knots:
            raise StateError("TOC-343", "the threshold is still warming up", came=f"{self._n} scores", todo=f"wait for {self.warmup}")
        return self._mean + self._quantile(p)

    def state(self) -> dict[str, Any]:
        """Plain values and one array."""
        plain = {name: getattr(self, name) for name in (*_PARAMS, *_STATE)}
        return {**plain, "_kept": self._kept[: self._n].copy(), "_recent": list(self._recent)}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Spot:
        """The inverse of :meth:`state`. Raises ArtifactError TOC-412 for values that no Spot can have."""
        made = cls(state["rate"], **{name: state[name] for name in _PARAMS[1:]})
        wrong = made._check(state)
        if wrong:
            raise ArtifactError("TOC-412", "the state of an adaptive threshold is not of the expected form",
                                came=f"{wrong}: {type(state[wrong]).__name__}", todo="start the stream anew")
        for name in _STATE:
            setattr(made, name, state[name])
        made._kept[: made._n] = np.asarray(state["_kept"], dtype=float)
        made._recent.extend(state["_recent"])
        return made

    def _check(self, state: dict[str, Any]) -> str:
        """What no Spot can have in ``state``; "" for a sound one."""
        for name in ("_n", "_at"):
            if isinstance(state[name], bool) or not isinstance(state[name], int) or not 0 <= state[name] <= self.memory:
                return name
        n, warm = state["_n"], len(state["_knots"]) > 0
        if state["_at"] == self.memory or np.shape(state["_kept"]) != (n,) or not (n > 0 if warm else n < self.warmup):
            return "_kept"
        for name in _STATE:
            for value in state[name] if isinstance(state[name], list) and name == "_knots" else [state[name]]:
                if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
                    return name
        knots = np.asarray(state["_knots"], dtype=float)
        if warm and (len(knots) != _KNOTS + 1 or (np.diff(knots) < 0).any() or state["_level"] > knots[-1]):
            return "_knots"
        for name in ("_kept", "_recent"):
            numbers = np.asarray(state[name], dtype=float)
            if numbers.ndim != 1 or not np.isfinite(numbers).all():
                return name
        if len(state["_recent"]) > 4 * self.patience:
            return "_recent"
        bounds = {"_share": (0.0, 1.0), "_shape": _SHAPES, "_scale": (5e-324, math.inf), "_run": (0.0, self.patience),
                  "_low_run": (0.0, self.patience), "_allowance": (0.0, _MOST)}
        return next((name for name, (low, high) in bounds.items() if not low <= state[name] <= high), "")

    # ---- p ----------------------------------------------------------------------------------------------------------

    def _p(self, x: float) -> float:
        if x > self._level:
            return max(self._share * _survival((x - self._level) / self._scale, self._shape), SMALLEST_P)
        knots = self._knots
        i = bisect_left(knots, x)
        if i == 0:
            return 1.0
        low, high = knots[i - 1], knots[i]
        return max(1.0 - (i - 1 + (x - low) / (high - low)) / _KNOTS, self._share)

    def _quantile(self, p: float) -> float:
        """Above the mean."""
        if p < self._share:
            ratio = p / self._share
            y = -math.log(ratio) if abs(self._shape) < 1e-9 else (ratio ** -self._shape - 1) / self._shape
            return self._level + self._scale * y
        at = min(1.0 - p, 1.0) * _KNOTS
        i = min(int(at), _KNOTS - 1)
        return min(self._knots[i] + (self._knots[i + 1] - self._knots[i]) * (at - i), self._level)

    # ---- learning ---------------------------------------------------------------------------------------------------

    def _gather(self, score: float) -> None:
        self._kept[self._n] = score
        self._n += 1
        if self._n >= self.warmup:
            self._start(self._kept[: self._n].copy())

    def _start(self, scores: np.ndarray) -> None:
        """Begin anew with ``scores`` (n,), in their order."""
        scores = _without_far(scores)[-self.memory:]
        self._mean = float(scores.mean()) if self.depth else 0.0
        self._n = len(scores)
        self._at = self._n % self.memory
        self._kept[: self._n] = scores - self._mean
        self._run = self._low_run = 0.0
        self._recent.clear()
        self._fit()

    def _learn(self, x: float) -> None:
        self._kept[self._at] = x
        self._at = (self._at + 1) % self.memory
        if self._n < self.memory:
            self._n += 1
        if x > self._level:
            self._fresh_excesses += 1
        self._until_fit -= 1
        if self._fresh_excesses >= _EVERY or self._until_fit <= 0:
            self._fit()

    def _long_run(self, score: float, alarm: bool, low: bool) -> bool:
        self._run = self._run + 1.0 if alarm else max(self._run - _LEAK, 0.0)
        self._low_run = self._low_run + 1.0 if low else max(self._low_run - _LEAK, 0.0)
        if self._run or self._low_run:
            self._recent.append(score)
        elif self._recent:
            self._recent.clear()
        return self._run >= self.patience or self._low_run >= self.patience

    def _relearn(self) -> None:
        self._start(np.array(self._recent))

    def _fit(self) -> None:
        n = self._n
        ordered = np.sort(self._kept[:n])
        self._fresh_excesses, self._until_fit = 0, max(n // 8, _EVERY)
        k = max(min(math.ceil(2 * math.sqrt(n)), n // 5), 2)
        self._knots = ordered[np.linspace(0, n - 1, _KNOTS + 1).round().astype(int)].tolist()
        self._level = float(ordered[n - k - 1])
        excesses = ordered[n - k:] - self._level
        excesses = excesses[excesses > 0]
        self._share = (len(excesses) + 1) / (n + 1)
        self._shape, self._scale = _pareto(excesses, self._level + self._mean)
        self._low = float(ordered[n // 100])
        self._cut = self._quantile(self.rate)


_PARAMS = ("rate", "warmup", "memory", "depth", "patience")
_STATE = ("_n", "_at", "_mean", "_knots", "_level", "_cut", "_low", "_share", "_shape", "_scale", "_fresh_excesses", "_until_fit",
          "_allowance", "_run", "_low_run")


def _without_far(scores: np.ndarray) -> np.ndarray:
    """``scores`` without those beyond ten interquartile ranges above the upper quartile, if these are few (2 %)."""
    low, high = np.quantile(scores, (0.25, 0.75))
    far = scores > high + 10 * (high - low)
    return scores[~far] if high > low and 0 < far.sum() <= max(1, len(scores) // 50) else scores


def _survival(z: float, shape: float) -> float:
    """P(excess > z scales)."""
    if abs(shape) < 1e-9:
        return math.exp(-min(z, 690.0))
    ratio = 1.0 + shape * z
    return math.exp(-min(math.log(ratio) / shape, 690.0)) if ratio > 0 else 0.0


def _pareto(excesses: np.ndarray, level: float) -> tuple[float, float]:
    """(shape, scale) for ``excesses`` (k,) > 0, ascending.

    The estimate of Zhang and Stephens, a mean over plausible laws weighted by their likelihood; drawn towards a shape of 0.1 as if ten more
    excesses said so, and made heavier by 1 / k: for a shape of 0 that is the exact price of not knowing the scale.
    Without excesses (constant scores), far is measured in units of the constant itself, 1 when it is 0.
    """
    k = len(excesses)
    if k == 0 or excesses[-1] <= 1e-12 * abs(level):
        return 0.0, abs(level) or 1.0
    if k < 5:
        return 1 / k, float(excesses.mean())
    x = excesses / excesses[-1]
    quartile = max(x[max(int(k / 4 + 0.5) - 1, 0)], 1e-6)
    m = 20 + math.isqrt(k)
    theta = 1.0 + (1.0 - np.sqrt(m / (np.arange(1, m + 1) - 0.5))) / (3.0 * quartile)  # (m,) -shape / scale; below 1 / largest
    theta = np.where(np.abs(theta) < 1e-9, 1e-9, theta)
    theta = theta[theta < 1.0]
    mean_log = np.log1p(-theta[:, None] * x).mean(axis=1)  # (m,) the shape that goes with theta
    fit = k * (np.log(-theta / mean_log) - mean_log - 1.0)
    weight = np.exp(fit - fit.max())
    best = float((theta * weight).sum() / weight.sum())
    best = best if abs(best) > 1e-9 else 1e-9
    shape = float(np.log1p(-best * x).mean())
    drawn = min(max((shape * k + 0.1 * 10) / (k + 10) + 1 / k, _SHAPES[0]), _SHAPES[1])
    if abs(drawn - shape) < 1e-12:
        return shape, -shape / best * float(excesses[-1])
    mean = float(excesses.mean())
    # The scale that keeps the median excess where it was found: another shape moves the far end only.
    scale = -shape / best * float(excesses[-1])
    median = scale * (2 ** shape - 1) / shape if abs(shape) > 1e-9 else scale * math.log(2)
    unit = (2 ** drawn - 1) / drawn if abs(drawn) > 1e-9 else math.log(2)
    return drawn, max(median / unit, 1e-12 * mean)
