from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

import tocsin
from tocsin.core.errors import TocsinError
from tocsin.core.picture import Pixels
from tocsin.core.types import Dataset
from tocsin.data import items


def test_the_kind_is_told_from_names() -> None:
    for name in ("a.log", "b.log.1", "c.log.2.gz", "d.log-20260105.gz", "/var/log/syslog.1"):
        assert items.kind_of(name) == "logs", name
    assert items.kind_of("e.PNG") == items.kind_of("f.dcm") == "images"
    assert items.kind_of("catalog.csv") is None and items.kind_of("sqlite:///a.log") is None and items.kind_of([1.0, 2.0]) is None


def test_the_kind_of_lists_folders_and_zips(tmp_path: Path) -> None:
    for name in ("one.txt", "two.txt", "notes.md"):
        (tmp_path / name).write_text("text")
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as packed:
        packed.writestr("good/1.png", b"")
    assert items.kind_of([Pixels(np.zeros((2, 2)))]) == "images"
    assert items.kind_of(["a.png", "b.jpg"]) == "images" and items.kind_of(["a.png", "b.csv"]) is None
    assert items.kind_of(tmp_path / "pictures.zip") == "images"
    (tmp_path / "pictures.zip").unlink()
    assert items.kind_of(tmp_path) == "texts"
    assert items.kind_of(str(tmp_path / "*.txt")) is None  # a single text file may be a table
    (tmp_path / "app.log").write_text("x")
    assert items.kind_of(tmp_path / "*.log") == "logs"


@pytest.mark.parametrize(("source", "options", "code"), [
    (["one", "two"], {"kind": "texts", "delimiter": ";"}, "TOC-248"), (["one"], {"kind": "logs", "text": "a"}, "TOC-248"),
    ({"a": [1.0, 2.0]}, {"skip_bad": True}, "TOC-249"), ({"a": [1.0, 2.0]}, {"session": "x"}, "TOC-249"),
    (Dataset.of([[1.0]]), {"kind": "images"}, "TOC-100"),
])
def test_settings_of_another_kind_are_refused(source: object, options: dict[str, object], code: str) -> None:
    with pytest.raises(TocsinError) as caught:
        tocsin.read(source, **options)  # type: ignore[arg-type]
    assert caught.value.code == code and caught.value.todo
