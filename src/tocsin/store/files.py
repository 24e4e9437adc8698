"""Files named by their content: written whole or not at all, kept once however often they come, never overwritten."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tocsin.core.errors import ServiceError

_DIGEST = re.compile(r"[0-9a-f]{64}")
_PART = 1 << 20


class Files:
    """A folder of files; the name of each is the SHA-256 of its bytes.

    A file is written beside its place, flushed to the disk, and moved there in one step: whoever dies half way leaves a ``.part`` file
    that nobody reads and that :meth:`sweep` removes. Reading checks the bytes against the name when asked. Names come from us alone: what
    is not 64 hex digits is refused, so that no name leads out of the folder.

    Raises ServiceError TOC-610 for a file that is not there or not what it was, TOC-613 when the disk refuses.

    >>> import tempfile
    >>> files = Files(tempfile.mkdtemp())
    >>> digest, size = files.put([b"abc"])
    >>> digest[:8], size, files.path(digest).read_bytes()
    ('ba7816bf', 3, b'abc')
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def put(self, parts: Iterable[bytes]) -> tuple[str, int]:
        """Keep the bytes; returns (digest, size). An error of ``parts`` itself passes as it is, and nothing is kept. Raises TOC-613."""
        digest, size = hashlib.sha256(), 0
        with _stated():
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(suffix=".part", dir=self.folder)
        try:
            with open(handle, "wb", buffering=0) as file:
                for part in parts:
                    digest.update(part)
                    size += len(part)
                    with _stated():
                        _write(file, part)
                with _stated():
                    os.fsync(file.fileno())
            with _stated():
                self._settle_in(name, self._place(digest.hexdigest()))
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

    def sweep(self, *, older: float = 0.0) -> int:
        """Remove what dead writers left; returns how many. Nobody may be writing a file that has not grown for ``older`` seconds."""
        latest = time.time() - older
        left = [part for part in self.folder.glob("*.part") if _changed(part) <= latest]
        for part in left:
            part.unlink(missing_ok=True)
        return len(left)

    def _settle_in(self, name: str, target: Path) -> None:
        if not target.parent.is_dir():
            target.parent.mkdir(exist_ok=True)
            flush_folder(self.folder)
        os.replace(name, target)  # the same content: replacing changes nothing
        flush_folder(target.parent)

    def _place(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise ServiceError("TOC-610", "this is not the name of a stored file", came=repr(digest)[:80], todo="pass a SHA-256 in hex")
        return self.folder / digest[:2] / digest


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(file: BinaryIO, part: bytes) -> None:
    left = memoryview(part)
    while left:
        left = left[file.write(left):]


def _changed(part: Path) -> float:
    try:
        return part.stat().st_mtime
    except FileNotFoundError:  # its writer finished, or another sweep came first
        return float("inf")


@contextmanager
def _stated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ServiceError("TOC-613", "a file cannot be stored", came=f"{error.filename or ''} {error.strerror or error}".strip()[:200],
                           todo="check that the data folder may be written and that the disk has room") from error


def flush_folder(folder: Path) -> None:
    """A name is safe only once its folder is on the disk."""
    if os.name != "posix":
        return  # elsewhere a folder cannot be opened; the rename is still atomic
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
