"""A picture in a file: decoded when asked, checked once when it is read. Needs Pillow, DICOM pydicom (the extra ``vision``).

What becomes of the file's values, always (h, w, 3) float32 in [0, 1], upright:

    8 bits               divided by 255; a palette is looked up, CMYK and YCbCr become RGB (no colour profile is applied)
    16 bits, grey        divided by 65535; of 16-bit colour Pillow keeps the upper 8 bits
    floats, 32-bit       as they are where they lie in [0, 1]; else stretched from the picture's least to its greatest value
    transparency         laid on middle grey (0.5), so that a cut-out's ground is neither dark nor bright
    EXIF rotation        applied
    DICOM                see ``picture_dicom``
"""

from __future__ import annotations

import importlib
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from PIL import Image, features

from tocsin.core.errors import DataError, MissingExtra
from tocsin.core.picture import Picture, coloured
from tocsin.data.picture_entry import Entry
from tocsin.data.picture_form import HEAD, form, other, promised
from tocsin.data.picture_limit import QUIET, bounded, too_many

GROUND = 0.5
"""What transparent places show: middle grey."""
_ORIENTATION = 0x0112
_REDUCED = 254  # TIFF NewSubfileType: bit 0 marks a small copy of another page
_TURNED = {5, 6, 7, 8}
_MOST_PAGES = 32
_EOI = b"\xff\xd9"  # the end of a JPEG
_BUILT = {"WEBP": "webp", "AVIF": "avif", "JPEG2000": "jpg_2000"}  # forms that Pillow can be built without


class PictureFile(Picture):
    """A picture in a file or an archive. The file is opened, read and closed in each call; nothing is kept.

    Raises, from :meth:`pixels` and :meth:`mask`, DataError TOC-120 (gone), TOC-146, TOC-149, TOC-155 to TOC-159 and TOC-161, which name the
    file; MissingExtra TOC-501 for DICOM without pydicom.
    """

    def __init__(self, entry: Entry, product: str = "", masks: tuple[Entry, ...] = ()) -> None:
        self.name, self.product = entry.name, product
        self._entry, self._masks = entry, masks

    def pixels(self) -> np.ndarray:
        return decode(self._entry.read(), self.name)

    def mask(self) -> np.ndarray | None:
        if not self._masks:
            return None
        size = self.size()
        drawn = np.zeros(size, dtype=bool)
        for entry in self._masks:
            marked = drawing(entry.read(), entry.name)
            if marked.shape != size:
                raise mask_size(entry.name, marked.shape, size)
            drawn |= marked
        return drawn

    def size(self) -> tuple[int, int]:
        """(height, width), upright."""
        return inspect(self._entry.read(), self.name, full=False)

    def __repr__(self) -> str:
        return f"PictureFile({self.name!r})"


def mask_size(name: str, came: tuple[int, ...], wanted: tuple[int, ...]) -> DataError:
    """The error for a mask of another size, sizes (height, width)."""
    return DataError("TOC-158", f"`{name}`: the mask has another size than its picture",
                     came=f"mask {came[1]} x {came[0]}, picture {wanted[1]} x {wanted[0]} pixels",
                     todo="make the mask in the picture's own size")


def decode(content: bytes, name: str, ground: float = GROUND) -> np.ndarray:
    """``content`` of a picture file as (h, w, 3) float32 in [0, 1]. Raises what :class:`PictureFile` raises."""
    kind = known(content, name)
    if kind == "DICOM":
        return _dicom().decode(content, name)
    with _opened(content, kind, name) as picture:
        picture.load()
        return _upright(_values(picture, name, ground), _orientation(picture))


def drawing(content: bytes, name: str) -> np.ndarray:
    """A mask's file as (h, w) bool: every value but 0 is marked; in a JPEG, which blurs, those from one half on."""
    values = decode(content, name, ground=0.0).max(axis=2)
    marked: np.ndarray = values >= 0.5 if form(content[:HEAD]) == "JPEG" else values > 0
    return marked


