"""Files that came from outside: kept by their content, called by a name that is only ever shown, read under a name that we chose."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import select

from tocsin.core.errors import DataError, ServiceError, TocsinError
from tocsin.interfaces.server.desk.sight import look
from tocsin.monitoring.once import insert_once
from tocsin.store import moment, tables
from tocsin.store.engine import Store

_ENDINGS = {"csv": "csv", "txt": "csv", "tsv": "tsv", "tab": "tsv", "jsonl": "jsonl", "ndjson": "jsonl", "json": "json",
            "parquet": "parquet", "pq": "parquet"}
_KNOWN = frozenset([*_ENDINGS.values(), *(f"{ending}.gz" for ending in ("csv", "tsv", "jsonl", "json"))])
_NAME = 200  # characters of a name that are kept
_HEAD = 512
_LEFT = 86_400  # seconds after which a working folder belongs to nobody


class Uploads:
    """The uploads of an open store.

    Nothing that the sender says becomes part of a path: bytes go to a private folder under a name of ours, are looked at there, and only
    what can be read is kept, under its SHA-256.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._work = store.folder / "work"

    def keep(self, name: str, parts: Iterable[bytes], by: str) -> dict[str, Any]:
        """Look at a file and keep it; returns what is seen in it. Raises DataError TOC-190 for a form that is not taken, TOC-194 for
        one that unpacks to too much, and all that reading raises; ServiceError TOC-613 when the disk refuses."""
        shown = shown_name(name)
        with self._folder() as folder:
            raw = folder / "raw"
            with _stated(), raw.open("wb") as file:
                size = sum(file.write(part) for part in parts)
            ending = ending_of(shown, raw)
            path = folder / f"upload.{ending}"
            raw.rename(path)
            with called(shown, path):
                seen = look(path, shown)
            digest, _ = self.store.files.put_file(path)
        seen = {"digest": digest, "bytes": size, **seen}
        row = {"name": shown, "ending": ending, "bytes": size, "seen": seen, "at": moment.now(), "by": by, "why": ""}
        with self.store.begin() as base:
            if not insert_once(base, tables.upload, {"digest": digest, **row}):  # the same bytes again, perhaps under another name
                base.execute(tables.upload.update().where(tables.upload.c.digest == digest).values(**row))
        return seen

    def seen(self, digest: str) -> dict[str, Any]:
        """What was seen in an upload. Raises ServiceError TOC-642."""
        return dict(self._row(digest)["seen"])

    def row(self, digest: str) -> dict[str, Any]:
        """The upload's own entry: digest, name, ending, bytes. Raises ServiceError TOC-642."""
        return {name: value for name, value in self._row(digest).items() if name != "seen"}

    @contextmanager
    def at_hand(self, digest: str) -> Iterator[Path]:
        """The upload as a file with its ending, for as long as the block lasts."""
        row = self._row(digest)
        if row["ending"] not in _KNOWN:
            raise ServiceError("TOC-642", "there is no such upload", came=f"an ending {row['ending']!r}"[:60], todo="upload the file again")
        kept = self.store.files.path(digest, check=True)
        with self._folder() as folder:
            path = folder / f"upload.{row['ending']}"
            try:
                os.link(kept, path)
            except OSError:  # another disk, or one without links
                with _stated():
                    shutil.copyfile(kept, path)
            with called(row["name"], path):
                yield path

    @contextmanager
    def body(self, content: bytes, ending: str) -> Iterator[Path]:
        """Bytes of a request as a file, for as long as the block lasts."""
        with self._folder() as folder:
            path = folder / f"body.{ending}"
            with _stated():
                path.write_bytes(content)
            with called("the request's body", path):
                yield path

    def sweep(self) -> None:
        """Remove working folders that a killed process left a day ago."""
        for left in self._work.glob("*"):
            if left.stat().st_mtime < time.time() - _LEFT:
                shutil.rmtree(left, ignore_errors=True)

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        folder = self._work / secrets.token_hex(8)
        with _stated():
            folder.mkdir(parents=True, mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _row(self, digest: str) -> dict[str, Any]:
        with self.store.read() as base:
            row = base.execute(select(tables.upload).where(tables.upload.c.digest == str(digest))).mappings().first()
        if row is None:
            raise ServiceError("TOC-642", "there is no such upload", came=repr(digest)[:80],
                               todo="upload the file first: POST /api/v1/uploads")
        return dict(row)


def shown_name(name: str) -> str:
    """What a file is called where people read it: the last part of the name, printable, at most 200 characters.

    >>> shown_name("../../etc/x.csv"), shown_name("C:\\\\data\\\\x.csv"), shown_name("a\\x00b"), shown_name("")
    ('x.csv', 'x.csv', 'ab', 'upload')
    """
    last = str(name).replace("\\", "/").rpartition("/")[2]
    text = "".join(sign for sign in last if sign.isprintable()).strip()
    if len(text) > _NAME:
        stem, dot, ending = text.rpartition(".")
        text = f"{stem[: _NAME - 9]}….{ending}" if dot and len(ending) <= 7 else f"{text[: _NAME - 1]}…"
    return text or "upload"


def ending_of(name: str, path: Path) -> str:
    """The ending, of a fixed list, under which the file at ``path`` is read: by its name where the content allows it, else by content.

    Raises DataError TOC-190.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    words = [word.lower() for word in name.split(".")[1:]]
    packed = head.startswith(b"\x1f\x8b")
    if words and words[-1] == "gz":
        words.pop()
    told = _ENDINGS.get(words[-1]) if words else None
    if packed:
        return f"{told if told is not None and told != 'parquet' else 'csv'}.gz"
    if head.startswith(b"PAR1"):
        return "parquet"
    if told == "parquet" or head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"SQLite format 3")):
        came = "its name says Parquet, its content does not" if told == "parquet" else f"a file that begins with {head[:8]!r}"
        raise DataError("TOC-190", "this form of file is not taken", came=f"{name}: {came}",
                        todo="save it as csv, tsv, JSON lines or Parquet (csv and JSON lines may be packed with gzip)")
    if told is not None:
        return told
    return "jsonl" if head.lstrip()[:1] in (b"{", b"[") else "csv"


@contextmanager
def _stated() -> Iterator[None]:
    """A disk that refuses, in words; where the file would have been is nobody's business."""
    try:
        yield
    except OSError as error:
        raise ServiceError("TOC-613", "a file cannot be stored", came=str(error.strerror or error)[:200],
                           todo="check that the data folder may be written and that the disk has room") from error


@contextmanager
def called(name: str, path: Path) -> Iterator[None]:
    """Errors of reading ``path`` speak of ``name``: where a file lies on the server is nobody's business."""
    try:
        yield
    except pa.ArrowInvalid as error:
        raise DataError("TOC-123", "the file holds values that cannot be read together", came=f"{name}: {str(error)[:200]}",
                        todo="check that each column holds one kind of value") from error
    except TocsinError as error:
        told = [text.replace(str(path), name) for text in (error.what, error.came, error.todo)]
        if told == [error.what, error.came, error.todo]:
            raise
        raise type(error)(error.code, told[0], came=told[1], todo=told[2]) from error
