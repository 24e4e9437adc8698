"""One door for data: files, frames, arrays and databases → Dataset. Reading never writes, and nothing is dropped without a note.

    read(source)      everything at once; a series is sorted by time
    batches(source)   row blocks of bounded memory, for files larger than memory

Docs: docs/howto/read-data.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa

from tocsin.core.errors import ConfigError, DataError
from tocsin.core.tags import ITEMS
from tocsin.core.types import Dataset, Kind, Origin, Schema
from tocsin.data import digest, items
from tocsin.data.frame import is_rows
from tocsin.data.join import joined
from tocsin.data.label import as_labels
from tocsin.data.literal import column, spell
from tocsin.data.role import Roles, assemble
from tocsin.data.schema import conform
from tocsin.data.settle import Reading, settle
from tocsin.data.source import Options, Raw, is_path, is_several, load, stream
from tocsin.data.sql import is_url


def read(source: Any, *, kind: Kind | None = None, label: str | Literal[False] | None = None, time: str | None = None,
         group: str | None = None, id: str | None = None, ignore: Sequence[str] = (), query: str | None = None, on: str | None = None,
         tolerance: Any = None, encoding: str | None = None, delimiter: str | None = None, decimal: str | None = None,
         header: bool | None = None, licence: str = "", schema: Schema | None = None, normal: str | None = None,
         text: str | None = None, session: str | None = None, part: str | None = None, skip_bad: bool = False) -> Dataset:
    """``source`` as a Dataset: a path, a glob, a list of paths or frames, a database URL with ``query``, a frame, an array, a mapping; a
    folder, zip or list of pictures; texts; a log.

    kind       "table", "series", "images", "texts" or "logs"; found out when None: one column that ticks like a clock makes a series, a
               folder of pictures images, a file named .log a log; texts and arrays of pictures have to be called so
    label      column of 0/1 or normal/abnormal, for evaluation; a column named like one is recognised, ``False`` switches that off
    normal     the label's value that is normal, where the others name kinds of anomalies; found when it is "normal" or "benign"
    time       column of times; ``group`` of entities (each a series of its own); ``id`` of row names; ``ignore`` columns to leave out
    query      SQL, or a table's name, for a database URL
    on         puts the sources of a list side by side, matched on this column: equal keys, or for times (or with ``tolerance``) the
               latest row at or before; without it the rows of all sources come one below the other
    encoding, delimiter, decimal, header
               of text files; found out when None
    schema     of a fitted model: its columns by name and order, its roles
    text       column that holds the texts, where there are several
    session    which lines of a log belong together: a regular expression, or a column of a structured log
    part       "train" or "test" of a folder that holds both
    skip_bad   pictures, texts and lines that cannot be read are left out and counted instead of refused

    What was found out, sorted or left out is in ``origin.notes``. A file is digested as bytes, anything else by its values. An array of
    numbers keeps its form; all else becomes an Arrow table. Raises DataError TOC-102, TOC-120 to TOC-141 and TOC-154, MissingExtra TOC-501.

    >>> data = read({"minute": [0, 1, 2], "flow (l/s)": [7.9, 8.1, 3.1], "label": [0, 0, 1]})
    >>> data.kind, data.schema.names, data.y.tolist()
    ('table', ('minute', 'flow (l/s)'), [0, 0, 1])
    """
    if kind is not None and kind not in get_args(Kind):
        raise ConfigError("TOC-202", "this is no kind of data", came=repr(kind)[:80], todo=f"use one of {', '.join(get_args(Kind))}")
    items.check(source, kind, schema)
    kind = kind or items.kind_of(source)
    if kind in ITEMS:
        made = items.read(source, kind, schema, label=label, time=time, group=group, id=id, ignore=tuple(ignore), query=query, on=on,
                          tolerance=tolerance, encoding=encoding, delimiter=delimiter, decimal=decimal, header=header, normal=normal,
                          text=text, session=session, part=part, skip_bad=skip_bad)
        return replace(made, origin=replace(made.origin, licence=licence)) if licence else made
    if text or session or part or skip_bad:
        raise ConfigError("TOC-249", "text, session, part and skip_bad are for pictures, texts and logs", came=str(source)[:120],
                          todo="leave them out, or say kind='images', 'texts' or 'logs'")
    roles = Roles(kind, label, time, group, id, _ignored(ignore), _said(normal))
    reading = _reading(decimal)
    if isinstance(source, Dataset):
        return _again(source, schema)
    if on is None and tolerance is not None:
        raise DataError("TOC-138", "a tolerance needs a column to match on", came=f"tolerance={tolerance!r}",
                        todo="pass on=, the time column")
    if is_rows(source) and on is None:
        source = _array_of(source)
    if isinstance(source, np.ndarray) and source.dtype.kind in "biuf" and not source.dtype.names:
        return _array(Raw(source, "array", digest.of_array(source)), roles, licence, schema)
    options = Options(encoding, delimiter, header, query)
    if on is not None:
        return _side_by_side(source, on, tolerance, options, roles, reading, licence, schema)
    raw = load(source, options)
    if isinstance(raw.data, np.ndarray):
        return _array(raw, roles, licence, schema)
    table = settle(raw.table, reading, delimiter=raw.delimiter, kinds=_kinds(schema))
    if raw.time is not None:
        roles, table = _indexed_time(raw, roles, table, schema)
    origin = Origin(raw.name, raw.digest, licence, (*raw.notes, *reading.notes))
    return assemble(_some_rows(table, raw.name), roles, origin, schema=schema, ids=raw.ids)


def batches(source: Any, *, rows: int = 65_536, schema: Schema | None = None, kind: Kind | None = None,
            label: str | Literal[False] | None = None, time: str | None = None, group: str | None = None, id: str | None = None,
            ignore: Sequence[str] = (), query: str | None = None, encoding: str | None = None, delimiter: str | None = None,
            decimal: str | None = None, header: bool | None = None, licence: str = "", normal: str | None = None) -> Iterator[Dataset]:
    """``source`` as Datasets of at most ``rows`` rows, in the order of the source; row numbers run on.

    csv, JSON lines, Parquet, Arrow, npy and databases are streamed; memory holds one batch. Columns, kinds, roles and spellings are
    those of ``schema``, or of the first batch. A number column is float64, or text in a batch with a
    value that is no number (``Clean`` counts them). A series must already be in time order: DataError TOC-139.
    ``origin.digest`` is "", because the content has
    not been seen whole.

    >>> [len(part) for part in batches({"a": [1, 2, 3], "b": [0.5, 0.2, 0.1]}, rows=2)]
    [2, 1]
    """
    if rows < 1:
        raise DataError("TOC-138", "a batch holds at least one row", came=f"rows={rows}", todo="pass rows=65536")
    roles = Roles(kind, label, time, group, id, _ignored(ignore), _said(normal))
    streamed = is_path(source) or is_url(source) or (is_several(source) and all(is_path(each) for each in source))
    if not streamed:
        whole = read(source, kind=kind, label=label, time=time, group=group, id=id, ignore=ignore, query=query, decimal=decimal,
                     licence=licence, schema=schema, normal=normal)
        yield from (whole[start:start + rows] for start in range(0, len(whole), rows))
        return
    reading, order, first = _reading(decimal), _Order(), 0
    for raw in stream(source, Options(encoding, delimiter, header, query), rows):
        if isinstance(raw.data, np.ndarray):
            part = _array(raw, roles, licence, schema, first)
        else:
            table = settle(raw.table, reading, delimiter=raw.delimiter, kinds=_kinds(schema))
            before = reading.notes.copy() if first == 0 else []
            part = assemble(table, roles, Origin(raw.name, "", licence, tuple(before)), schema=schema, first=first)
            if schema is None:
                schema, roles = part.schema, replace(roles, kind=part.kind)
                part = replace(part, X=conform(part.X, schema))
            order.check(part)
        first += len(part)
        if len(part):
            yield part
    if first == 0:
        raise DataError("TOC-122", "there are no rows", came=str(source)[:200], todo="pass a source with at least one row")


class _Order:
    """Whether the rows of a streamed series come in time order, group by group."""

    def __init__(self) -> None:
        self.last: dict[Any, Any] = {}

    def check(self, part: Dataset) -> None:
        if part.kind != "series" or part.time is None:
            return
        moved = [note for note in part.origin.notes if "not in time order" in note]
        groups = np.zeros(len(part), dtype=np.int64) if part.group is None else part.group
        for value in np.unique(groups):
            stamps = part.time[groups == value]
            before = self.last.get(value)
            if (moved and part.group is None) or (before is not None and stamps[0] < before):
                raise DataError("TOC-139", "the rows are not in time order and cannot be sorted while they stream",
                                came=f"{stamps[0]} after {before}" if before is not None else moved[0],
                                todo="sort the file, or read it whole with read()")
            self.last[value] = stamps[-1]


def _side_by_side(source: Any, on: str, tolerance: Any, options: Options, roles: Roles, reading: Reading, licence: str,
                  schema: Schema | None) -> Dataset:
    if not isinstance(source, (list, tuple)) or len(source) < 2:
        raise DataError("TOC-138", "on= needs several sources", came=type(source).__name__,
                        todo="pass a list: read([first, second], on=...)")
    raws = [load(each, options) for each in source]
    readings = [_reading(reading.decimal or None) for _ in raws]
    tables = [_some_rows(settle(raw.table, each, delimiter=raw.delimiter), raw.name) for raw, each in zip(raws, readings)]
    names = [raw.name.rpartition("/")[2].partition(".")[0] if is_path(each) else f"source {i + 1}"
             for i, (raw, each) in enumerate(zip(raws, source))]
    table, notes = joined(tables, names, on, tolerance, roles.group)
    told = [*(note for raw in raws for note in raw.notes), *(note for each in readings for note in each.notes), *notes]
    whole = digest.together([raw.digest for raw in raws])
    origin = Origin(" + ".join(raw.name for raw in raws), whole, licence, tuple(dict.fromkeys(told)))
    return assemble(settle(table, Reading("."), kinds=_kinds(schema)), roles, origin, schema=schema, ids=raws[0].ids)


def _array(raw: Raw, roles: Roles, licence: str, schema: Schema | None, first: int = 0) -> Dataset:
    """An array of numbers keeps its form, unless columns are named by role: then they are called x0, x1, ..."""
    origin = Origin(raw.name, raw.digest, licence, raw.notes)
    X = raw.data[:, None] if raw.data.ndim == 1 else raw.data
    if roles.named():
        return assemble(replace(raw, data=X).table, roles, origin, schema=schema, first=first)
    if X.ndim == 2 and schema is not None and X.shape[1] != len(schema.columns):
        raise DataError("TOC-133", "the number of columns differs from the one learned",
                        came=f"{X.shape[1]} columns, learned with {len(schema.columns)}",
                        todo=f"pass the columns {', '.join(schema.names[:8])}, in this order")
    if len(X) == 0:
        raise DataError("TOC-122", "there are no rows", came=f"{raw.name} {X.shape}", todo="pass at least one row")
    y = None if raw.y is None else as_labels(_chunked(raw.y), "y")
    data = Dataset.of(X, y, kind=roles.kind or "table", names=schema.names if schema is not None else None,
                      ids=np.arange(first, first + len(X)), origin=origin)
    return data if schema is None else replace(data, schema=schema)


def _chunked(values: np.ndarray) -> pa.ChunkedArray:
    return pa.chunked_array([column(values.tolist())])


def _array_of(rows: Any) -> np.ndarray:
    try:
        return np.asarray(rows)
    except ValueError as error:
        raise DataError("TOC-115", "rows have different lengths", came=str(error)[:100], todo="pass rows of one length") from error


def _again(data: Dataset, schema: Schema | None) -> Dataset:
    if schema is None or isinstance(data.X, np.ndarray):
        return data
    return replace(data, X=conform(data.X, schema), schema=schema)


def _indexed_time(raw: Raw, roles: Roles, table: Any, schema: Schema | None) -> tuple[Roles, Any]:
    """The frame's time index as the time role, under the name that a model knows it by."""
    if roles.time is not None:
        return roles, table
    name = raw.time
    if schema is not None and schema.time is not None and schema.time not in table.column_names:
        table = table.rename_columns([schema.time if each == name else each for each in table.column_names])
        name = schema.time
    kind = roles.kind or ("table" if schema is not None and schema.time is None else "series")
    return replace(roles, time=name, kind=kind), table


def _some_rows(table: Any, name: str) -> Any:
    if table.num_rows == 0 or table.num_columns == 0:
        raise DataError("TOC-122", "there are no rows" if table.num_columns else "there are no columns", came=name,
                        todo="pass at least one row")
    return table


def _kinds(schema: Schema | None) -> dict[str, str]:
    return {} if schema is None else {each.name: each.kind for each in schema.columns}


def _ignored(ignore: Sequence[str]) -> tuple[str, ...]:
    return (ignore,) if isinstance(ignore, str) else tuple(ignore)


def _said(normal: Any) -> str | None:
    """The value as it is spelled in a file: 0 and "0" are one."""
    return None if normal is None else spell(normal)


def _reading(decimal: str | None) -> Reading:
    if decimal not in (None, ".", ","):
        raise DataError("TOC-138", "a decimal mark is '.' or ','", came=repr(decimal), todo="pass decimal=',' or leave it out")
    return Reading(decimal or "", decimal is not None)
