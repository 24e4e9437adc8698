"""Scores of rows that the detector was not fitted on: the only ones that a calibrator or a threshold may see.

Four plans, chosen by size and cost and written into the model's facts:

cross      k folds; each row is scored by a detector fitted on the other folds; the model is then fitted on all rows. Every row counts
           twice, as training and as calibration; right for small data, where each row is dear.
holdout    one part is set aside and the model is fitted on the rest alone; exact split-conformal validity, one fit. Right for much data
           and for networks.
own        a detector that can judge what it learned from (``Tags.own_held_out``) does so; one fit, every row counts twice. Not where a
           table has categories: their coding has seen every row.
series     both of the above with contiguous blocks instead of rows. Between a block and its training rows lies one window on each
           side that belongs to neither, so that no window has seen the block. One part is set aside only where it holds 40 windows:
           p-values are worth as much as there are windows to compare with, not steps.

Split conformal: Papadopoulos et al. 2002; cross-conformal: Vovk 2015.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tocsin.core.errors import DataError
from tocsin.core.seed import generator

_CROSS_MOST = 5_000  # rows up to which every row is worth refitting for
_HOLDOUT_SHARE, _HOLDOUT_MOST = 0.2, 10_000
_SLOW_FROM = 1_000  # rows from which a network is calibrated on one held-out part
_LONG = 20_000  # steps from which one held-out part serves every detector
_ENOUGH = 40  # windows in the held-out part of a series
_BLOCKS = 4  # spread over the series, so that the held-out part sees its seasons


@dataclass(frozen=True)
class Plan:
    """Which rows are held out together: ``folds`` is a list of index arrays; ``refit`` says whether the model sees all rows in the end."""

    name: str
    folds: tuple[np.ndarray, ...]
    refit: bool
    block: int = 1


def table_plan(n: int, *, slow: bool, everyone: bool, seed: int, wide: bool = False) -> Plan:
    """The plan for n exchangeable rows. ``everyone``: each row must get a held-out score (the data is judged by itself).
    ``slow`` to fit, or too ``wide`` to prepare anew twenty times: fewer folds."""
    order = generator(seed, "calibration").permutation(n)
    if everyone or n < (_SLOW_FROM if slow else _CROSS_MOST):
        k = _folds(n, slow=slow or wide, everyone=everyone)
        return Plan("cross", tuple(np.sort(part) for part in np.array_split(order, k)), refit=True)
    held = min(int(n * _HOLDOUT_SHARE), _HOLDOUT_MOST)
    return Plan("holdout", (np.sort(order[:held]),), refit=False)


def with_marked(folds: tuple[np.ndarray, ...], marked: np.ndarray, seed: int) -> tuple[np.ndarray, ...]:
    """``folds`` with the rows that are ``marked`` (m,) as anomalies dealt out among them; a single one stays with what is learned."""
    if marked.sum() < 2:
        return folds
    dealt = generator(seed, "marked").permutation(np.flatnonzero(marked))
    return tuple(np.sort(np.r_[fold, dealt[i::len(folds)]]) for i, fold in enumerate(folds))


def group_plan(group: np.ndarray, *, slow: bool, everyone: bool, seed: int) -> Plan:
    """Whole groups are held out together (rows of one entity resemble each other); needs two groups at least."""
    names = generator(seed, "calibration").permutation(np.unique(group))
    k = min(len(names), 5 if slow else 10)
    folds = tuple(np.flatnonzero(np.isin(group, part)) for part in np.array_split(names, k))
    if not everyone and len(group) >= _CROSS_MOST:
        return Plan("holdout", (folds[0],), refit=False)
    return Plan("cross", folds, refit=True)


def series_plan(groups: np.ndarray, reach: int, *, slow: bool, everyone: bool, fewest: int = 2) -> Plan:
    """Contiguous blocks of grid rows. ``reach``: the window, in steps. Raises DataError TOC-118 when fewer than two blocks fit, or when
    less than ``fewest`` steps are left to learn from beside a block and its margins."""
    t = len(groups)
    longest = max(4, t // (2 * max(reach, 1) + 1))
    k = min(10 if not slow else 5 if t < _SLOW_FROM else 3, longest, t // max(2 * reach, 4))
    if k < 2 or t - -(-t // k) - 2 * reach < fewest:
        raise DataError("TOC-118", "the series is too short to learn from and to hold out a part for calibration",
                        came=f"{t} steps with windows of {reach}",
                        todo=f"pass at least {max(4 * max(reach, 4), 2 * (fewest + 2 * reach))} steps or a smaller window")
    if everyone or t < (_SLOW_FROM if slow else _LONG) or t * _HOLDOUT_SHARE < _ENOUGH * reach:
        return Plan("cross", tuple(np.array_split(np.arange(t), k)), refit=True, block=reach)
    size = int(t * _HOLDOUT_SHARE) // _BLOCKS
    centres = (np.arange(_BLOCKS) + 0.5) / _BLOCKS * t
    held = np.unique(np.concatenate([np.arange(max(0, int(c - size / 2)), min(t, int(c + size / 2))) for c in centres]))
    return Plan("holdout", (held,), refit=False, block=reach)


def own_plan(groups: np.ndarray, reach: int) -> Plan:
    """For detectors that judge their own training rows as if unseen: nothing is fitted twice. ``block`` is set when the span is known."""
    if len(groups) < 4 * max(reach, 4):
        raise DataError("TOC-118", "the series is too short to learn from and to calibrate on",
                        came=f"{len(groups)} steps with windows of {reach}",
                        todo=f"pass at least {4 * max(reach, 4)} steps or a smaller window")
    return Plan("own", (), refit=False, block=reach)


def training_rows(held: np.ndarray, groups: np.ndarray, purge: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to fit on, and their segment numbers, when ``held`` and ``purge`` rows on each side of it are left out."""
    keep = np.ones(len(groups), dtype=bool)
    keep[held] = False
    if purge:
        for start, end in runs(held):
            keep[max(0, start - purge):end + purge] = False
    rows = np.flatnonzero(keep)
    return rows, cut_groups(rows, groups)


