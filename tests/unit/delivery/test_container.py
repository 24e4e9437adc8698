import os
import stat
import zipfile

import pytest

from tocsin.core.errors import ArtifactError
from tocsin.delivery import container
from tocsin.delivery.container import read_files, write_directory, write_zip

FILES = {"manifest.json": b"{}", "state.json": b"[1]", "arrays.safetensors": b"xyz"}
OTHER = {"manifest.json": b"{1}", "state.json": b"[2]", "arrays.safetensors": b"abc"}
ROOT = os.name != "posix" or os.geteuid() == 0


def zipped(path, files, compression=zipfile.ZIP_STORED, **attributes):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo(name)
            member.compress_type = compression
            for key, value in attributes.items():
                setattr(member, key, value)
            archive.writestr(member, content)


@pytest.mark.parametrize("write", [write_zip, write_directory])
def test_files_come_back_and_a_second_write_replaces_the_first(tmp_path, write):
    write(tmp_path / "m", FILES)
    assert read_files(tmp_path / "m") == FILES
    write(tmp_path / "m", OTHER)
    assert read_files(tmp_path / "m") == OTHER
    assert os.listdir(tmp_path) == ["m"]


def test_equal_files_give_equal_bytes(tmp_path):
    write_zip(tmp_path / "a", FILES)
    write_zip(tmp_path / "b", FILES)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("write", [write_zip, write_directory])
def test_the_file_has_the_rights_that_the_umask_says(tmp_path, write):
    old = os.umask(0o027)
    try:
        write(tmp_path / "m", FILES)
    finally:
        os.umask(old)
    file = tmp_path / "m" if (tmp_path / "m").is_file() else tmp_path / "m" / "state.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("write", [write_zip, write_directory])
@pytest.mark.parametrize("broken", ["fsync", "replace", "rename"])
def test_a_write_that_fails_midway_leaves_what_was_there_and_nothing_else(tmp_path, monkeypatch, write, existing, broken):
    if (write, broken) in ((write_zip, "rename"), (write_directory, "replace")):
        pytest.skip("not a step of this form")
    if existing:
        write(tmp_path / "m", FILES)
    left, real = [2 if broken == "rename" and existing else 1], getattr(os, broken)

    def fail(*args, **kwargs):  # only the step that would finish the write; the way back must work
        left[0] -= 1
        if left[0] == 0:
            raise OSError(28, "No space left on device")
        return real(*args, **kwargs)

    monkeypatch.setattr(container.os, broken, fail)
    with pytest.raises(ArtifactError, match="TOC-403"):
        write(tmp_path / "m", OTHER)
    monkeypatch.undo()
    assert os.listdir(tmp_path) == (["m"] if existing else [])
    if existing:
        assert read_files(tmp_path / "m") == FILES


def test_an_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt
    monkeypatch.setattr(container.os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_zip(tmp_path / "m", FILES)
    assert os.listdir(tmp_path) == []


def test_nothing_foreign_is_ever_replaced(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("dear")
    for write in (write_zip, write_directory):
        with pytest.raises(ArtifactError, match="TOC-415"):
            write(tmp_path / "home", FILES)
    assert (tmp_path / "home" / "letter.txt").read_text() == "dear"
    (tmp_path / "file").write_text("x")
    with pytest.raises(ArtifactError, match="TOC-415"):
        write_directory(tmp_path / "file", FILES)
    (tmp_path / "empty").mkdir()
    write_directory(tmp_path / "empty", FILES)
    assert read_files(tmp_path / "empty") == FILES


def test_a_missing_folder_is_a_stated_error(tmp_path):
    for write in (write_zip, write_directory):
        with pytest.raises(ArtifactError, match="TOC-403"):
            write(tmp_path / "no" / "m", FILES)


@pytest.mark.skipif(ROOT, reason="the superuser may do everything")
def test_missing_rights_are_stated_errors(tmp_path):
    write_zip(tmp_path / "m", FILES)
    (tmp_path / "m").chmod(0)
    with pytest.raises(ArtifactError, match="TOC-402"):
        read_files(tmp_path / "m")
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(ArtifactError, match="TOC-403"):
            write_zip(tmp_path / "n", FILES)
    finally:
        tmp_path.chmod(0o700)


def test_an_unreadable_file_is_a_stated_error(tmp_path, monkeypatch):
    write_zip(tmp_path / "m", FILES)

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")
    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(ArtifactError, match="TOC-402"):
        read_files(tmp_path / "m")


@pytest.mark.parametrize(("content", "code"), [(b"", "TOC-404"), (b"a,b\n1,2\n", "TOC-404"), (b"\x80\x04pickle", "TOC-404"),
                                              (b"PK\x03\x04" + b"\x00" * 50, "TOC-405")])
def test_what_is_no_zip_is_refused(tmp_path, content, code):
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(ArtifactError, match=code):
        read_files(tmp_path / "m")


def test_nothing_there_and_an_empty_folder_are_told_apart(tmp_path):
    with pytest.raises(ArtifactError, match="TOC-401"):
        read_files(tmp_path / "m")
    with pytest.raises(ArtifactError, match="TOC-404"):
        read_files(tmp_path)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    zipped(tmp_path / "m", {**FILES, "state.json": b"0" * 10_000_000}, zipfile.ZIP_DEFLATED)
    assert (tmp_path / "m").stat().st_size < 20_000
    with pytest.raises(ArtifactError, match="TOC-407"):
        read_files(tmp_path / "m")


def test_a_size_that_lies_is_refused(tmp_path):
    zipped(tmp_path / "m", FILES)
    content = (tmp_path / "m").read_bytes()
    at = content.index(b"PK\x01\x02") + 20  # compressed and plain size in the central directory
    (tmp_path / "m").write_bytes(content[:at] + (2**31).to_bytes(4, "little") * 2 + content[at + 8 :])
    with pytest.raises(ArtifactError, match="TOC-407"):
        read_files(tmp_path / "m")


@pytest.mark.parametrize(("files", "code"), [
    ({**FILES, "../evil": b"x"}, "TOC-406"), ({**FILES, "/evil": b"x"}, "TOC-406"), ({**FILES, "sub/": b""}, "TOC-406"),
    ({"manifest.json": b"{}"}, "TOC-405"), ({"word/document.xml": b"<a/>"}, "TOC-404"),
])
def test_foreign_members_are_refused(tmp_path, files, code):
    zipped(tmp_path / "m", files)
    with pytest.raises(ArtifactError, match=code):
        read_files(tmp_path / "m")


def test_links_are_refused(tmp_path):
    zipped(tmp_path / "zip", FILES, external_attr=(stat.S_IFLNK | 0o777) << 16)
    with pytest.raises(ArtifactError, match="TOC-406"):
        read_files(tmp_path / "zip")
    write_directory(tmp_path / "dir", FILES)
    (tmp_path / "dir" / "state.json").unlink()
    (tmp_path / "dir" / "state.json").symlink_to("/etc/hostname")
    with pytest.raises(ArtifactError, match="TOC-406"):
        read_files(tmp_path / "dir")


def test_repeated_members_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "m", "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        for name, content in [*FILES.items(), ("state.json", b"[9]")]:
            archive.writestr(name, content)
    with pytest.raises(ArtifactError, match="TOC-406"):
        read_files(tmp_path / "m")
