"""The score of the Numenta Anomaly Benchmark (NAB 1.1): early alarms inside labelled windows, false alarms outside, one threshold for all.

Each window gives a reward for its earliest alarm, between 1 (at its left edge) and nearly 0 (at its right edge), or costs the weight of a
miss. Each flagged step outside costs up to the weight of a false alarm, and less just after a window, where it may be a late hit. The first
15 % of a file (750 steps at most) are for warming up and do not count. The threshold is the one that is best for the whole corpus *with
these labels*: the score says what a detector could reach, as in all published tables, not what it delivers.

Letters: n files, t time steps, m counted steps of all files, w windows.

Source: Lavin and Ahmad, Evaluating Real-time Anomaly Detection Algorithms, ICMLA 2015; the rules of its version 1.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tocsin.core.errors import ConfigError, DataError
from tocsin.evaluation.checked import labels, scores
from tocsin.evaluation.ranges import runs

_SHARE, _LONGEST = 0.15, 5000  # of a file, and of its first steps: the time to warm up
_FAR = 3.0  # window widths behind a window after which a false alarm costs in full


@dataclass(frozen=True)
class Profile:
    """What counts how much: a window found, a step flagged outside of windows, a window missed."""

    hit: float
    false_alarm: float
    miss: float


PROFILES = {
    "standard": Profile(1.0, 0.11, 1.0),
    "reward_low_FP_rate": Profile(1.0, 0.22, 1.0),
    "reward_low_FN_rate": Profile(1.0, 0.11, 2.0),
}


@dataclass(frozen=True)
class NabScore:
    """``score`` is 100 for every window found at its first step and no false alarm, 0 for a detector that never flags, and may be negative.

    threshold     a step is flagged when its score is at least this; inf when flagging nothing is best
    raw, null, perfect   ``score`` = 100 (raw - null) / (perfect - null)
    windows, found       labelled windows that reach beyond the warm-up, and those with an alarm
    false_alarms  flagged steps outside the windows, warm-up left out
    files         raw score of each file
    """

    profile: str
    score: float
    threshold: float
    raw: float
    null: float
    perfect: float
    windows: int
    found: int
    false_alarms: int
    files: tuple[float, ...]


@dataclass(frozen=True)
class _Steps:
    """The counted steps of all files. ``window`` is -1 outside; ``worth`` is the reward inside (not weighted) and the cost outside."""

    score: np.ndarray   # (m,) float64
    worth: np.ndarray   # (m,) float64
    window: np.ndarray  # (m,) int64, numbered over all files
    file: np.ndarray    # (m,) int64


def nab_windows(y: Any) -> list[tuple[int, int]]:
    """First and last step of each window of a column of 0 and 1, which NAB's files carry. Raises DataError TOC-115, TOC-117.

    >>> nab_windows([0, 1, 1, 0, 1])
    [(1, 2), (4, 4)]
    """
    return [(int(a), int(b)) for a, b in runs(labels(y))]


def nab_score(files: Iterable[tuple[Any, Any]], profile: str = "standard", *, threshold: float | None = None) -> NabScore:
    """NAB's score of ``files``, each (scores (t,), labels (t,) of 0 and 1), at the threshold that is best for all of them together.

    Only the order of the scores counts, over all files: they must mean the same in each (a probability, for example). A given ``threshold``
    is used as it is. A file without windows adds false alarms only. Time is O(m log m).
    Raises ConfigError TOC-297 (profile), TOC-298 (no window, a score that is not finite, or a threshold that is no number), DataError
    TOC-101 (lengths), TOC-115 (no pairs, or no columns of numbers), TOC-117 (labels).

    >>> y = np.zeros(200, int); y[100:120] = 1
    >>> early, late, never = np.zeros(200), np.zeros(200), np.zeros(200)
    >>> early[100], late[115] = 1.0, 1.0
    >>> [round(nab_score([(score, y)]).score, 1) for score in (early, late, never)]
    [100.0, 78.1, 0.0]
    """
    weights = PROFILES.get(profile) if isinstance(profile, str) else None
    if weights is None:
        raise ConfigError("TOC-297", "there is no such profile of NAB", came=repr(profile)[:80], todo=f"pass one of {', '.join(PROFILES)}")
    if threshold is not None and (not isinstance(threshold, (int, float, np.number)) or np.isnan(threshold)):
        raise ConfigError("TOC-298", "the threshold of NAB's score is no number", came=repr(threshold)[:80], todo="pass a number, or None")
    steps, count = _gather(files)
    windows = np.unique(steps.window[steps.window >= 0])
    if not len(windows):
        raise ConfigError("TOC-298", "NAB's score needs a labelled window behind the warm-up", came=f"{count} files without one",
                          todo="score the whole corpus, not only its files without anomalies")
    order = np.argsort(-steps.score, kind="stable")
    gain = _gain(steps, order, weights)                                       # (m,) what each step adds when it is flagged too
    null, perfect = -weights.miss * len(windows), weights.hit * len(windows)
    cut = _best(steps.score[order], null + np.cumsum(gain), null) if threshold is None else float(threshold)
    flagged = order[steps.score[order] >= cut]                                # from the highest score down
    first = np.unique(steps.window, return_index=True)[1][-len(windows):]     # a step of each window: -1 sorts before them
    files_ = np.bincount(steps.file[flagged], gain[: len(flagged)], minlength=count)
    files_ = files_ - weights.miss * np.bincount(steps.file[first], minlength=count)
    raw, hit = float(files_.sum()), steps.window[flagged]
    return NabScore(profile, 100 * (raw - null) / (perfect - null), cut, raw, null, perfect, len(windows), len(np.unique(hit[hit >= 0])),
                    int((hit < 0).sum()), tuple(files_.tolist()))


def _gather(files: Iterable[tuple[Any, Any]]) -> tuple[_Steps, int]:
    parts: list[tuple[np.ndarray, ...]] = []
    before = 0
    for number, (given, y) in enumerate(_pairs(files)):
        score = scores(given, nan=True)
        ends = runs(labels(y, len(score)))
        if not np.isfinite(score).all():
            raise ConfigError("TOC-298", "NAB's score needs a finite score of every step", came=f"NaN or infinity in file {number}",
                              todo="give every step a score")
        start = int(min(np.floor(_SHARE * len(score)), _SHARE * _LONGEST))
        worth, window = _worth(len(score), ends)
        window[window >= 0] += before
        before += len(ends)
        parts.append((score[start:], worth[start:], window[start:], np.full(len(score) - start, number)))
    if not parts:
        return _Steps(np.zeros(0), np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64)), 0
    return _Steps(*(np.concatenate(part) for part in zip(*parts))), len(parts)


def _pairs(files: Any) -> Iterator[tuple[Any, Any]]:
    if not isinstance(files, Iterable):
        raise DataError("TOC-115", "NAB's score takes files, each scores and labels", came=repr(files)[:80],
                        todo="pass [(scores, labels), ...]")
    for number, file in enumerate(files):
        if not isinstance(file, (tuple, list, np.ndarray)) or len(file) != 2:
            raise DataError("TOC-115", "a file is a pair of scores and labels", came=f"{type(file).__name__} as file {number}",
                            todo="pass [(scores, labels), ...]")
        yield file[0], file[1]


def _worth(t: int, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each step: its reward in a window (1 at the left edge) or its cost outside (-1 far away), and its window or -1."""
    step = np.arange(t)
    last = np.searchsorted(ends[:, 0], step, side="right") - 1                # (t,) the window that began last, -1 before the first
    if not len(ends):
        return np.full(t, -1.0), last
    start, end = ends[last, 0], ends[last, 1]                                 # of no meaning where last is -1
    width = end - start + 1
    inside = (last >= 0) & (step <= end)
    past = np.where(last >= 0, (step - end) / np.maximum(width - 1, 1e-9), _FAR)  # a window of one step: behind it is far behind
    at = np.where(inside, -(end - step + 1) / width, past)
    worth = np.where(at >= _FAR, -1.0, -np.tanh(2.5 * np.minimum(at, _FAR)))  # 2 sigmoid(-5 at) - 1
    return np.where(inside, worth / np.tanh(2.5), worth), np.where(inside, last, -1)


def _gain(steps: _Steps, order: np.ndarray, weights: Profile) -> np.ndarray:
    """(m,) in falling order of the scores: a false alarm's cost, or by how much a step raises what its window is worth so far."""
    window, worth = steps.window[order], steps.worth[order]
    gain = np.where(window < 0, worth * weights.false_alarm, 0.0)
    rows = np.flatnonzero(window >= 0)
    rows = rows[np.argsort(window[rows], kind="stable")]                      # window by window, each from its highest score down
    for part in np.split(rows, np.flatnonzero(np.diff(window[rows])) + 1):
        best = np.maximum.accumulate(np.r_[-weights.miss, weights.hit * worth[part]])
        gain[part] = np.diff(best)
    return gain


def _best(falling: np.ndarray, total: np.ndarray, nothing: float) -> float:
    """The highest threshold of the best total; inf when no alarm is better than any."""
    last = np.flatnonzero(np.r_[np.diff(falling) != 0, True])                 # equal scores are flagged together
    best = int(total[last].argmax())
    return float(falling[last[best]]) if total[last[best]] > nothing else float(np.inf)
