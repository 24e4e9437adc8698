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
_ODD = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def write(path: str | Path, state: dict[str, Any]) -> None:
    """Write ``state`` to ``path`` in one step: whoever is killed half way leaves the old file. Raises StateError TOC-304, TOC-345."""
    arrays: list[np.ndarray] = []
    tree = json.dumps(_flat(to_plain(state), arrays), allow_nan=False)
    made = io.BytesIO()
    named: dict[str, Any] = {f"a{i}": array for i, array in enumerate(arrays)}
    np.savez(made, **{_TREE: np.frombuffer(tree.encode("utf-8"), dtype=np.uint8), **named})
    path = Path(path)
    name = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with open(handle, "wb") as file:
            file.write(made.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except OSError as error:
        if name is not None:
            Path(name).unlink(missing_ok=True)
        raise StateError("TOC-345", "the stream's state cannot be saved", came=f"{path}: {error.strerror or error}"[:200],
                         todo="check the folder, its rights and the free space") from error


def read(path: str | Path) -> dict[str, Any]:
    """The inverse of :func:`write`; nothing in the file is run. Raises ArtifactError TOC-401, TOC-402, TOC-404, TOC-412."""
    try:
        with open(path, "rb") as handle, np.load(handle, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        tree = json.loads(arrays[_TREE].tobytes().decode("utf-8"))
        made = _restored(tree, arrays)
    except FileNotFoundError:
        raise ArtifactError("TOC-401", "there is no saved stream here", came=str(path), todo="check the path") from None
    except OSError as error:
        raise ArtifactError("TOC-402", "the saved stream cannot be read", came=f"{path}: {error}"[:200],
                            todo="check the path and its rights") from error
    except (ValueError, KeyError, AttributeError, EOFError, zipfile.BadZipFile, RecursionError) as error:
        raise ArtifactError("TOC-404", "this is not a saved stream, or it is damaged", came=f"{path}: {error}"[:200],
                            todo="pass a file that Stream.save wrote") from error
    if not isinstance(made, dict):
        raise ArtifactError("TOC-412", "a saved stream is not of the expected form", came=type(made).__name__,
                            todo="pass a file that Stream.save wrote")
    return made


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
