"""Which of new rows may be learned from: the present model judges them, and what it finds odd is kept out.

A guard has two ways to fail. It may let an anomaly in, which the next model then takes for normal; or it may shut the door after a lasting
change, when everything looks odd for ever. So odd spans are left out, and a span that is long and keeps one level is told apart: whether
it is an incident or the new normal is not in the data, and somebody has to say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tocsin.core.errors import DataError
from tocsin.core.types import Dataset
from tocsin.decision.calibrate import Conformal
from tocsin.flows.made import numbers
from tocsin.pipeline.calibration import runs
from tocsin.pipeline.pipeline import Pipeline

_STRONG = 10.0  # an event is surely odd where its p-value is this many times below the cut: it is left out with its margins
_LOW, _SUSTAINED = 0.1, 0.5  # a span is odd as a whole where half of its p-values are at most 0.1; of normal rows a tenth is
_LONG = 8  # windows: p-values of that many windows are worth some independent ones, and a level can be seen to stay
_FEWEST = 64  # rows of a new level that can be judged by themselves


@dataclass(frozen=True)
class Guarded:
    """``left_out`` (n,) rows that are not to be learned; ``lasting``: row numbers (m,) of each long odd span, margins taken off;
    ``words``: a sentence for each on whether it keeps one level."""

    left_out: np.ndarray
    lasting: tuple[np.ndarray, ...] = ()
    words: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """The share of the rows that is left out."""
        return float(self.left_out.mean())


@dataclass(frozen=True)
class Usual:
    """Of each number column by name, in old rows: its ``spread``, and for how many steps it has stood ``still`` at most."""

    spread: dict[str, float]
    still: dict[str, int]

    @classmethod
    def of(cls, data: Dataset) -> Usual:
        """What is usual in ``data``."""
        names, X = numbers(data)
        still = {name: max((end - start for start, end in _still(X[:, j])), default=1) for j, name in enumerate(names)}
        return cls(dict(zip(names, X.std(axis=0).tolist())), still)


def guard(model: Pipeline, data: Dataset, usual: Usual | None = None) -> Guarded:
    """What ``model`` finds odd in ``data``, with margins. ``usual``: what the old rows were like, where they are at hand.

    In a table, the rows that the model raises. In a series, each event with a detector's reach on both sides (a quarter of it where the
    event is of the kind that the promised false-alarm rate lets through), and every span of eight windows in which half of the rows
    are among the oddest tenth, though none of them need be raised; and what stands still for two windows and twice as long as
    ever before, which is usual to a detector that looks at levels alone. Rows labelled 1 are always left out.
    """
    reach = reach_of(model)
    found = model.detect(data)
    left = found.is_anomaly.copy()
    if data.kind == "series":
        cut = float(model.threshold_.cut(found.p_value))
        for low, high in stretches(data):
            part = slice(low, high)
            left[part] = _wide(found.is_anomaly[part], found.p_value[part], cut, reach) | _sustained(found.p_value[part], reach)
        if usual is not None:
            left |= _stuck(data, usual, reach)
    if data.y is not None:
        left |= data.y == 1
    spans = _long(left, data, reach) if data.kind == "series" else _bulk(left)
    return Guarded(left, tuple(spans), tuple(_level(data, rows, reach, usual) for rows in spans))


def allowed(model: Pipeline, data: Dataset, guarded: Guarded) -> Guarded:
    """``guarded`` with its lasting spans let in. The present model cannot tell the anomalies of a level that it does not know, so each
    span is judged by itself, by detectors of the same settings that have not seen the rows, and what is odd in it stays out."""
    left, reach = guarded.left_out.copy(), reach_of(model)
    for rows in guarded.lasting:
        span = data[rows]
        judge = Pipeline(model.detector_.fresh(), [step.fresh() for step in model.preparation_.steps], Conformal(trim=True),
                         model.threshold.fresh(), seed=model.seed)
        odd = np.zeros(len(rows), dtype=bool)
        try:
            found = judge.fit_detect(span)
            odd = found.is_anomaly
        except DataError as error:
            if error.code in ("TOC-113", "TOC-118"):
                continue  # too short to be judged: it stays out, and the share says so
            if error.code != "TOC-153":
                raise
        else:  # TOC-153: it stands still, nothing in it is odder than the rest
            if data.kind == "series":
                odd = _wide(odd, found.p_value, float(judge.threshold_.cut(found.p_value)), reach)
        left[rows] = odd if data.y is None else odd | (data.y[rows] == 1)
    return Guarded(left, guarded.lasting, guarded.words)


def reach_of(model: Pipeline) -> int:
    """Steps that one step's score depends on: the window of a series, 1 for a table."""
    return max(1, int(model.detector_.params().get("window") or 1)) if model.kind_ == "series" else 1


