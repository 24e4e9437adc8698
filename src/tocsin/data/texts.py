"""Texts → Dataset: a list, a file with a text a line, a folder with a text a file, or the text column of a table.

Docs: docs/howto/texts.md.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tocsin.core.errors import DataError
from tocsin.core.types import Column, Dataset, Origin, Schema
from tocsin.data import digest
from tocsin.data.label import as_labels, is_label, normal_of
from tocsin.data.literal import is_text, spell
from tocsin.data.source import Options, load, paths
from tocsin.data.textfile import Entry, entry, files_of, lines_of, whole

_NAMES = ("text", "message", "body", "content", "sentence", "review", "comment", "description")
_TABLES = (".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson", ".parquet", ".pq", ".arrow", ".feather", ".ipc")
_PACKED = (".gz", ".bz2", ".zst", ".lz4")
_SHOWN = 5
_SENTENCE = 6  # words from which on a column's name is taken for a text


@dataclass(frozen=True)
class _Found:
    """n entries and what is known of them."""

    entries: Sequence[Entry]
    schema: Schema
    origin: Origin
    y: np.ndarray | None = None


def read(source: Any, *, text: str | None = None, label: str | Literal[False] | None = None, normal: Any = None, id: str | None = None,
         encoding: str | None = None, skip_bad: bool = False) -> Dataset:
    """``source`` as a Dataset of kind "texts".

    source     a list of str; a file with one text a line (.txt, any unknown ending); a folder of .txt files, one text each; a table (csv,
               tsv, JSON lines, Parquet, Arrow, a frame, a mapping) with a column of texts
    text       the table's column of texts; without it the one column of free text
    label      the table's column of labels, for evaluation; recognised as in tables, ``False`` switches that off
    normal     the label's value that is normal, where the others name kinds of anomalies
    id         the table's column of names; without it rows, lines (from 1) and files name themselves
    encoding   of files; without it a byte-order mark, else utf-8
    skip_bad   leave out what is no text (empty, missing, not in the encoding, binary, a megabyte or more) and count it in
               ``origin.notes``, instead of refusing the source

    Raises DataError TOC-164 (what is no text, with its file and line), TOC-165 (no column of texts, or several), TOC-120 to TOC-128
    (files), TOC-129, TOC-131 and TOC-154 (columns, labels).

    >>> data = read({"message": ["see you at eight", "WIN a car now"], "label": ["ham", "spam"]}, label="label", normal="ham")
    >>> data.kind, data.X, data.y.tolist()
    ('texts', ['see you at eight', 'WIN a car now'], [0, 1])
    """
    found = _found(source, text, label, None if normal is None else str(spell(normal)), id, encoding)
    bad = [i for i, each in enumerate(found.entries) if each.wrong]
    kept = [i for i, each in enumerate(found.entries) if not each.wrong]
    if bad and (not skip_bad or not kept):
        first = found.entries[bad[0]]
        raise DataError("TOC-164", f"{len(bad)} of {len(found.entries)} texts cannot be used", came=f"{first.place}: {first.wrong}",
                        todo="mend them, pass encoding= if that is the reason, or leave them out: skip_bad=True (--skip-bad)")
    notes = found.origin.notes
    if bad:
        shown = "; ".join(f"{found.entries[i].place}: {found.entries[i].wrong}" for i in bad[:_SHOWN])
        shown += "; ..." * (len(bad) > _SHOWN)
        notes = (*notes, f"{len(bad)} of {len(found.entries)} texts could not be used and are left out: {shown}")
    origin = Origin(found.origin.source, found.origin.digest, found.origin.licence, notes)
    return Dataset([found.entries[i].text for i in kept], "texts", found.schema, np.array([found.entries[i].name for i in kept]),
                   None if found.y is None else found.y[kept], origin=origin)


def _found(source: Any, text: str | None, label: str | Literal[False] | None, normal: str | None, id: str | None,
           encoding: str | None) -> _Found:
    if isinstance(source, (list, tuple, np.ndarray)) and len(source) and all(each is None or isinstance(each, str) for each in source):
        _no_columns(text, label, normal, id)
        entries = [entry(None if each is None else str(each), f"text {i}", i) for i, each in enumerate(source)]
        whole_digest = digest.of_table(pa.table({"text": pa.array([each.text for each in entries])}))
        return _Found(entries, _schema("text"), Origin("list", whole_digest))
    if isinstance(source, (str, os.PathLike)) and "://" not in os.fspath(source):
        if Path(source).is_dir():
            _no_columns(text, label, normal, id)
            return _folder(Path(source), encoding)
        files = paths(source)
        if not all(_is_table(path) for path in files):
            _no_columns(text, label, normal, id)
            entries = [each for path in files for each in lines_of(path, encoding)]
            return _Found(_renamed(entries, files), _schema("text"), Origin(os.fspath(source), _digest(files)))
    return _table(source, text, label, normal, id, encoding)


def _folder(folder: Path, encoding: str | None) -> _Found:
    files = files_of(folder)
    entries = [whole(path, path.relative_to(folder).as_posix(), encoding) for path in files]
    return _Found(entries, _schema("text"), Origin(str(folder), _digest(files)))


def _table(source: Any, text: str | None, label: str | Literal[False] | None, normal: str | None, id: str | None,
           encoding: str | None) -> _Found:
    raw = load(source, Options(encoding=encoding))
    unnamed: list[str] = []
    if raw.delimiter and any(len(name.split()) >= _SENTENCE for name in raw.table.column_names):
        raw = load(source, Options(encoding=encoding, header=False))
        unnamed = ["the first line is a text, not names of columns"]
    table = raw.table
    if table.num_rows == 0:
        raise DataError("TOC-122", "there are no rows", came=raw.name, todo="pass at least one row")
    for name in (text, label, id):
        if name and name not in table.column_names:
            raise DataError("TOC-129", f"there is no column {name!r}", came=", ".join(map(repr, table.column_names[:12])),
                            todo="name one of these columns")
    label, normal, notes = _label(table, label, normal, text)
    name = text or _free_text(table, {label, id}, raw.name)
    if not is_text(table[name].type):
        raise DataError("TOC-165", f"the column {name!r} holds no text", came=str(table[name].type), todo="name the column of texts: text=")
    ids: list[Any] = [None] * table.num_rows if id is None else table[id].to_pylist()
    names: list[Any] = [i if each is None else each for i, each in enumerate(ids)] if id is None else [str(spell(each)) for each in ids]
    entries = [entry(value, f"{raw.name}, row {i + 1}", names[i]) for i, value in enumerate(table[name].to_pylist())]
    y = None if not label else as_labels(table[label], label, normal)
    schema = Schema((Column(name, "text", missing_allowed=False),), label=label or None, id=id, normal=normal if label else None)
    left = [other for other in table.column_names if other not in (name, label, id)]
    notes += [*unnamed, f"column {name!r} holds the texts" + f"; left out: {', '.join(map(repr, left[:8]))}" * bool(left)]
    return _Found(entries, schema, Origin(raw.name, raw.digest, "", (*raw.notes, *notes)), y)


def _label(table: pa.Table, label: str | Literal[False] | None, normal: str | None,
           text: str | None) -> tuple[str | None, str | None, list[str]]:
    """(the label's column or None, its normal value, notes)."""
    if label is False:
        return None, None, []
    if label is not None:
        return label, normal if normal is not None else normal_of(table[label]), []
    for name in table.column_names:
        if name != text and is_label(name, table[name]) and not table[name].null_count:
            return name, normal_of(table[name]), [f"column {name!r} holds labels: kept for evaluation (label=False ignores it)"]
    return None, None, []


def _free_text(table: pa.Table, taken: set[Any], source: str) -> str:
    """The one column of free text: most values hold several words and few repeat; among several the one named so."""
    texts = [name for name in table.column_names if name not in taken and is_text(table[name].type)]
    free = [name for name in texts if _is_free(table[name])]
    named = [name for name in free or texts if name.strip().lower() in _NAMES]
    if len(free) == 1 or len(texts) == 1:
        return (free or texts)[0]
    if len(named) == 1:
        return named[0]
    came = f"columns of text: {', '.join(map(repr, texts[:12]))}" if texts else f"columns: {', '.join(map(repr, table.column_names[:12]))}"
    raise DataError("TOC-165", "which column holds the texts is not clear" if texts else "there is no column of texts",
                    came=f"{source}: {came}", todo="name it: text= (--text)")


def _is_free(values: pa.ChunkedArray) -> bool:
    there = values.drop_null()
    if not len(there):
        return False
    spaced = pc.mean(pc.cast(pc.match_substring_regex(there, r"\w\s+\w"), pa.float64())).as_py()
    return bool(spaced > 0.5 and len(there.unique()) > 0.2 * len(there))


def _no_columns(text: str | None, label: str | Literal[False] | None, normal: str | None, id: str | None) -> None:
    given = [name for name, value in (("text", text), ("label", label), ("normal", normal), ("id", id)) if value]
    if given:
        raise DataError("TOC-165", "texts without a table have no columns", came=", ".join(given), todo="leave these out, or pass a table")


def _renamed(entries: list[Entry], files: Sequence[Path]) -> list[Entry]:
    """Lines of several files are called by file and line."""
    if len(files) == 1:
        return entries
    return [Entry(each.text, each.place, each.place.rpartition("/")[2].replace(", line ", ":"), each.wrong) for each in entries]


def _is_table(path: Path) -> bool:
    inner = Path(path.stem) if path.suffix.lower() in _PACKED else path
    return inner.suffix.lower() in _TABLES


def _digest(files: Sequence[Path]) -> str:
    marks = [digest.of_file(path) for path in files]
    return marks[0] if len(marks) == 1 else digest.together(marks)


def _schema(name: str) -> Schema:
    return Schema((Column(name, "text", missing_allowed=False),))
