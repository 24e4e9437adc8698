"""Files in folders and archives: order, bytes on demand."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from tocsin.core.errors import DataError
from tocsin.data.picture_entry import Entry, natural, of_archive, of_folder


def test_numbers_count_as_numbers() -> None:
    names = ["b10", "b9", "b", "10", "9", "a/10/2", "a/9/11", "a/9/2", "٣", "1" * 5000]
    assert sorted(names[:5], key=natural) == ["9", "10", "b", "b9", "b10"]
    assert sorted(names[5:8], key=natural) == ["a/9/2", "a/9/11", "a/10/2"]
    assert len(sorted(names, key=natural)) == len(names)


@pytest.mark.parametrize("kind", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_give_the_bytes_back_whole_or_in_part(tmp_path: Path, kind: int) -> None:
    content = bytes(range(256)) * 100
    with zipfile.ZipFile(tmp_path / "a.zip", "w", kind) as archive:
        archive.writestr("x/", b"")
        archive.writestr("x/ö 10.bin", content)
        archive.writestr("x/ö 9.bin", b"")
    entries = of_archive(tmp_path / "a.zip")
    assert [entry.name for entry in entries] == ["x/ö 9.bin", "x/ö 10.bin"]
    assert entries[1].read() == content and entries[1].read(300) == content[:300] and entries[0].read() == b"" == entries[0].read(5)


def test_other_compressions_and_passwords_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.bin", b"x" * 100)
    with pytest.raises(DataError, match=r"TOC-161.*`a.bin`.*compression"):
        of_archive(tmp_path / "a.zip")[0].read()
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("a.bin", b"x")
    raw = bytearray((tmp_path / "b.zip").read_bytes())
    raw[raw.index(b"PK\x01\x02") + 8] |= 1  # the flag in the list of members
    (tmp_path / "b.zip").write_bytes(raw)
    with pytest.raises(DataError, match=r"TOC-161.*encrypted"):
        of_archive(tmp_path / "b.zip")


def test_backslashes_are_slashes(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("train\\good\\a.png", b"x")
    assert [entry.name for entry in of_archive(tmp_path / "a.zip")] == ["train/good/a.png"]


def test_no_archive_at_all(tmp_path: Path) -> None:
    for content in (b"", b"words", b"PK\x05\x06" + bytes(3)):
        (tmp_path / "a.zip").write_bytes(content)
        with pytest.raises(DataError, match=r"TOC-161.*`a.zip`"):
            of_archive(tmp_path / "a.zip")


def test_files_of_a_folder(tmp_path: Path) -> None:
    for name in ("b/10.x", "b/9.x", "a.x"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    entries = of_folder(tmp_path)
    assert [entry.name for entry in entries] == ["a.x", "b/9.x", "b/10.x"]
    assert entries[2].read() == b"b/10.x" and entries[2].read(3) == b"b/1"


def test_a_pipe_is_not_waited_on(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    for most in (None, 10):
        with pytest.raises(DataError, match=r"TOC-120.*`a.png`"):
            Entry("a.png", tmp_path / "a.png").read(most)
