"""Which rows to learn from and which to judge: at random, in time, by group; once or in k folds.

Indices are sorted and disjoint. A row left out by a purge gap is in no part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tocsin.core.errors import ConfigError, DataError
from tocsin.core.seed import generator

Fold = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Split:
    """Row numbers of the three parts; ``validation`` and ``test`` are empty when their share was 0."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def random_split(n: int, *, validation: float = 0.1, test: float = 0.2, y: Any = None, seed: int = 0) -> Split:
    """Rows at random; with ``y`` (n,) each label is shared out in proportion. Right for tables whose rows are independent.

    Raises DataError TOC-170 when a part would be empty, ConfigError TOC-202 for shares that leave nothing to learn from.

    >>> split = random_split(10, validation=0.2, test=0.2)
    >>> len(split.train), len(split.validation), len(split.test)
    (6, 2, 2)
    """
    _shares(validation, test)
    order = generator(seed, "split", "random").permutation(n)
    if y is not None:
        order = _interleaved(order, _per_row(y, n, "y"))
    n_test, n_validation = round(n * test), round(n * validation)
    return _split(order[n_test + n_validation:], order[n_test:n_test + n_validation], order[:n_test], validation, test, f"{n} rows")


def time_split(time: Any, *, validation: float = 0.1, test: float = 0.2, purge: int = 0) -> Split:
    """The past to learn from, then validation, then test. Rows with the same stamp stay together (several series on one clock are cut at
    the same time). ``purge`` distinct stamps before each cut are left out, so that windows of that length do not look across it.

    ``time`` (n,) dates or numbers, or the number of rows when they are in order. Raises DataError TOC-170, TOC-160; ConfigError TOC-202.

    >>> split = time_split(10, validation=0, test=0.3, purge=2)
    >>> split.train.tolist(), split.test.tolist()
    ([0, 1, 2, 3, 4], [7, 8, 9])
    """
    _shares(validation, test)
    _purge(purge)
    time = np.arange(time) if isinstance(time, (int, np.integer)) else np.asarray(time)
    if time.dtype.kind in "fM" and (~np.isfinite(time) if time.dtype.kind == "f" else np.isnat(time)).any():
        raise DataError("TOC-160", "the time stamps cannot be used: some are missing or infinite", came=f"{len(time)} stamps",
                        todo="give every row a date or a finite number")
    stamps, which, count = np.unique(time, return_inverse=True, return_counts=True)
    ends = np.cumsum(count) / max(len(time), 1)
    cuts = [0, *(int(np.searchsorted(ends, share - 1e-9)) + 1 for share in (1 - test - validation, 1 - test)), len(stamps)]
    cuts = [min(cut, len(stamps)) for cut in cuts]
    # the gap lies at the end of the earlier part: what is judged last is what matters most
    last = [cuts[1] - (purge if cuts[1] < len(stamps) else 0), cuts[2] - (purge if cuts[2] < len(stamps) and cuts[2] > cuts[1] else 0)]
    parts = [np.flatnonzero((which >= a) & (which < b)) for a, b in zip(cuts, [*last, cuts[3]])]
    return _split(parts[0], parts[1], parts[2], validation, test, f"{len(stamps)} distinct times, purge {purge}")


def group_split(group: Any, *, validation: float = 0.1, test: float = 0.2, seed: int = 0) -> Split:
    """Whole groups (patients, machines, shops) at random, so that no group is both learned from and judged.

    Parts come as near to their share of rows as whole groups allow. Raises DataError TOC-170, ConfigError TOC-202.

    >>> split = group_split(["a", "a", "b", "b", "c", "c"], validation=0, test=0.3)
    >>> len(split.train), len(split.test)
    (4, 2)
    """
    _shares(validation, test)
    which, count = _groups(group)
    wanted = {name: share for name, share in (("test", test), ("validation", validation)) if share > 0}
    if len(count) < 1 + len(wanted):
        raise _impossible(f"{len(count)} groups for {1 + len(wanted)} parts")
    order = generator(seed, "split", "group").permutation(len(count))
    part = np.full(len(count), -1)  # -1 train
    rows = {"test": np.empty(0, dtype=np.int64), "validation": np.empty(0, dtype=np.int64)}
    start = 0
    for p, (name, share) in enumerate(wanted.items()):
        room = len(order) - start - (len(wanted) - p)  # groups this part may take and leave one for each part to come
        filled = np.cumsum(count[order[start:start + room]])
        take = 1 + int(np.argmin(np.abs(filled - share * len(which))))
        part[order[start:start + take]] = p
        rows[name] = np.flatnonzero(part[which] == p)
        start += take
    return _split(np.flatnonzero(part[which] == -1), rows["validation"], rows["test"], validation, test, f"{len(count)} groups")


def random_folds(n: int, k: int = 5, *, y: Any = None, seed: int = 0) -> Iterator[Fold]:
    """k pairs (train, test) of rows at random; each row is tested once. With ``y`` each label is spread evenly over the folds.

    >>> [len(test) for _, test in random_folds(7, 3)]
    [3, 2, 2]
    """
    _folds(n, k, "rows")
    order = generator(seed, "split", "folds").permutation(n)
    if y is not None:
        order = _sorted_by(order, _per_row(y, n, "y"))
    fold = np.empty(n, dtype=np.int64)
    fold[order] = np.arange(n) % k
    return _by_fold(fold, k)


