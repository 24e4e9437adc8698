"""DICOM pictures (X-ray, MRI, CT slices) as grey or colour in [0, 1]. Needs pydicom (the extra ``vision``).

Stored values go through the rescale slope and intercept, then through the file's first window (PS3.3 C.11.2, linear, linear exact or
sigmoid). Without a window, the range that the declared bits can hold becomes [0, 1]; where more than 14 are declared, which is the
container's size and says nothing about the sensor, the picture's own least and greatest value. MONOCHROME1, low is bright, is turned round.
Compressed pixels are read where an installed decoder knows them. One frame a file. Nothing else in the file is looked at, names least
of all.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pydicom
from pydicom.pixels import apply_color_lut, apply_rescale, pixel_array

from tocsin.core.errors import DataError
from tocsin.core.picture import coloured
from tocsin.data.picture_limit import QUIET, bounded

_DEFLATED = b"1.2.840.10008.1.2.1.99"
_CONTAINER = 14  # more declared bits than any sensor gives
_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


def decode(content: bytes, name: str) -> np.ndarray:
    """(h, w, 3) float32 in [0, 1]. Raises DataError TOC-146 (no pixels, unknown compression), TOC-149, TOC-156, TOC-157."""
    with _opened(content, name) as file:
        stored = pixel_array(file)
        if file.PhotometricInterpretation == "PALETTE COLOR":
            return _colour(apply_color_lut(stored, file))
        if stored.ndim == 3:
            return _colour(stored, int(file.BitsStored))
        return coloured(_grey(stored, file))


def inspect(content: bytes, name: str, *, full: bool = True) -> tuple[int, int]:
    """(height, width); ``full`` decodes the pixels. Raises what :func:`decode` raises."""
    if full:
        h, w, _ = decode(content, name).shape
        return h, w
    with _opened(content, name) as file:
        return int(file.Rows), int(file.Columns)


@contextmanager
def _opened(content: bytes, name: str) -> Iterator[Any]:
    if _DEFLATED in content[:4096]:
        raise _unknown(name, "a deflated DICOM file")
    try:
        with QUIET, warnings.catch_warnings():  # pydicom warns about odd fields, which are not looked at
            warnings.simplefilter("ignore")
            file = pydicom.dcmread(io.BytesIO(content))
            if not any(field in file for field in _PIXELS) or "Rows" not in file or "Columns" not in file:
                raise _unknown(name, "a DICOM file without pixels")
            bounded(int(file.Columns), int(file.Rows), name)
            if int(file.get("NumberOfFrames", 1) or 1) > 1:
                raise DataError("TOC-157", f"`{name}`: the file holds several pictures", came=f"DICOM with {file.NumberOfFrames} frames",
                                todo="save each frame as a file of its own")
            yield file
    except DataError:
        raise
    except (NotImplementedError, ImportError) as error:
        raise _unknown(name, f"DICOM: {_line(error)}"[:200]) from error
    except RuntimeError as error:
        missing = "decompress" in str(error) or "plugin" in str(error)
        raise (_unknown if missing else _damaged)(name, f"DICOM: {_line(error)}"[:200]) from error
    except Exception as error:  # the reader meets hostile bytes with whatever it stumbles on
        raise _damaged(name, f"DICOM, {len(content):,} bytes: {_line(error)}"[:200]) from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _unknown(name: str, came: str) -> DataError:
    return DataError("TOC-146", f"`{name}`: this picture cannot be read", came=came,
                     todo="save it uncompressed (explicit little endian) or as PNG or TIFF, or leave it out (skip_bad)")


def _damaged(name: str, came: str) -> DataError:
    return DataError("TOC-149", f"`{name}`: the picture is damaged or cut off", came=came,
                     todo="copy or export it again, or leave it out (skip_bad)")


def _colour(stored: np.ndarray, bits: int | None = None) -> np.ndarray:
    whole = 2.0 ** (bits or 8 * stored.dtype.itemsize) - 1
    return np.clip(stored.astype(np.float32) / np.float32(whole), 0, 1)


def _grey(stored: np.ndarray, file: Any) -> np.ndarray:
    """(h, w) in [0, 1]."""
    values = apply_rescale(stored, file).astype(np.float64)
    centre, width = _first(file.get("WindowCenter")), _first(file.get("WindowWidth"))
    way = str(file.get("VOILUTFunction", "LINEAR") or "LINEAR")
    if centre is not None and width is not None and width >= 1 and np.isfinite([centre, width]).all():
        shown = _window(values, centre, width, way)
    else:
        low, high = _range(stored, file)
        shown = (values - low) / (high - low) if high > low else np.zeros_like(values)
    if not np.isfinite(shown).all():
        raise ValueError("pixels that are no numbers")
    shown = np.clip(shown, 0, 1)
    return 1 - shown if file.PhotometricInterpretation == "MONOCHROME1" else shown


def _window(values: np.ndarray, centre: float, width: float, way: str) -> np.ndarray:
    if way == "SIGMOID":
        return 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -500, 500)))
    if way == "LINEAR_EXACT":
        return (values - centre) / width + 0.5
    if width == 1:
        return (values > centre - 0.5).astype(np.float64)
    return (values - (centre - 0.5)) / (width - 1) + 0.5


def _range(stored: np.ndarray, file: Any) -> tuple[float, float]:
    """The least and greatest value that the declared bits can hold, rescaled; of floats and of large containers, those of the picture."""
    if stored.dtype.kind == "f" or int(file.BitsStored) > _CONTAINER:
        ends = np.array([stored.min(), stored.max()], dtype=np.float64)
    else:
        bits, signed = int(file.BitsStored), bool(file.get("PixelRepresentation", 0))
        ends = np.array([-2.0 ** (bits - 1), 2.0 ** (bits - 1) - 1] if signed else [0, 2.0 ** bits - 1])
    low, high = sorted(apply_rescale(ends, file).astype(np.float64))
    return float(low), float(high)


def _first(value: Any) -> float | None:
    """The first of several windows; None where there is none."""
    if value is None or value == "":
        return None
    values = value if isinstance(value, (list, tuple, pydicom.multival.MultiValue)) else [value]
    return float(values[0]) if len(values) else None