def inspect(content: bytes, name: str, *, full: bool = True) -> tuple[int, int]:
    """(height, width) of a picture that is whole. Raises what :class:`PictureFile` raises.

    ``full`` decodes it (a JPEG in its smallest scale); else only the header, a PNG's checksums and a JPEG's end are looked at, which finds
    what is cut off there, and not what is spoilt inside.
    """
    kind = known(content, name)
    if kind == "DICOM":
        return _dicom().inspect(content, name, full=full)
    with _opened(content, kind, name) as picture:
        h, w = picture.height, picture.width
        if full or (kind == "JPEG" and _EOI not in content[-4096:]):  # some cameras put a film behind the picture's end
            picture.draft(None, (max(w // 8, 1), max(h // 8, 1)))
            picture.load()
            if picture.mode in ("F", "I", "LAB"):
                _values(picture, name, GROUND)
        else:
            picture.verify()
        turned = kind != "TIFF" and _orientation(picture) in _TURNED  # Pillow states a TIFF's size upright
        return (w, h) if turned else (h, w)


def known(content: bytes, name: str) -> str:
    """The form of ``content``. Raises DataError TOC-155 for nothing, TOC-146 for what is no picture that can be read."""
    if not content:
        raise DataError("TOC-155", f"`{name}`: the file is empty", came="0 bytes", todo="copy it again, or leave it out (skip_bad)")
    kind = form(content[:HEAD])
    if kind is None:
        hint = f"named like a {promised(name)} file, but it is" if promised(name) else "it is"
        raise DataError("TOC-146", f"`{name}`: this is no picture", came=f"{hint} {other(content[:HEAD])}",
                        todo="save it as PNG, JPEG, TIFF, BMP, WebP, PPM or DICOM, or leave it out (skip_bad)")
    return kind


@contextmanager
def _opened(content: bytes, kind: str, name: str) -> Iterator[Image.Image]:
    """The opened picture, its pixels not decoded yet; what goes wrong inside becomes an error that names the file."""
    try:
        with QUIET, warnings.catch_warnings():  # Pillow warns about odd metadata, which are not looked at
            warnings.simplefilter("ignore")
            picture = Image.open(io.BytesIO(content), formats=(kind,))
        with picture:
            bounded(picture.width, picture.height, name)
            _single(picture, kind, name)
            yield picture
    except DataError:
        raise
    except Image.DecompressionBombError as error:
        raise too_many(str(error), name) from error
    except Image.UnidentifiedImageError as error:
        if kind in _BUILT and not features.check(_BUILT[kind]):
            raise _unread(name, f"{kind}, which this Pillow was built without") from error
        raise DataError("TOC-149", f"`{name}`: the picture is damaged, or of an uncommon form",
                        came=f"{kind}, {len(content):,} bytes, header not understood",
                        todo="copy or export it again, in 8 or 16 bits, or leave it out (skip_bad)") from error
    except Exception as error:  # decoders meet hostile bytes with whatever they stumble on
        told = " ".join(str(error).split())
        raise DataError("TOC-149", f"`{name}`: the picture is damaged or cut off", came=f"{kind}, {len(content):,} bytes: {told}"[:200],
                        todo="copy or export it again, or leave it out (skip_bad)") from error


def _unread(name: str, came: str) -> DataError:
    return DataError("TOC-146", f"`{name}`: this picture cannot be read", came=came,
                     todo="save it as PNG, JPEG or TIFF in grey or RGB, or leave it out (skip_bad)")


def _single(picture: Image.Image, kind: str, name: str) -> None:
    """Raises DataError TOC-157 for an animation or several pages; a TIFF's small copies of its page do not count."""
    if kind == "TIFF":
        several = _pages(picture)
    else:
        several = kind != "JPEG" and getattr(picture, "is_animated", False)  # a JPEG's further pictures are views of the first
    if several:
        raise DataError("TOC-157", f"`{name}`: the file holds several pictures", came=f"{kind} with several frames or pages",
                        todo="save each as a file of its own")


def _pages(picture: Any) -> bool:
    """Whether a TIFF holds a second page of full size; the first stays the current one."""
    try:
        for page in range(1, _MOST_PAGES):
            picture.seek(page)
            if not int(picture.tag_v2.get(_REDUCED, 0)) & 1:
                return True
    except EOFError:
        return False
    finally:
        picture.seek(0)
    return True


def _values(picture: Image.Image, name: str, ground: float) -> np.ndarray:
    """(h, w, 3) float32 in [0, 1] of a decoded picture, as it lies in the file."""
    if picture.mode == "LAB":
        raise _unread(name, f"{picture.format} in CIE Lab colours")
    if picture.mode == "I" and picture.format == "PPM":  # 16 bits, which Pillow has scaled to their full range
        return coloured(_part(picture, 65535))
    if picture.mode in ("F", "I"):
        return coloured(_stretched(np.asarray(picture, dtype=np.float64), name))
    if picture.mode.startswith("I;16"):
        return coloured(_part(picture, 65535))
    if picture.mode == "1":
        return coloured(_part(picture, 1))
    if picture.mode in ("L", "RGB") and "transparency" not in picture.info:
        return coloured(_part(picture, 255)) if picture.mode == "L" else _part(picture, 255)
    if picture.mode in ("LA", "PA", "La", "RGBa", "RGBA") or "transparency" in picture.info:
        values = _part(picture.convert("RGBA"), 255)
        alpha = values[:, :, 3:]
        return values[:, :, :3] * alpha + np.float32(ground) * (1 - alpha)
    return _part(picture.convert("RGB"), 255)


def _part(picture: Image.Image, whole: int) -> np.ndarray:
    """The stored numbers as float32 parts of ``whole``."""
    return np.divide(np.asarray(picture), np.float32(whole), dtype=np.float32)


def _stretched(values: np.ndarray, name: str) -> np.ndarray:
    low, high = values.min(), values.max()
    if not np.isfinite([low, high]).all():
        raise DataError("TOC-159", f"`{name}`: the picture holds NaN or infinite values", came=f"values from {low:g} to {high:g}",
                        todo="fill them before saving the picture, or leave it out (skip_bad)")
    if low >= 0 and high <= 1:
        return values
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def _orientation(picture: Image.Image) -> int:
    """1 to 8 as EXIF counts them; 1, upright, where a picture does not say. Decoders that turn the picture themselves say so here."""
    if picture.format == "TIFF":
        turn = picture.tag_v2.get(_ORIENTATION, 1)  # type: ignore[attr-defined]
    else:
        turn = _exif(picture.info.get("exif", b""))
    return turn if isinstance(turn, int) and 1 <= turn <= 8 else 1


def _exif(block: Any) -> int:
    """The orientation in an EXIF block, which is a small TIFF file; 1 where it does not say. Read by hand: other tags may be broken."""
    if not isinstance(block, bytes):
        return 1
    block = block.removeprefix(b"Exif\x00\x00")
    order: Any = {b"II": "little", b"MM": "big"}.get(block[:2])
    if order is None:
        return 1
    start = int.from_bytes(block[4:8], order)
    for i in range(int.from_bytes(block[start:start + 2], order)):
        tag = block[start + 2 + 12 * i:start + 14 + 12 * i]
        if len(tag) == 12 and int.from_bytes(tag[:2], order) == _ORIENTATION:
            return int.from_bytes(tag[8:10], order)
    return 1


def _upright(values: np.ndarray, turn: int) -> np.ndarray:
    """The picture as it is meant to be seen."""
    if turn in (5, 7):
        values = values.swapaxes(0, 1)
    if turn in (2, 3, 7):
        values = values[:, ::-1]
    if turn in (3, 4, 7):
        values = values[::-1]
    if turn in (6, 8):
        values = np.rot90(values, -1 if turn == 6 else 1)
    return np.ascontiguousarray(values)


def _dicom() -> Any:
    try:
        return importlib.import_module("tocsin.data.picture_dicom")
    except ModuleNotFoundError as error:
        raise MissingExtra("TOC-501", f"DICOM files need the package {error.name!r}", came=str(error),
                           todo="pip install 'tocsin[vision]'") from error