def stretches(data: Dataset) -> list[tuple[int, int]]:
    """Half-open runs of rows of one group.

    >>> stretches(Dataset.of([1.0, 2.0, 3.0], kind="series", group=["a", "a", "b"]))
    [(0, 2), (2, 3)]
    """
    if data.group is None:
        return [(0, len(data))]
    cuts = np.flatnonzero(data.group[1:] != data.group[:-1]) + 1
    edges = [0, *cuts.tolist(), len(data)]
    return list(pairwise(edges))


def _wide(odd: np.ndarray, p: np.ndarray, cut: float, reach: int) -> np.ndarray:
    """(t,) events with their margins."""
    left = np.zeros(len(odd), dtype=bool)
    for start, end in runs(np.flatnonzero(odd)):
        margin = reach if p[start:end].min() <= cut / _STRONG or end - start > 2 * reach else reach // 4
        left[max(0, start - margin):end + margin] = True
    return left


def _sustained(p: np.ndarray, reach: int) -> np.ndarray:
    """(t,) spans of about eight windows in which half of the p-values are low, from their first low row to their last."""
    left = np.zeros(len(p), dtype=bool)
    size = max(_LONG * reach, 16)
    if len(p) < size:
        return left
    low = p <= _LOW
    total = np.r_[0, np.cumsum(low)]
    starts = np.flatnonzero((total[size:] - total[:-size]) / size >= _SUSTAINED)  # spans starts:starts + size
    covered = np.zeros(len(p) + 1, dtype=np.int64)
    np.add.at(covered, starts, 1)
    np.add.at(covered, starts + size, -1)
    for start, end in runs(np.flatnonzero(np.cumsum(covered[:-1]) > 0)):
        at = start + np.flatnonzero(low[start:end])
        left[at[0]:at[-1] + 1] = True
    return left


def _stuck(data: Dataset, usual: Usual, reach: int) -> np.ndarray:
    """(t,) runs in which a column that used to move does not."""
    left = np.zeros(len(data), dtype=bool)
    names, X = numbers(data)
    for j, name in enumerate(names):
        if usual.spread.get(name, 0.0) > 0:
            longest = max(2 * reach, 16, 2 * usual.still[name])
            for start, end in _still(X[:, j]):
                left[start:end] |= end - start > longest
    return left


def _still(x: np.ndarray) -> list[tuple[int, int]]:
    """Half-open runs of equal values, two and longer."""
    same = np.flatnonzero(np.diff(x) == 0)
    return [(start, end + 1) for start, end in runs(same)]


def _long(left: np.ndarray, data: Dataset, reach: int) -> list[np.ndarray]:
    """Row numbers of the left-out spans of eight windows and more. Short gaps do not end a span. Two windows are taken off at a side that
    is not the data's own end: the margin, and what scores oddly because a window reaches into the change."""
    spans = []
    for low, high in stretches(data):
        filled = left[low:high].copy()
        for start, end in runs(np.flatnonzero(~filled)):
            if start > 0 and end < len(filled) and end - start <= reach:
                filled[start:end] = True
        for start, end in runs(np.flatnonzero(filled)):
            first, last = start + 2 * reach * (start > 0), end - 2 * reach * (end < len(filled))
            if last - first >= max(_LONG * reach, _FEWEST):
                spans.append(np.arange(low + first, low + last))
    return spans


def _bulk(left: np.ndarray) -> list[np.ndarray]:
    """Of a table, the left-out rows as one span, when they are many."""
    rows = np.flatnonzero(left)
    return [rows] if len(rows) >= _FEWEST else []


def _level(data: Dataset, rows: np.ndarray, reach: int, usual: Usual | None) -> str:
    """A sentence on a long odd span: does it keep one level, does it move at all?"""
    where = f"rows {rows[0]:,} to {rows[-1]:,}"
    if data.kind != "series":
        return f"{len(rows):,} rows between row {rows[0]:,} and row {rows[-1]:,} are odd. If they are the new usual, allow the change."
    names, X = numbers(data[rows])
    parts = np.array_split(X, 4)
    spread = np.mean([part.std(axis=0) for part in parts], axis=0)  # (c,) within quarters
    means = np.array([part.mean(axis=0) for part in parts])  # (4, c)
    old = spread if usual is None else np.array([usual.spread.get(name, 0.0) for name in names])
    steady = np.all(np.ptp(means, axis=0) <= np.maximum(spread, 0.25 * old)) and np.all(spread <= 2 * np.maximum(old, 1e-12))
    long = f"{len(rows) // max(reach, 1)} windows"
    if X.shape[1] and not np.any(spread > 0):
        return f"{where} stand still for {long}: a broken sensor looks like that."
    if steady:
        return f"{where} keep one level with a usual spread for {long}. If the change is meant to last, allow it."
    return f"{where} are odd for {long} and do not keep one level yet: wait, or look into it."
