"""From what the caller points at to raw tables: paths, globs and lists of them, databases, things in memory."""

from __future__ import annotations

import difflib
import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tocsin.core.errors import DataError
from tocsin.core.types import plain_array
from tocsin.data import array, columnar, delimited, digest, lines, sql
from tocsin.data.frame import to_table
from tocsin.data.sniff import format_of

_CELLS = 1 << 23  # of one batch, about 64 MB: wide tables come in batches of fewer rows


@dataclass(frozen=True)
class Options:
    """How text files and databases are to be read; None = find out."""

    encoding: str | None = None
    delimiter: str | None = None
    header: bool | None = None
    query: str | None = None


@dataclass(frozen=True)
class Raw:
    """Rows as they stand in the source, before types and roles. ``data`` is a table, or an array of numbers (then perhaps with ``y``)."""

    data: pa.Table | np.ndarray
    name: str
    digest: str = ""
    delimiter: str = ""
    y: np.ndarray | None = None
    time: str | None = None
    ids: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    @property
    def table(self) -> pa.Table:
        return self.data if isinstance(self.data, pa.Table) else to_table(_as_columns(self.data)).table


def is_path(source: Any) -> bool:
    """Whether ``source`` names files."""
    return isinstance(source, os.PathLike) or (isinstance(source, str) and not sql.is_url(source))


def is_several(source: Any) -> bool:
    """Whether ``source`` is a list of sources."""
    return isinstance(source, (list, tuple)) and len(source) > 0 and all(
        isinstance(each, (str, os.PathLike, pa.Table)) or hasattr(each, "columns") or hasattr(each, "collect_schema") for each in source)


def paths(source: str | os.PathLike[str]) -> list[Path]:
    """The files that a path or glob names, globs sorted. DataError TOC-120 when there are none, TOC-121 for a folder."""
    path = Path(source)
    if not os.fspath(source):
        raise DataError("TOC-120", "no file is named", came="an empty path", todo="pass a path")
    if path.is_dir():
        raise DataError("TOC-121", "this is a folder", came=str(source), todo=f"pass a file, or a glob such as '{path}/*.csv'")
    if path.exists():
        return [path]
    text = os.fspath(source)
    if any(mark in text for mark in "*?["):
        found = [Path(name) for name in sorted(glob.glob(text, recursive=True)) if not Path(name).is_dir()]
        if not found:
            raise DataError("TOC-120", "no file matches", came=text, todo="check the pattern; ** reaches into folders")
        return found
    beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, beside, n=1)
    raise DataError("TOC-120", "there is no such file", came=text, todo=f"did you mean {near[0]!r}?" if near else "check the path")


def load(source: Any, options: Options) -> Raw:
    """All rows of one source; the files of a glob or of a list one below the other."""
    if sql.is_url(source):
        table = sql.load(source, options.query)
        return Raw(table, sql.shown(source), digest.of_table(table))
    if options.query is not None:
        raise DataError("TOC-138", "a query needs a database", came=f"query= with {type(source).__name__}",
                        todo="pass a database URL, such as sqlite:///plant.db")
    if is_path(source):
        return below([_file(path, options) for path in paths(source)])
    if is_several(source):
        return below([load(each, options) for each in source])
    framed = to_table(source)
    kind = type(source)
    name = f"{kind.__module__.partition('.')[0]} {kind.__name__}".removeprefix("builtins ")
    return Raw(framed.table, name, digest.of_table(framed.table), time=framed.time, ids=framed.ids, notes=framed.notes)


def below(parts: Sequence[Raw]) -> Raw:
    """Sources one below the other, columns matched by name. DataError TOC-128 when their columns differ."""
    first = parts[0]
    if len(parts) == 1:
        return first
    whole = digest.together([part.digest for part in parts])
    name = f"{first.name} ... {parts[-1].name} ({len(parts)} sources)"
    notes = tuple(dict.fromkeys(note for part in parts for note in part.notes))
    if all(isinstance(part.data, np.ndarray) for part in parts):
        if len({part.data.shape[1:] for part in parts}) > 1:
            raise DataError("TOC-128", "the arrays have different widths", came=", ".join(f"{p.name}: {p.data.shape}" for p in parts[:6]),
                            todo="pass arrays of equal width")
        y = np.concatenate([part.y for part in parts]) if all(part.y is not None for part in parts) else None
        return Raw(np.concatenate([part.data for part in parts]), name, whole, y=y, notes=notes)
    tables = [_same_columns(first.table, first.name, part.table, part.name) for part in parts]
    delimiter = first.delimiter if all(part.delimiter for part in parts) else ""
    return replace(first, data=lines.appended(tables), name=name, digest=whole, delimiter=delimiter, ids=None, notes=notes)


def stream(source: Any, options: Options, rows: int) -> Iterator[Raw]:
    """The rows of files or a database in blocks of at most about ``rows``; memory does not grow with the source."""
    if sql.is_url(source):
        yield from (Raw(table, sql.shown(source)) for table in sql.stream(source, options.query, rows))
        return
    if options.query is not None:
        raise DataError("TOC-138", "a query needs a database", came="query= with files",
                        todo="pass a database URL, such as sqlite:///plant.db")
    first: Raw | None = None
    for path in [path for each in (source if is_several(source) else [source]) for path in paths(each)]:
        blocks = _even(_blocks(path, options, rows), rows)
        for number, raw in enumerate(blocks):
            if first is None:
                first = raw
            elif number == 0 and isinstance(raw.data, pa.Table) and isinstance(first.data, pa.Table):
                raw = replace(raw, data=_same_columns(first.data, first.name, raw.data, raw.name))
            yield raw


