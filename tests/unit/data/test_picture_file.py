"""Picture files: what their values become, and how each spoilt one is told."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from tocsin.core.errors import DataError
from tocsin.data import picture_limit
from tocsin.data.picture_entry import Entry
from tocsin.data.picture_file import PictureFile, decode, inspect

_COLOUR = np.random.default_rng(0).integers(0, 256, (8, 12, 3)).astype(np.uint8)


def _bytes(array: np.ndarray | Image.Image, form: str = "PNG", **words: Any) -> bytes:
    stream = io.BytesIO()
    (Image.fromarray(array) if isinstance(array, np.ndarray) else array).save(stream, form, **words)
    return stream.getvalue()


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP", "PPM"])
def test_colour_and_grey(form: str) -> None:
    assert np.allclose(decode(_bytes(_COLOUR, form), "a"), _COLOUR / 255)
    grey = decode(_bytes(_COLOUR[:, :, 0], form), "a")
    assert grey.dtype == np.float32 and grey.flags.c_contiguous and np.allclose(grey, _COLOUR[:, :, :1] / 255)


def test_sixteen_bits_keep_them_all() -> None:
    deep = np.array([[0, 257, 65535]], dtype=np.uint16)
    for content in (_bytes(deep), _bytes(deep, "TIFF"), b"P5 3 1 65535\n" + deep.astype(">u2").tobytes()):
        assert decode(content, "a")[0, :, 0].tolist() == pytest.approx([0, 257 / 65535, 1], rel=1e-5)


def test_floats_stay_or_are_stretched() -> None:
    inside, outside = np.array([[0.25, 0.75]], dtype=np.float32), np.array([[-10.0, 30.0, 0.0]], dtype=np.float32)
    assert decode(_bytes(inside, "TIFF"), "a")[0, :, 0].tolist() == [0.25, 0.75]
    assert decode(_bytes(outside, "TIFF"), "a")[0, :, 0].tolist() == [0, 1, 0.25]
    assert decode(_bytes(np.full((2, 2), 7, dtype=np.float32), "TIFF"), "a").sum() == 0
    spoilt = _bytes(np.array([[np.nan, 0.5]], dtype=np.float32), "TIFF")
    for look in (decode, inspect):
        with pytest.raises(DataError, match=r"TOC-159.*NaN"):
            look(spoilt, "a.tif")


def test_palette_and_cmyk_and_one_bit() -> None:
    palette = Image.fromarray(_COLOUR).quantize(16)
    assert np.allclose(decode(_bytes(palette), "a"), np.asarray(palette.convert("RGB")) / 255)
    ink = Image.fromarray(_COLOUR).convert("CMYK")
    assert np.allclose(decode(_bytes(ink, "TIFF"), "a"), np.asarray(ink.convert("RGB")) / 255)
    assert set(np.unique(decode(_bytes(Image.fromarray(_COLOUR).convert("1")), "a"))) == {0.0, 1.0}


def test_transparency_lies_on_middle_grey() -> None:
    clear = np.zeros((1, 3, 4), dtype=np.uint8)
    clear[0, 1], clear[0, 2] = [255, 0, 0, 255], [255, 255, 255, 51]
    values = decode(_bytes(clear), "a")[0]
    assert values[0].tolist() == [0.5, 0.5, 0.5] and values[1].tolist() == [1, 0, 0] and np.allclose(values[2], 0.6)
    palette = Image.new("P", (2, 1))
    palette.putpalette([0, 0, 0, 255, 0, 0])
    palette.putpixel((1, 0), 1)
    assert decode(_bytes(palette, transparency=0), "a")[0].tolist() == [[0.5] * 3, [1, 0, 0]]
    assert decode(_bytes(palette, transparency=b"\x00\xff"), "a")[0].tolist() == [[0.5] * 3, [1, 0, 0]]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_exif_rotation_is_applied(form: str, turn: int) -> None:
    words: dict[str, Any] = {"lossless": True} if form == "WEBP" else {"quality": 100} if form == "JPEG" else {}
    exif = Image.Exif()
    exif[0x0112] = turn
    content = _bytes(_COLOUR, form, exif=exif, **words)
    wanted = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB")) / 255
    assert np.allclose(decode(content, "a"), wanted, atol=1e-6)
    assert inspect(content, "a") == inspect(content, "a", full=False) == wanted.shape[:2]


def test_a_broken_exif_block_does_not_cost_the_picture() -> None:
    content = _bytes(_COLOUR, "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\x00\x00\x05\x00")
    assert decode(content, "a").shape == (8, 12, 3)


@pytest.mark.parametrize(("content", "code", "says"), [
    (b"", "TOC-155", "0 bytes"),
    (b"just some words\n", "TOC-146", "named like a PNG file, but it is text"),
    (b"%PDF-1.7 ...", "TOC-146", "a PDF document"),
    (b"\x89PNG\r\n\x1a\n" + b"\x00" * 40, "TOC-149", "PNG, 48 bytes"),
    (_bytes(_COLOUR)[:-30], "TOC-149", "PNG"),
    (_bytes(np.tile(_COLOUR, (20, 20, 1)), "JPEG")[:9000], "TOC-149", "JPEG"),
    (_bytes(_COLOUR, "TIFF")[:150], "TOC-149", "TIFF"),
    (_bytes(_COLOUR, "BMP")[:200], "TOC-149", "BMP"),
    (_bytes(_COLOUR, "WEBP")[:60], "TOC-149", "WEBP"),
], ids=["empty", "text", "pdf", "header", "png", "jpeg", "tiff", "bmp", "webp"])
def test_spoilt_files_are_named(content: bytes, code: str, says: str) -> None:
    for look in (decode, inspect):
        with pytest.raises(DataError) as found:
            look(content, "good/a.png")
        assert found.value.code == code and "`good/a.png`" in found.value.what and says in found.value.came and found.value.todo


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_quick_look_finds_what_is_cut_off(form: str) -> None:
    whole = _bytes(np.tile(_COLOUR, (20, 20, 1)), form)
    assert inspect(whole, "a", full=False) == (160, 240)
    with pytest.raises(DataError, match="TOC-149"):
        inspect(whole[:len(whole) // 2], "a", full=False)


def test_a_jpeg_with_something_behind_its_end_is_whole() -> None:
    content = _bytes(_COLOUR, "JPEG") + b"film" * 5000
    assert inspect(content, "a", full=False) == (8, 12) and decode(content, "a").shape == (8, 12, 3)


def test_several_views_in_one_jpeg_are_the_first() -> None:
    views = [Image.new("RGB", (12, 8), colour) for colour in ("black", "white")]
    content = _bytes(views[0], "MPO", save_all=True, append_images=views[1:])
    assert decode(content, "a").max() < 0.1 and inspect(content, "a") == inspect(content, "a", full=False) == (8, 12)


def test_colours_that_pillow_does_not_turn_are_said() -> None:
    content = _bytes(Image.new("LAB", (4, 4)), "TIFF")
    for look in (decode, inspect):
        with pytest.raises(DataError, match=r"TOC-146.*`a`.*Lab"):
            look(content, "a")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "PPM", "TIFF"])
def test_whatever_the_bytes_it_is_a_picture_or_a_stated_error(form: str) -> None:
    whole, draw = _bytes(_COLOUR, form), np.random.default_rng(0)
    for _ in range(40):
        spoilt = bytearray(whole[:int(draw.integers(1, len(whole) + 1))] if draw.random() < 0.3 else whole)
        for _ in range(int(draw.integers(1, 5))):
            spoilt[int(draw.integers(len(spoilt)))] = int(draw.integers(256))
        for look in (decode, inspect):
            try:
                look(bytes(spoilt), "odd")
            except DataError as error:
                assert "`odd`" in error.what


def test_flipped_bits_inside_a_png_are_found() -> None:
    whole = bytearray(_bytes(_COLOUR))
    whole[len(whole) // 2] ^= 0xFF
    for full in (False, True):
        with pytest.raises(DataError, match="TOC-149"):
            inspect(bytes(whole), "a", full=full)


def _png(width: int, height: int, bits: int, body: bytes) -> bytes:
    """A PNG in colour, written by hand."""
    def chunk(kind: bytes, inside: bytes) -> bytes:
        return struct.pack(">I", len(inside)) + kind + inside + struct.pack(">I", zlib.crc32(kind + inside))

    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b""))


def test_sixteen_bit_colour_keeps_the_upper_eight() -> None:
    deep = np.array([0x0000, 0x80FF, 0xFFFF], dtype=">u2")
    assert decode(_png(1, 1, 16, b"\x00" + deep.tobytes()), "a")[0, 0].tolist() == pytest.approx([0, 128 / 255, 1], abs=1 / 255)


@pytest.mark.parametrize("side", [9000, 10_000, 60_000, 2**31 - 1])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(side: int) -> None:
    for look in (decode, inspect):
        with pytest.raises(DataError) as found:
            look(_png(side, side, 8, b"\x00" * 100), "bomb.png")
        assert found.value.code == "TOC-156" and "`bomb.png`" in found.value.what


def test_the_limit_is_the_named_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_limit, "MAX_PIXELS", 95)
    with pytest.raises(DataError, match=r"TOC-156.*12 x 8 = 96"):
        decode(_bytes(_COLOUR), "a")
    assert decode(_bytes(_COLOUR[:, :11]), "a").shape == (8, 11, 3)


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF"])
def test_one_frame_passes_several_do_not(form: str) -> None:
    frames = [Image.fromarray(np.roll(_COLOUR, i, axis=0)) for i in range(3)]
    several = _bytes(frames[0], form, save_all=True, append_images=frames[1:])
    assert decode(_bytes(frames[0], form), "a").shape == (8, 12, 3)
    with pytest.raises(DataError, match=r"TOC-157.*several frames or pages"):
        decode(several, "moving.gif")


def test_a_tiff_may_hold_a_small_copy_of_its_page() -> None:
    pages = [Image.fromarray(_COLOUR), Image.fromarray(_COLOUR[::2, ::2])]
    pages[1].encoderinfo = {"tiffinfo": {254: 1}}  # type: ignore[attr-defined]
    content = _bytes(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    assert np.allclose(decode(content, "a"), _COLOUR / 255)


def test_masks_of_one_picture_are_put_together(tmp_path: Path) -> None:
    one, two = np.zeros((8, 12), dtype=np.uint8), np.zeros((8, 12), dtype=np.uint8)
    one[0, 0], two[1, 1] = 1, 255
    for name, array in (("a.png", _COLOUR), ("one.png", one), ("two.png", two), ("turned.png", one.T)):
        Image.fromarray(array).save(tmp_path / name)
    entries = {path.name: Entry(path.name, path) for path in tmp_path.iterdir()}
    picture = PictureFile(entries["a.png"], "bottle", (entries["one.png"], entries["two.png"]))
    mask = picture.mask()
    assert mask is not None and mask.dtype == bool and np.argwhere(mask).tolist() == [[0, 0], [1, 1]]
    assert picture.size() == (8, 12) and picture.product == "bottle" and PictureFile(entries["a.png"]).mask() is None
    with pytest.raises(DataError, match=r"TOC-158.*`turned.png`.*mask 8 x 12, picture 12 x 8"):
        PictureFile(entries["a.png"], masks=(entries["turned.png"],)).mask()


def test_a_file_that_went_away_is_named(tmp_path: Path) -> None:
    Image.fromarray(_COLOUR).save(tmp_path / "a.png")
    picture = PictureFile(Entry("good/a.png", tmp_path / "a.png"))
    assert picture.pixels().shape == (8, 12, 3)
    (tmp_path / "a.png").unlink()
    with pytest.raises(DataError, match=r"TOC-120.*`good/a.png`"):
        picture.pixels()
