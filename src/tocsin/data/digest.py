"""What content came in, as one SHA-256: the same file or the same values give the same digest, on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_BLOCK = 1 << 20
_ROWS = 65536


def of_file(path: Path) -> str:
    """SHA-256 of the file's bytes, read in blocks; equal to what ``sha256sum`` prints."""
    found = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


def of_array(array: np.ndarray) -> str:
    """SHA-256 of shape, type and values; strides, byte order and writability do not count."""
    array = np.ascontiguousarray(array)
    array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    found = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    found.update(array.reshape(-1).view(np.uint8).data)
    return found.hexdigest()


def of_table(table: pa.Table) -> str:
    """SHA-256 of column names, types and values; how the table is cut into chunks does not count.

    >>> one = pa.table({"a": [1, None, 3]})
    >>> of_table(one) == of_table(pa.concat_tables([one.slice(0, 1), one.slice(1)]))
    True
    """
    found = hashlib.sha256(str(table.num_rows).encode())
    for name, column in zip(table.column_names, table.columns):
        found.update(f"\x00{name}\x00{column.type}\x00".encode())
        missing = pc.is_null(column)
        if column.null_count:
            found.update(np.packbits(missing.to_numpy()).tobytes())
            column = column.drop_null()  # what stands under a null is arbitrary
        for start in range(0, len(column), _ROWS):
            part = column.slice(start, _ROWS).combine_chunks()
            part = pa.concat_arrays(part.chunks) if isinstance(part, pa.ChunkedArray) else part
            found.update(_bytes(part))
    return found.hexdigest()


def together(digests: Sequence[str]) -> str:
    """One digest for several sources, in their order: a single one stays as it is; "" when one is unknown."""
    if len(digests) == 1 or not all(digests):
        return digests[0] if len(digests) == 1 else ""
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _bytes(part: pa.Array) -> bytes:
    sink = pa.BufferOutputStream()
    batch = pa.record_batch([part], names=["c"])
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())