def _file(path: Path, options: Options) -> Raw:
    form = format_of(path)
    mark = digest.of_file(path)
    if form == "csv":
        table, dialect, notes = delimited.load(path, encoding=options.encoding, delimiter=_delimiter(path, options), header=options.header)
        return Raw(table, str(path), mark, dialect.delimiter, notes=notes)
    if form in ("npy", "npz"):
        X, y = array.load(path)
        return Raw(_numbers(X), str(path), mark, y=y)
    if form == "json":
        return Raw(lines.load(path, options.encoding), str(path), mark)
    table = columnar.load_parquet(path) if form == "parquet" else columnar.load_arrow(path)
    return Raw(_indexed(table), str(path), mark)


def _blocks(path: Path, options: Options, rows: int) -> Iterator[Raw]:
    form = format_of(path)
    if form == "csv":
        delimiter = _delimiter(path, options)
        for table in delimited.stream(path, encoding=options.encoding, delimiter=delimiter, header=options.header):
            yield Raw(table, str(path), delimiter=delimiter or "")
    elif form in ("npy", "npz"):
        X, y = array.load(path)
        whole = _numbers(X) if X.dtype.names or X.dtype.kind not in "biuf" else X
        for start in range(0, len(whole), rows):
            part = whole[start:start + rows]
            yield Raw(np.array(part) if isinstance(part, np.ndarray) else part, str(path), y=None if y is None else y[start:start + rows])
    elif form == "json":
        for table in lines.stream(path, options.encoding):
            yield Raw(table, str(path))
    else:
        read = columnar.stream_parquet if form == "parquet" else columnar.stream_arrow
        for table in read(path, rows):
            yield Raw(_indexed(table), str(path))


def _even(blocks: Iterator[Raw], rows: int) -> Iterator[Raw]:
    """Blocks of exactly ``rows`` rows (fewer for very wide tables), the last one shorter."""
    held: list[pa.Table] = []
    seen: pa.Table | None = None
    raw: Raw | None = None
    for raw in blocks:
        if isinstance(raw.data, np.ndarray):
            yield raw
            continue
        held.append(raw.data)
        most = max(1, min(rows, _CELLS // max(raw.data.num_columns, 1)))
        if sum(table.num_rows for table in held) < most:
            continue
        whole = _all_columns(lines.appended(held), seen)
        seen = whole.slice(0, 0)
        full = whole.num_rows // most * most
        for start in range(0, full, most):
            yield replace(raw, data=whole.slice(start, most))
        held = [whole.slice(full)] if full < whole.num_rows else []
    if held and raw is not None:
        yield replace(raw, data=_all_columns(lines.appended(held), seen))


def _all_columns(table: pa.Table, seen: pa.Table | None) -> pa.Table:
    """With the columns that earlier blocks had, as nulls: an object of JSON lines may leave a key out."""
    return table if seen is None else lines.appended([seen, table])


def _same_columns(first: pa.Table, first_name: str, table: pa.Table, name: str) -> pa.Table:
    if set(table.column_names) != set(first.column_names):
        less = [c for c in first.column_names if c not in table.column_names]
        more = [c for c in table.column_names if c not in first.column_names]
        said = "; ".join(f"{word} {', '.join(map(repr, which[:6]))}" for word, which in (("without", less), ("with", more)) if which)
        raise DataError("TOC-128", "the sources have different columns", came=f"{name} is {said}, compared with {first_name}",
                        todo="pass sources with equal columns, or on= to put them side by side")
    return table.select(first.column_names)


def _delimiter(path: Path, options: Options) -> str | None:
    named_tab = path.name.lower().removesuffix(path.suffix.lower() if path.suffix.lower() == ".gz" else "").endswith((".tsv", ".tab"))
    return options.delimiter or ("\t" if named_tab else None)


def _numbers(X: np.ndarray) -> pa.Table | np.ndarray:
    if X.ndim not in (1, 2):
        raise DataError("TOC-115", "an array of two dimensions is needed", came=f"{X.dtype} {X.shape}", todo="pass rows and columns")
    if X.dtype.names or X.dtype.kind not in "biuf":
        return to_table(np.asarray(X)).table
    return np.asarray(X)


def _as_columns(X: np.ndarray) -> dict[str, np.ndarray]:
    X = plain_array(X[:, None] if X.ndim == 1 else X)
    if X.ndim != 2:
        raise DataError("TOC-115", "an array of two dimensions is needed", came=str(X.shape), todo="pass rows and columns")
    return {f"x{j}": np.ascontiguousarray(X[:, j]) for j in range(X.shape[1])}


def _indexed(table: pa.Table) -> pa.Table:
    """A pandas index without a name, as Parquet keeps it, under a name that can be shown."""
    delimited.check_names(table.column_names, "the file")
    names = ["index" if name == "__index_level_0__" and "index" not in table.column_names else name for name in table.column_names]
    return table.rename_columns(names)
