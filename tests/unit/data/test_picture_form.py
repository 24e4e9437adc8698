"""The form of a file by its first bytes."""

from __future__ import annotations

import pytest

from tocsin.data.picture_form import form, other, promised


@pytest.mark.parametrize(("head", "wanted"), [
    (b"\xff\xd8\xff\xe0", "JPEG"), (b"\x89PNG\r\n\x1a\n", "PNG"), (b"GIF87a", "GIF"), (b"BM", "BMP"), (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"RIFF\x00\x00\x00\x00WEBP", "WEBP"), (b"RIFF\x00\x00\x00\x00WAVE", None), (b"P5\n3 4", "PPM"), (b"P5x", None), (b"Pf\n", "PPM"),
    (b"\x00\x00\x00\x20ftypavif", "AVIF"), (b"\x00\x00\x00\x20ftypheic", None), (bytes(128) + b"DICM", "DICOM"),
    (b"", None), (b"words", None),
])
def test_forms(head: bytes, wanted: str | None) -> None:
    assert form(head) == wanted


@pytest.mark.parametrize(("head", "says"), [
    (b"PK\x03\x04..", "a zip archive"), (b"\x00\x00\x00\x20ftypheic", "HEIC"), (b"  <svg ", "SVG"), (b"words, words", "text"),
    (b"\x01\x02\x03\x04\x05", "bytes 01 02 03"),
])
def test_what_else_it_may_be(head: bytes, says: str) -> None:
    assert says in other(head)


def test_names() -> None:
    assert (promised("a/b.JPG"), promised("scan.dcm"), promised("a.b"), promised("png")) == ("JPEG", "DICOM", None, None)
