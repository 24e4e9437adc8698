"""Files of plain text: a text a line, or a text a file; what is no text is told by file and line."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tocsin.core.errors import DataError
from tocsin.data.sniff import head, opened

LONGEST = 1 << 20  # bytes of one text: more is a file that was not cut into texts
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_SUFFIXES = (".txt", ".text", ".md")


@dataclass(frozen=True)
class Entry:
    """One text, or why it is none (``wrong``, then ``text`` is ""); ``place`` says where it stands, ``name`` what it is called."""

    text: str
    place: str
    name: str | int
    wrong: str = ""


def entry(text: str | None, place: str, name: str | int) -> Entry:
    """A text that was decoded already, checked: not missing, empty, binary or too long."""
    if text is None:
        return Entry("", place, name, "a missing text")
    if not text.strip():
        return Entry("", place, name, "an empty text")
    if "\x00" in text:
        return Entry("", place, name, "a text with null bytes: binary content")
    if len(text) >= LONGEST:
        return Entry("", place, name, f"a text of {len(text):,} characters; {LONGEST - 1:,} are taken at most")
    return Entry(text, place, name)


def lines_of(path: Path, encoding: str | None) -> Iterator[Entry]:
    """Each line of a file. DataError TOC-120 to TOC-124 where the file cannot be read at all."""
    data, encoding = _bytes(path), _encoding(path, encoding)
    if encoding in ("utf-8", "utf-8-sig") or codecs.lookup(encoding).name in _BY_BYTE:
        lines = data.removeprefix(codecs.BOM_UTF8).split(b"\n") if "utf-8" in encoding else data.split(b"\n")
        if lines[-1] == b"":
            lines.pop()
        for number, line in enumerate(lines, 1):
            yield _decoded(line.removesuffix(b"\r"), "utf-8" if "utf-8" in encoding else encoding, f"{path}, line {number}", number)
        return
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise _not_in(encoding, path, error) from error
    for number, row in enumerate(text.removesuffix("\n").split("\n"), 1):
        yield entry(row.removesuffix("\r"), f"{path}, line {number}", number)


def whole(path: Path, name: str, encoding: str | None) -> Entry:
    """A file that is one text."""
    found = _encoding(path, encoding)
    if path.stat().st_size == 0:
        return Entry("", str(path), name, "an empty file")
    read = _decoded(_bytes(path), found, str(path), name)
    return read if read.wrong else Entry(read.text.strip(), read.place, read.name)


def files_of(folder: Path) -> list[Path]:
    """The text files in a folder and the folders in it, sorted. DataError TOC-120 when there are none."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file()
                   and not any(part.startswith(".") for part in path.relative_to(folder).parts))
    if not found:
        raise DataError("TOC-120", "there is no text file in this folder", came=str(folder),
                        todo="pass a folder of .txt files, one text each")
    return found


_BY_BYTE = frozenset({"iso8859-1", "iso8859-15", "cp1252", "ascii", "cp1251", "koi8-r"})  # a line end is one byte and nothing else is


def _decoded(line: bytes, encoding: str, place: str, name: str | int) -> Entry:
    if len(line) >= LONGEST:
        return Entry("", place, name, f"a text of {len(line):,} bytes; {LONGEST - 1:,} are taken at most")
    try:
        return entry(line.decode(encoding), place, name)
    except UnicodeDecodeError as error:
        return Entry("", place, name, f"a text that is not written in {encoding} (byte {error.start})")


def _bytes(path: Path) -> bytes:
    head(path, 1)  # says why a file cannot be opened
    with opened(path) as stream:
        return bytes(stream.read())


def _encoding(path: Path, encoding: str | None) -> str:
    """The one given, by a byte-order mark, or utf-8: a guess would hide the lines that are broken."""
    if encoding is None:
        start = head(path, 4)
        return next((name for mark, name in _MARKS if start.startswith(mark)), "utf-8")
    try:
        return codecs.lookup(encoding).name
    except LookupError as error:
        raise DataError("TOC-124", "there is no such encoding", came=repr(encoding), todo="use utf-8, utf-16, latin-1 or cp1252") from error


def _not_in(encoding: str, path: Path, error: UnicodeDecodeError) -> DataError:
    return DataError("TOC-124", f"the file is not written in {encoding}", came=f"{path}: byte {error.start}: {error.reason}",
                     todo="pass the right encoding=, such as 'cp1252'")
