"""Forecasts at several paces and seasons, step by step: a misfit counts by how far it breaks its own record."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from tocsin.core.errors import ConfigError
from tocsin.core.online import OnlineDetector, Stepper
from tocsin.core.tags import Tags
from tocsin.data.period import period as find_period

_PACES = (0.3, 0.1, 0.03, 0.01, 0.003, 0.001)             # share of a misfit that each level learns
_SLOW = 4                                                 # the level that means are taken from, and the regression
_MEANS = tuple(2 / (w + 1) for w in (3, 6, 12, 24, 48, 96))
_SEASON_MEANS = tuple(2 / (w + 1) for w in (3, 12))
_BINS, _LEARN = (48, 168), (0.1, 0.3)                     # of a day and of a week (or of one and seven periods): bins, share learned
_DAY, _WEEK = 86_400.0, 604_800.0
_LOOKS = (128, 256, 512, 1024, 2048, 4096)                # steps after which a stream without clock is searched for its period
_FADING = 0.2                                             # weight of the records that fade, beside those that stay
_YOUNG, _NEW = 50, 20                                     # steps: records are taken over whole; scales are not yet known
_STILL = 1e-3                                             # of the range seen: less than this is no scale
_MOST = 1e100                                             # larger values are cut: their differences would overflow
_MEMORY, _LOOSE = 0.999, 400.0                            # of the regression: forgetting, and the trace at which it stops to forget
_FASTEST = 10                                             # records fall as age to the power of minus fade: more runs out of numbers
_USUAL_PART = 0.1                                         # of the score, for misfits that break no record


class SeasonalForecaster(OnlineDetector):
    """Online: forecasts at several paces and seasons; what breaks its own record of misfit is an anomaly. For operations metrics.

    Each channel is forecast by six running levels (memory of 3 to 1,000 steps; a single spike moves none of them far) and by the profile of
    a day and of a week. Misfits, their running means (3 to 96 steps) and the value itself are followed in both directions: 44 signals. For
    each the largest value so far is kept, and a step's evidence is log(1 + excess / record), summed over all signals. Records need no
    distribution and no threshold per series: in a steady series the n-th step breaks one with probability 1 / n, so false alarms become
    rare by themselves. A second set of records fades with age, so that long-lived streams stay sensitive. One step can raise a record by no
    more than the factor 1 + ``growth``: a giant spike does not blind the detector.

    Works for metrics of machines, traffic, sales, with or without seasons, from a cold start. Does not see a changed shape that keeps the
    size of all misfits (take window detectors), a sensor that falls silent at an ordinary value, or a relation between channels.

    ``period``: steps in a season; None finds it from the data. Not used when times are given: then it is day and week.
    ``hold``: an alarm is given early and once: for this many steps after evidence was found, only evidence above 1.5 times what is left of
    it (it falls to 0 linearly) counts. 0 counts all. ``fade``: how fast the second records fall, a share of the age (0 = never, 10 at
    most).
    ``growth``: see above. ``warm_up``: first steps, which score 0.

    Scores: at least 0; up to 0.1 for surprises that break no record (against a running regression), above that evidence, without unit.
    Of pure noise, after a thousand steps, about 6 steps in 10,000 reach 0.6 and 1 reaches 1.5; alarm at 0.6 where a miss costs far more
    than a false alarm.
    Of several channels the one with the most evidence decides. Shapes: X (t, c). A step costs about 20 microseconds a channel;
    memory is fixed.
    The stepper takes times (``takes_time``): seconds since 1970; whether the first row has one decides for the whole stream.
    Raises ConfigError TOC-202 for values out of range.
    Sources: bounded updates of a level: Gelper, Fried and Croux, "Robust forecasting with exponential and Holt-Winters smoothing" (2010);
    rank of the newest value among all: Chandler, "The distribution and frequency of record values" (1952).

    >>> t = np.arange(600)
    >>> X = np.sin(t * 2 * np.pi / 24) + 0.01 * np.cos(t * t)
    >>> X[500] += 3
    >>> model = SeasonalForecaster().fit(X[:400])
    >>> int(model.anomaly_score(X[400:]).argmax())
    100
    """

    tags = Tags(modality="series", min_rows=2, online=True)

    def __init__(self, period: int | None = None, hold: int = 50, fade: float = 0.3, growth: float = 1.0, warm_up: int = 20) -> None:
        self.period = period
        self.hold = hold
        self.fade = fade
        self.growth = growth
        self.warm_up = warm_up

    @classmethod
    def small(cls) -> Self:
        return cls()

    def _stepper(self, state: dict[str, Any] | None, channels: int) -> Stepper:
        for name, least in (("period", 2), ("hold", 0), ("fade", 0), ("growth", 1e-3), ("warm_up", 1)):
            value = getattr(self, name)
            if value is not None and not (least <= value < math.inf or (name == "growth" and value == math.inf)):
                raise ConfigError("TOC-202", f"SeasonalForecaster: {name} must be at least {least}", came=repr(value),
                                  todo=f"give a finite number from {least}")
        if self.fade > _FASTEST:
            raise ConfigError("TOC-202", f"SeasonalForecaster: fade must be at most {_FASTEST}", came=repr(self.fade), todo="try 0.3")
        return _Run(self, state or _cold(channels, self.period))


def _cold(c: int, period: int | None) -> dict[str, Any]:
    return {"n": 0, "level": np.zeros((c, 6)), "scale": np.zeros((c, 6)), "mean": np.zeros((c, 6)), "low": np.zeros((c, 7)),
            "high": np.zeros((c, 7)), "stays": np.zeros((c, 44)), "fades": np.zeros((c, 44)), "season_mean": np.zeros((c, 4)),
            "lag": np.zeros((c, 4)), "weight": np.tile([1.0, 0.0, 0.0, 0.0], (c, 1)), "spread": np.tile(10.0 * np.eye(4), (c, 1, 1)),
            "surprise": np.zeros((c, 2)), "profile": np.zeros((c, sum(_BINS))), "known": np.zeros((c, sum(_BINS)), dtype=bool),
            "calendar": None, "period": period, "seen": np.zeros((0, c)), "faded": 1.0, "peak": 0.0, "since": 0}


_LISTS = ("level", "scale", "mean", "low", "high", "stays", "fades", "season_mean", "lag", "weight", "spread", "surprise", "profile",
          "known")
_PLAIN = ("n", "calendar", "period", "faded", "peak", "since")


class _Run(Stepper):
    """The state of one stream."""

    takes_time = True

    def __init__(self, owner: SeasonalForecaster, state: dict[str, Any]) -> None:
        self.hold, self.fade, self.most, self.warm_up = owner.hold, float(owner.fade), 1 + float(owner.growth), owner.warm_up
        self.n: int = state["n"]
        self.calendar: bool | None = state["calendar"]
        self.period: int | None = state["period"]
        self.faded: float = state["faded"]  # by how much the fading records are to be multiplied: cheaper than to multiply them all
        self.peak: float = state["peak"]
        self.since: int = state["since"]
        self.seen: list[list[float]] = state["seen"].tolist()
        self.warm = self.n >= self.warm_up
        self.channels = [_Channel(state, i) for i in range(len(state["level"]))]

    def step(self, row: Sequence[float], time: float | None = None) -> float:
        n = self.n
        row = [-_MOST if x < -_MOST else _MOST if x > _MOST else x for x in row]
        if n == 0:
            self.calendar = time is not None
        places = self._places(row, n, time)
        share = 1.0 / (n + 1)
        levels = [max(pace, share) for pace in _PACES] if n < 1000 else _PACES
        means = [max(pace, share) for pace in _MEANS] if n < 100 else _MEANS
        most = self.most if n >= _YOUNG else math.inf
        found = usual = 0.0
        for x, channel in zip(row, self.channels):
            channel_usual, broken = channel.step(x, n, levels, means, places, self.faded)
            if broken:
                found = max(found, channel.evidence(self.faded, most))
            usual = max(usual, channel_usual)
        self.n = n + 1
        self.faded /= 1.0 + self.fade * share
        if n < self.warm_up:
            return 0.0
        self.warm = True
        return self._held(found) + _USUAL_PART * usual / (usual + 4.0)

    def state(self) -> dict[str, Any]:
        kept = {name: np.array([getattr(channel, name) for channel in self.channels]) for name in _LISTS}
        seen = np.array(self.seen).reshape(-1, len(self.channels))
        return {**{name: getattr(self, name) for name in _PLAIN}, **kept, "seen": seen}

    def cut(self) -> None:
        self.peak = 0.0
        for channel in self.channels:
            channel.mean[:] = [0.0] * 6
            channel.season_mean[:] = [0.0] * 4
            channel.lag = [0.0] * 4

    def _places(self, row: list[float], n: int, time: float | None) -> tuple[int, int] | None:
        """Bins of both profiles in which this step lies; None without a season."""
        if self.calendar:
            if time is None:
                return None
            return int(time % _DAY / _DAY * _BINS[0]), _BINS[0] + int(time % _WEEK / _WEEK * _BINS[1])
        if self.period is None:
            if n <= _LOOKS[-1]:
                self._look(row, n)
            return None
        p = self.period
        return n % p * _BINS[0] // p, _BINS[0] + n % (7 * p) * _BINS[1] // (7 * p)

    def _look(self, row: list[float], n: int) -> None:
        """Search what was seen for a period, a few times in the life of a stream; then forget it."""
        if n in _LOOKS:
            self.period = find_period(np.array(self.seen))
        self.seen.append(row)
        if self.period is not None or n == _LOOKS[-1]:
            self.seen = []

    def _held(self, found: float) -> float:
        """Evidence that stands out from what is left of the last."""
        if not self.hold:
            return found
        left = self.peak * max(0.0, 1.0 - (self.n - self.since) / self.hold)
        if found <= 1.5 * left:
            return 0.0
        self.peak, self.since = found, self.n
        return found


class _Channel:
    """One channel, in plain numbers: a few hundred of these operations cost less than thirty calls on small arrays."""

    __slots__ = (*_LISTS, "value")

    def __init__(self, state: dict[str, np.ndarray], at: int) -> None:
        self.level: list[float]
        self.scale: list[float]
        self.mean: list[float]
        self.low: list[float]
        self.high: list[float]
        self.stays: list[float]
        self.fades: list[float]
        self.season_mean: list[float]
        self.lag: list[float]
        self.weight: list[float]
        self.spread: list[list[float]]
        self.surprise: list[float]
        self.profile: list[float]
        self.known: list[bool]
        for name in _LISTS:
            setattr(self, name, state[name][at].tolist())
        self.value: list[float] = []  # the 44 signals of the latest step, none of them negative

    def step(self, x: float, n: int, levels: Sequence[float], means: Sequence[float], places: tuple[int, int] | None,
             faded: float) -> tuple[float, bool]:
        """(how many usual surprises the latest one is; whether a record is broken). All but the records learn."""
        if n == 0:
            self.level, self.low[6], self.high[6] = [x] * 6, x, x
        misfits = self._misfits(x, n, levels)
        usual = self._regress(misfits[_SLOW], n)
        slow, mean = misfits[_SLOW], self.mean
        mean[:] = [m + pace * (slow - m) for m, pace in zip(mean, means)]
        season = [0.0] * 6
        if places is not None:
            self._season(x, places, season)
        above, below = self._ranges([*mean, x], faded)
        value = [abs(off) for off in misfits]
        value += [off if off > 0 else 0.0 for off in misfits]
        value += [-off if off < 0 else 0.0 for off in misfits]
        value += [abs(off) for off in season]
        value += [abs(off) for off in mean]
        self.value = value = value + above + below
        for v, record in zip(value, self.fades):
            if v > record * faded:
                return usual, True
        return usual, False

    def _misfits(self, x: float, n: int, paces: Sequence[float]) -> list[float]:
        """Misfits to the levels, which learn; a misfit moves a level by three times its usual size at most."""
        level, scale, misfits = self.level, self.scale, []
        still, learn = (_STILL * (self.high[6] - self.low[6]), 0.01) if n > _NEW else (math.inf, 1.0 / (n + 1))
        for i, pace in enumerate(paces):
            at, usual = level[i], scale[i]
            off = x - at
            size = off if off > 0 else -off
            bound = 3.0 * usual + still
            level[i] = at + pace * (off if size < bound else bound if off > 0 else -bound)
            bound += bound
            scale[i] = usual + learn * ((size if size < bound else bound) - usual)
            misfits.append(off)
        return misfits

    def _season(self, x: float, places: tuple[int, int], season: list[float]) -> None:
        """Misfits to both profiles, which learn, and their running means, put into ``season`` (6)."""
        profile, known, means = self.profile, self.known, self.season_mean
        for i, place in enumerate(places):
            if known[place]:
                season[i] = off = x - profile[place]
                profile[place] += _LEARN[i] * off
            else:
                off, known[place], profile[place] = 0.0, True, x
            for j, pace in enumerate(_SEASON_MEANS):
                means[2 * j + i] += pace * (off - means[2 * j + i])
        season[2:] = means

    def _regress(self, misfit: float, n: int) -> float:
        """How surprising the last few values are to a regression on the four before each (recursive least squares), in usual surprises.

        Quick and blind to phase: it judges the shape of a series whose seasons are not known. It says little in the score, and only there.
        """
        scale = self.scale[_SLOW]
        y = max(-10.0, min(10.0, misfit / scale)) if scale > 0 else 0.0
        lag, weight, spread, (usual, lately) = self.lag, self.weight, self.spread, self.surprise
        off = y - sum([w * u for w, u in zip(weight, lag)])
        if n > _NEW:
            size = min(abs(off), 5.0 * usual + _STILL)
            lately += 0.3 * (min(abs(off), 20.0 * usual + _STILL) - lately)
            usual += 0.01 * (size - usual)
        else:
            lately = usual = usual + (abs(off) - usual) / (n + 1)
        self.surprise = [usual, lately]
        push = [a * lag[0] + b * lag[1] + c * lag[2] + d * lag[3] for a, b, c, d in spread]
        gain = 1.0 / (_MEMORY + sum([u * v for u, v in zip(lag, push)]))
        step = gain * max(-2.0, min(2.0, off))
        self.weight = [w + step * v for w, v in zip(weight, push)]
        loose = spread[0][0] + spread[1][1] + spread[2][2] + spread[3][3] > _LOOSE  # values that do not move: nothing more to forget
        grow = 1.0 if loose else 1.0 / _MEMORY
        self.spread = [[grow * (p - gain * u * v) for p, v in zip(line, push)] for line, u in zip(spread, push)]
        self.lag = [y, lag[0], lag[1], lag[2]]
        return lately / (usual + _STILL)

    def _ranges(self, ranged: list[float], faded: float) -> tuple[list[float], list[float]]:
        """How far each value lies above the lowest and below the highest so far. A wider range raises the records of the opposite side."""
        low, high = self.low, self.high
        for i, v in enumerate(ranged):
            if v < low[i]:
                self.stays[30 + i] += low[i] - v
                self.fades[30 + i] += (low[i] - v) / faded
                low[i] = v
            elif v > high[i]:
                self.stays[37 + i] += v - high[i]
                self.fades[37 + i] += (v - high[i]) / faded
                high[i] = v
        return [v - least for v, least in zip(ranged, low)], [most - v for v, most in zip(ranged, high)]

    def evidence(self, faded: float, most: float) -> float:
        """By how much the latest step breaks records; the records learn it, each by the factor ``most`` at most."""
        found = 0.0
        stays, fades = self.stays, self.fades
        for i, v in enumerate(self.value):
            record = fades[i] * faded
            if v > record:
                found += _FADING * _gain(v, record)
                fades[i] = min(v, most * record) / faded if record > 0 else v / faded
                record = stays[i]
                if v > record:
                    found += _gain(v, record)
                    stays[i] = min(v, most * record) if record > 0 else v
        return found


def _gain(value: float, record: float) -> float:
    return math.log1p(min((value - record) / (record + 1e-300), 1e3))
