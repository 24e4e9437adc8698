"""DICOM pictures: rescaling, windows, declared range, turned greys, and what cannot be read."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, JPEG2000Lossless

from tocsin.core.errors import DataError
from tocsin.data import picture_limit
from tocsin.data.picture_file import decode, inspect
from tocsin.data.pictures import read


def _file(stored: np.ndarray, bits: int, *, syntax: Any = ExplicitVRLittleEndian, way: str = "MONOCHROME2", **fields: Any) -> bytes:
    file = pydicom.Dataset()
    file.file_meta = pydicom.dataset.FileMetaDataset()
    file.file_meta.TransferSyntaxUID = syntax
    file.file_meta.MediaStorageSOPClassUID = file.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    file.file_meta.MediaStorageSOPInstanceUID = file.SOPInstanceUID = "1.2.3"
    file.Rows, file.Columns = stored.shape[:2]
    file.SamplesPerPixel = 3 if stored.ndim == 3 else 1
    if stored.ndim == 3:
        file.PlanarConfiguration = 0
    file.BitsAllocated, file.BitsStored, file.HighBit = 8 * stored.dtype.itemsize, bits, bits - 1
    file.PixelRepresentation = int(stored.dtype.kind == "i")
    file.PhotometricInterpretation = way
    file.PixelData = stored.tobytes() + b"\x00" * (stored.nbytes % 2)
    for name, value in fields.items():
        setattr(file, name, value)
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, file, enforce_file_format=True)
    return stream.getvalue()


_STORED = np.array([[0, 1000, 4095], [10, 20, 30]], dtype=np.uint16)


def test_the_declared_bits_are_the_range() -> None:
    values = decode(_file(_STORED, 12), "a.dcm")
    assert values.shape == (2, 3, 3) and values.dtype == np.float32
    assert values[0, :, 1].tolist() == pytest.approx([0, 1000 / 4095, 1])
    signed = decode(_file(np.array([[-2048, 0, 2047]], dtype=np.int16), 12), "a.dcm")
    assert signed[0, :, 0].tolist() == pytest.approx([0, 2048 / 4095, 1])


def test_a_container_says_nothing_about_the_range() -> None:
    values = decode(_file(np.array([[100, 150, 300]], dtype=np.uint16), 16), "a.dcm")
    assert values[0, :, 0].tolist() == pytest.approx([0, 0.25, 1])
    assert decode(_file(np.full((2, 2), 7, dtype=np.uint16), 16), "a.dcm").sum() == 0


def test_what_stands_before_the_mark_is_free() -> None:
    content = b"II*\x00\x08\x00\x00\x00" + _file(_STORED, 12)[8:]
    assert np.allclose(decode(content, "a.dcm")[:, :, 0], _STORED / 4095)


def test_rescaling_comes_before_the_window() -> None:
    content = _file(_STORED, 12, RescaleSlope="2", RescaleIntercept="-1024", WindowCenter="40", WindowWidth="401")
    # (x - 39.5) / 400 + 0.5 of x = 2 * stored - 1024
    wanted = np.clip((2.0 * _STORED - 1024 - 39.5) / 400 + 0.5, 0, 1)
    assert np.allclose(decode(content, "a")[:, :, 0], wanted, atol=1e-6)
    assert np.allclose(decode(_file(_STORED, 12, RescaleSlope="-1", RescaleIntercept="0"), "a")[0, :, 0], 1 - _STORED[0] / 4095)


@pytest.mark.parametrize(("way", "wanted"), [("LINEAR_EXACT", [0, 0.5, 0.75]), ("SIGMOID", [0.017986, 0.5, 0.731059])])
def test_other_windows(way: str, wanted: list[float]) -> None:
    stored = np.array([[0, 1000, 1250]], dtype=np.uint16)
    content = _file(stored, 12, WindowCenter=["1000", "1"], WindowWidth=["1000", "2"], VOILUTFunction=way)
    assert decode(content, "a")[0, :, 0].tolist() == pytest.approx(wanted, abs=1e-5)


def test_a_window_of_no_width_is_not_used() -> None:
    assert decode(_file(_STORED, 12, WindowCenter="10", WindowWidth="0"), "a")[0, 2, 0] == 1
    assert decode(_file(_STORED, 12, WindowCenter="1000", WindowWidth="1"), "a")[0, :, 0].tolist() == [0, 1, 1]


def test_turned_greys_and_colour() -> None:
    assert np.allclose(decode(_file(_STORED, 12, way="MONOCHROME1"), "a")[0, :, 0], 1 - _STORED[0] / 4095)
    colour = np.random.default_rng(0).integers(0, 256, (4, 6, 3)).astype(np.uint8)
    assert np.allclose(decode(_file(colour, 8, way="RGB"), "a"), colour / 255)


def test_a_palette_is_looked_up() -> None:
    tables = {f"{name}PaletteColorLookupTable{part}": value for i, name in enumerate(("Red", "Green", "Blue"))
              for part, value in (("Descriptor", [4, 0, 16]), ("Data", np.array([0, 65535, 0, i], dtype=np.uint16).tobytes()))}
    values = decode(_file(np.array([[0, 1]], dtype=np.uint8), 8, way="PALETTE COLOR", **tables), "a")
    assert values[0].tolist() == [[0, 0, 0], [1, 1, 1]]


@pytest.mark.parametrize(("content", "code"), [
    (_file(_STORED, 12, NumberOfFrames=3), "TOC-157"),
    (_file(_STORED, 12)[:-6], "TOC-149"),
    (_file(_STORED, 12)[:200], "TOC-1(46|49)"),
    (_file(_STORED, 12, syntax=DeflatedExplicitVRLittleEndian), "TOC-146"),
], ids=["frames", "cut", "header", "deflated"])
def test_what_cannot_be_read_is_named(content: bytes, code: str) -> None:
    for look in (decode, inspect):
        with pytest.raises(DataError, match=f"{code}.*`scan.dcm`"):
            look(content, "scan.dcm")


def test_no_pixels_and_unknown_compression() -> None:
    file = pydicom.dcmread(io.BytesIO(_file(_STORED, 12)))
    del file.PixelData
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, file)
    with pytest.raises(DataError, match=r"TOC-146.*without pixels"):
        decode(stream.getvalue(), "a")
    packed = pydicom.dcmread(io.BytesIO(_file(_STORED, 12)))
    packed.file_meta.TransferSyntaxUID = JPEG2000Lossless
    packed.PixelData = pydicom.encaps.encapsulate([b"\xff\x4f\xff\x51" + bytes(20)])
    packed["PixelData"].is_undefined_length = True
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, packed)
    with pytest.raises(DataError, match=r"TOC-14[69].*`a`"):
        decode(stream.getvalue(), "a")


def test_too_many_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_limit, "MAX_PIXELS", 5)
    with pytest.raises(DataError, match=r"TOC-156.*3 x 2 = 6"):
        decode(_file(_STORED, 12), "a")


def test_a_folder_of_scans_with_and_without_a_suffix(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(_file(_STORED, 12))
    (tmp_path / "1.2.840.5").write_bytes(_file(_STORED, 12))
    data = read(tmp_path)
    assert data.ids.tolist() == ["1.2.840.5", "a.dcm"] and inspect(_file(_STORED, 12), "a", full=False) == (2, 3)
    assert np.array_equal(data.X[0].pixels(), data.X[1].pixels())
