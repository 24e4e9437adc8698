"""Files by their content: whole or not there, found damaged when asked, and never outside their folder."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tocsin.core.errors import ServiceError
from tocsin.store import files as module
from tocsin.store.files import Files


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "files")


def found(files: Files) -> list[str]:
    """Every file below the folder."""
    return sorted(path.name for path in files.folder.rglob("*") if path.is_file())


def test_bytes_come_back_under_their_digest(files):
    digest, size = files.put([b"ab", b"", b"c"])
    assert (digest, size) == (hashlib.sha256(b"abc").hexdigest(), 3)
    assert files.path(digest, check=True).read_bytes() == b"abc"
    assert found(files) == [digest]


def test_nothing_is_a_file_too(files):
    digest, size = files.put([])
    assert size == 0 and files.path(digest, check=True).read_bytes() == b""


def test_the_same_content_is_kept_once(files):
    assert files.put([b"abc"]) == files.put([b"a", b"bc"])
    assert len(found(files)) == 1


def test_a_copy_of_a_file(files, tmp_path):
    content = os.urandom((1 << 20) + 17)
    (tmp_path / "big").write_bytes(content)
    digest, size = files.put_file(tmp_path / "big")
    assert size == len(content) and files.path(digest, check=True).read_bytes() == content


def test_a_file_to_copy_that_is_not_there_is_the_callers_own_error(files, tmp_path):
    with pytest.raises(FileNotFoundError):
        files.put_file(tmp_path / "none")


def test_damage_is_found_when_asked(files):
    digest, _ = files.put([b"abc"])
    files.path(digest).write_bytes(b"abd")
    assert files.path(digest).exists()
    with pytest.raises(ServiceError, match="not what it was") as told:
        files.path(digest, check=True)
    assert told.value.code == "TOC-610"
    files.put([b"abc"])  # storing it again mends it
    assert files.path(digest, check=True).read_bytes() == b"abc"


def test_a_missing_file_is_told(files):
    with pytest.raises(ServiceError, match="not there") as told:
        files.path("0" * 64)
    assert told.value.code == "TOC-610"


@pytest.mark.parametrize("name", ["", "..", "../../etc/passwd", "/etc/passwd", "a" * 63, "a" * 65, "A" * 64, "g" * 64, "a" * 64 + "\n",
                                  "a" * 60 + "/../", "\0" * 64, "٣" * 64])
def test_no_name_leads_elsewhere(files, name):
    with pytest.raises(ServiceError, match="not the name") as told:
        files.path(name)
    assert told.value.code == "TOC-610"


def test_an_error_of_the_source_passes_and_leaves_nothing(files):
    def parts():
        yield b"abc"
        raise ConnectionError("the sender went away")

    with pytest.raises(ConnectionError):
        files.put(parts())
    assert found(files) == []


def test_a_full_disk_is_told_and_leaves_nothing(files, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_write", full)
    with pytest.raises(ServiceError, match="No space left") as told:
        files.put([b"abc"])
    assert told.value.code == "TOC-613"
    assert found(files) == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "files").touch()
    with pytest.raises(ServiceError) as told:
        Files(tmp_path / "files").put([b"abc"])
    assert told.value.code == "TOC-613"


def test_short_writes_are_carried_on(tmp_path):
    class Slow:
        kept = b""

        def write(self, part):
            self.kept += bytes(part[:2])
            return min(2, len(part))

    slow = Slow()
    module._write(slow, b"abcdefg")
    assert slow.kept == b"abcdefg"


def test_the_file_is_flushed_before_it_gets_its_name(files, monkeypatch):
    told: list[str] = []
    real = {name: getattr(os, name) for name in ("fsync", "replace")}
    for name, function in real.items():
        monkeypatch.setattr(os, name, lambda *given, _name=name, _real=function: (told.append(_name), _real(*given))[1])
    files.put([b"abc"])
    assert told == ["fsync", "fsync", "replace", "fsync"]  # the bytes, the new folder's name, then the file's


def test_two_who_store_the_same_at_once(files):
    content = os.urandom(1 << 18)
    threads = [threading.Thread(target=files.put, args=([content],)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found(files) == [hashlib.sha256(content).hexdigest()]


def test_sweeping_leaves_what_is_young_when_asked(files):
    files.put([b"abc"])
    for name, age in (("old", 100), ("young", 0)):
        (files.folder / f"{name}.part").touch()
        os.utime(files.folder / f"{name}.part", (os.path.getatime(files.folder), os.path.getmtime(files.folder) - age))
    assert files.sweep(older=50) == 1
    assert (files.folder / "young.part").exists()
    assert files.sweep() == 1
    assert len(found(files)) == 1


def test_sweeping_a_folder_that_is_not_there_yet(files):
    assert files.sweep() == 0


KILLED = """
import os, signal, sys
from tocsin.store.files import Files

point, folder = sys.argv[1:]
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
def parts():
    yield b"abc"
    if point == "writing":
        die()
    yield b"def"
if point != "writing":
    real = getattr(os, point.split()[-1])
    setattr(os, point.split()[-1], die if point.startswith("before") else lambda *given: (real(*given), die()))
Files(folder).put(parts())
"""
_WHOLE = hashlib.sha256(b"abcdef").hexdigest()


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is of POSIX")
@pytest.mark.parametrize(("point", "there"), [("writing", False), ("before fsync", False), ("after fsync", False),
                                              ("before replace", False), ("after replace", True)])
def test_killed_while_storing(files, point, there):
    done = subprocess.run([sys.executable, "-c", KILLED, point, str(files.folder)], capture_output=True, text=True, timeout=60)
    assert done.returncode == -9, done.stderr
    assert [name for name in found(files) if not name.endswith(".part")] == ([_WHOLE] if there else [])
    assert files.sweep() == (0 if there else 1)
    files.put([b"abcdef"])
    assert files.path(_WHOLE, check=True).read_bytes() == b"abcdef"
    assert found(files) == [_WHOLE]
