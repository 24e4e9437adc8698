"""The season of a series: its length, and its shape over one period."""

from __future__ import annotations

import numpy as np

from tocsin.flows.univariate.smooth import season_mean

_SHORTEST, _CYCLES = 3, 3  # a season is believed when it was seen three times
_EXPLAINED = 0.2  # share of the variance a season must explain on cycles it was not averaged over
_CANDIDATES = 12
_AS_GOOD = 0.95
_EXTREME = (0.02, 0.002)


def find_period(y: np.ndarray, natural: tuple[int, ...] = ()) -> int:
    """Length of the season of ``y`` (m,) in slots, 0 for none.

    Candidates are the peaks of the autocorrelation and the clock's own (``natural``) lengths. Each is tried: how much of the series does
    the mean of *the other* cycles explain at each phase? That measure is about zero for noise whatever the length, and a multiple of the
    true length explains no more than the true one; so the shortest among the best is taken. What is slower than a period is taken
    off before, and extreme values are pulled in. A season must have been seen three times; slow waves with fewer cycles count as trend.

    >>> wave = np.sin(np.arange(400) * 2 * np.pi / 25)
    >>> find_period(wave), find_period(np.random.default_rng(0).normal(size=400))
    (25, 0)
    """
    longest = len(y) // _CYCLES
    if longest < _SHORTEST:
        return 0
    for share in _EXTREME:  # a short peak once a week is itself an extreme: if nothing is found, fewer are pulled in
        gains = _gains(y, natural, longest, share)
        if gains:
            found = min(p for p, gain in gains.items() if gain >= _AS_GOOD * max(gains.values()))
            return _of_clock(y, _whole_part(y, _nearby(y, found, longest, share), longest, share), natural, share)
    return 0


def _gains(y: np.ndarray, natural: tuple[int, ...], longest: int, share: float) -> dict[int, float]:
    """Candidates that explain more than chance → how much they explain."""
    gains = {}
    for p in {p for p in (*_peaks(_flat(y, len(y) // 2, share), longest), *natural) if _SHORTEST <= p <= longest}:
        x = _flat(y, p, share)
        # Few cycles agree by chance, those of a random walk above all: three must agree well.
        if (gain := explained(x, p)) > max(_EXPLAINED + 1.2 * p / len(y), 6 / np.sqrt(len(y))) * float(x @ x):
            gains[p] = gain
    return gains


def explained(x: np.ndarray, period: int) -> float:
    """How much of the sum of squares of ``x`` (m,), mean 0, the other cycles' means explain; below 0 when the season misleads."""
    phase = np.arange(len(x)) % period
    count = np.bincount(phase)
    mean = np.bincount(phase, x) / count
    rest = (x - mean[phase]) * (count / np.maximum(count - 1, 1))[phase]
    return float(x @ x - rest @ rest)


def _nearby(y: np.ndarray, period: int, longest: int, share: float) -> int:
    """The best length within 3 %: the peak of a slow wave is broad, and half a per cent too much is out of step after fifty cycles."""
    x, reach = _flat(y, period, share), max(1, min(period // 33, 20))
    around = range(max(period - reach, _SHORTEST), min(period + reach, longest) + 1)
    return max(around, key=lambda p: explained(x, p))


def _whole_part(y: np.ndarray, period: int, longest: int, share: float) -> int:
    """A half, a third ... of ``period`` when it explains as much: the true length may have been just missed, and its multiple hit."""
    gain = explained(_flat(y, period, share), period)
    parts = (_nearby(y, round(period / k), longest, share) for k in range(8, 1, -1) if period / k >= _SHORTEST)
    return next((p for p in parts if explained(_flat(y, p, share), p) >= _AS_GOOD * gain), period)


def _of_clock(y: np.ndarray, period: int, natural: tuple[int, ...], share: float) -> int:
    """The clock's own length when it is within 3 % and explains about as much."""
    x = _flat(y, period, share)
    gain = explained(x, period)
    return next((p for p in natural if abs(p - period) <= 0.03 * period and explained(x, p) >= _AS_GOOD * gain), period)


def profile(d: np.ndarray, period: int) -> np.ndarray:
    """(period,) the robust shape of one period of ``d`` (m,), a series around 0: the median at each phase.

    With few cycles the neighbouring phases join in, as far as one twenty-fourth of the period: one odd cycle shall not become the season.
    """
    cycles = len(d) / period
    reach = 0 if cycles >= 7 else min(int(np.ceil((9 / cycles - 1) / 2)), period // 24)
    rows = -(-len(d) // period)
    padded = np.full(rows * period + 2 * reach, np.nan)
    padded[reach: reach + len(d)] = d
    stacked = np.concatenate([padded[k: k + rows * period].reshape(rows, period) for k in range(2 * reach + 1)])
    shape = np.nanmedian(stacked, axis=0)
    return np.asarray(shape - np.median(shape))


def _flat(y: np.ndarray, window: int, share: float) -> np.ndarray:
    """``y`` without what is slower than ``window`` (half its length at most), a ``share`` of extremes on each side pulled in, mean 0."""
    x = y - season_mean(y, min(window, len(y) // 2))
    low, high = np.quantile(x, [share, 1 - share])
    x = np.clip(x, low - (high - low) / 2, high + (high - low) / 2)
    return np.asarray(x - x.mean())


def _peaks(x: np.ndarray, longest: int) -> list[int]:
    """Lags of the highest and of the first peaks of the autocorrelation, each with its neighbours: a sampled peak may be off by one."""
    power = float(x @ x)
    if power <= 1e-24 * len(x):
        return []
    acf = np.fft.irfft(np.abs(np.fft.rfft(x, 1 << int(2 * len(x) - 1).bit_length())) ** 2)[: longest + 2] / power
    inner = acf[1:-1]
    tops = np.flatnonzero((inner > acf[:-2]) & (inner >= acf[2:]) & (inner > 0.1)) + 1
    highest = tops[np.argsort(-acf[tops], kind="stable")][:_CANDIDATES]
    first = tops[acf[tops] >= 0.6 * acf[tops].max(initial=0.0)][:_CANDIDATES]
    return sorted({int(lag) + step for lag in (*highest, *first) for step in (-1, 0, 1)})
