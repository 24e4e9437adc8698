"""numpy's npy and npz, without pickle."""

from __future__ import annotations

import tokenize
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from tocsin.core.errors import DataError
from tocsin.data.sniff import check_growth

_BROKEN = (ValueError, OSError, EOFError, MemoryError, KeyError, SyntaxError, UserWarning, zipfile.BadZipFile, zlib.error,
           tokenize.TokenError)


def load(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """(X, y or None). An npz holds ``X`` or ``x`` (or one array alone), and perhaps ``y``.

    DataError: TOC-127 for pickled objects, TOC-123 for a damaged file or one without ``X``, TOC-142 for one that grows beyond measure
    when it is unpacked.
    """
    with path.open("rb") as file:
        start = file.read(6)
    if start != b"\x93NUMPY" and not start.startswith(b"PK"):  # numpy would take anything else for a pickle
        raise DataError("TOC-123", "the file is no numpy file, though its name says so", came=f"{path}: {start!r}",
                        todo="check that the file is complete, or give it the ending of its form")
    if start == b"\x93NUMPY":
        return _guarded(path, lambda: np.load(path, allow_pickle=False, mmap_mode="r")), None
    return _guarded(path, lambda: _unpacked(path))


def _unpacked(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    with zipfile.ZipFile(path) as held:  # no entry gives more bytes than are written here
        check_growth(sum(entry.file_size for entry in held.infolist()), path.stat().st_size, path)
    with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
        names = list(held.files)
        others = [name for name in names if name != "y"]
        name = next((name for name in ("X", "x") if name in names), others[0] if len(others) == 1 else None)
        if name is None:
            raise DataError("TOC-123", "it is not clear which array holds the rows", came=f"{path}: {', '.join(names)[:200]}",
                            todo="name it X (and the labels y), or load it and pass the array")
        return held[name], held["y"].ravel() if "y" in names else None


def _guarded(path: Path, load: Any) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # numpy mends a damaged header with a warning, and then reads wrong numbers
            return load()
    except DataError:
        raise
    except _BROKEN as error:
        if "pickle" in str(error) or "Object array" in str(error) or "Python objects" in str(error):
            raise DataError("TOC-127", "the file holds Python objects, which may run code when they are loaded", came=str(path),
                            todo="save numbers only: np.savez(path, X=X.astype(float))") from error
        raise DataError("TOC-123", "the numpy file cannot be read", came=f"{path}: {error}"[:300],
                        todo="check that the file is complete") from error
