"""How good scores and decisions are on a series, where anomalies are runs of time steps.

Two views. *Volume under the surface* judges a score: anomalies get soft shoulders, so that an alarm a few steps off still counts in
part, and the result is averaged over all shoulder widths and thresholds. *Events* judge decisions: was each anomaly noticed, how soon,
and how many alarms were for nothing. There is no point adjustment here: it lets a random score look excellent.

Letters: t time steps, w shoulder width in time steps, k thresholds, r runs of anomalous steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tocsin.core.errors import ConfigError

_LAGS, _SKIP, _USUAL = 400, 3, 125


@dataclass(frozen=True)
class Volume:
    """Volume under the precision-recall and under the ROC surface."""

    pr: float
    roc: float


def runs(y: np.ndarray, groups: np.ndarray | None = None) -> np.ndarray:
    """(r, 2) first and last row of each run of ones; a run never crosses into another group.

    >>> runs(np.array([0, 1, 1, 0, 1])).tolist()
    [[1, 2], [4, 4]]
    """
    on = np.asarray(y).astype(bool)
    breaks = np.zeros(max(len(on) - 1, 0), bool) if groups is None else np.asarray(groups)[1:] != np.asarray(groups)[:-1]
    starts = on & np.r_[True, ~on[:-1] | breaks][: len(on)]
    ends = on & np.r_[~on[1:] | breaks, True][: len(on)]
    return np.stack([np.flatnonzero(starts), np.flatnonzero(ends)], axis=1)


def acf_window(x: np.ndarray) -> int:
    """The widest shoulder that TSB-AD gives a series: the lag of the highest autocorrelation peak of ``x`` (t,), else 125.

    Lags from 4 to 399 of the first 20,000 steps are looked at; a peak at lag 5 or below, or above 303, counts as none.

    >>> acf_window(np.sin(np.arange(1000) * 2 * np.pi / 40))
    40
    """
    x = np.asarray(x, dtype=np.float64).ravel()[:20_000]
    x = x - x.mean() if len(x) else x
    power = float(x @ x)
    if power <= 0:
        return _USUAL
    spectrum = np.fft.rfft(x, 1 << int(2 * len(x) - 1).bit_length())
    acf = (np.fft.irfft(np.abs(spectrum) ** 2)[: min(_LAGS + 1, len(x))] / power)[_SKIP:]
    peaks = 1 + np.flatnonzero((acf[1:-1] > acf[:-2]) & (acf[1:-1] > acf[2:]))
    if not len(peaks):
        return _USUAL
    best = int(peaks[acf[peaks].argmax()])
    return best + _SKIP if 3 <= best <= 300 else _USUAL


def vus(y: np.ndarray, score: np.ndarray, window: int, *, thresholds: int = 100) -> Volume | None:
    """Volume under the surface of range-based precision-recall and ROC curves, as the TSB-AD benchmark defines it ("opt" version).

    y (t,) 0/1, score (t,), ``window`` the widest shoulder in time steps (:func:`acf_window`). Depends on the order of the scores only.
    None when all steps are normal or all anomalous. Time is O(window * (anomalous steps + r * window)), exact, no surface is stored.
    Raises ConfigError TOC-261 for a negative window or no thresholds.

    Source: Paparrizos et al., Volume Under the Surface, PVLDB 15(11), 2022; Liu and Paparrizos, The Elephant in the Room (TSB-AD), 2024.

    >>> y = np.zeros(200, int); y[100:110] = 1
    >>> vus(y, y.astype(float), 20).pr, round(vus(y, np.roll(y, 5).astype(float), 20).pr, 2), vus(y * 0, y.astype(float), 20)
    (1.0, 0.6, None)
    """
    if window < 0 or thresholds < 1:
        raise ConfigError("TOC-261", "a surface needs a window of 0 or more steps and at least one threshold",
                          came=f"{window}, {thresholds}", todo="pass window=acf_window(x[:, 0]) and thresholds=100")
    y, score = np.asarray(y) == 1, np.asarray(score, dtype=np.float64)
    t, inside = len(y), int(y.sum())
    if inside in (0, t):
        return None
    falling = -np.sort(-score)
    cuts = falling[np.linspace(0, t - 1, thresholds).astype(int)]                      # (k,) from the highest score down
    flagged = t - np.searchsorted(falling[::-1], cuts)                                 # (k,) steps at or above each cut
    level = np.searchsorted(-cuts, -score)                                             # (t,) first cut that flags the step
    found = np.cumsum(np.bincount(level[y], minlength=thresholds))                     # (k,) anomalous steps flagged
    steps, far = _shoulders(y, window // 2)
    peaks = _peaks(y, score, window // 2)
    pr = roc = 0.0
    for w in range(window + 1):
        soft = _soft(steps, far, w, t)                                                 # (t,) weight of steps beside the anomalies
        partly = np.cumsum(np.bincount(level[steps], soft, minlength=thresholds)) if len(steps) else np.zeros(thresholds)
        highest = peaks[w // 2]
        noticed = np.cumsum(np.bincount(np.searchsorted(-cuts, -highest), minlength=thresholds)) / len(highest)
        hits = found + partly
        positives = inside + partly / 2
        tpr = np.minimum(hits / positives, 1) * noticed
        fpr = (flagged - hits) / (t - positives)
        roc += _trapezes(np.r_[0, tpr, 1], np.r_[0, fpr, 1])
        pr += float(np.diff(np.r_[0, tpr]) @ (hits / flagged))
    return Volume(pr / (window + 1), roc / (window + 1))


def events(y: np.ndarray, decided: np.ndarray, groups: np.ndarray | None = None) -> dict[str, float | int | None]:
    """Event-wise figures: an anomaly is found when any of its steps is flagged; an alarm is a run of flagged steps, false when it
    touches no anomaly.

    ``delay_mean`` and ``delay_median`` are steps from an anomaly's start to its first flagged step, over those found (an alarm that began
    earlier counts 0). An alarm over the whole series finds everything: read recall together with the share of flagged steps.

    >>> events(np.array([0, 1, 1, 1, 0, 0, 1]), np.array([0, 0, 1, 0, 1, 0, 0]))["recall"]
    0.5
    """
    truth, alarms = runs(y, groups), runs(decided, groups)
    flagged, anomalous = np.asarray(decided).astype(bool), np.asarray(y) == 1
    found = np.array([flagged[a : b + 1].any() for a, b in truth], dtype=bool)
    right = np.array([anomalous[a : b + 1].any() for a, b in alarms], dtype=bool)
    delays = [int(flagged[a : b + 1].argmax()) for (a, b), hit in zip(truth, found) if hit]
    precision = float(right.mean()) if len(alarms) else None
    recall = float(found.mean()) if len(truth) else None
    both = (precision or 0) + (recall or 0)
    return {"events": len(truth), "found": int(found.sum()), "alarms": len(alarms), "false_alarms": int((~right).sum()),
            "precision": precision, "recall": recall,
            "f1": None if precision is None and recall is None else 2 * (precision or 0) * (recall or 0) / both if both else 0.0,
            "delay_mean": float(np.mean(delays)) if delays else None, "delay_median": float(np.median(delays)) if delays else None}


def _shoulders(y: np.ndarray, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (normal step, distance to a run it lies beside) up to ``reach``; a step between two runs is in two pairs."""
    ends, t = runs(y), len(y)
    far = np.arange(1, reach + 1)
    steps = np.concatenate([(ends[:, 0, None] - far).ravel(), (ends[:, 1, None] + far).ravel()])  # 2 r * reach
    far = np.tile(far, 2 * len(ends))
    kept = (steps >= 0) & (steps < t)
    kept[kept] = ~y[steps[kept]]
    return steps[kept], far[kept]


