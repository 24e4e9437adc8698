"""Parquet and Arrow files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet

from tocsin.core.errors import DataError

_BROKEN = (pa.ArrowException, OSError, ValueError)


def load_parquet(path: Path) -> pa.Table:
    """All rows and columns. DataError TOC-123 for a damaged file."""
    try:
        with parquet.ParquetFile(path) as file:
            return file.read()
    except _BROKEN as error:
        raise _damaged(path, "Parquet", error) from error


def stream_parquet(path: Path, rows: int) -> Iterator[pa.Table]:
    """Tables of at most ``rows`` rows; a row group is not held in memory whole."""
    try:
        with parquet.ParquetFile(path, pre_buffer=False, buffer_size=1 << 18) as file:
            for batch in file.iter_batches(batch_size=rows, use_threads=False):
                yield pa.Table.from_batches([batch])
    except _BROKEN as error:
        if isinstance(error, DataError):
            raise
        raise _damaged(path, "Parquet", error) from error


def load_arrow(path: Path) -> pa.Table:
    """An Arrow file (feather) or stream. DataError TOC-123 for a damaged file."""
    try:
        with _reader(path) as reader:
            table = reader.read_all()
            table.validate(full=True)  # a damaged file must not be found out by a crash later
            return table
    except _BROKEN as error:
        raise _damaged(path, "Arrow", error) from error


def stream_arrow(path: Path, rows: int) -> Iterator[pa.Table]:
    """Tables of at most ``rows`` rows, one record batch in memory at a time."""
    try:
        with _reader(path) as reader:
            count = getattr(reader, "num_record_batches", None)
            batches = reader if count is None else (reader.get_batch(i) for i in range(count))
            for batch in batches:
                batch.validate(full=True)
                for start in range(0, batch.num_rows, rows):
                    yield pa.Table.from_batches([batch.slice(start, rows)])
    except _BROKEN as error:
        if isinstance(error, DataError):
            raise
        raise _damaged(path, "Arrow", error) from error


def _reader(path: Path) -> pa.RecordBatchFileReader | pa.RecordBatchStreamReader:
    with path.open("rb") as file:
        in_file_form = file.read(6) == b"ARROW1"
    return pa.ipc.open_file(pa.memory_map(str(path))) if in_file_form else pa.ipc.open_stream(pa.OSFile(str(path)))


def _damaged(path: Path, form: str, error: Exception) -> DataError:
    return DataError("TOC-123", f"the file cannot be read as {form}", came=f"{path}: {error}"[:300],
                     todo="check that the file is complete, or give it the ending of its form")
