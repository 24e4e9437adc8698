"""JSON lines: one object a line; also a file that is one array of objects.

Arrow reads a block of lines at once; a block that it finds inconsistent (12 here, "12" there) is read line by line instead, and a
column of mixed types becomes text. Nested objects become columns ("pump.flow"), lists stay text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.json as arrow_json

from tocsin.core.errors import DataError
from tocsin.data.literal import column, spell
from tocsin.data.sniff import decoded, encoding_of, head, opened

_BLOCK = 8 << 20
STREAM_BLOCK = 1 << 20


def load(path: Path, encoding: str | None = None) -> pa.Table:
    """All rows. DataError: TOC-122 no rows, TOC-126 a line that is no JSON object, TOC-124 encoding."""
    return appended(list(stream(path, encoding, _BLOCK)))


def stream(path: Path, encoding: str | None = None, block: int = STREAM_BLOCK) -> Iterator[pa.Table]:
    """Tables of about ``block`` bytes of file each. A key that a block never names is no column of that block."""
    start = head(path, 1 << 16)
    encoding = encoding or encoding_of(start, path)
    if decoded(start, encoding, path).lstrip()[:1] == "[":
        yield _array(path, encoding)
        return
    line, empty = 1, True
    for lines in _blocks(path, encoding, block):
        table = _table(lines, line, path)
        line += lines.count(b"\n")
        if table.num_rows:
            empty = False
            yield table
    if empty:
        raise DataError("TOC-122", "the file holds no rows", came=str(path), todo="pass a file with one JSON object a line")


def appended(tables: Sequence[pa.Table]) -> pa.Table:
    """Tables one below the other; a column of several types becomes text, a column that some do not name is null there.

    >>> appended([pa.table({"a": [1]}), pa.table({"a": ["x"], "b": [2]})]).to_pylist()
    [{'a': '1', 'b': None}, {'a': 'x', 'b': 2}]
    """
    kinds: dict[str, set[pa.DataType]] = {}
    for table in tables:
        for field in table.schema:
            kinds.setdefault(field.name, set()).add(field.type)
    mixed = {name: _common(found - {pa.null()}) for name, found in kinds.items() if len(found) > 1}
    return pa.concat_tables([_recast(table, mixed) for table in tables], promote_options="default")


def records(rows: Sequence[dict[str, Any]]) -> pa.Table:
    """A table from objects: the keys in order of first appearance, null where a row does not have one."""
    flat = [_flat(row) for row in rows]
    names = list(dict.fromkeys(name for row in flat for name in row))
    return pa.table([column([row.get(name) for row in flat]) for name in names], names=names)


def _common(found: set[pa.DataType]) -> pa.DataType | None:
    numeric = all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in found)
    times = all(pa.types.is_timestamp(kind) and kind.tz is None for kind in found)
    if len(found) == 1:
        return next(iter(found))
    return pa.float64() if numeric else pa.timestamp("us") if times else pa.string()


def _recast(table: pa.Table, kinds: dict[str, Any]) -> pa.Table:
    for index, name in enumerate(table.column_names):
        kind = kinds.get(name)
        if kind is None or table.column(index).type == kind:
            continue
        values = table.column(index)
        if pa.types.is_string(kind):
            values = pa.chunked_array([pa.array([spell(value) for value in values.to_pylist()], kind)])
        table = table.set_column(index, name, values.cast(kind, safe=False))
    return table


def _blocks(path: Path, encoding: str, size: int) -> Iterator[bytes]:
    """Whole lines in utf-8."""
    rest = b""
    source = opened(path)
    if encoding != "utf-8":
        source = pa.transcoding_input_stream(source, encoding, "utf8")
    with source:
        while block := source.read(size):
            done, cut, begun = block.rpartition(b"\n")
            if cut:
                yield (rest + done + cut).removeprefix(b"\xef\xbb\xbf")
                rest = begun
            else:
                rest += block
    if rest.strip():
        yield rest.removeprefix(b"\xef\xbb\xbf")


def _table(lines: bytes, first: int, path: Path) -> pa.Table:
    if not lines.strip():
        return pa.table({})
    try:
        return arrow_json.read_json(pa.BufferReader(lines), arrow_json.ReadOptions(use_threads=False, block_size=max(len(lines), 1 << 16)))
    except pa.ArrowInvalid:
        return records([_row(line, first + i, path) for i, line in enumerate(lines.split(b"\n")) if line.strip()])


def _row(line: bytes, number: int, path: Path) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except UnicodeDecodeError as error:
        raise DataError("TOC-124", "the file is not written in utf-8", came=f"{path}, line {number}",
                        todo="pass encoding=, such as 'cp1252'") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError("TOC-126", f"line {number} is no JSON", came=f"{path}: {line[:80]!r}: {error}"[:300],
                        todo=f"mend line {number}; each line holds one whole object") from error
    if not isinstance(row, dict):
        raise DataError("TOC-126", f"line {number} is no JSON object", came=f"{path}: {line[:80]!r}",
                        todo='write each row as an object: {"column": value, ...}')
    return row


def _array(path: Path, encoding: str) -> pa.Table:
    with opened(path) as source:
        text = b"".join(iter(lambda: source.read(_BLOCK), b""))  # a packed file tells no size
    try:
        rows = json.loads(text.decode("utf-8-sig" if encoding == "utf-8" else encoding))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataError("TOC-126", "the file is no JSON", came=f"{path}: {error}"[:300],
                        todo="write one object a line, or one array of objects") from error
    if not all(isinstance(row, dict) for row in rows):
        raise DataError("TOC-126", "the file is no array of JSON objects", came=str(path),
                        todo='write rows as objects: {"column": value, ...}')
    if not rows:
        raise DataError("TOC-122", "the file holds no rows", came=str(path), todo="pass at least one object")
    return records(rows)


def _flat(row: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in row.items():
        flat.update(_flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value})
    return flat
