"""A stream's state as one file: JSON for the tree, arrays beside it, written whole or not at all."""

from __future__ import annotations

import io
import json
import math
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from tocsin.core.errors import ArtifactError, StateError
from tocsin.core.state import to_plain

_TREE = "tree"
_MOST = 256 * 2 ** 20  # bytes, packed or not
_ODD = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def write(path: str | Path, state: dict[str, Any]) -> None:
    """Write ``state`` to ``path`` in one step: whoever is killed half way leaves the old file. Raises StateError TOC-304, TOC-345."""
    arrays: list[np.ndarray] = []
    path = Path(path)
    tree = json.dumps(_flat(to_plain(state), arrays), allow_nan=False)
    made = io.BytesIO()
    named: dict[str, Any] = {f"a{i}": array for i, array in enumerate(arrays)}
    np.savez(made, **{_TREE: np.frombuffer(tree.encode("utf-8"), dtype=np.uint8), **named})
    name = None
    if made.tell() > _MOST:
        raise StateError("TOC-345", "the stream's state is too large to be saved", came=f"{made.tell()} bytes",
                         todo=f"use a shorter window or less memory: {_MOST} bytes at most")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with open(handle, "wb") as file:
            file.write(made.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except (OSError, ValueError) as error:  # ValueError: a path with a zero byte
        if name is not None:
            Path(name).unlink(missing_ok=True)
        raise StateError("TOC-345", "the stream's state cannot be saved", came=f"{path}: {getattr(error, 'strerror', None) or error}"[:200],
                         todo="check the folder, its rights and the free space") from error


def read(path: str | Path) -> dict[str, Any]:
    """The inverse of :func:`write`; nothing in the file is run. Raises ArtifactError TOC-401, TOC-402, TOC-404, TOC-412."""
    try:
        with open(path, "rb") as handle:
            packed = handle.read(_MOST + 1)
    except FileNotFoundError:
        raise ArtifactError("TOC-401", "there is no saved stream here", came=str(path), todo="check the path") from None
    except OSError as error:
        raise ArtifactError("TOC-402", "the saved stream cannot be read", came=f"{path}: {error}"[:200],
                            todo="check the path and its rights") from error
    except ValueError as error:  # a path with a zero byte
        raise _damaged(path, error) from error
    try:
        arrays = _unpacked(packed)
        tree = json.loads(arrays[_TREE].tobytes().decode("utf-8"))
        made = _restored(tree, arrays)
    except Exception as error:  # a damaged file may raise anything, from any layer of the unpacking
        raise _damaged(path, error) from error
    if not isinstance(made, dict):
        raise ArtifactError("TOC-412", "a saved stream is not of the expected form", came=type(made).__name__,
                            todo="pass a file that Stream.save wrote")
    return made


def count(value: Any) -> int:
    """A whole number, 0 at least. Raises TypeError, ValueError."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"not a count: {value!r:.60}")
    if not 0 <= value < 2 ** 62:
        raise ValueError(f"not a count: {value!r:.60}")
    return value


def number(value: Any) -> int | float:
    """A finite number. Raises TypeError, ValueError, OverflowError."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"not a number: {value!r:.60}")
    if not math.isfinite(float(value)):
        raise ValueError(f"not a finite number: {value!r}")
    return value


def row(value: Any, width: int | None = None) -> np.ndarray:
    """(width,) numbers or NaN. Raises TypeError, ValueError."""
    made = np.array(value, dtype=float)
    if made.ndim != 1 or not len(made) or (width is not None and len(made) != width) or np.isinf(made).any():
        raise ValueError(f"not a row of {width or 'some'} cells: shape {made.shape}")
    return made


def _damaged(path: str | Path, error: Exception) -> ArtifactError:
    return ArtifactError("TOC-404", "this is not a saved stream, or it is damaged", came=f"{path}: {error}"[:200],
                         todo="pass a file that Stream.save wrote")


def _unpacked(packed: bytes) -> dict[str, np.ndarray]:
    """Arrays by name. No size that the file only claims is believed: neither what a part unpacks to, nor the shape of an array."""
    if len(packed) > _MOST:
        raise ValueError(f"more than {_MOST} bytes")
    arrays = {}
    with zipfile.ZipFile(io.BytesIO(packed)) as file:
        size = sum(part.file_size for part in file.infolist())
        if size > _MOST:
            raise ValueError(f"unpacks to {size} bytes")
        for part in file.infolist():
            data = io.BytesIO(file.read(part))
            version = np.lib.format.read_magic(data)
            header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, kind = header(data)
            if math.prod(shape) * kind.itemsize != len(data.getbuffer()) - data.tell():
                raise ValueError(f"{part.filename}: an array of shape {shape} in {part.file_size} bytes")
            data.seek(0)
            arrays[part.filename.removesuffix(".npy")] = np.lib.format.read_array(data, allow_pickle=False)
    return arrays


def _flat(value: Any, arrays: list[np.ndarray]) -> Any:
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"$array": len(arrays) - 1}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"}
    if isinstance(value, list):
        return [_flat(part, arrays) for part in value]
    if isinstance(value, dict):
        return {"$" + name if name.startswith("$") else name: _flat(part, arrays) for name, part in value.items()}
    return value


def _restored(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_restored(part, arrays) for part in value]
    if not isinstance(value, dict):
        return value
    if "$array" in value:
        return arrays[f"a{value['$array']}"]
    if "$float" in value:
        return _ODD[value["$float"]]
    return {name[1:] if name.startswith("$$") else name: _restored(part, arrays) for name, part in value.items()}
