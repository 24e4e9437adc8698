"""Anomalies made by hand and put into normal series: a test without labels for detectors, weights and guards.

Each kind spoils one stretch of a copy, in units of the series' own spread, so that what is made looks like faults of that series.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tocsin.core.errors import ConfigError, DataError
from tocsin.data.period import window_length

KINDS = ("spike", "shift", "trend", "shape", "frequency", "flat", "noise", "relation")
_FEWEST = 16  # steps of a series that something can be put into


@dataclass(frozen=True)
class Injected:
    """A copy of a series with made anomalies: X (t, c), y (t,) of 0 and 1, and which kind they are."""

    X: np.ndarray
    y: np.ndarray
    kind: str


def inject(X: np.ndarray, *, seed: int = 0, kinds: Sequence[str] | None = None, period: int | None = None, events: int = 2,
           start: int = 0) -> list[Injected]:
    """One copy of ``X`` (t, c) for each kind, with up to ``events`` made anomalies from row ``start`` on.

    spike      one to three steps, 4 to 8 spreads away           shift      a level 1 to 3 spreads away for a while
    trend      a ramp that ends 2 to 4 spreads away              shape      a stretch in reverse, or of another phase
    frequency  a stretch run faster or slower                    flat       a stretch that stands still
    noise      noise of 0.5 to 1.5 spreads on top                relation   one channel as it was at another time (two channels or more)

    A kind other than ``relation`` touches one channel, chosen among those that move. ``period`` is the length of a usual shape (None: found
    in the data); anomalies other than spikes take a half to two of them. A kind that the series has no room or no channel for is left out.
    Works on segments of normal data without gaps between the rows; where the data hold anomalies of their own, y does not know them.

    Raises ConfigError TOC-296 for an unknown kind, DataError TOC-196 when there is no room for any.

    >>> wave = np.sin(np.arange(400) / 5)[:, None]
    >>> made = inject(wave, seed=1)
    >>> [one.kind for one in made][:3], all(0 < one.y.sum() < 200 for one in made)
    (['spike', 'shift', 'trend'], True)
    """
    X = np.asarray(X, dtype=np.float64)
    chosen = KINDS if kinds is None else tuple(kinds)
    unknown = [kind for kind in chosen if kind not in KINDS]
    if unknown:
        raise ConfigError("TOC-296", "there is no such kind of made anomaly", came=", ".join(map(repr, unknown))[:80],
                          todo=f"use some of {', '.join(KINDS)}")
    rng = np.random.default_rng(seed)
    spread = X.std(axis=0)  # (c,)
    moving = _moving(X)
    room = len(X) - start
    if room < _FEWEST or not len(moving):
        raise DataError("TOC-196", "there is no room for made anomalies", came=f"{max(room, 0)} rows, {len(moving)} channels that move",
                        todo=f"pass at least {_FEWEST} rows of a series that is not constant")
    # Of a still channel (a command that rarely changes) every change is an event; sensors come first where there are any.
    lively = np.array([j for j in moving if len(np.unique(X[:, j])) > 10])
    pool = lively if len(lively) else moving
    usual = max(4, min(period or window_length(X), room // 4))
    made = []
    for kind in chosen:
        copy, y = X.copy(), np.zeros(len(X), dtype=np.int64)
        for low, high in _places(rng, start, len(X), usual, kind, events):
            if _spoil(copy, X, low, high, kind, int(rng.choice(pool)), spread, usual, rng):
                y[low:high] = 1
        if y.any():
            made.append(Injected(copy, y, kind))
    return made


def has_room(X: np.ndarray, start: int = 0) -> bool:
    """Whether :func:`inject` can put anything into ``X`` (t, c) from row ``start`` on.

    >>> has_room(np.zeros((100, 1))), has_room(np.arange(100.0)[:, None])
    (False, True)
    """
    return len(X) - start >= _FEWEST and bool(len(_moving(X)))


def _moving(X: np.ndarray) -> np.ndarray:
    """Channels that are not constant; what rounding leaves of a constant does not count."""
    return np.flatnonzero(X.std(axis=0) > 1e-9 * (1e-9 + np.abs(X).max(axis=0)))


def _places(rng: np.random.Generator, start: int, end: int, usual: int, kind: str, events: int) -> list[tuple[int, int]]:
    """Up to ``events`` stretches, one in each equal part of the room, never touching."""
    places = []
    edges = np.linspace(start, end, events + 1).astype(int)
    for low, high in pairwise(edges):
        length = int(rng.integers(1, 4)) if kind == "spike" else round(usual * rng.uniform(0.5, 2.0))
        length = min(length, (high - low) // 3)
        if length >= 1:
            beside = max(1, length // 2)  # what is left free on both sides, so that two never touch
            at = int(rng.integers(low + beside, high - length - beside + 1))
            places.append((at, at + length))
    return places


def _spoil(copy: np.ndarray, X: np.ndarray, low: int, high: int, kind: str, j: int, spread: np.ndarray, usual: int,
           rng: np.random.Generator) -> bool:
    """Write one anomaly into rows low:high of ``copy`` (t, c); False when it changed nothing that could be seen."""
    m, sign, unit = high - low, float(rng.choice([-1.0, 1.0])), float(spread[j])
    old = X[low:high, j].copy()
    if kind == "spike":
        new = old + sign * unit * rng.uniform(4.0, 8.0)
    elif kind == "shift":
        new = old + sign * unit * rng.uniform(1.0, 3.0)
    elif kind == "trend":
        new = old + sign * unit * rng.uniform(2.0, 4.0) * np.arange(1, m + 1) / m
    elif kind == "shape":
        new = _other_shape(X[:, j], low, high, usual, rng)
    elif kind == "frequency":
        new = _other_speed(X[:, j], low, high, rng)
    elif kind == "flat":
        new = np.full(m, old[0])
    elif kind == "noise":
        new = old + unit * rng.uniform(0.5, 1.5) * rng.normal(size=m)
    else:
        new = _other_time(X[:, j], low, high, usual, rng) if X.shape[1] > 1 else old
    copy[low:high, j] = new
    return bool(np.abs(new - old).max() > 1e-9 * unit)


def _other_shape(x: np.ndarray, low: int, high: int, usual: int, rng: np.random.Generator) -> np.ndarray:
    """The stretch backwards, or what comes a third to two thirds of a period later."""
    if rng.random() < 0.5:
        turned: np.ndarray = x[low:high][::-1].copy()
        return turned
    shifted: np.ndarray = np.roll(x, -max(1, int(usual * rng.uniform(0.33, 0.67))))[low:high]
    return shifted


def _other_speed(x: np.ndarray, low: int, high: int, rng: np.random.Generator) -> np.ndarray:
    """The stretch at half to three quarters or at one and a half times to double the speed."""
    speed = float(rng.choice([rng.uniform(0.5, 0.75), rng.uniform(1.5, 2.0)]))
    at = low + speed * np.arange(high - low)
    return np.interp(np.where(at > len(x) - 1, 2 * (len(x) - 1) - at, at), np.arange(len(x)), x)


def _other_time(x: np.ndarray, low: int, high: int, usual: int, rng: np.random.Generator) -> np.ndarray:
    """What the channel did at another time, a multiple of no period away: usual by itself, wrong beside the others."""
    by = round(usual * (rng.integers(1, 4) + rng.uniform(0.25, 0.75)))
    moved: np.ndarray = np.roll(x, by)[low:high]
    return moved
