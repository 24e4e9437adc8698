"""Two sources side by side: rows matched on a key, or on time (each row gets the other's latest row at or before it).

The first source keeps its rows and their order. What finds no match is missing there, and a note counts it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tocsin.core.errors import DataError
from tocsin.data.literal import is_text
from tocsin.data.schema import known
from tocsin.data.stamp import as_time

_TOLERANCE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|us|s|sec|min|m|h|d)\s*")
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def joined(tables: Sequence[pa.Table], names: Sequence[str], on: str, tolerance: Any = None, group: str | None = None) \
        -> tuple[pa.Table, tuple[str, ...]]:
    """(the first table with the others' columns, notes). ``names`` call the sources where columns clash: "pump.flow".

    When ``on`` holds times in both, or a ``tolerance`` is given, the match is as-of, inside a ``group`` when one is named; otherwise
    keys must be equal. DataError: TOC-129 a source without the column, TOC-132 a key that is not unique or a bad tolerance.
    """
    left, notes = tables[0], []
    known(on, left.column_names)
    for table, name in zip(tables[1:], names[1:]):
        known(on, table.column_names)
        clocks = as_time(left[on], on), as_time(table[on], on)
        if tolerance is not None or all(clocks):
            matched, keys = _as_of(left, table, on, tolerance, group if group in table.column_names else None), {on, group}
        else:
            matched, keys = _equal(left, table, on, name), {on}
        without = int((matched < 0).sum())
        if without:
            notes.append(f"{without} of {left.num_rows} rows find no match in {name}")
        index = pa.array(matched, mask=matched < 0)
        for column in table.column_names:
            if column not in keys:
                free = column if column not in left.column_names else f"{name}.{column}"
                left = left.append_column(free, table[column].take(index))
    return left, tuple(notes)


def _equal(left: pa.Table, right: pa.Table, on: str, name: str) -> np.ndarray:
    """(n,) for each row of ``left`` the row of ``right`` with an equal key, -1 when there is none."""
    ours, theirs = left[on], right[on]
    if ours.type != theirs.type:
        numeric = all(pa.types.is_integer(c.type) or pa.types.is_floating(c.type) for c in (ours, theirs))
        ours, theirs = (c.cast(pa.float64() if numeric else pa.string()) for c in (ours, theirs))
    known_keys = theirs.drop_null()
    if len(known_keys.unique()) < len(known_keys):
        counts = known_keys.value_counts()
        again = counts.filter(pc.greater(counts.field("counts"), 1)).field("values").slice(0, 5).to_pylist()
        raise DataError("TOC-132", f"the key {on!r} comes more than once in {name}, so rows would multiply",
                        came=", ".join(map(repr, again)),
                        todo="pass one row per key there, or put that source first")
    rows = pc.indices_nonzero(pc.is_valid(theirs)).to_numpy().astype(np.int64)
    found = pc.index_in(ours, value_set=pa.concat_arrays(known_keys.chunks) if known_keys.num_chunks else known_keys.combine_chunks())
    place = pc.fill_null(found, -1).to_numpy().astype(np.int64)
    place[~pc.is_valid(ours).to_numpy()] = -1
    return np.where(place >= 0, rows[np.maximum(place, 0)] if len(rows) else -1, -1)


def _as_of(left: pa.Table, right: pa.Table, on: str, tolerance: Any, group: str | None) -> np.ndarray:
    """(n,) for each row of ``left`` the latest row of ``right`` at or before it, -1 when there is none within ``tolerance``."""
    ours, unit = _clock(left[on], on)
    theirs, other = _clock(right[on], on)
    if (unit == "") != (other == ""):
        raise DataError("TOC-132", f"{on!r} holds times in one source and plain numbers in the other",
                        came=f"{left[on].type}, {right[on].type}",
                        todo="give both sources the same clock")
    within = _within(tolerance, dated=unit != "")
    matched = np.full(len(ours), -1, dtype=np.int64)
    for mine, yours in _groups(left, right, group):
        yours = yours[~np.isnan(theirs[yours])]
        yours = yours[np.argsort(theirs[yours], kind="stable")]
        mine = mine[~np.isnan(ours[mine])]
        place = np.searchsorted(theirs[yours], ours[mine], side="right") - 1
        hit = place >= 0
        rows = yours[place[hit]]
        if within is not None:
            near = ours[mine[hit]] - theirs[rows] <= within
            matched[mine[hit][near]] = rows[near]
        else:
            matched[mine[hit]] = rows
    return matched


def _groups(left: pa.Table, right: pa.Table, group: str | None) -> list[tuple[np.ndarray, np.ndarray]]:
    if group is None:
        return [(np.arange(left.num_rows), np.arange(right.num_rows))]
    ours, theirs = (np.array([str(v) for v in table[group].to_pylist()]) for table in (left, right))
    return [(np.flatnonzero(ours == value), np.flatnonzero(theirs == value)) for value in np.unique(ours)]


def _clock(column: pa.ChunkedArray, name: str) -> tuple[np.ndarray, str]:
    """((n,) longdouble microseconds or plain numbers, NaN where missing; "us" or "")."""
    found = as_time(column, name)
    if found is not None:
        stamps = found[0]
        micros = stamps.astype("datetime64[ns]" if stamps.dtype == "datetime64[ns]" else "datetime64[us]")
        whole = micros.astype(np.int64).astype(np.longdouble) / (1000 if micros.dtype == "datetime64[ns]" else 1)
        return np.where(np.isnat(stamps), np.longdouble("nan"), whole), "us"
    if is_text(column.type) or pa.types.is_boolean(column.type):
        raise DataError("TOC-132", f"{name!r} holds neither times nor numbers, so rows cannot be matched by time",
                        came=str(column.drop_null()[:3].to_pylist()),
                        todo="leave tolerance= out to match equal keys")
    return column.cast(pa.float64(), safe=False).to_numpy().astype(np.longdouble), ""


def _within(tolerance: Any, *, dated: bool) -> float | None:
    """The tolerance in the clock's unit: microseconds for dates, as given for numbers."""
    if tolerance is None:
        return None
    if isinstance(tolerance, str) and dated and (found := _TOLERANCE.fullmatch(tolerance)):
        value = float(found[1]) * _SECONDS[found[2]] * 1e6
    elif isinstance(tolerance, timedelta) and dated:
        value = tolerance.total_seconds() * 1e6
    elif isinstance(tolerance, np.timedelta64) and dated:
        value = float(tolerance / np.timedelta64(1, "us"))
    elif isinstance(tolerance, (int, float)) and not isinstance(tolerance, bool):
        value = float(tolerance) * (1e6 if dated else 1.0)
    else:
        value = -1.0
    if not value >= 0:
        raise DataError("TOC-132", "the tolerance is not understood", came=repr(tolerance),
                        todo="pass '5s', '2min', '1h', a timedelta, or a number (seconds for dates)")
    return value
