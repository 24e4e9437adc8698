"""How large a picture may be before anything is decoded; and the lock under which decoders' warnings are silenced."""

from __future__ import annotations

import threading

from tocsin.core.errors import DataError

MAX_PIXELS = 80_000_000
"""More are refused: a decompression bomb, or a scan to be cut into tiles (decoded, so many take 1 GB)."""
QUIET = threading.Lock()
"""Python's list of warnings to ignore belongs to the whole process: one thread at a time changes it."""


def too_many(came: str, name: str) -> DataError:
    """The error for more pixels than are decoded."""
    return DataError("TOC-156", f"`{name}`: the picture has too many pixels", came=came,
                     todo=f"cut it into tiles of at most {MAX_PIXELS:,} pixels, or make it smaller")


def bounded(width: int, height: int, name: str) -> None:
    """Raises DataError TOC-156 for more than ``MAX_PIXELS``.

    >>> bounded(4000, 3000, "a.png")
    """
    if width * height > MAX_PIXELS:
        raise too_many(f"{width} x {height} = {width * height:,}", name)
