"""Structured logs: the message column of a csv, Parquet or JSON-lines file as lines, with its level, session and label columns."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tocsin.core.errors import DataError
from tocsin.data.label import as_labels
from tocsin.data.literal import is_text
from tocsin.data.source import Options, load

_FORMS = (".csv", ".tsv", ".parquet", ".pq", ".jsonl", ".ndjson", ".json", ".feather", ".arrow")
_PACKED = (".gz", ".bz2", ".zst", ".lz4")
_MESSAGES = ("message", "msg", "content", "log", "line", "text", "event", "body", "short_message", "full_message", "description")
_LEVELS = ("level", "severity", "loglevel", "log_level", "levelname", "priority", "lvl")
_TIMES = ("timestamp", "time", "@timestamp", "datetime", "ts", "date")


@dataclass(frozen=True)
class Structured:
    """n lines of a table: time and level, where there are such columns, before the message."""

    texts: list[str]
    y: np.ndarray | None
    keys: list[str | None] | None
    notes: tuple[str, ...]
    digest: str


def is_structured(source: str | os.PathLike[str]) -> bool:
    """Whether a file's name says that it is a table.

    >>> is_structured("app.jsonl.gz"), is_structured("app.log")
    (True, False)
    """
    path = Path(source)
    inner = Path(path.stem) if path.suffix.lower() in _PACKED else path
    return inner.suffix.lower() in _FORMS


def structured(source: str | os.PathLike[str], encoding: str | None, session: str | None, label: str | None) -> Structured:
    """The lines of a table. DataError TOC-167 without a message column, or where ``session`` or ``label`` names no column; and those of
    reading and of labels."""
    raw = load(source, Options(encoding=encoding))
    table = raw.table
    message = _message(table, str(source), {session, label})
    before = [name for name in (_called(table, _TIMES), _called(table, _LEVELS)) if name and name not in (session, label, message)]
    parts = [pc.fill_null(pc.cast(table[name], pa.string()), "").to_pylist() for name in (*before, message)]
    texts = [" ".join(part for part in row if part).replace("\n", " ").replace("\r", " ") for row in zip(*parts)]
    y = None if label is None else as_labels(_named(table, label, "label", source), label)
    keys = None if session is None else pc.cast(_named(table, session, "session", source), pa.string()).to_pylist()
    note = f"column {message!r} is the message" + (f", with {' and '.join(map(repr, before))} before it" if before else "")
    return Structured(texts, y, keys, (*raw.notes, note), raw.digest)


def _message(table: pa.Table, source: str, taken: set[str | None]) -> str:
    named = _called(table, _MESSAGES)
    if named is not None:
        return named
    lengths = {name: float(pc.mean(pc.utf8_length(table[name])).as_py() or 0) for name in table.column_names
               if is_text(table[name].type) and name not in taken and _worded(table[name])}
    if not lengths:
        raise DataError("TOC-167", "the table has no column of messages", came=f"{source}: {', '.join(table.column_names[:8])}",
                        todo="name the column 'message', or pass the log as plain lines")
    return max(lengths, key=lambda name: lengths[name])


def _worded(values: pa.ChunkedArray) -> bool:
    """Whether most values hold letters: columns of a csv are all text here."""
    return bool((pc.mean(pc.cast(pc.match_substring_regex(values, r"[^\W\d]"), pa.int8())).as_py() or 0) > 0.5)


def _called(table: pa.Table, names: Sequence[str]) -> str | None:
    known = {name.strip().lower(): name for name in reversed(table.column_names)}
    return next((known[name] for name in names if name in known), None)


def _named(table: pa.Table, name: str, role: str, source: object) -> pa.ChunkedArray:
    if name not in table.column_names:
        raise DataError("TOC-167", f"the {role} names no column of the table",
                        came=f"{name!r} in {source}: {', '.join(table.column_names[:8])}",
                        todo="pass one of its columns")
    return table[name]
