"""csv and tsv: every cell arrives as text, and nothing is guessed from a part of a column.

Types are decided later, from whole columns (``settle``), so that "007" stays a code and a late stray word harms no number before it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from tocsin.core.errors import DataError
from tocsin.data.literal import MISSING, without_missing
from tocsin.data.sniff import Dialect, dialect_of, opened

_BLOCK, _LONG_LINES = 8 << 20, 256 << 20
_STREAM_BLOCK = 1 << 20


def load(path: Path, *, encoding: str | None = None, delimiter: str | None = None, header: bool | None = None) \
        -> tuple[pa.Table, Dialect, tuple[str, ...]]:
    """(table of text, how it is written, notes). DataError: TOC-122 no rows, TOC-124 encoding, TOC-125 ragged, TOC-102 repeated names."""
    dialect = dialect_of(path, encoding=encoding, delimiter=delimiter, header=header)
    names, notes = _names(dialect, path)
    try:
        table = _read(path, dialect, _BLOCK)
    except pa.ArrowInvalid as error:
        if "straddling" not in str(error):
            if encoding is None and dialect.encoding == "utf-8" and "UTF8" in str(error):
                # the sample was plain ASCII and the first accented letter comes later
                return load(path, encoding="cp1252", delimiter=delimiter, header=header)
            raise _explained(path, dialect, error) from error
        table = _read_or_explain(path, dialect, _LONG_LINES)
    except UnicodeError as error:
        raise _wrong_encoding(path, dialect, error) from error
    table, more = _tidy(table.rename_columns(names), dialect)
    if table.num_columns == 1:
        table = _without_missing(_single(table)[0])
    if table.num_rows == 0:
        raise DataError("TOC-122", "the file holds names and no rows", came=f"{path}: {', '.join(names[:8])}",
                        todo="pass a file with at least one row")
    return table, dialect, (*notes, *more)


def stream(path: Path, *, encoding: str | None = None, delimiter: str | None = None, header: bool | None = None) -> Iterator[pa.Table]:
    """Tables of text, about a megabyte of file each; the same errors as :func:`load`."""
    dialect = dialect_of(path, encoding=encoding, delimiter=delimiter, header=header)
    names, _ = _names(dialect, path)
    empty, held = True, None
    try:
        for batch in arrow_csv.open_csv(opened(path), *_options(dialect, _STREAM_BLOCK, newlines=True)):
            table = _tidy(pa.Table.from_batches([batch]).rename_columns(names), dialect)[0]
            if len(names) == 1:
                table, held = _single(table if held is None else pa.concat_tables([held, table]))
                table = _without_missing(table)
            if table.num_rows:
                empty = False
                yield table
    except pa.ArrowInvalid as error:
        if "Empty CSV" not in str(error):
            raise _explained(path, dialect, error) from error
    except UnicodeError as error:
        raise _wrong_encoding(path, dialect, error) from error
    if empty:
        raise DataError("TOC-122", "the file holds names and no rows", came=f"{path}: {', '.join(names[:8])}",
                        todo="pass a file with at least one row")


def _read(path: Path, dialect: Dialect, block: int) -> pa.Table:
    with opened(path) as source:
        return arrow_csv.read_csv(source, *_options(dialect, block, newlines=dialect.quoted or _has_quotes(path)))


def _read_or_explain(path: Path, dialect: Dialect, block: int) -> pa.Table:
    try:
        return _read(path, dialect, block)
    except pa.ArrowInvalid as error:
        raise _explained(path, dialect, error) from error


def _options(dialect: Dialect, block: int, *, newlines: bool) \
        -> tuple[arrow_csv.ReadOptions, arrow_csv.ParseOptions, arrow_csv.ConvertOptions]:
    # Columns are called by their position while Arrow reads: names may repeat or be blank there.
    inner = [str(j) for j in range(len(dialect.names))]
    return (arrow_csv.ReadOptions(block_size=block, use_threads=block > _STREAM_BLOCK, encoding=dialect.encoding,
                                  column_names=inner, skip_rows=dialect.skip,
                                  skip_rows_after_names=int(dialect.header)),
            arrow_csv.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=newlines, ignore_empty_lines=len(inner) > 1),
            arrow_csv.ConvertOptions(column_types={name: pa.string() for name in inner}, strings_can_be_null=True,
                                     null_values=list(MISSING) if len(inner) > 1 else [""]))  # one column: see _single


def _names(dialect: Dialect, path: Path) -> tuple[list[str], tuple[str, ...]]:
    """Names for all columns; blank ones are called by their position."""
    names = [name or f"column {j + 1}" for j, name in enumerate(dialect.names)]
    check_names(names, str(path))
    notes = []
    if not dialect.header:
        notes.append(f"the first line holds values, not names: columns are called {names[0]} to {names[-1]}")
    if blank := sum(not name for name in dialect.names):
        notes.append(f"{blank} of the column names are blank: those columns are called by their position")
    if dialect.encoding != "utf-8":
        notes.append(f"encoding {dialect.encoding}")
    return names, tuple(notes)


def check_names(names: list[str], source: str) -> None:
    """DataError TOC-102 when a column name comes twice."""
    if len(set(names)) < len(names):
        seen: set[str] = set()
        again = sorted({name for name in names if name in seen or seen.add(name)})  # type: ignore[func-returns-value]
        raise DataError("TOC-102", "column names are repeated", came=f"{source}: {', '.join(map(repr, again[:8]))}",
                        todo="give every column a name of its own")


def _tidy(table: pa.Table, dialect: Dialect) -> tuple[pa.Table, tuple[str, ...]]:
    """Without the empty column that a delimiter at the end of each line makes."""
    if table.num_columns > 1 and dialect.header and not dialect.names[-1] and table.column(-1).null_count == table.num_rows:
        return table.remove_column(table.num_columns - 1), ("each line ends with a delimiter: the empty last column is left out",)
    return table, ()


def _single(table: pa.Table) -> tuple[pa.Table, pa.Table]:
    """(rows, blank lines at the end). In a file of one column a blank line between rows is a missing value, at the end it is nothing."""
    column = table.column(0)
    known = pc.indices_nonzero(pc.is_valid(column))
    rows = known[-1].as_py() + 1 if len(known) else 0
    return table.slice(0, rows), table.slice(rows)


def _without_missing(table: pa.Table) -> pa.Table:
    return pa.table([without_missing(table.column(0))], names=table.column_names)


def _has_quotes(path: Path) -> bool:
    with opened(path) as source:
        while block := source.read(_BLOCK):
            if b'"' in block:
                return True
    return False


def _explained(path: Path, dialect: Dialect, error: Exception) -> DataError:
    text = str(error)
    if "Expected" in text and "columns" in text and (ragged := _ragged_line(path, dialect)):
        line, came = ragged
        return DataError("TOC-125", f"line {line} has {came} fields where the first line has {len(dialect.names)}", came=str(path),
                         todo=f"mend line {line}, or pass delimiter= if {dialect.delimiter!r} is not the delimiter")
    if "UTF8" in text:
        return _wrong_encoding(path, dialect, error)
    if "straddling" in text:
        return DataError("TOC-125", "a line is longer than can be read at once", came=f"{path}: {text[:200]}",
                         todo="look for a quotation mark that is never closed")
    if "Empty" in text:
        return DataError("TOC-122", "the file is empty", came=str(path), todo="pass a file with a line of names and at least one row")
    return DataError("TOC-125", "the file cannot be cut into rows and columns", came=f"{path}: {text[:300]}",
                     todo="look for a quotation mark that is never closed, or pass delimiter=")


def _ragged_line(path: Path, dialect: Dialect) -> tuple[int, int] | None:
    """(number of the first line, counted from 1, that has another number of fields; that number)."""
    limit = csv.field_size_limit(1 << 27)
    try:
        with opened(path) as source, io.TextIOWrapper(source, encoding=dialect.encoding, errors="replace", newline="") as text:
            rows = csv.reader(text, delimiter=dialect.delimiter)
            before = 0
            for row in rows:
                if row and len(row) != len(dialect.names):
                    return before + 1, len(row)
                before = rows.line_num
    except csv.Error as error:
        if not re.search("field|newline|quote", str(error)):
            raise
    finally:
        csv.field_size_limit(limit)
    return None


def _wrong_encoding(path: Path, dialect: Dialect, error: Exception) -> DataError:
    return DataError("TOC-124", f"the file is not written in {dialect.encoding}", came=f"{path}: {str(error)[:150]}",
                     todo="pass encoding='cp1252' (Western Windows), 'latin-1', 'utf-8' or 'utf-16'")
