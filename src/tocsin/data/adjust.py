"""What covariates and the calendar explain is taken out of the channels before a detector sees them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np

from tocsin.core.errors import ConfigError, DataError
from tocsin.core.seed import generator
from tocsin.core.types import Finding
from tocsin.data.matrix import checked, fitted
from tocsin.data.transformer import Transformer

_ROWS = 50_000  # rows learned from at most, and held in the design at once
_BLOCKS = 5  # contiguous parts of the training rows that take turns in being predicted
_RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # per row of the standardised design
_GAIN = 0.98  # of the error without covariates: what explains less than two per cent is noise
_FAR, _PASSES = 5.0, 4
_BEYOND = 1e6  # robust spreads that a cell counts for at most, before anything is learned
_CROSSED = 16  # covariate columns up to which each has its own effect on the shape of the day
_DAY = 86_400.0


class Adjust(Transformer):
    """(g, D) channels and covariates, imputed → (g, d) channels alone, less what the covariates let expect.

    Idea. Each channel is regressed on the covariates (and their squares), on the time of day and the day of the week, and on a few
    products of these: the day's shape on weekends, and under each covariate. Ridge regression; how strongly it is held back is chosen, for
    each channel by itself, by how well it predicts contiguous fifths of the training rows from the rest. A channel that is not predicted
    better than by its mean stays as it is. The effect is 0 on the average of the training rows, so a channel keeps its level.

    When it works: holidays, weather, set points and shifts move the level, and training rows show them at least a few times. When not: a
    covariate that changes how much a channel scatters, or one that is itself a consequence of the fault: it explains the fault away.

    covariates  source columns that explain and are not judged; needs ``features`` of ``Encode``
    calendar    hour of day, day of week, from ``times`` (g,) datetime64 as they stand (local times give the local hour)

    Raises DataError TOC-171 (a covariate is not among the columns), TOC-172 (no channel is left to judge), ConfigError TOC-246 (a
    calendar without dates), DataError TOC-111 and TOC-115 for other matrices.

    >>> features = [{"source": "load", "role": "value"}, {"source": "holiday", "role": "value"}]
    >>> holiday = (np.arange(200) // 10 % 3 == 0).astype(float)
    >>> X = np.c_[50 - 20 * holiday + np.random.default_rng(0).normal(size=200), holiday]
    >>> made = Adjust(["holiday"]).fit(X, features=features).transform(X)
    >>> made.shape, bool(abs(made[holiday == 1].mean() - made[holiday == 0].mean()) < 0.5)
    ((200, 1), True)

    Source: ridge regression, Hoerl and Kennard 1970.
    """

    def __init__(self, covariates: Sequence[str] = (), calendar: bool = False) -> None:
        self.covariates = covariates
        self.calendar = calendar

    def fit(self, X: Any, y: Any = None, *, features: Sequence[dict[str, Any]] | None = None, times: np.ndarray | None = None) -> Self:
        """Learn the effects on each channel."""
        X = checked(X, finite=True)
        self._forget()
        self._columns(X, features)
        given = X[:, self.given_]
        low, high = given.min(axis=0), given.max(axis=0)
        self.centre_, self.low_, self.high_ = given.mean(axis=0), low, high
        self.size_ = np.maximum(given.std(axis=0), 1e-12 * np.maximum(np.abs(low), np.abs(high)) + 1e-300)
        self.cycles_ = self._cycles(times)
        rows = np.arange(len(X))
        if len(rows) > _ROWS:
            rows = np.sort(generator(0, "adjust").choice(rows, _ROWS, replace=False))
        design = self._design(X[rows], None if times is None else times[rows])  # (m, k)
        self.mean_ = design.mean(axis=0)
        spread = design.std(axis=0)
        self.spread_ = np.where(spread > 1e-9, spread, np.inf)  # what never varied explains nothing
        self.coef_, self.explained_ = _learned((design - self.mean_) / self.spread_, X[rows][:, self.kept_])
        return self

    def transform(self, X: Any, times: np.ndarray | None = None) -> np.ndarray:
        """(g, d) channels less their effect."""
        X = checked(X, width=self._width(), finite=True)
        return np.asarray(X[:, self.kept_] - self.effect(X, times))

    def effect(self, X: Any, times: np.ndarray | None = None) -> np.ndarray:
        """(g, d) what the covariates and the calendar add to each channel."""
        X = checked(X, width=self._width(), finite=True)
        made = np.empty((len(X), len(self.kept_)))
        coef = np.asarray(self.coef_)
        for part in _parts(len(X)):
            design = self._design(X[part], None if times is None else times[part])
            made[part] = (design - self.mean_) / self.spread_ @ coef
        return made

    def changes(self) -> tuple[Finding, ...]:
        """How much of the channels' movement the covariates explain."""
        share = np.asarray(fitted(self, "explained_"))
        what = [*self.covariates, *(["the calendar"] if self.calendar else [])]
        moved = int((share > 0).sum())
        message = f"What {', '.join(what)} explains was taken out of {moved} of {len(share)} channels"
        message += f" ({share.max():.0%} of the movement at most)." if moved else ": nothing that would hold for rows not seen."
        return (Finding("adjusted", "info", message, None, moved, len(share)),)

    def _width(self) -> int:
        return len(fitted(self, "given_")) + len(self.kept_)

    def _columns(self, X: np.ndarray, features: Sequence[dict[str, Any]] | None) -> None:
        sources = [feature["source"] for feature in features or ()]
        absent = [name for name in self.covariates if name not in sources]
        if absent:
            raise DataError("TOC-171", f"{absent[0]!r} cannot be a covariate", came=", ".join(dict.fromkeys(sources))[:200],
                            todo="name columns of measurements or categories; not identifiers, labels, the time or the group")
        given = np.array([name in self.covariates for name in sources], dtype=bool) if features else np.zeros(X.shape[1], dtype=bool)
        roles = [feature["role"] for feature in features or ()]
        left = [role for role, out in zip(roles, given) if not out]
        if features and all(role == "changed" for role in left):
            raise DataError("TOC-172", "no channel is left to judge: all others are covariates or constant",
                            came=f"covariates {', '.join(self.covariates)}"[:200], todo="name fewer covariates")
        self.given_, self.kept_ = np.flatnonzero(given), np.flatnonzero(~given)

    def _cycles(self, times: np.ndarray | None) -> list[str]:
        """Which cycles the training rows show twice."""
        if not self.calendar:
            return []
        if times is None or np.asarray(times).dtype.kind != "M":
            raise ConfigError("TOC-246", "a calendar needs dates", came="no time column" if times is None else f"times of {times.dtype}",
                              todo="name a column of dates (time=...), or leave calendar out")
        stamps = np.sort(times)
        span = float((stamps[-1] - stamps[0]) / np.timedelta64(1, "s"))
        step = float(np.median(np.diff(stamps)) / np.timedelta64(1, "s")) if len(stamps) > 1 else np.inf
        made = ["day"] if span >= 2 * _DAY and step <= _DAY / 4 else []
        return [*made, "week"] if span >= 14 * _DAY and step <= _DAY else made

    def _design(self, X: np.ndarray, times: np.ndarray | None) -> np.ndarray:
        """(m, k) what explains, not yet standardised. Covariates count as far as training rows went, no further."""
        z = (np.clip(X[:, self.given_], self.low_, self.high_) - self.centre_) / self.size_  # (m, p)
        day, week, weekend = self._calendar(times, len(X))
        crossed = z if z.shape[1] <= _CROSSED else z[:, :0]
        parts = [z, np.square(z), day, week]
        parts += [day[:, :4] * weekend] if week.shape[1] else []
        parts += [day[:, :4] * crossed[:, j:j + 1] for j in range(crossed.shape[1])]
        return np.concatenate(parts, axis=1)

    def _calendar(self, times: np.ndarray | None, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(n, 8|0) circles of the hour, (n, 6|0) of the weekday, (n, 1) whether it is a weekend."""
        cycles = fitted(self, "cycles_")
        none = np.zeros((n, 0))
        if not cycles:
            return none, none, np.zeros((n, 1))
        if times is None or np.asarray(times).dtype.kind != "M":
            raise ConfigError("TOC-246", "a calendar needs dates", came="rows without dates",
                              todo="pass the time column of the training data")
        days = times.astype("datetime64[D]")
        hour = (times - days) / np.timedelta64(1, "s") / _DAY  # (n,) 0 to 1
        weekday = (days.astype(np.int64) + 3) % 7  # Monday 0
        day = _circles(hour, 4) if "day" in cycles else none
        return day, _circles(weekday / 7, 3) if "week" in cycles else none, (weekday >= 5).astype(float)[:, None]


def _circles(place: np.ndarray, harmonics: int) -> np.ndarray:
    """(n, 2 h) sine and cosine of ``place`` (n,), 0 to 1, on circles that are passed 1 to h times."""
    angle = 2 * np.pi * place[:, None] * np.arange(1, harmonics + 1)
    return np.stack([np.sin(angle), np.cos(angle)], axis=2).reshape(len(place), -1)


def _learned(Z: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """((k, d) coefficients, (d,) share of the held-out movement explained): ridge, then again with the cells that lie more than five
    robust spreads from what was found counted as that far, so that no anomaly makes a rule (Huber 1964)."""
    half = Y / 2 - np.median(Y / 2, axis=0)  # halves: differences of +-1e308 overflow
    size = 1.4826 * np.median(np.abs(half), axis=0)
    size = np.maximum(np.where(size > 0, size, np.abs(half).max(axis=0, initial=0.0)), 1e-300)
    with np.errstate(over="ignore"):
        Y = np.clip(half / size, -_BEYOND, _BEYOND)
    blocks = _Blocks(Z)
    coef, explained = blocks.solve(Y)
    for _ in range(_PASSES):
        found = Z @ coef
        away = Y - found
        away -= np.median(away, axis=0)
        spread = 1.4826 * np.median(np.abs(away), axis=0)
        spread = np.where(spread > 0, spread, np.sqrt(np.mean(np.square(away), axis=0)))
        if not (np.abs(away) > _FAR * spread).any():
            break
        coef, explained = blocks.solve(found + np.clip(away, -_FAR * spread, _FAR * spread))
    return np.nan_to_num(coef * size * 2), explained


class _Blocks:
    """The design (m, k) in contiguous blocks, each taken apart without it once, so that further targets cost little."""

    def __init__(self, Z: np.ndarray) -> None:
        self.Z = Z
        self.parts = [part for part in np.array_split(np.arange(len(Z)), _BLOCKS) if len(part)]
        grams = [Z[part].T @ Z[part] for part in self.parts]
        self.whole = np.linalg.eigh(sum(grams, np.zeros((Z.shape[1], Z.shape[1]))))
        self.without = [np.linalg.eigh(sum(grams, -own)) for own in grams]

    def solve(self, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(coefficients, share explained) of targets (m, d), each with the ridge that predicts best."""
        m = len(self.Z)
        Y = Y - Y.mean(axis=0)
        rights = [self.Z[part].T @ Y[part] for part in self.parts]
        right = np.sum(rights, axis=0)
        error, plain = np.zeros((len(_RIDGES), Y.shape[1])), np.zeros(Y.shape[1])
        for part, owned, (values, vectors) in zip(self.parts, rights, self.without):
            turned, rest = vectors.T @ (right - owned), max(m - len(part), 1)
            held = Y[part] + Y[part].sum(axis=0) / rest  # less the others' mean
            plain += np.square(held).sum(axis=0)
            for i, ridge in enumerate(_RIDGES):
                coef = vectors @ (turned / (np.maximum(values, 0.0) + ridge * rest)[:, None])
                error[i] += np.square(held - self.Z[part] @ coef).sum(axis=0)
        least = error.min(axis=0)
        helps = least < _GAIN * plain
        ridges = np.asarray(_RIDGES)[error.argmin(axis=0)] * m  # (d,)
        values, vectors = self.whole
        coef = vectors @ ((vectors.T @ right) / (np.maximum(values, 0.0)[:, None] + ridges))
        return np.where(helps, coef, 0.0), np.where(helps, 1 - least / np.maximum(plain, 1e-300), 0.0)


def _parts(n: int) -> Iterator[slice]:
    return (slice(start, min(start + _ROWS, n)) for start in range(0, n, _ROWS))
