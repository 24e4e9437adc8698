"""Where a saved model lies: one zip file or one directory, written whole or not at all.

A new model is written beside the target under a hidden name, flushed to the disk and then renamed over it: at any moment the target is
the old model or the new one. A directory cannot be renamed over a full one in one step, so there the old one moves aside first;
after a power cut between the two renames it lies beside the target, whole, with the ending ``.old``.
"""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import shutil
import stat
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tocsin.core.errors import ArtifactError
from tocsin.delivery.audit import MANIFEST, MEMBERS, SIGNATURE, check_names, check_size
from tocsin.store.files import flush_folder

_AGAIN = "get the file again from where it was saved"
_BROKEN = (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, KeyError, IndexError,
           OverflowError, struct.error)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # a fixed time in the zip: equal models give equal bytes


def write_zip(path: Path, files: dict[str, bytes]) -> None:
    """One uncompressed zip at ``path``. Raises ArtifactError TOC-403, TOC-415; on failure the old file is untouched."""
    if path.is_dir():
        raise _no_place(path, "a directory is in the way")
    with _replacing(path) as fresh:
        # O_EXCL instead of tempfile: the file gets the rights that the user's umask says
        with os.fdopen(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666), "w+b") as handle:
            _fill(handle, files)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(fresh, path)


def zip_bytes(files: dict[str, bytes]) -> bytes:
    """What :func:`write_zip` would write; equal files give equal bytes."""
    made = io.BytesIO()
    _fill(made, files)
    return made.getvalue()


def write_directory(path: Path, files: dict[str, bytes]) -> None:
    """The same files in a directory. An existing one is replaced only when it is empty or a saved model (TOC-415)."""
    if path.exists() and not _is_ours(path):
        raise _no_place(path, "something else is in the way")
    with _replacing(path) as fresh:
        fresh.mkdir()
        for name, content in files.items():
            with open(fresh / name, "xb") as handle:
                handle.write(content)
                handle.flush()
                os.fsync(handle.fileno())
        _swap(fresh, path)


def read_files(path: Path) -> dict[str, bytes]:
    """The files of a saved model, their names and sizes audited. Raises ArtifactError TOC-401, TOC-402, TOC-404 to TOC-407."""
    try:
        if not path.exists():
            raise ArtifactError("TOC-401", "there is no saved model here", came=str(path), todo="check the path")
        if path.is_dir():
            return _from_directory(path)
        if not path.is_file():
            raise ArtifactError("TOC-404", "this is not a saved model", came=f"{path} is neither a file nor a directory",
                                todo="pass a file that tocsin.save wrote")
        with open(path, "rb") as handle:
            return _from_zip(handle, path)
    except OSError as error:
        raise ArtifactError("TOC-402", "the saved model cannot be read", came=f"{type(error).__name__}: {error}",
                            todo="check the path and its permissions") from error


def _fill(handle: BinaryIO, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(handle, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo(name, _EPOCH)
            member.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(member, content)


def _from_directory(path: Path) -> dict[str, bytes]:
    names = sorted(os.listdir(path))
    check_names(names)
    files = {}
    for name in names:
        if not stat.S_ISREG(os.lstat(path / name).st_mode):
            raise ArtifactError("TOC-406", f"{name} is not a plain file", came="a link, folder or device", todo=f"do not load it; {_AGAIN}")
        with open(path / name, "rb") as handle:
            size = os.fstat(handle.fileno()).st_size
            check_size(name, size)
            files[name] = handle.read(size)
    return files


def _from_zip(handle: BinaryIO, path: Path) -> dict[str, bytes]:
    total = os.fstat(handle.fileno()).st_size
    if total == 0 or not _begins_as_zip(handle):
        raise ArtifactError("TOC-404", "this is not a saved model", came=f"{path.name}: {total} bytes, not a zip archive",
                            todo="pass a file that tocsin.save wrote")
    try:
        with zipfile.ZipFile(handle) as archive:
            members = archive.infolist()
            check_names([member.orig_filename for member in members])
            for member in members:
                _check_member(member, total)
            return {member.filename: archive.read(member) for member in members}
    except ArtifactError:
        raise
    except (*_BROKEN, OSError) as error:
        raise ArtifactError("TOC-405", "the saved model is damaged or cut short", came=f"{type(error).__name__}: {error}"[:200],
                            todo=_AGAIN) from error


def _begins_as_zip(handle: BinaryIO) -> bool:
    head = handle.read(4)
    handle.seek(0)
    return bool(head == b"PK\x03\x04")


def _check_member(member: zipfile.ZipInfo, total: int) -> None:
    """A saved model is never compressed, so no member can be larger than the file it lies in: there is no room for a zip bomb."""
    if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size or member.file_size > total:
        raise ArtifactError("TOC-407", f"{member.filename} claims to unpack to more than it holds, or is compressed",
                            came=f"{member.compress_size} bytes to {member.file_size}", todo=f"do not load it; {_AGAIN}")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if member.is_dir() or kind not in (0, stat.S_IFREG) or member.flag_bits & 0x1:
        raise ArtifactError("TOC-406", f"{member.filename} is not a plain file", came="a link, folder or encrypted member",
                            todo=f"do not load it; {_AGAIN}")
    check_size(member.filename, member.file_size)


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A hidden name beside ``path``; whatever lies there afterwards is removed, so that nothing half-written stays."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(6)}.new")
    try:
        yield fresh
        flush_folder(path.parent)
    except OSError as error:
        raise ArtifactError("TOC-403", "the model cannot be saved here", came=f"{type(error).__name__}: {error}",
                            todo="check that the folder exists, may be written and has room") from error
    finally:
        if fresh.is_dir():
            shutil.rmtree(fresh)
        else:
            fresh.unlink(missing_ok=True)


def _swap(fresh: Path, path: Path) -> None:
    if not path.exists():
        os.rename(fresh, path)
        return
    old = fresh.with_suffix(".old")
    os.rename(path, old)
    try:
        os.rename(fresh, path)
    except OSError:
        os.rename(old, path)
        raise
    shutil.rmtree(old)


def _is_ours(path: Path) -> bool:
    names = set(os.listdir(path)) if path.is_dir() else {""}
    return not names or (MANIFEST in names and names <= {*MEMBERS, SIGNATURE})


def _no_place(path: Path, what: str) -> ArtifactError:
    return ArtifactError("TOC-415", f"a model cannot be saved here: {what}", came=str(path),
                         todo="choose another name, for example model.tocsin")
