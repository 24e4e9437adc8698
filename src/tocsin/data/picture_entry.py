"""One file that may be a picture, in a folder or in a zip archive: its name below the root, and its bytes when asked for."""

from __future__ import annotations

import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tocsin.core.errors import DataError

MAX_BYTES = 512 << 20
"""Larger files are refused: nobody's picture, or a bomb."""
_TIMES, _SURE = 100, 1 << 30  # an archive that grows a hundredfold to more than 1 GiB is a bomb
_LOCAL = struct.Struct("<4s5H3I2H")  # the header before a member's bytes


@dataclass(frozen=True)
class Entry:
    """``name`` is the path below the root, with "/". Nothing stays open between calls."""

    name: str
    path: Path
    member: zipfile.ZipInfo | None = None

    def read(self, most: int | None = None) -> bytes:
        """The bytes, or the first ``most`` of them. Raises DataError TOC-120 (unreadable), TOC-156 (too large), TOC-161 (archive)."""
        try:
            if self.member is not None:
                return _member(self.path, self.member, self.name, most)
            facts = self.path.stat()
            if not stat.S_ISREG(facts.st_mode):  # a pipe would be waited on for ever
                raise DataError("TOC-120", f"`{self.name}`: this is no ordinary file", came=stat.filemode(facts.st_mode),
                                todo="pass files, not pipes or devices")
            if most is None and facts.st_size > MAX_BYTES:
                raise too_large(self.name, facts.st_size)
            with self.path.open("rb") as stream:
                return stream.read(-1 if most is None else most)
        except OSError as error:
            raise DataError("TOC-120", f"`{self.name}`: the file cannot be opened", came=error.strerror or str(error),
                            todo="check that it exists and may be read") from error


def too_large(name: str, size: int) -> DataError:
    """The error for a file of ``size`` bytes."""
    return DataError("TOC-156", f"`{name}`: the file is too large for a picture", came=f"{size:,} bytes",
                     todo=f"pass files of at most {MAX_BYTES:,} bytes; cut large scans into tiles")


def natural(name: str) -> list[tuple[tuple[int, int, str], ...]]:
    """A sorting key under which "tile 2" comes before "tile 10", folder by folder.

    >>> sorted(["a/10.png", "a/2.png", "a.png"], key=natural)
    ['a/2.png', 'a/10.png', 'a.png']
    """
    return [tuple(_key(part) for part in re.split(r"([0-9]+)", step) if part) for step in name.split("/")]


def _key(part: str) -> tuple[int, int, str]:
    return (0, int(part[:4000]), part) if part[0] in "0123456789" else (1, 0, part)


def of_folder(root: Path) -> list[Entry]:
    """All files below ``root`` in natural order; linked folders are followed once. Raises DataError TOC-120 for an unreadable one."""
    return sorted((Entry(path.relative_to(root).as_posix(), path) for path in _walk(root)), key=lambda entry: natural(entry.name))


def _walk(root: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise DataError("TOC-120", "a folder cannot be opened", came=f"{error.filename}: {error.strerror}",
                        todo="check that it exists and may be read") from error

    seen: set[str] = set()
    for here, folders, files in os.walk(root, onerror=refuse, followlinks=True):
        real = os.path.realpath(here)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        yield from (Path(here, name) for name in files)


def of_archive(path: Path) -> list[Entry]:
    """The members of a zip archive in natural order; nothing is unpacked to disk.

    Raises DataError TOC-161 for a damaged or encrypted archive, a member whose path leaves it, and one that would unpack to far more than
    it is (a zip bomb).
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as error:
        raise DataError("TOC-161", f"`{path.name}`: the zip archive is damaged", came=str(error)[:120],
                        todo="make it again, or pass the unpacked folder") from error
    for member in members:
        _inside(path, member)
    unpacked, packed = sum(member.file_size for member in members), path.stat().st_size
    if unpacked > _SURE and unpacked > _TIMES * packed:
        raise DataError("TOC-161", f"`{path.name}`: the archive unpacks to far more than it is (a zip bomb)",
                        came=f"{packed:,} bytes that become {unpacked:,}", todo="pass the unpacked folder, if you trust it")
    return sorted((Entry(_below(member), path, member) for member in members), key=lambda entry: natural(entry.name))


def _below(member: zipfile.ZipInfo) -> str:
    """The member's path; some old archives write it with backslashes."""
    return member.filename.replace("\\", "/")


def _inside(path: Path, member: zipfile.ZipInfo) -> None:
    name = _below(member)
    if name.startswith("/") or ".." in PurePosixPath(name).parts or re.match(r"[A-Za-z]:", name):
        raise DataError("TOC-161", f"`{path.name}`: a path in the archive leaves it", came=name[:200],
                        todo="make the archive again from its folder")
    if member.flag_bits & 1:
        raise DataError("TOC-161", f"`{path.name}`: the archive is encrypted", came=name[:200], todo="pass one without a password")


def _member(path: Path, member: zipfile.ZipInfo, name: str, most: int | None) -> bytes:
    """One member's bytes, read from its own place: opening the archive again for each would read the list of all members each time."""
    if member.file_size > MAX_BYTES:
        raise too_large(name, member.file_size)
    wanted = member.file_size if most is None else min(most, member.file_size)
    with path.open("rb") as stream:
        stream.seek(member.header_offset)
        head = stream.read(_LOCAL.size)
        if len(head) < _LOCAL.size or head[:4] != b"PK\x03\x04":
            raise _spoilt(path, name, "its place holds something else")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _spoilt(path, name, f"compression of kind {member.compress_type}; stored and deflated are read")
        stream.seek(sum(_LOCAL.unpack(head)[-2:]), os.SEEK_CUR)
        packed = stream.read(wanted if member.compress_type == zipfile.ZIP_STORED else member.compress_size)
    try:
        content = packed if member.compress_type == zipfile.ZIP_STORED else zlib.decompressobj(-15).decompress(packed, max(wanted, 1))
    except zlib.error as error:
        raise _spoilt(path, name, str(error)) from error
    if len(content) != wanted or (most is None and zlib.crc32(content) != member.CRC):
        raise _spoilt(path, name, f"{len(content):,} of {wanted:,} bytes, or another checksum")
    return content


def _spoilt(path: Path, name: str, came: str) -> DataError:
    return DataError("TOC-161", f"`{name}`: the archive `{path.name}` does not give this file back", came=came,
                     todo="make the archive again, or pass the unpacked folder")