def _soft(steps: np.ndarray, far: np.ndarray, w: int, t: int) -> np.ndarray:
    """Weight of each pair: sqrt(1 - distance / w) within half a window; the weights of a step in several pairs add up to 1 at most."""
    weight = np.sqrt(np.where(far <= w // 2, 1 - far / max(w, 1), 0.0).clip(0))
    total = np.bincount(steps, weight, minlength=t)[steps] if len(steps) else weight
    return np.asarray(weight / np.maximum(total, 1))


def _peaks(y: np.ndarray, score: np.ndarray, reach: int) -> list[np.ndarray]:
    """For each shoulder 0 .. reach: the highest score in each widened run, runs that touch each other taken together."""
    ends, t = runs(y), len(y)
    highest = np.array([score[a : b + 1].max() for a, b in ends])
    made = []
    for h in range(reach + 1):
        if h:
            highest = np.maximum(highest, np.maximum(score[np.maximum(ends[:, 0] - h, 0)], score[np.minimum(ends[:, 1] + h, t - 1)]))
        first = np.flatnonzero(np.r_[True, ends[:-1, 1] + h < ends[1:, 0] - h])
        made.append(np.maximum.reduceat(highest, first))
    return made


def _trapezes(high: np.ndarray, along: np.ndarray) -> float:
    return float(np.diff(along) @ (high[1:] + high[:-1]) / 2)
