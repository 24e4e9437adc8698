"""The lines of log files: plain and packed, rotated ones in the order of writing; what is no line of text is refused or counted.

Reading holds one file in memory at a time.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tocsin.core.errors import DataError
from tocsin.data import digest
from tocsin.data.sniff import SAMPLE, encoding_of, opened
from tocsin.data.source import paths

_BLOCK = 1 << 20
LONGEST = 1_000_000
"""Characters of a line; what is longer is no line of a log."""
_ROTATED = re.compile(r"(?P<name>.+?)(?:\.(?P<number>\d{1,5})|[.-](?P<date>\d{4}-?\d\d-?\d\d\S*))?(?:\.(?:gz|bz2|zst|lz4))?$")


@dataclass
class Lines:
    """Lines that are not blank, their numbers from 1 (and the ``names`` of their files, when there are several), and what was left out."""

    texts: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    digest: str = ""
    source: str = ""


def rotated(found: Iterable[Path]) -> list[Path]:
    """Files from the oldest to the newest: app.log.2.gz, app.log.1, app.log; dated ones by their date.

    >>> [path.name for path in rotated(map(Path, ["app.log", "app.log.1", "app.log.10.gz", "app.log.2.gz"]))]
    ['app.log.10.gz', 'app.log.2.gz', 'app.log.1', 'app.log']
    """
    def age(path: Path) -> tuple[str, int, int, str]:
        parts = _ROTATED.fullmatch(path.name)
        assert parts is not None  # every name matches
        number, date = parts["number"], parts["date"] or ""
        return str(path.parent / parts["name"]), 0 if number or date else 1, -int(number or 0), date
    return sorted(found, key=age)


def lines_of(source: str | os.PathLike[str], encoding: str | None, skip_bad: bool) -> Lines:
    """All lines of a file or of the files of a glob. DataError TOC-120 to TOC-124, TOC-142, TOC-166."""
    text = os.fspath(source)
    several = any(mark in text for mark in "*?[") and not Path(source).exists()
    found = rotated(Path(name) for name in glob.glob(text, recursive=True) if not Path(name).is_dir()) if several else []
    found = found or paths(source)
    made = Lines(source=text, digest=digest.together([digest.of_file(path) for path in found]))
    for path in found:
        _add(made, _decoded(path, encoding), str(path), skip_bad, path.name if len(found) > 1 else "")
    return made


def given(lines: Iterable[str | bytes], encoding: str | None, skip_bad: bool) -> Lines:
    """Lines that come from memory or a stream."""
    made = Lines(source="lines")
    _add(made, lines, "the lines given", skip_bad, "", encoding or "utf-8")
    return made


def _add(made: Lines, lines: Iterable[str | bytes], name: str, skip_bad: bool, label: str, encoding: str = "utf-8") -> None:
    for number, raw in enumerate(lines, 1):
        text, wrong = _text(raw, encoding)
        if wrong:
            if not skip_bad:
                raise DataError("TOC-166", "a line cannot be read as text", came=f"{name}: line {number}: {wrong}",
                                todo="name the right encoding (encoding='latin-1'), or leave such lines out: skip_bad=True, --skip-bad")
            made.bad.append(f"{name}: line {number}: {wrong}")
        elif text and not text.isspace():
            made.texts.append(text)
            made.numbers.append(number)
            if label:
                made.names.append(label)


def _text(raw: str | bytes, encoding: str) -> tuple[str, str]:
    """(the line without its end, what is wrong with it)."""
    if not isinstance(raw, (str, bytes)):
        return "", f"{type(raw).__name__} in place of text"
    if len(raw) > LONGEST:
        return "", f"{len(raw)} characters long"
    if isinstance(raw, bytes):
        try:
            raw = raw.decode(encoding)
        except UnicodeDecodeError as error:
            return "", f"not {encoding} at byte {error.start}"
        except LookupError as error:
            raise DataError("TOC-124", "there is no such encoding", came=repr(encoding),
                            todo="use utf-8, utf-16, latin-1 or cp1252") from error
    text = raw.rstrip("\r\n")
    if "\x00" in text:
        return "", "NUL characters"
    if "\n" in text:
        return "", "line ends within"
    return text, ""


def _decoded(path: Path, encoding: str | None) -> Iterator[str | bytes]:
    """The file's lines; as bytes where they do not all decode, so that the bad ones can be named."""
    content = _content(path)
    if not content.strip(b"\xef\xbb\xbf\xff\xfe\x00\r\n\t "):
        raise DataError("TOC-122", "the file is empty", came=str(path), todo="pass a log with at least one line")
    start = content[:SAMPLE]
    if start[:2] in (b"\xff\xfe", b"\xfe\xff") or encoding is not None:
        encoding = encoding or encoding_of(start, path)
    elif start.count(b"\x00") > len(start) // 100 or _control(start) > len(start) // 20:
        encoding = encoding_of(start, path)  # UTF-16 without a mark, or no text
        if not encoding.startswith("utf-16"):
            raise DataError("TOC-123", "the file is not text", came=f"{path}: {_control(start)} control characters in {len(start)}",
                            todo="pass a log as lines of text; journals and captures have commands that write them so")
    else:
        encoding_of(start.replace(b"\x00", b""), path)  # refuses what begins like a picture, an archive, a program
        encoding = "utf-8"
    try:
        text = content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        if encoding.startswith("utf-16"):
            raise DataError("TOC-124", f"the file is not written in {encoding}", came=f"{path}: byte {error.start}: {error.reason}",
                            todo="name the right encoding") from error
        yield from (_as_text(line, encoding) for line in content.split(b"\n"))
        return
    except LookupError as error:
        raise DataError("TOC-124", "there is no such encoding", came=repr(encoding), todo="use utf-8, utf-16, latin-1 or cp1252") from error
    yield from text.split("\n")


def _as_text(line: bytes, encoding: str) -> str | bytes:
    try:
        return line.decode(encoding)
    except UnicodeDecodeError:
        return line


def _content(path: Path) -> bytes:
    try:
        with opened(path) as stream:
            blocks = iter(lambda: bytes(stream.read(_BLOCK)), b"")
            return b"".join(blocks)
    except PermissionError as error:
        raise DataError("TOC-120", "the file may not be read", came=str(path), todo="give read permission, or pass another file") from error
    except OSError as error:
        raise DataError("TOC-123", "the file cannot be unpacked or read", came=f"{path}: {error}"[:300],
                        todo="check that the file is complete, or write it again") from error


def _control(start: bytes) -> int:
    """Bytes that no text holds (escape sequences of colours are common in logs)."""
    return sum(start.count(bytes([code])) for code in (*range(1, 7), *range(14, 27), *range(28, 32)))
