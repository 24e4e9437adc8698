"""Which files a caller points at: a folder, a zip archive, a glob, one path or a list of them; and the masks that lie beside."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tocsin.core.errors import DataError
from tocsin.data.picture_entry import Entry, natural, of_archive, of_folder
from tocsin.data.picture_form import HEAD, form, promised
from tocsin.data.picture_layout import TRUTH, is_junk
from tocsin.data.source import is_path, paths

_WEAK = ("BMP", "PPM")  # begin with two letters, as a text may: believed only together with the name


@dataclass(frozen=True)
class Place:
    """``files`` in order, ``truth`` the files of a mask folder beside the root, ``tested`` whether the root is a folder called test."""

    name: str
    files: tuple[Entry, ...]
    truth: tuple[Entry, ...] = ()
    tested: bool = False
    notes: tuple[str, ...] = ()


def find(source: Any) -> Place:
    """Raises DataError TOC-120 (nothing there), TOC-161 (archive), TOC-162 (no pictures)."""
    if is_path(source):
        path = Path(source)
        if path.is_dir() and os.fspath(source):
            return _folder(path)
        named = paths(source)
        in_order = sorted(named, key=lambda each: natural(each.as_posix()))
        return _archive(path) if len(named) == 1 and _is_archive(named[0]) else _listed(str(source), in_order)
    named = [path for each in source for path in _files(each)]
    return _listed(f"{named[0]} ... ({len(named)} files)" if len(named) > 1 else str(named[0]), named)


def _is_archive(path: Path) -> bool:
    return path.suffix.lower() == ".zip" or (promised(path.name) is None and zipfile.is_zipfile(path))


def _files(each: Any) -> list[Path]:
    if not is_path(each):
        raise DataError("TOC-159", "a list holds paths alone, or arrays alone", came=type(each).__name__, todo="pass one kind of thing")
    return paths(each)


def _folder(path: Path) -> Place:
    root = path.resolve()
    files, notes = _pictures(of_folder(root), str(path))
    return Place(str(path), files, _beside(root), root.name.lower() == "test", notes)


def _archive(path: Path) -> Place:
    files, notes = _pictures(of_archive(path), str(path))
    return Place(str(path), files, notes=notes)


def _listed(name: str, named: Sequence[Path]) -> Place:
    """Files that were named one by one: none is left out by its name, and they stay in the order given."""
    full = [path.absolute() for path in named]
    root = Path(os.path.commonpath([path.parent for path in full]))
    entries = [Entry(path.relative_to(root).as_posix(), path) for path in full]
    return Place(name, tuple(entries), _beside(root), root.name.lower() == "test")


def _pictures(entries: Sequence[Entry], name: str) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """The files that are named like pictures, or are pictures under a name that says nothing."""
    kept, strange, junk = [], [], 0
    for entry in entries:
        if is_junk(entry.name):
            junk += 1
        elif promised(entry.name) or _is_picture(entry):
            kept.append(entry)
        else:
            strange.append(entry.name)
    if not kept:
        raise DataError("TOC-162", "there are no pictures here", came=f"`{name}` with {len(entries)} files",
                        todo="pass a folder, a zip archive or files of PNG, JPEG, TIFF, BMP, WebP, PPM or DICOM pictures")
    notes = []
    if strange:
        notes.append(f"files left out as no pictures: {len(strange)}, such as `{strange[0]}`")
    if junk:
        notes.append(f"hidden files left out: {junk}")
    return tuple(kept), tuple(notes)


def _is_picture(entry: Entry) -> bool:
    """Whether a file whose name says nothing is a picture; one that cannot be opened is left out with those that are none."""
    try:
        return form(entry.read(HEAD)) not in (None, *_WEAK)
    except DataError:
        return False


def _beside(root: Path) -> tuple[Entry, ...]:
    """Masks' files for a root inside an MVTec layout: of ``.../test`` all in ``.../ground_truth``, of ``.../test/crack`` those of crack."""
    if root.name.lower() == "test":
        home, below = root.parent, ""
    elif root.parent.name.lower() == "test":
        home, below = root.parent.parent, root.name
    else:
        return ()
    found = [folder / below for folder in sorted(home.iterdir()) if folder.name.lower() in TRUTH and (folder / below).is_dir()]
    return tuple(Entry(f"ground_truth/{entry.name}", entry.path) for folder in found for entry in of_folder(folder)
                 if not is_junk(entry.name))
