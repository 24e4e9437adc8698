"""Which columns are features and which are time, group, label or id; the rest of a table becomes ``X``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tocsin.core.errors import DataError
from tocsin.core.types import Dataset, Kind, Origin, Schema
from tocsin.data.label import BESIDE, as_labels, is_label, normal_of, other_kinds
from tocsin.data.literal import is_text
from tocsin.data.schema import conform, extras, infer, known
from tocsin.data.settle import plain_only
from tocsin.data.stamp import as_time, dates, is_clock, named_like_clock


@dataclass(frozen=True)
class Roles:
    """What the caller said of the columns. ``label=False`` switches the recognition of label columns off; ``normal`` is the label's value
    that is normal, where the others name kinds of anomalies."""

    kind: Kind | None = None
    label: str | Literal[False] | None = None
    time: str | None = None
    group: str | None = None
    id: str | None = None
    ignore: Sequence[str] = ()
    normal: str | None = None

    def named(self) -> bool:
        """Whether any column was named."""
        return bool(self.label or self.time or self.group or self.id or self.ignore)


def assemble(table: pa.Table, roles: Roles, origin: Origin, *, schema: Schema | None = None, ids: np.ndarray | None = None,
             first: int = 0) -> Dataset:
    """A Dataset from a table with plain types. ``ids`` are names that rows already have, else they count from ``first``.

    A series is sorted by time, stably, group by group; what was done is in ``origin.notes``. DataError: TOC-129 a named column that
    is not there, TOC-130 times, TOC-131 and TOC-154 labels, TOC-137 no feature left, TOC-141 rows without a group.
    """
    notes: list[str] = list(origin.notes)
    if schema is not None:
        roles = _of_model(roles, schema, table)
    for name in (*roles.ignore, *filter(None, (roles.label, roles.time, roles.group, roles.id))):
        known(str(name), table.column_names)
    _one_role_each(roles, table)
    table = table.drop_columns(list(dict.fromkeys(roles.ignore))) if roles.ignore else table
    roles, y = _labels(table, roles, schema, notes)
    group = None if roles.group is None else _group(table[roles.group], roles.group)
    if schema is None and roles.time is None and roles.kind in (None, "series"):
        roles = replace(roles, time=_find_clock(table, roles, group, notes))
    stamps = None if roles.time is None else _times(table[roles.time], roles.time, notes)
    kind: Kind = roles.kind or ("series" if stamps is not None else "table")
    ids = _ids(table, roles, ids, first, notes)
    X, schema = _features(table, roles, schema, notes)
    data = Dataset(X, kind, schema, ids, y, stamps, group, replace(origin, notes=tuple(dict.fromkeys(notes))))
    return _in_order(data, roles.time) if kind == "series" else data


def _one_role_each(roles: Roles, table: pa.Table) -> None:
    """DataError TOC-138 for a column with two roles, TOC-151 for a role given to a column of lists or bytes."""
    named = [str(name) for name in (roles.label, roles.time, roles.group, roles.id, *dict.fromkeys(roles.ignore)) if name]
    twice = [name for name in dict.fromkeys(named) if named.count(name) > 1]
    if twice:
        raise DataError("TOC-138", "a column has one role", came=f"{twice[0]!r} is named for several of label, time, group, id and ignore",
                        todo="name another column, or leave one of the options out")
    plain_only(table.select([str(name) for name in (roles.label, roles.time, roles.group, roles.id) if name]))


def _of_model(roles: Roles, schema: Schema, table: pa.Table) -> Roles:
    """The roles of a fitted model, where the caller names no others. Its time and group must be there; label and id may be gone."""
    for role, name in (("time", roles.time or schema.time), ("group", roles.group or schema.group)):
        if name is not None and name not in table.column_names:
            raise DataError("TOC-133", f"the {role} column {name!r} is missing", came=", ".join(map(repr, table.column_names[:12])),
                            todo=f"pass the {role} column under the name it had in training")
    there = set(table.column_names)
    label = roles.label if roles.label is not None else schema.label if schema.label in there else None
    normal = roles.normal if roles.normal is not None or label != schema.label else schema.normal
    kind: Kind = roles.kind or ("series" if schema.time else "table")
    return replace(roles, normal=normal, kind=kind, label=label, time=roles.time or schema.time,
                   group=roles.group or schema.group, id=roles.id or (schema.id if schema.id in there else None))


def _labels(table: pa.Table, roles: Roles, schema: Schema | None, notes: list[str]) -> tuple[Roles, np.ndarray | None]:
    """(roles with the label's name and all further label columns ignored, y or None)."""
    y = None
    if roles.label:
        given = roles.label
        roles = _normal(table[given], roles, schema, notes)
        y = as_labels(table[given], given, roles.normal)
    if roles.label is False:
        return replace(roles, label=None, ignore=()), None
    taken = {roles.label, roles.time, roles.group, roles.id, *(schema.names if schema is not None else ())}
    like = [name for name, column in zip(table.column_names, table.columns) if name not in taken and is_label(name, column)]
    label = roles.label
    for name in like:
        if label is None and not table[name].null_count:
            label, roles = name, _normal(table[name], replace(roles, label=name), schema, notes)
            y = as_labels(table[name], name, roles.normal)
            notes.append(f"column {name!r} holds labels: kept for evaluation, not used as a feature (label=False makes it one)")
        else:
            notes.append(f"column {name!r} looks like labels and is left out (label=False makes it a feature)")
    out = [name for name in like if name != label]
    if label is not None:
        beside = [name for name, column in zip(table.column_names, table.columns) if name not in taken and is_label(name, column, BESIDE)]
        notes += [f"column {name!r} marks changes beside the labels and is left out (label=False makes it a feature)" for name in beside]
        out += beside
    return replace(roles, label=label, ignore=out), y


def _normal(values: pa.ChunkedArray, roles: Roles, schema: Schema | None, notes: list[str]) -> Roles:
    """The roles with the label's value that is normal: as given, as the model knows it, or found; None for plain labels."""
    normal = roles.normal if roles.normal is not None else normal_of(values)
    if normal is not None and schema is None:
        kinds = other_kinds(values, str(roles.label), normal)
        notes.append(f"labels {roles.label!r}: {normal!r} is normal, {len(kinds)} other values are anomalies"
                     + f" ({', '.join(map(repr, kinds[:5]))}{', ...' * (len(kinds) > 5)})" * bool(kinds))
    return replace(roles, normal=normal)


def _group(values: pa.ChunkedArray, name: str) -> np.ndarray:
    if values.null_count:
        raise DataError("TOC-141", f"{values.null_count} rows have no group", came=f"column {name!r}, first in row {_first_null(values)}",
                        todo="name the group of every row")
    return values.to_numpy() if pa.types.is_integer(values.type) else np.array(values.cast(pa.string()).to_pylist(), dtype=str)


def _find_clock(table: pa.Table, roles: Roles, group: np.ndarray | None, notes: list[str]) -> str | None:
    """The one column that ticks like a clock, if there is one."""
    clocks: list[str] = []
    others: list[str] = []
    taken = {roles.label, roles.group, roles.id, *roles.ignore}
    for name, column in zip(table.column_names, table.columns):
        if name in taken:
            continue
        if is_text(column.type):
            if named_like_clock(name) and _mostly_dates(column):
                notes.append(f"{name!r} holds dates and other text, so it cannot be the clock; mend it and pass time={name!r} for a series")
            continue
        found = as_time(column, name)
        if found is None:
            continue
        ticks = (len(column) >= 5 or named_like_clock(name)) and _ticks(found[0], group)
        (clocks if ticks else others).append(name)
    named = [name for name in clocks if named_like_clock(name)]
    chosen = clocks[0] if len(clocks) == 1 else named[0] if named else None
    if chosen is not None and len(clocks) > 1:
        notes.append(f"{', '.join(map(repr, clocks))} all tick like a clock; {chosen!r} was taken as the time (pass time= to choose)")
    if chosen is None and (clocks or others):
        notes.append(f"{', '.join(map(repr, clocks + others))}: dates, but not one regular clock; pass time= to read a series")
    return chosen


def _mostly_dates(text: pa.ChunkedArray) -> bool:
    stamps = dates(text)[0]
    return bool(len(stamps) - stamps.null_count >= 0.8 * max(len(text) - text.null_count, 1))


def _ticks(stamps: np.ndarray, group: np.ndarray | None) -> bool:
    if group is None:
        return is_clock(stamps)
    parts = [stamps[group == value] for value in np.unique(group)[:50]]
    answers = [is_clock(part) for part in parts if len(part) > 1]
    return sum(answers) > len(answers) / 2


def _times(values: pa.ChunkedArray, name: str, notes: list[str]) -> np.ndarray:
    """(n,) datetime64 or numbers."""
    found = as_time(values, name)
    if found is None and (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        stamps = values.to_numpy()
        missing = np.isnan(stamps) if stamps.dtype.kind == "f" else np.zeros(len(stamps), bool)
    else:
        stamps = np.full(len(values), np.datetime64("NaT", "us")) if found is None else found[0]
        missing = np.isnat(stamps)
    if missing.any():
        row = int(np.argmax(missing))
        raise DataError("TOC-130", f"{int(missing.sum())} of {len(missing)} rows have no time that can be read",
                        came=f"{name!r} is {values[row].as_py()!r} in row {row}",
                        todo="mend these cells; dates like 2024-01-31 10:00:00 are always understood")
    if found is not None and pa.types.is_timestamp(values.type) and values.type.tz not in (None, "UTC", "Etc/UTC", "Z", "+00:00"):
        notes.append(f"times of {name!r} are given in UTC (they came in {values.type.tz})")
    return np.array(stamps)


def _ids(table: pa.Table, roles: Roles, ids: np.ndarray | None, first: int, notes: list[str]) -> np.ndarray:
    if roles.id is None:
        return np.arange(first, first + table.num_rows) if ids is None else ids
    values = table[roles.id]
    if values.null_count:
        notes.append(f"{values.null_count} rows have no id: they are called by their row number")
        numbers = pa.array([f"row {i}" for i in range(first, first + len(values))])
        values = pc.coalesce(values.cast(pa.string()), numbers)
    if len(values.unique()) < len(values):
        notes.append(f"ids in {roles.id!r} come more than once")
    return values.to_numpy() if pa.types.is_integer(values.type) else np.array(values.cast(pa.string()).to_pylist(), dtype=str)


def _features(table: pa.Table, roles: Roles, schema: Schema | None, notes: list[str]) -> tuple[pa.Table, Schema]:
    gone = {roles.label, roles.time, roles.group, roles.id, *roles.ignore}
    X = table.select([name for name in table.column_names if name not in gone])
    if schema is not None:
        more = extras(X, schema)
        if more:
            notes.append(f"{len(more)} columns are not known to the model and are left out: {', '.join(map(repr, more[:8]))}")
        return conform(X, schema), schema
    if X.num_columns == 0:
        raise DataError("TOC-137", "no column is left to judge", came=", ".join(map(repr, table.column_names[:8])),
                        todo="pass at least one column besides time, group, label and id")
    return X, replace(infer(X), time=roles.time, group=roles.group, label=roles.label or None, id=roles.id,
                              normal=roles.normal if roles.label else None)


def _in_order(data: Dataset, name: str | None) -> Dataset:
    """Rows by group (in order of appearance), then time; equal stamps keep their order."""
    keys = []
    if data.time is not None:
        keys.append(data.time)
    if data.group is not None:
        _, first, inverse = np.unique(data.group, return_index=True, return_inverse=True)
        keys.append(np.argsort(np.argsort(first))[inverse])
    if not keys:
        return data
    order = np.lexsort(keys)  # the last key counts most; lexsort is stable
    moved = int((order != np.arange(len(order))).sum())
    notes = list(data.origin.notes)
    if moved:
        notes.append(f"{moved} rows were not in time order: sorted by {name or 'group'!r}, equal ones in their order")
        data = data[order]
    twice = 0 if data.time is None else int(_repeated(data).sum())
    if twice:
        notes.append(f"{twice} rows repeat the time stamp of the row before them")
    return replace(data, origin=replace(data.origin, notes=tuple(dict.fromkeys(notes))))


def _repeated(data: Dataset) -> np.ndarray:
    assert data.time is not None
    same = data.time[1:] == data.time[:-1]
    return same if data.group is None else same & (data.group[1:] == data.group[:-1])


def _first_null(values: pa.ChunkedArray) -> int:
    return int(np.argmax(pc.is_null(values).to_numpy()))
