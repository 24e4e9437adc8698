"""What we see in a file before anything is learned from it: its rows, columns and oddities, and the one question to its owner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from tocsin.core.errors import DataError
from tocsin.core.types import Column, Dataset
from tocsin.data.read import batches, read
from tocsin.data.screen import screen
from tocsin.data.sniff import opened
from tocsin.monitoring.cells import plain_cell, times_as_text

WHOLE = 32 << 20  # bytes up to which a file is looked at whole; of larger ones the first rows
_ROWS = 100_000
_MOST_ROWS, _MOST_BYTES = 20_000_000, 4 << 30  # of a Parquet file, unpacked
_LEVELS, _FINDINGS, _COLUMNS, _TEXT = 12, 60, 1000, 120

QUESTION = {
    "text": "Are the rows in this file mostly normal days, or do you want me to find the odd ones among them?",
    "choices": [{"value": "true", "text": "They are normal. Learn from them and watch what comes next."},
                {"value": "false", "text": "Find the odd ones among them."}],
}


def look(path: Path, name: str) -> dict[str, Any]:
    """The view of the file at ``path`` (called ``name`` by its owner), without digest and size.

    Raises DataError as reading does, TOC-194 for a Parquet file that unpacks to too much; the words name the file as its owner does.
    """
    whole = path.stat().st_size <= WHOLE and _unpacked(path) <= 4 * WHOLE
    data = read(path) if whole else next(batches(path, rows=_ROWS))
    rows = len(data) if whole else _count(path)
    schema = data.schema
    findings = [{"what": finding.what, "level": finding.level, "message": finding.message, "column": finding.column}
                for finding in screen(data)[:_FINDINGS]]
    if not whole:
        findings.insert(0, {"what": "sample", "level": "info", "column": None,
                            "message": f"The file is large: this view is of its first {len(data)} rows. All are learned from."})
    notes = [{"what": "note", "level": "info", "message": _short(note.replace(str(path), name)), "column": None}
             for note in data.origin.notes]
    return {"name": name, "rows": rows, "kind": data.kind, "time": schema.time, "label": schema.label, "group": schema.group,
            "id": schema.id, "columns": [*_roles(data), *_columns(data)][:_COLUMNS], "findings": findings + notes, "question": QUESTION}


def _unpacked(path: Path) -> int:
    """Bytes that a Parquet file takes in memory, as far as its footer tells; 0 for other files. Raises DataError TOC-194 for too many.

    A few megabytes can stand for billions of cells, so the footer is asked before anything is read.
    """
    if path.suffix != ".parquet":
        return 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            told = file.metadata
        groups = [told.row_group(j) for j in range(told.num_row_groups)]
        chunks = [group.column(k) for group in groups for k in range(group.num_columns)]
        size = max(8 * max(told.num_rows * told.num_columns, sum(chunk.num_values for chunk in chunks)),
                   sum(group.total_byte_size for group in groups))
        if told.num_rows <= _MOST_ROWS and size <= _MOST_BYTES:
            texts = {chunk.path_in_schema for chunk in chunks
                     if chunk.physical_type == "BYTE_ARRAY" and chunk.num_values * chunk.total_uncompressed_size > _MOST_BYTES}
            size += sum(_text_bytes(path, name) for name in sorted(texts) if "." not in name)
    except (pa.ArrowException, OSError):
        return 0  # reading says what is wrong with it
    if told.num_rows > _MOST_ROWS or size > _MOST_BYTES:
        raise DataError("TOC-194", "this file unpacks to more than is taken here",
                        came=f"{told.num_rows:,} rows, {told.num_columns:,} columns, {size / 2**30:.1f} GiB",
                        todo=f"send at most {_MOST_ROWS:,} rows and {_MOST_BYTES >> 30} GiB: a sample of the rows, or fewer columns")
    return size


def _text_bytes(path: Path, name: str) -> int:
    """Bytes of a text column once written out, from its codes alone: a long word may be kept once and named a million times."""
    total = 0
    with pyarrow.parquet.ParquetFile(path, read_dictionary=[name]) as file:
        for batch in file.iter_batches(columns=[name]):
            words = batch.column(0)
            if not isinstance(words, pa.DictionaryArray):
                continue
            total += pc.sum(pc.binary_length(words.dictionary).take(words.indices).cast(pa.int64())).as_py() or 0
            if total > _MOST_BYTES:
                break
    return total


def _roles(data: Dataset) -> list[dict[str, Any]]:
    """The columns that were taken out of the measurements: the clock and the labels."""
    made = []
    if data.schema.time is not None and data.time is not None:
        text = times_as_text(data.time)
        made.append(_view(data.schema.time, "time", 0, text[0], low=text[0], high=text[-1]))
    if data.schema.label is not None and data.y is not None:
        made.append(_view(data.schema.label, "label", 0, int(data.y[0]), levels=[f"{int(data.y.sum())} marked as anomalies"]))
    return made


def _columns(data: Dataset) -> list[dict[str, Any]]:
    if isinstance(data.X, pa.Table):
        return [_column(column, data.X.column(j)) for j, column in enumerate(data.schema.columns)]
    X = np.asarray(data.X)
    return [_column(column, pa.chunked_array([pa.array(np.ascontiguousarray(X[:, j]), from_pandas=True)]))
            for j, column in enumerate(data.schema.columns)]


def _column(column: Column, values: pa.ChunkedArray) -> dict[str, Any]:
    there = values.drop_null()
    example = plain_cell(there[0].as_py()) if len(there) else None
    levels = _levels(there) if column.kind in ("category", "boolean") else None
    return _view(column.name, column.kind, values.null_count, _short(example), low=_finite(column.low), high=_finite(column.high),
                 levels=levels)


def _view(name: str, kind: str, missing: int, example: Any, *, low: Any = None, high: Any = None,
          levels: list[str] | None = None) -> dict[str, Any]:
    return {"name": name, "kind": kind, "missing": missing, "example": example, "low": low, "high": high, "levels": levels}


def _levels(values: pa.ChunkedArray) -> list[str]:
    """The most frequent values, the most frequent first."""
    counted = pc.value_counts(values)
    found = sorted(((entry["counts"], str(entry["values"])) for entry in counted.to_pylist()), key=lambda pair: (-pair[0], pair[1]))
    return [_short(level) for _, level in found[:_LEVELS]]


def _finite(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)


def _short(value: Any) -> Any:
    return value[:_TEXT] + "…" if isinstance(value, str) and len(value) > _TEXT else value


def _count(path: Path) -> int:
    """Rows of a large file: Parquet says them, lines are counted (a quoted line break counts as a row)."""
    if path.suffix == ".parquet":
        with pyarrow.parquet.ParquetFile(path) as file:
            return int(file.metadata.num_rows)
    lines, last = 0, b"\n"
    with opened(path) as stream:
        while block := bytes(stream.read(1 << 20)):
            lines += block.count(b"\n")
            last = block[-1:]
    lines += last != b"\n"
    return lines - (0 if ".jsonl" in path.name else 1)
