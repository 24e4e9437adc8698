"""Old rows and new rows as one training set: bounded stretches of the old, spread over all of it, between stretches of the new.

Parts of both are held out whole. In a series everything is a stretch that is long against the detector's window, and a group of its
own, so that no window crosses from one to the next.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pyarrow as pa

from tocsin.core.errors import DataError
from tocsin.core.seed import generator
from tocsin.core.types import Dataset
from tocsin.flows.guard import stretches
from tocsin.pipeline.calibration import runs
from tocsin.pipeline.preparation import as_table

_WINDOWS = (16, 8, 4)  # of a piece of a series, as many as there is room for
_EVERY, _WHICH = 4, 2  # of four pieces, the third is held out
_FEWEST = 4  # pieces
_LEAST = 16  # rows of a piece


@dataclass(frozen=True)
class Parted:
    """Row numbers of one data set: ``learned`` and ``held``, lists of stretches (m,)."""

    learned: list[np.ndarray]
    held: list[np.ndarray]

    @property
    def rows(self) -> int:
        """How many rows are learned."""
        return sum(map(len, self.learned))


def part(data: Dataset, usable: np.ndarray, reach: int, *, most: int | None = None, seed: int = 0) -> Parted:
    """A quarter of the ``usable`` rows (n,) of ``data`` is held out, the rest learned; with ``most``, about that many rows altogether.

    Of a table: rows drawn at random, or whole groups where there are four and more. Of a series: every fourth piece of 4 to 16 windows;
    the bound is kept by drawing one piece from each of equal parts of the series, so that every season of it is seen.
    Raises DataError TOC-177 when there are too few rows for four pieces.
    """
    if data.kind != "series":
        return _rows(data, usable, most, seed)
    pieces = _pieces(data, usable, reach, most)
    size = int(np.mean([len(one) for one in pieces]))
    if most is not None and len(pieces) * size > most:
        pieces = _drawn(pieces, max(_FEWEST, most // size), seed)
    held = [one for i, one in enumerate(pieces) if i % _EVERY == _WHICH]
    learned = [one for i, one in enumerate(pieces) if i % _EVERY != _WHICH]
    return Parted(_joined_up(learned, data), held)


def together(old: Dataset | None, old_rows: Sequence[np.ndarray], new: Dataset, new_rows: Sequence[np.ndarray]) -> Dataset:
    """The stretches of both as one data set without labels. Those of a series are mixed by their relative place, so that a fold of
    neighbouring stretches, which calibration holds out, never holds all of one kind."""
    sources = [(old, rows, "old", i, len(old_rows)) for i, rows in enumerate(old_rows)] if old is not None else []
    sources += [(new, rows, "new", i, len(new_rows)) for i, rows in enumerate(new_rows)]
    if new.kind == "series":
        sources.sort(key=lambda one: (one[3] + 0.5) / one[4])
    parts = [source[rows] for source, rows, *_ in sources]
    group: np.ndarray | None = None
    if new.kind == "series":
        group = np.concatenate([np.full(len(rows), f"{name} {i}", dtype=object) for _, rows, name, i, _ in sources]).astype(str)
    elif all(one.group is not None for one in parts):
        group = np.concatenate([one.group for one in parts if one.group is not None]).astype(str)
    return _stacked(parts, group, new)


def _rows(data: Dataset, usable: np.ndarray, most: int | None, seed: int) -> Parted:
    rng = generator(seed, "replay")
    rows = np.flatnonzero(usable)
    if most is not None and len(rows) > most:
        rows = np.sort(rng.choice(rows, most, replace=False))
    if len(rows) < _FEWEST * _LEAST:
        raise _too_few(len(rows), _FEWEST * _LEAST)
    names = np.unique(data.group[rows]) if data.group is not None else np.zeros(0)
    if data.group is not None and len(names) >= _FEWEST:
        held = np.isin(data.group[rows], rng.permutation(names)[:max(1, len(names) // _EVERY)])
    else:
        held = np.zeros(len(rows), dtype=bool)
        held[rng.permutation(len(rows))[:len(rows) // _EVERY]] = True
    return Parted([rows[~held]], [rows[held]])


def _pieces(data: Dataset, usable: np.ndarray, reach: int, most: int | None) -> list[np.ndarray]:
    """Stretches of usable rows of one group, in order, of 16 windows each; of fewer where there would not be four of them, or where four
    were more than ``most`` rows."""
    spans = [low + np.arange(start, end) for low, high in stretches(data) for start, end in runs(np.flatnonzero(usable[low:high]))]
    pieces: list[np.ndarray] = []
    for windows in _WINDOWS:
        size = max(windows * reach, _LEAST)
        least = max(_WINDOWS[-1] * reach, _LEAST)
        pieces = [one for span in spans if len(span) >= least for one in np.array_split(span, max(1, len(span) // size))]
        if len(pieces) >= _FEWEST and (most is None or _FEWEST * size <= most or windows == _WINDOWS[-1]):
            return pieces
    raise _too_few(int(usable.sum()), _FEWEST * max(_WINDOWS[-1] * reach, _LEAST))


def _drawn(pieces: list[np.ndarray], count: int, seed: int) -> list[np.ndarray]:
    """One piece from each of ``count`` equal parts of the list."""
    rng = generator(seed, "replay")
    edges = np.linspace(0, len(pieces), count + 1).astype(int)
    return [pieces[int(rng.integers(low, high))] for low, high in pairwise(edges) if high > low]


def _joined_up(pieces: list[np.ndarray], data: Dataset) -> list[np.ndarray]:
    """Pieces that follow each other without a gap in one group as one stretch: fewer edges, more windows."""
    whole: list[np.ndarray] = []
    for piece in pieces:
        follows = whole and whole[-1][-1] + 1 == piece[0]
        if follows and (data.group is None or data.group[whole[-1][-1]] == data.group[piece[0]]):
            whole[-1] = np.concatenate([whole[-1], piece])
        else:
            whole.append(piece)
    return whole


def _stacked(parts: list[Dataset], group: np.ndarray | None, like: Dataset) -> Dataset:
    blocks = [one.X for one in parts]
    if any(isinstance(block, pa.Table) for block in blocks):
        X: object = pa.concat_tables([as_table(one).select(list(like.schema.names)) for one in parts], promote_options="permissive")
    else:
        X = np.concatenate(blocks)
    times = [one.time for one in parts if one.time is not None]
    if times and (len(times) < len(parts) or len({time.dtype.kind == "M" for time in times}) > 1):
        raise DataError("TOC-178", "the old rows and the new ones are not timed by the same clock", came="dates beside numbers or nothing",
                        todo="name the time column of both, with stamps of one kind")
    digests = "|".join(dict.fromkeys(one.origin.digest for one in parts))
    n = sum(map(len, parts))
    digest = hashlib.sha256(f"{digests}|{n}".encode()).hexdigest() if digests.strip("|") else ""
    origin = replace(like.origin, source="old and new rows" if len(parts) > 1 else like.origin.source, digest=digest)
    return replace(like, X=X, ids=np.arange(n), y=None, time=np.concatenate(times) if times else None, group=group, origin=origin)


def _too_few(came: int, wanted: int) -> DataError:
    return DataError("TOC-177", "too few normal rows to learn from and to hold out a part", came=f"{came} rows that may be learned",
                     todo=f"collect at least {wanted} of one piece; a smaller window needs fewer")
