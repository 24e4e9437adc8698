"""What a file's first bytes say it is. The content decides; a name is only a hint."""

from __future__ import annotations

from pathlib import PurePosixPath

HEAD = 256
"""So many bytes from the start are enough to tell."""

SUFFIXES = {".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG", ".png": "PNG", ".gif": "GIF", ".bmp": "BMP", ".dib": "BMP",
            ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WEBP", ".ppm": "PPM", ".pgm": "PPM", ".pbm": "PPM", ".pnm": "PPM", ".pfm": "PPM",
            ".jp2": "JPEG2000", ".j2k": "JPEG2000", ".avif": "AVIF", ".dcm": "DICOM", ".dicom": "DICOM"}
"""How picture files are named, and the form that each name promises."""

_STARTS = ((b"\xff\xd8\xff", "JPEG"), (b"\x89PNG\r\n\x1a\n", "PNG"), (b"GIF87a", "GIF"), (b"GIF89a", "GIF"), (b"BM", "BMP"),
           (b"II*\x00", "TIFF"), (b"MM\x00*", "TIFF"), (b"II+\x00", "TIFF"), (b"MM\x00+", "TIFF"),
           (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG2000"), (b"\xff\x4f\xff\x51", "JPEG2000"))
_OTHERS = ((b"%PDF", "a PDF document"), (b"PK\x03\x04", "a zip archive"), (b"\x1f\x8b", "a gzip file"), (b"8BPS", "a Photoshop file"),
           (b"\x93NUMPY", "a numpy array"), (b"\x7fELF", "a program"), (b"MZ", "a program"), (b"\x00\x00\x01\x00", "an icon"),
           (b"<?xml", "XML text"), (b"<svg", "an SVG drawing"), (b"SQLite format 3", "a database"))


def form(head: bytes) -> str | None:
    """The picture form that a file beginning with ``head`` has; None when it is none that is known.

    >>> form(b"GIF89a..."), form(b"hello")
    ('GIF', None)
    """
    if head[128:132] == b"DICM":  # first of all: what stands before it is free, and may look like a TIFF
        return "DICOM"
    for start, name in _STARTS:
        if head.startswith(start):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis"):
        return "AVIF"
    if head[:1] == b"P" and head[1:2] in b"123456fF" and head[2:3].isspace():
        return "PPM"
    return None


def other(head: bytes) -> str:
    """What a file that is no picture seems to be, in words.

    >>> other(b"%PDF-1.7"), other(b"just words")
    ('a PDF document', 'text')
    """
    for start, name in _OTHERS:
        if head.lstrip().startswith(start):
            return name
    if head[4:8] == b"ftyp":
        return "a HEIC picture or a film"
    printable = sum(32 <= byte < 127 or byte in b"\t\r\n" for byte in head)
    return "text" if printable >= 0.95 * len(head) else f"bytes {head[:8].hex(' ')}"


def promised(name: str) -> str | None:
    """The form that a file's name promises; None when it does not name a picture."""
    return SUFFIXES.get(PurePosixPath(name).suffix.lower())
