"""Pictures → Dataset of kind "images". Files are verified when they are read, and decoded each time their pixels are asked for.

    read(source)     a folder (MVTec layout, class folders, flat), a zip archive, paths, a glob, arrays

Docs: docs/howto/read-data.md.
"""

from __future__ import annotations

import hashlib
import importlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tocsin.core.errors import DataError, MissingExtra
from tocsin.core.picture import Picture, Pixels
from tocsin.core.types import Column, Dataset, Finding, Origin, Schema
from tocsin.data import digest
from tocsin.data.picture_form import HEAD, form, promised
from tocsin.data.picture_layout import Placed, arrange
from tocsin.data.picture_place import find
from tocsin.data.source import is_path

SCHEMA = Schema((Column("image", "image"),))
WHOLE = 2000
"""Up to so many files are decoded when read, to find each one that is spoilt; of more only headers, checksums and ends are looked at."""
_NAMED = 20
_COUNT = re.compile(r"pictures left out as unreadable: (\d+) of (\d+)")


def read(source: Any, *, label: bool | None = None, part: str | None = None, skip_bad: bool = False, product: str = "",
         licence: str = "") -> Dataset:
    """``source`` as a Dataset of kind "images": ``X`` a list of Picture, ``ids`` their paths below the root. A folder's,
    an archive's and a glob's are in natural order, a list's in its own.

    source    a folder: MVTec layout (``train/good``, ``test/crack``, ``ground_truth/crack/*_mask.png``; several products side by side),
              class folders, flat, or one folder of these; a zip archive of the same; a path, a glob or a list of paths; an array (n, h, w)
              or (n, h, w, 3), a list of arrays or of Picture
    label     None: 0 for pictures in a folder called good, normal, ok, ...; 1 for those in the folders beside it; none where no folder says
              so, and none for a training folder of good ones alone. False: never any. True: an error when there are none
    part      "train" or "test", where the source holds both
    skip_bad  leave out what cannot be read; ``origin.notes`` names up to 20 such files and counts them, see :func:`unread`
    product   what the pictures show, where no folder says it

    Up to 2,000 files, and always with ``skip_bad``, each is decoded once; of more, headers, checksums and ends are looked at (about three
    times faster), and a file spoilt in its middle is found only when its pixels are asked for. The digest is over names and bytes.

    Raises DataError TOC-109 (label=True, no labels), TOC-120 (no such file), TOC-146 (no picture), TOC-149 (damaged), TOC-155 (empty),
    TOC-156 (too large), TOC-157 (several frames), TOC-158 (a mask's size), TOC-159 (array), TOC-161 (archive), TOC-162 (no pictures),
    TOC-163 (which part?); MissingExtra TOC-501 without Pillow, or pydicom for DICOM.

    >>> data = read(np.zeros((2, 8, 8), dtype=np.uint8))
    >>> data.kind, data.X[0].pixels().shape, data.ids.tolist()
    ('images', (8, 8, 3), [0, 1])
    """
    if not (is_path(source) or _is_paths(source)):
        return _memory(source, label, skip_bad, product, licence)
    place = find(source)
    layout = arrange(place.files, place.truth, part=part, product=product, tested=place.tested)
    if not layout.pictures:
        raise DataError("TOC-162", "there are no pictures here", came=f"`{place.name}` holds masks alone or other parts",
                        todo="point at the folder that holds the pictures")
    found = _verified(layout.pictures, skip_bad)
    y = None if layout.y is None or label is False else np.asarray(layout.y, dtype=np.int64)[found.kept]
    _demand(label, y, place.name)
    notes = (*place.notes, *layout.notes, *found.notes(len(layout.pictures)))
    ids = np.asarray([picture.name.encode("utf-8", "backslashreplace").decode() for picture in found.pictures])  # names may be bytes
    return Dataset(found.pictures, "images", SCHEMA, ids, y, origin=Origin(place.name, found.digest, licence, notes))


def unread(origin: Origin) -> Finding | None:
    """How many pictures were left out as unreadable, for a summary; None when all were read.

    >>> unread(Origin(notes=("pictures left out as unreadable: 2 of 9",))).count
    2
    """
    for note in origin.notes:
        if counted := _COUNT.fullmatch(note):
            return Finding("unreadable", "warning", note, count=int(counted[1]), of=int(counted[2]))
    return None


