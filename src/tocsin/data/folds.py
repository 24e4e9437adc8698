"""k folds of a data set, by what its rows are: one entry point over :mod:`tocsin.data.split`."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Literal, get_args

import numpy as np

from tocsin.core.errors import ConfigError, DataError
from tocsin.core.seed import derive
from tocsin.core.types import Dataset
from tocsin.data.split import Fold, block_folds, group_folds, random_folds

SplitKind = Literal["random", "stratified", "group", "blocks", "time"]


def split_kind(data: Dataset) -> SplitKind:
    """What suits ``data`` when nothing was said: blocks for a series, whole groups where rows have several, rows at random otherwise.

    >>> split_kind(Dataset.of(np.zeros((9, 1)))), split_kind(Dataset.of(np.zeros(9), kind="series"))
    ('random', 'blocks')
    """
    if data.kind == "series":
        return "blocks"
    return "group" if data.group is not None and len(np.unique(data.group)) > 1 else "random"


def splits(data: Dataset, kind: SplitKind | None = None, folds: int = 5, *, repeats: int = 1, purge: int = 0, seed: int = 0) -> list[Fold]:
    """Pairs (training rows, test rows) of ``data``, sorted row numbers that share none.

    random      rows at random, each tested once; where there are labels, each is spread evenly over the folds
    stratified  the same, and labels are required
    group       whole groups (``data.group``): no entity is both learned from and judged
    blocks      contiguous stretches of a series, learned from what lies before and after; ``purge`` rows around each are left out
    time        the past to learn from, the next stretch to judge, ``folds`` times; rows of one time stay together, ``purge`` distinct
                times before each cut are left out. The only honest one where the world drifts; the first folds learn from little

    ``kind`` None is :func:`split_kind`. ``repeats`` draws "random", "stratified" and "group" anew so many times and joins the folds.
    Raises DataError TOC-170 (too few rows, groups or times), TOC-188 (no labels, groups or times for this kind); ConfigError TOC-202
    (fewer than two folds, one repeat), TOC-226 (an unknown kind; rows of a series at random; repeats of what is not drawn).

    >>> data = Dataset.of(np.zeros((6, 1)), time=np.arange(6))
    >>> [(train.tolist(), test.tolist()) for train, test in splits(data, "time", 2)]
    [([0, 1], [2, 3]), ([0, 1, 2, 3], [4, 5])]
    """
    kind = split_kind(data) if kind is None else kind
    _check(data, kind, folds, repeats)
    if kind == "time":
        return _forward(_stamps(data), folds, purge)
    if kind == "blocks":
        return list(block_folds(len(data), folds, purge=purge, groups=data.group))
    made: list[Fold] = []
    for r in range(repeats):
        drawn = seed if r == 0 else derive(seed, "repeat", r)
        made += list(group_folds(data.group, folds, seed=drawn) if kind == "group" else
                     random_folds(len(data), folds, y=data.y, seed=drawn))
    return made


def training_part(data: Dataset, rows: np.ndarray) -> Dataset:
    """``data[rows]``; in a series, a new segment begins wherever rows between two kept ones are missing, so that no window crosses the gap.

    >>> training_part(Dataset.of(np.zeros(6), kind="series"), np.array([0, 1, 4, 5])).group.tolist()
    ['0', '0', '1', '1']
    """
    rows = np.asarray(rows)
    part = data[rows]
    run = np.concatenate([[0], np.cumsum(np.diff(rows) > 1)])
    if data.kind != "series" or not run[-1]:
        return part
    names = run.astype(str) if part.group is None else np.array([f"{name}/{r}" for name, r in zip(part.group.tolist(), run.tolist())])
    return replace(part, group=names)


def _check(data: Dataset, kind: str, folds: int, repeats: int) -> None:
    if kind not in get_args(SplitKind):
        raise _wrong("there is no such kind of split", repr(kind)[:80], f"use one of {', '.join(get_args(SplitKind))}")
    if data.kind == "series" and kind in ("random", "stratified"):
        raise _wrong("the steps of a series are not split at random: neighbours tell each other's value", repr(kind), "use blocks or time")
    if kind in ("blocks", "time") and repeats != 1:
        raise _wrong("folds in time are not drawn and cannot be repeated", f"{kind}, {repeats} repeats", "leave repeats out")
    if folds < 2:
        raise ConfigError("TOC-202", "cross-validation needs two folds or more", came=repr(folds), todo="use folds=5")
    if repeats < 1:
        raise ConfigError("TOC-202", "repeats is a whole number from 1", came=repr(repeats), todo="use repeats=1")
    missing = {"stratified": data.y is None, "group": data.group is None, "time": data.time is None and data.kind != "series"}
    if missing.get(kind):
        needed = {"stratified": "labels", "group": "a group column", "time": "a time column"}[kind]
        raise DataError("TOC-188", f"this split needs {needed}", came=f"{kind!r} on data without",
                        todo=f"name {needed}, or split at random")


def _wrong(what: str, came: str, todo: str) -> ConfigError:
    return ConfigError("TOC-226", what, came=came, todo=todo)


def _stamps(data: Dataset) -> np.ndarray:
    """(n,) number of each row's time, counted from 0 in order; a series without times: its steps, each group from its own start."""
    if data.time is not None:
        return np.asarray(np.unique(np.asarray(data.time), return_inverse=True)[1])
    if data.group is None:
        return np.arange(len(data))
    starts = np.flatnonzero(np.r_[True, data.group[1:] != data.group[:-1]])
    return np.arange(len(data)) - np.repeat(starts, np.diff(np.r_[starts, len(data)]))


def _forward(stamps: np.ndarray, folds: int, purge: int) -> list[Fold]:
    """The rows cut at ``folds`` times into parts of about equal size; each part but the first is judged by what lies before it."""
    ends = np.cumsum(np.bincount(stamps)) / len(stamps)  # share of the rows up to each time
    cuts = [int(np.searchsorted(ends, i / (folds + 1) - 1e-9)) + 1 for i in range(1, folds + 1)] + [int(stamps.max()) + 1]
    made = [(np.flatnonzero(stamps < low - purge), np.flatnonzero((stamps >= low) & (stamps < high))) for low, high in pairwise(cuts)]
    if purge < 0 or not all(len(train) and len(test) for train, test in made):
        raise DataError("TOC-170", "the split is not possible", came=f"{len(ends)} distinct times for {folds} folds, purge {purge}",
                        todo="pass more data, ask for fewer folds, or a shorter purge")
    return made
