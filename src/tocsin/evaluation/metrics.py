"""How good scores and decisions are, on labelled rows. Labels are 0 (normal) and 1 (anomaly); higher scores are more anomalous.

A figure that the data cannot give (AUROC when all rows are normal, precision when nothing was flagged) is ``None``, never NaN and
never a made-up 0 or 1; :func:`reason` says why. Figures over ranks treat equal scores as a tie: the order of the rows never matters.

Letters: n rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tocsin.core.errors import ConfigError
from tocsin.core.seed import generator
from tocsin.core.types import Detections
from tocsin.evaluation.affiliation import affiliation
from tocsin.evaluation.checked import labels
from tocsin.evaluation.ranges import acf_window, events, vus

Figure = Callable[[np.ndarray, np.ndarray], float | None]
"""A figure of labels (n,) and scores or decisions (n,)."""


def evaluate(found: Detections, y: Any, *, series: bool | None = None, values: Any = None, groups: Any = None, level: float = 0.95,
             repeats: int = 200, seed: int = 0) -> dict[str, Any]:
    """Figures of ``found`` against labels ``y`` (n,) of 0 and 1: plain data for a report or ``--json``.

    rows, anomalies, flagged      counts
    decision                      accuracy, balanced_accuracy, precision, recall, f1, confusion: of ``found.is_anomaly``
    false_alarms                  delivered rate with a Wilson interval
    ranking                       auroc, average_precision (AUC-PR), precision_at_n: of ``found.score``
    oracle                        best_f1: its threshold is chosen with these labels; never what a detector delivers
    series                        vus_pr, vus_roc, window of the score; events (with delays), affiliation of ``found.is_anomaly``: when
                                  ``series`` (default: when ``found`` has times or events)
    intervals                     bootstrap intervals of the figures above (in blocks for a series); {} when ``repeats`` is 0
    undefined                     {figure: why it is None}

    ``values`` (t,) or (t, c) are the series itself, from whose first channel the widest shoulder of the volume is read; without them it
    is 100 steps. ``groups`` (n,) cut a series into segments. Raises DataError TOC-101, TOC-115, TOC-117.
    """
    y = check_labels(y, len(found))
    series = (found.time is not None or bool(found.events)) if series is None else series
    flagged, score = np.asarray(found.is_anomaly).astype(bool), np.asarray(found.score)
    window = 100 if values is None else acf_window(np.asarray(values, dtype=np.float64).reshape(len(y), -1)[:, 0])
    undefined: dict[str, str] = {}
    made: dict[str, Any] = {
        "rows": len(y), "anomalies": int(y.sum()), "flagged": int(flagged.sum()),
        "decision": {**_figures(_DECISION, y, flagged, undefined), "confusion": confusion(y, flagged)},
        "false_alarms": false_alarms(y, flagged, level),
        "ranking": _figures(_RANKING, y, score, undefined),
        "oracle": {"best_f1": best_f1(y, score)},
        "series": _series(y, flagged, score, groups, window, undefined) if series else None,
        "level": level,
        "intervals": _intervals(y, flagged, score, window if series else 1, level, _repeats(repeats, len(y)), seed),
        "undefined": undefined,
    }
    for name, value in (("false_alarms", made["false_alarms"]["rate"]), ("best_f1", made["oracle"]["best_f1"])):
        if value is None:
            undefined[name] = reason(y)
    return made


def confusion(y: np.ndarray, decided: np.ndarray) -> dict[str, int]:
    """Counts: flagged anomalies ``tp``, false alarms ``fp``, quiet normals ``tn``, missed anomalies ``fn``.

    >>> confusion(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 0]))
    {'tp': 1, 'fp': 1, 'tn': 1, 'fn': 1}
    """
    truth, flagged = np.asarray(y) == 1, np.asarray(decided).astype(bool)
    return {"tp": int((truth & flagged).sum()), "fp": int((~truth & flagged).sum()), "tn": int((~truth & ~flagged).sum()),
            "fn": int((truth & ~flagged).sum())}


def accuracy(y: np.ndarray, decided: np.ndarray) -> float | None:
    """Share of right decisions. Misleading when anomalies are rare: flagging nothing is then nearly perfect."""
    c = confusion(y, decided)
    return _share(c["tp"] + c["tn"], len(y))


def precision(y: np.ndarray, decided: np.ndarray) -> float | None:
    """Share of alarms that are anomalies; None when there is no alarm."""
    c = confusion(y, decided)
    return _share(c["tp"], c["tp"] + c["fp"])


def recall(y: np.ndarray, decided: np.ndarray) -> float | None:
    """Share of anomalies that raise an alarm; None when there is no anomaly."""
    c = confusion(y, decided)
    return _share(c["tp"], c["tp"] + c["fn"])


def f1(y: np.ndarray, decided: np.ndarray) -> float | None:
    """Harmonic mean of precision and recall; None when there is neither an alarm nor an anomaly."""
    c = confusion(y, decided)
    return _share(2 * c["tp"], 2 * c["tp"] + c["fp"] + c["fn"])


def balanced_accuracy(y: np.ndarray, decided: np.ndarray) -> float | None:
    """Mean of the shares of anomalies flagged and of normals left alone; None when a class is missing."""
    c = confusion(y, decided)
    found, quiet = _share(c["tp"], c["tp"] + c["fn"]), _share(c["tn"], c["tn"] + c["fp"])
    return None if found is None or quiet is None else (found + quiet) / 2


def auroc(y: np.ndarray, score: np.ndarray) -> float | None:
    """Chance that an anomaly scores above a normal row, ties counting half; None when a class is missing.

    >>> auroc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
    0.75
    """
    flagged, found = _curve(y, score)
    anomalies, normals = int(found[-1]), int(flagged[-1] - found[-1])
    if not anomalies or not normals:
        return None
    alarms = np.r_[0, flagged - found]  # false alarms as the threshold falls through the distinct scores
    return float(np.sum(np.diff(alarms) * (found + np.r_[0, found[:-1]]) / 2) / (anomalies * normals))


def average_precision(y: np.ndarray, score: np.ndarray) -> float | None:
    """Precision averaged over the anomalies as the threshold falls, without interpolation; None without anomalies.

    Also known as AUC-PR. A random score gets the share of anomalies, so compare it within a data set only.

    >>> round(average_precision(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])), 4)
    0.8333
    """
    flagged, found = _curve(y, score)
    if not found[-1]:
        return None
    return float(np.sum(np.diff(np.r_[0, found]) * found / flagged) / found[-1])


def precision_at_n(y: np.ndarray, score: np.ndarray) -> float | None:
    """Share of anomalies among the n highest scores, n = number of anomalies; rows tied at the cut count by their expected share."""
    flagged, found = _curve(y, score)
    n = int(found[-1])
    if not n:
        return None
    cut = int(np.searchsorted(flagged, n))
    before, hits = (int(flagged[cut - 1]), int(found[cut - 1])) if cut else (0, 0)
    return float((hits + (n - before) * (found[cut] - hits) / (flagged[cut] - before)) / n)


def best_f1(y: np.ndarray, score: np.ndarray) -> dict[str, float] | None:
    """The highest F1 that any threshold reaches, and that threshold; None without anomalies.

    An *oracle*: the threshold is chosen with the test labels. It says what a score could give, not what a detector delivers.
    """
    flagged, found = _curve(y, score)
    if not found[-1]:
        return None
    values = 2 * found / (flagged + found[-1])
    best = int(values.argmax())
    return {"value": float(values[best]), "threshold": float(np.sort(np.asarray(score))[len(score) - int(flagged[best])])}


def wilson(count: int, of: int, level: float = 0.95) -> tuple[float, float] | None:
    """Interval for a share, honest for small counts and at 0 and 1 (Wilson 1927); None of nothing.

    >>> low, high = wilson(0, 100)
    >>> round(low, 4), round(high, 4)
    (0.0, 0.037)
    """
    _check_level(level)
    if of == 0:
        return None
    from scipy.special import ndtri  # here only: keeps the arithmetic above free of scipy's import time
    z = float(ndtri((1 + level) / 2))
    share, spread = count / of, z * z / of
    centre, half = share + spread / 2, z * np.sqrt(share * (1 - share) / of + spread / (4 * of))
    return max(0.0, float((centre - half) / (1 + spread))), min(1.0, float((centre + half) / (1 + spread)))


def false_alarms(y: np.ndarray, decided: np.ndarray, level: float = 0.95) -> dict[str, Any]:
    """The delivered false-alarm rate: share of normal rows flagged, with its Wilson interval.

    In a series neighbouring rows alarm together, so the interval, which takes rows as independent, is too narrow there.
    """
    c = confusion(y, decided)
    normals = c["fp"] + c["tn"]
    return {"rate": _share(c["fp"], normals), "interval": wilson(c["fp"], normals, level), "false_alarms": c["fp"], "normals": normals}


def bootstrap(figure: Figure, y: np.ndarray, values: np.ndarray, *, level: float = 0.95, repeats: int = 500, block: int = 1,
              seed: int = 0) -> tuple[float, float] | None:
    """Percentile interval of ``figure(y, values)`` over resampled rows (Efron 1979); None when it is undefined on all.

    ``block`` 1 resamples anomalies and normals apart, so that each sample holds both. A larger block resamples runs of that many rows
    (Künsch 1989), which a series needs; samples on which the figure is undefined are left out. Raises ConfigError TOC-260.
    """
    _check_level(level)
    if repeats < 1 or block < 1:
        raise ConfigError("TOC-260", "a bootstrap needs at least one repeat and blocks of at least one row", came=f"{repeats}, {block}",
                          todo="pass repeats >= 1 and block >= 1")
    y, values, rng = np.asarray(y), np.asarray(values), generator(seed, "bootstrap")
    made = [figure(y[rows], values[rows]) for rows in (_resample(y, block, rng) for _ in range(repeats))]
    defined = [value for value in made if value is not None]
    if not defined:
        return None
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def reason(y: np.ndarray, decided: np.ndarray | None = None) -> str:
    """Why a figure of these rows is undefined.

    >>> reason(np.zeros(3))
    'all rows are normal'
    """
    y = np.asarray(y)
    if not len(y):
        return "there are no rows"
    if not (y == 1).any():
        return "all rows are normal"
    if not (y == 0).any():
        return "all rows are anomalies"
    return "no row was flagged" if decided is not None and not np.asarray(decided).any() else "too few rows of one class"


def check_labels(y: Any, n: int) -> np.ndarray:
    """(n,) int64 labels. Raises DataError TOC-101 (length), TOC-115 (no column of numbers), TOC-117 (values)."""
    return labels(y, n)


def _curve(y: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows flagged and anomalies found, both counted at each distinct score, from the highest down. [0], [0] of nothing."""
    y, score = np.asarray(y), np.asarray(score, dtype=np.float64)
    if not len(y):
        return np.zeros(1, np.int64), np.zeros(1, np.int64)
    order = np.argsort(-score, kind="stable")
    last = np.flatnonzero(np.r_[np.diff(score[order]) != 0, True])
    return last + 1, np.cumsum(y[order] == 1)[last]