@dataclass
class _Found:
    """What reading the files found: the good ones, their positions, and what is to be said about the others."""

    pictures: list[Picture] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    bad: list[DataError] = field(default_factory=list)
    without_mask: list[DataError] = field(default_factory=list)
    misnamed: list[str] = field(default_factory=list)
    whole: bool = True
    digest: str = ""

    def notes(self, n: int) -> list[str]:
        told = [f"{error.what}; {error.came} ({error.code})" for error in self.bad[:_NAMED]]
        if self.bad:
            told.append(f"pictures left out as unreadable: {len(self.bad)} of {n}")
        told += [f"{error.what}; {error.came} ({error.code}); read without it" for error in self.without_mask[:_NAMED]]
        if self.misnamed:
            told.append(f"files named for another form than they have: {len(self.misnamed)}, such as {self.misnamed[0]}; content decides")
        if not self.whole:
            told.append(f"of {n} pictures headers, checksums and ends were checked, not every byte")
        return told


def _verified(placed: Sequence[Placed], skip_bad: bool) -> _Found:
    """Each file opened once: checked, digested, closed."""
    files = _files()
    found, running = _Found(whole=skip_bad or len(placed) <= WHOLE), hashlib.sha256()
    for i, one in enumerate(placed):
        name, masks = one.entry.name, one.masks
        try:
            content = one.entry.read()
            size = files.inspect(content, name, full=found.whole)
        except DataError as error:
            if not skip_bad:
                raise
            found.bad.append(error)
            continue
        try:
            for entry in masks:
                drawn = files.inspect(entry.read(), entry.name, full=False)
                if drawn != size:
                    raise files.mask_size(entry.name, drawn, size)
        except DataError as error:
            if not skip_bad:
                raise
            found.without_mask.append(error)
            masks = ()
        if promised(name) not in (None, kind := form(content[:HEAD])):
            found.misnamed.append(f"`{name}` ({kind})")
        running.update(f"{name}\x00{len(content)}\x00".encode("utf-8", "surrogateescape"))
        running.update(content)
        found.pictures.append(files.PictureFile(one.entry, one.product, masks))
        found.kept.append(i)
    if not found.pictures:
        first = found.bad[0]
        raise DataError("TOC-162", "not one picture can be read",
                        came=f"{len(found.bad)} files; the first: {first.what}; {first.came} ({first.code})",
                        todo="pass PNG, JPEG, TIFF, BMP, WebP, PPM or DICOM pictures")
    found.digest = running.hexdigest()
    return found


def _files() -> Any:
    try:
        return importlib.import_module("tocsin.data.picture_file")
    except ModuleNotFoundError as error:
        raise MissingExtra("TOC-501", f"reading picture files needs the package {error.name!r}", came=str(error),
                           todo="pip install 'tocsin[vision]'") from error


def _is_paths(source: Any) -> bool:
    return isinstance(source, (list, tuple)) and len(source) > 0 and is_path(source[0])


def _memory(source: Any, label: bool | None, skip_bad: bool, product: str, licence: str) -> Dataset:
    items = _items(source)
    pictures: list[Picture] = []
    ids, parts, found = [], [], _Found()
    for i, item in enumerate(items):
        try:
            picture = item if isinstance(item, Picture) else Pixels(item, str(i), product)
        except DataError as error:
            if not skip_bad:
                raise
            found.bad.append(error)
            continue
        pictures.append(picture)
        ids.append(i)
        parts.append(digest.of_array(np.asarray(item)) if not isinstance(item, Picture) else "")
    if not pictures:
        raise DataError("TOC-162", "there are no pictures here", came=f"{len(items)} arrays", todo="pass at least one picture")
    _demand(label, None, "arrays")
    origin = Origin("arrays", digest.together(parts), licence, tuple(found.notes(len(items))))
    return Dataset(pictures, "images", SCHEMA, np.asarray(ids), origin=origin)


def _items(source: Any) -> list[Any]:
    """One array or Picture an entry."""
    if isinstance(source, Picture):
        return [source]
    if isinstance(source, np.ndarray) and source.dtype != object:
        if source.ndim == 4 or (source.ndim == 3 and source.shape[2] > 4):
            return list(source)
        raise DataError("TOC-159", "an array of pictures has the shape (n, h, w) or (n, h, w, 3)", came=f"{source.dtype} {source.shape}",
                        todo="pass one picture as [picture], and channels last")
    if isinstance(source, (list, tuple, np.ndarray)):
        return list(source)
    raise DataError("TOC-159", "this holds no pictures", came=type(source).__name__,
                    todo="pass a folder, a zip archive, paths, an array (n, h, w[, 3]) or a list of arrays")


def _demand(label: bool | None, y: np.ndarray | None, name: str) -> None:
    if label and y is None:
        raise DataError("TOC-109", "the pictures have no labels", came=f"`{name}`",
                        todo="put the normal ones into a folder called good, the others into folders beside it")