def cut_groups(rows: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Segment numbers of the kept ``rows``: a new segment starts wherever rows are missing in between or the segment changes."""
    if len(rows) == 0:
        return rows
    breaks = (np.diff(rows) > 1) | (groups[rows][1:] != groups[rows][:-1])
    return np.concatenate([[0], np.cumsum(breaks)]).astype(np.int64)


def around(matrix: np.ndarray, groups: np.ndarray, held: np.ndarray, reach: int) -> Iterator[tuple[np.ndarray, np.ndarray, slice, int]]:
    """For each run of ``held`` rows: its rows with up to ``reach`` rows of the unseen margin on both sides as context, their
    segments, where the run itself lies in them, and their first row in the matrix."""
    for start, end in runs(held):
        low, high = max(0, start - reach), min(len(matrix), end + reach)
        yield matrix[low:high], groups[low:high], slice(start - low, end - low), low


def runs(rows: np.ndarray) -> list[tuple[int, int]]:
    """Half-open runs of consecutive integers in sorted ``rows``.

    >>> runs(np.array([3, 4, 5, 9]))
    [(3, 6), (9, 10)]
    """
    if len(rows) == 0:
        return []
    cuts = np.flatnonzero(np.diff(rows) > 1)
    starts, ends = np.r_[rows[0], rows[cuts + 1]], np.r_[rows[cuts], rows[-1]] + 1
    return [(int(a), int(b)) for a, b in zip(starts, ends)]


def _folds(n: int, *, slow: bool, everyone: bool) -> int:
    if slow:
        return min(n, 5 if n < 5_000 else 3)
    if everyone and n > _CROSS_MOST:
        return 5
    return min(n, 20 if n < 2_000 else 10)