def _resample(y: np.ndarray, block: int, rng: np.random.Generator) -> np.ndarray:
    if block > 1:
        starts = rng.integers(0, len(y), -(-len(y) // block))
        return np.ravel((starts[:, None] + np.arange(block)) % len(y))[: len(y)]
    return np.concatenate([rng.choice(rows, len(rows)) for rows in (np.flatnonzero(y == 0), np.flatnonzero(y != 0)) if len(rows)]
                          or [np.zeros(0, np.int64)])


def _share(part: int, of: int) -> float | None:
    return part / of if of else None


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ConfigError("TOC-260", "a confidence level lies between 0 and 1", came=repr(level), todo="pass 0.95, for example")


def _figures(figures: Mapping[str, Figure], y: np.ndarray, values: np.ndarray, undefined: dict[str, str]) -> dict[str, Any]:
    made = {name: figure(y, values) for name, figure in figures.items()}
    for name, value in made.items():
        if value is None:
            undefined[name] = "no row was flagged" if name == "precision" and len(y) else reason(y)
    return made


def _series(y: np.ndarray, flagged: np.ndarray, score: np.ndarray, groups: Any, window: int, undefined: dict[str, str]) -> dict[str, Any]:
    found, volume, near = events(y, flagged, groups), vus(y, score, window), affiliation(y, flagged, groups)
    for name, value in found.items():
        if value is None:
            why = "there is no event" if not found["events"] else "no event was found" if "delay" in name else "no alarm"
            undefined[f"events.{name}"] = why
    for name, value in vars(near).items():
        if value is None:
            undefined[f"affiliation.{name}"] = "no alarm" if near.zones else "there is no event"
    if volume is None:
        undefined["vus_pr"] = undefined["vus_roc"] = reason(y)
    return {"vus_pr": volume and volume.pr, "vus_roc": volume and volume.roc, "window": window, "events": found, "affiliation": vars(near)}


def _intervals(y: np.ndarray, flagged: np.ndarray, score: np.ndarray, block: int, level: float, repeats: int, seed: int) -> dict[str, Any]:
    if not repeats:
        return {}
    block = max(1, min(block, len(y) // 4))
    return {name: bootstrap(figure, y, values, level=level, repeats=repeats, block=block, seed=seed)
            for figures, values in ((_DECISION, flagged), (_RANKING, score)) for name, figure in figures.items() if len(y)}


def _repeats(asked: int, n: int) -> int:
    """Fewer samples of more rows: at a million rows an interval is narrow and 20 samples say so."""
    return min(asked, max(20, 20_000_000 // max(n, 1))) if asked else 0


_DECISION = {"accuracy": accuracy, "balanced_accuracy": balanced_accuracy, "precision": precision, "recall": recall, "f1": f1}
_RANKING = {"auroc": auroc, "average_precision": average_precision, "precision_at_n": precision_at_n}
