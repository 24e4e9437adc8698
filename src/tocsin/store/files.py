"""Files named by their content: written whole or not at all, kept once however often they come, never overwritten."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tocsin.core.errors import ServiceError

_DIGEST = re.compile(r"[0-9a-f]{64}")
_PART = 1 << 20


class Files:
    """A folder of files; the name of each is the SHA-256 of its bytes.

    A file is written beside its place, flushed to the disk, and moved there in one step: whoever dies half way leaves a ``.part`` file
    that nobody reads and that :meth:`sweep` removes. Reading checks the bytes against the name when asked.

    >>> import tempfile
    >>> files = Files(tempfile.mkdtemp())
    >>> digest, size = files.put([b"abc"])
    >>> digest[:8], size, files.path(digest).read_bytes()
    ('ba7816bf', 3, b'abc')
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def put(self, parts: Iterable[bytes]) -> tuple[str, int]:
        """Keep the bytes; returns (digest, size)."""
        self.folder.mkdir(parents=True, exist_ok=True)
        digest, size = hashlib.sha256(), 0
        handle, name = tempfile.mkstemp(suffix=".part", dir=self.folder)
        try:
            with os.fdopen(handle, "wb") as file:
                for part in parts:
                    digest.update(part)
                    size += file.write(part)
                file.flush()
                os.fsync(file.fileno())
            target = self._place(digest.hexdigest())
            target.parent.mkdir(exist_ok=True)
            os.replace(name, target)  # the same content: replacing changes nothing
            _settle(target.parent)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        return digest.hexdigest(), size

    def put_file(self, path: str | Path) -> tuple[str, int]:
        """Keep a copy of the file at ``path``."""
        with Path(path).open("rb") as file:
            return self.put(iter(lambda: file.read(_PART), b""))

    def path(self, digest: str, *, check: bool = False) -> Path:
        """Where the file lies; ``check`` reads it and compares. Raises ServiceError TOC-610 when it is not there or not what it was."""
        place = self._place(digest)
        if not place.is_file():
            raise ServiceError("TOC-610", "a stored file is not there", came=digest, todo="restore the folder 'files' from a backup")
        if check and _digest(place) != digest:
            raise ServiceError("TOC-610", "a stored file is not what it was when it was stored", came=digest,
                               todo="restore the folder 'files' from a backup")
        return place

    def sweep(self) -> int:
        """Remove what dead writers left; returns how many. Only when nobody is writing."""
        left = list(self.folder.glob("*.part"))
        for part in left:
            part.unlink(missing_ok=True)
        return len(left)

    def _place(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise ServiceError("TOC-610", "this is not the name of a stored file", came=repr(digest)[:80], todo="pass a SHA-256 in hex")
        return self.folder / digest[:2] / digest


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _settle(folder: Path) -> None:
    """A name is safe only once its folder is on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
