"""How good scores and decisions are on a series, where anomalies are runs of time steps.

Two views. *Volume under the surface* judges a score: anomalies get soft shoulders, so that an alarm a few steps off still counts in
part, and the result is averaged over all shoulder widths and thresholds. *Events* judge decisions: was each anomaly noticed, how soon,
and how many alarms were for nothing. There is no point adjustment here: it lets a random score look excellent.

Letters: t time steps, w shoulder widths in time steps, k thresholds, r runs of anomalous steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tocsin.core.errors import ConfigError
from tocsin.evaluation.checked import decisions, labels, scores, segments

_LAGS, _SKIP, _USUAL = 400, 3, 125
_CELLS = 2_000_000  # pairs times shoulders held at once


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
    None when all steps are normal or all anomalous. Exact. Time is O(t log t + r * window), and a product of
    matrices of sides ``window`` and ``thresholds``; where runs lie closer than a window, O(r * window^2).
    Raises ConfigError TOC-261 for a negative window or no thresholds (whole numbers both), DataError TOC-101 (unequal lengths), TOC-115
    (not numbers), TOC-117 (labels other than 0 and 1).

    Source: Paparrizos et al., Volume Under the Surface, PVLDB 15(11), 2022; Liu and Paparrizos, The Elephant in the Room (TSB-AD), 2024.

    >>> y = np.zeros(200, int); y[100:110] = 1
    >>> vus(y, y.astype(float), 20).pr, round(vus(y, np.roll(y, 5).astype(float), 20).pr, 2), vus(y * 0, y.astype(float), 20)
    (1.0, 0.6, None)
    """
    whole = all(isinstance(value, (int, np.integer)) for value in (window, thresholds))
    if not whole or window < 0 or thresholds < 1:
        raise ConfigError("TOC-261", "a surface needs a window of 0 or more steps and at least one threshold",
                          came=f"{window!r}, {thresholds!r}"[:80], todo="pass window=acf_window(x[:, 0]) and thresholds=100")
    y = labels(y) == 1
    score = scores(score, len(y))
    t, inside = len(y), int(y.sum())
    if inside in (0, t):
        return None
    falling = -np.sort(-score)
    cuts = falling[np.linspace(0, t - 1, thresholds).astype(int)]                      # (k,) from the highest score down
    flagged = t - np.searchsorted(falling[::-1], cuts)                                 # (k,) steps at or above each cut
    level = np.searchsorted(-cuts, -score)                                             # (t,) first cut that flags the step, k for none
    found = np.cumsum(np.bincount(level[y], minlength=thresholds + 1))[:-1]            # (k,) anomalous steps flagged
    partly = np.cumsum(_partly(y, level, window, thresholds), axis=1)                  # (w, k) weight of the flagged steps beside them
    noticed = _noticed(y, level, window // 2, thresholds)[np.arange(window + 1) // 2]  # (w, k) share of widened runs with a flag
    hits = found + partly
    positives = inside + partly / 2
    tpr = np.pad(np.minimum(hits / positives, 1) * noticed, ((0, 0), (1, 1)), constant_values=(0.0, 1.0))  # (w, k + 2)
    fpr = np.pad((flagged - hits) / (t - positives), ((0, 0), (1, 1)), constant_values=(0.0, 1.0))
    roc = np.sum(np.diff(fpr) * (tpr[:, 1:] + tpr[:, :-1])) / 2
    pr = np.sum(np.diff(tpr[:, :-1]) * (hits / flagged))
    return Volume(float(pr) / (window + 1), float(roc) / (window + 1))


def events(y: np.ndarray, decided: np.ndarray, groups: np.ndarray | None = None) -> dict[str, float | int | None]:
    """Event-wise figures: an anomaly is found when any of its steps is flagged; an alarm is a run of flagged steps, false when it
    touches no anomaly.

    ``delay_mean`` and ``delay_median`` are steps from an anomaly's start to its first flagged step, over those found (an alarm that began
    earlier counts 0). An alarm over the whole series finds everything: read recall together with the share of flagged steps.
    Raises DataError TOC-101 (unequal lengths), TOC-115 (no columns of numbers), TOC-117 (other values than 0 and 1).

    >>> events(np.array([0, 1, 1, 1, 0, 0, 1]), np.array([0, 0, 1, 0, 1, 0, 0]))["recall"]
    0.5
    """
    anomalous = labels(y).astype(bool)
    flagged, groups = decisions(decided, len(anomalous)), segments(groups, len(anomalous))
    truth, alarms = runs(anomalous, groups), runs(flagged, groups)
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


def _partly(y: np.ndarray, level: np.ndarray, window: int, thresholds: int) -> np.ndarray:
    """(window + 1, k) weight of the steps beside the runs that each cut is the first to flag, for each shoulder.

    A step weighs sqrt(1 - distance / w) within half a window, and 1 at most where several runs are near. Most steps are near one run only:
    these are counted by distance and cut once, and one product of matrices weighs them for all shoulders.
    """
    steps, far = _shoulders(y, window // 2)
    w = np.arange(window + 1)[:, None]
    reach = np.arange(window // 2 + 1)
    weight = np.sqrt(np.where((reach <= w // 2) & (reach > 0), 1 - reach / np.maximum(w, 1), 0.0))  # (window + 1, reach + 1)
    shared = np.bincount(steps, minlength=len(y))[steps] > 1
    alone = np.bincount(far[~shared] * (thresholds + 1) + level[steps[~shared]], minlength=len(reach) * (thresholds + 1))
    made = weight @ alone.reshape(len(reach), thresholds + 1)[:, :-1].astype(float)
    return made if not shared.any() else made + _crowded(steps[shared], far[shared], level, weight, thresholds)


def _crowded(steps: np.ndarray, far: np.ndarray, level: np.ndarray, weight: np.ndarray, thresholds: int) -> np.ndarray:
    """The same for steps near several runs, given as pairs; some shoulders at a time, so that memory stays small."""
    order = np.lexsort((steps, level[steps]))
    steps, far = steps[order], far[order]
    first = np.flatnonzero(np.r_[True, steps[1:] != steps[:-1]])                       # of each step's pairs
    at = level[steps[first]]
    begins = np.flatnonzero(np.r_[True, at[1:] != at[:-1]])                            # of each cut's steps
    made = np.zeros((len(weight), thresholds + 1))
    size = max(1, _CELLS // len(steps))
    for low in range(0, len(weight), size):
        each = np.minimum(np.add.reduceat(weight[low : low + size, far], first, axis=1), 1)
        made[low : low + size, at[begins]] = np.add.reduceat(each, begins, axis=1)
    return made[:, :-1]


def _shoulders(y: np.ndarray, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (normal step, distance to a run it lies beside) up to ``reach``; a step between two runs is in two pairs."""
    ends, t = runs(y), len(y)
    far = np.arange(1, reach + 1)
    steps = np.concatenate([(ends[:, 0, None] - far).ravel(), (ends[:, 1, None] + far).ravel()])  # 2 r * reach
    far = np.tile(far, 2 * len(ends))
    kept = (steps >= 0) & (steps < t)
    kept[kept] = ~y[steps[kept]]
    return steps[kept], far[kept]


def _noticed(y: np.ndarray, level: np.ndarray, reach: int, thresholds: int) -> np.ndarray:
    """(reach + 1, k) share of the runs, widened by 0 .. reach steps, that each cut notices; runs that touch are taken together."""
    ends, t = runs(y), len(y)
    wide = np.arange(reach + 1)[:, None]
    soonest = np.minimum(level[np.maximum(ends[:, 0] - wide, 0)], level[np.minimum(ends[:, 1] + wide, t - 1)])  # (reach + 1, r)
    soonest[0] = np.minimum.reduceat(level, np.ravel(np.c_[ends[:, 0], ends[:, 1] + 1])[: 2 * len(ends) - (ends[-1, 1] + 1 == t)])[::2]
    soonest = np.minimum.accumulate(soonest, axis=0)                                   # the first cut that flags any step of it
    apart = np.ones(soonest.shape, bool)
    apart[:, 1:] = ends[:-1, 1] + wide < ends[1:, 0] - wide
    first = np.flatnonzero(apart)                                                      # of each group of runs that touch
    group = np.minimum.reduceat(soonest.ravel(), first)
    count = np.bincount(first // len(ends) * (thresholds + 1) + group, minlength=(reach + 1) * (thresholds + 1))
    made = np.cumsum(count.reshape(reach + 1, thresholds + 1)[:, :-1], axis=1)
    return np.asarray(made / apart.sum(axis=1)[:, None])