def block_folds(n: int, k: int = 5, *, purge: int = 0, groups: Any = None) -> Iterator[Fold]:
    """k pairs (train, test) of contiguous blocks, for a series in time order: what is learned lies before and after what is judged.

    ``purge`` rows on both sides of the tested block are left out of training, inside the block's own segments (runs of equal
    ``groups``) only: the neighbours in another segment are no neighbours in time. When it does not work: drift, where a model must
    not see the future; then use :func:`time_split`.

    >>> [(train.tolist(), test.tolist()) for train, test in block_folds(6, 2, purge=1)]
    [([4, 5], [0, 1, 2]), ([0, 1], [3, 4, 5])]
    """
    _folds(n, k, "rows")
    _purge(purge)
    if groups is None:
        segment = np.zeros(n, dtype=np.int64)
    else:
        groups = _per_row(groups, n, "groups")
        segment = np.concatenate([[0], np.cumsum(groups[1:] != groups[:-1])])
    made = []
    for test in np.array_split(np.arange(n), k):
        a, b = int(test[0]), int(test[-1])
        near = np.zeros(n, dtype=bool)
        near[a:b + 1] = True
        near[max(a - purge, 0):a] = segment[max(a - purge, 0):a] == segment[a]
        near[b + 1:b + 1 + purge] = segment[b + 1:b + 1 + purge] == segment[b]
        train = np.flatnonzero(~near)
        if not len(train):
            raise _impossible(f"{n} rows in {k} blocks with a purge of {purge} rows leave nothing to learn from")
        made.append((train, test))
    return iter(made)


def group_folds(group: Any, k: int = 5, *, seed: int = 0) -> Iterator[Fold]:
    """k pairs (train, test) of whole groups, the folds as even in rows as whole groups allow.

    >>> [test.tolist() for _, test in group_folds(["a", "b", "b", "c"], 2)]
    [[1, 2], [0, 3]]
    """
    which, count = _groups(group)
    _folds(len(count), k, "groups")
    order = generator(seed, "split", "group folds").permutation(len(count))
    order = order[np.argsort(-count[order], kind="stable")]  # the largest first, each to the emptiest fold
    filled, fold = np.zeros(k), np.empty(len(count), dtype=np.int64)
    for g in order:
        fold[g] = int(np.argmin(filled))
        filled[fold[g]] += count[g]
    return _by_fold(fold[which], k)


def _per_row(part: Any, n: int, name: str) -> np.ndarray:
    part = np.asarray(part)
    if part.shape != (n,):
        raise DataError("TOC-101", f"{name} does not have one entry per row", came=f"shape {part.shape} for {n} rows",
                        todo=f"pass {n} entries")
    return part


def _by_fold(fold: np.ndarray, k: int) -> Iterator[Fold]:
    return ((np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in range(k))


def _sorted_by(order: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The shuffled rows, one label after the other."""
    return order[np.argsort(y[order], kind="stable")]


def _interleaved(order: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The shuffled rows so arranged that every stretch holds each label in proportion."""
    grouped = _sorted_by(order, y)
    _, first, count = np.unique(y[grouped], return_index=True, return_counts=True)
    place = np.concatenate([(np.arange(c) + 0.5) / c for c in count])  # even places in (0, 1) for each label
    return grouped[np.argsort(place, kind="stable")] if len(first) else grouped


def _groups(group: Any) -> tuple[np.ndarray, np.ndarray]:
    group = np.asarray(group)
    group = group.astype(str) if group.dtype.kind == "O" else group
    _, which, count = np.unique(group, return_inverse=True, return_counts=True)
    return which, count


def _shares(validation: float, test: float) -> None:
    if not (0 <= validation < 1 and 0 <= test < 1 and 0 < validation + test < 1):
        raise ConfigError("TOC-202", "validation and test are shares that leave something to learn from",
                          came=f"validation={validation}, test={test}", todo="use validation=0.1, test=0.2")


def _purge(purge: int) -> None:
    if purge < 0:
        raise ConfigError("TOC-202", "purge must be 0 rows or more", came=repr(purge), todo="use the window length")


def _folds(n: int, k: int, what: str) -> None:
    if k < 2:
        raise ConfigError("TOC-202", "cross-validation needs two folds or more", came=repr(k), todo="use k=5")
    if n < k:
        raise _impossible(f"{n} {what} for {k} folds")


def _split(train: np.ndarray, validation: np.ndarray, test: np.ndarray, v: float, t: float, came: str) -> Split:
    if not len(train) or (v > 0 and not len(validation)) or (t > 0 and not len(test)):
        raise _impossible(f"{came}, giving {len(train)} to learn from, {len(validation)} to validate, {len(test)} to test")
    return Split(np.sort(train), np.sort(validation), np.sort(test))


def _impossible(came: str) -> DataError:
    return DataError("TOC-170", "the split is not possible", came=came,
                     todo="pass more data, ask for fewer or smaller parts, or a shorter purge")
