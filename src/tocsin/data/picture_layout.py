"""What the folders' names mean: parts (train, test), products, normal and defective classes, masks.

    bottle/train/good/000.png                        MVTec layout (Bergmann et al. 2019), also with several products side by side
    bottle/test/crack/004.png
    bottle/ground_truth/crack/004_mask.png           the mask: 004_mask.png, 004.png, or all of a folder 004/

Everything here works on names alone, so that a folder, a list of paths and a zip archive are understood alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from tocsin.core.errors import DataError
from tocsin.data.picture_entry import Entry

NORMAL = frozenset({"good", "normal", "normals", "ok", "okay", "fine", "healthy", "nominal", "defect_free", "no_defect", "non_defective"})
"""Folder names that mean "nothing is wrong here"; in any case, "-" and " " as "_"."""
TRUTH = frozenset({"ground_truth", "groundtruth", "masks"})
"""Folder names that hold masks, never pictures."""
PARTS = ("train", "test")
_JUNK = frozenset({"__macosx", "thumbs.db", "desktop.ini", "$recycle.bin"})


@dataclass(frozen=True)
class Placed:
    """A picture's file and what its place says: its product, its class ("" when it lies in none), and its masks' files."""

    entry: Entry
    product: str
    group: str
    masks: tuple[Entry, ...] = ()


@dataclass(frozen=True)
class Layout:
    """``pictures`` in order; ``y`` their labels, None where the names give none; ``notes`` what was chosen and left out."""

    pictures: tuple[Placed, ...]
    y: tuple[int, ...] | None
    notes: tuple[str, ...]


def is_junk(name: str) -> bool:
    """Hidden files, and what operating systems leave behind.

    >>> is_junk("train/.DS_Store"), is_junk("__MACOSX/._a.png"), is_junk("good/a.png")
    (True, True, False)
    """
    return any(step.startswith(".") or step.lower() in _JUNK for step in name.split("/"))


def is_normal(group: str) -> bool:
    """Whether a folder of this name holds normal pictures."""
    return group.lower().replace("-", "_").replace(" ", "_") in NORMAL


def arrange(pictures: Sequence[Entry], truth: Sequence[Entry] = (), *, part: str | None = None, product: str = "",
            tested: bool = False) -> Layout:
    """``pictures`` by the meaning of their folders. ``truth`` are masks' files from beside the root, named from "ground_truth/" on.

    part     "train" or "test", where the root holds both
    product  what the pictures show, where no folder says it
    tested   the root is itself a folder of test pictures: all in it is judged, one class alone, too

    Raises DataError TOC-162 (there is no such part), TOC-163 (both are there and none is named).
    """
    masks = [entry for entry in pictures if _in_truth(entry.name)]
    pictures = [entry for entry in pictures if not _in_truth(entry.name)]
    spots = [_spot(entry.name) for entry in pictures]
    found = sorted({spot[1] for spot in spots if spot[1]}, key=PARTS.index)
    notes: list[str] = []
    if part is not None or found:
        chosen = _chosen(part, found)
        outside = sum(spot[1] != chosen for spot in spots)
        if outside and chosen:
            notes.append(f"part `{chosen}` is read; pictures of other folders that are not: {outside}")
        kept = [(entry, spot) for entry, spot in zip(pictures, spots) if spot[1] == chosen]
        tested = tested or chosen == "test"
    else:
        kept = list(zip(pictures, spots))
    several = len({spot[0] for spot in spots if spot[1]}) > 1
    beside = _truth_by_place([*masks, *truth])
    placed = tuple(Placed(entry, spot[0] if several and spot[0] else product, spot[2], _masks(entry.name, spot, beside))
                   for entry, spot in kept)
    y = _labels([one.group for one in placed], tested, any(spot[1] == "train" and is_normal(spot[2]) for spot in spots), notes)
    return Layout(placed, y, tuple(notes))


def _in_truth(name: str) -> bool:
    return _truth_at(name.split("/")) is not None


def _truth_at(steps: Sequence[str]) -> int | None:
    """Which step is the folder of masks; a product called "masks", with parts below, is none."""
    lower = [step.lower() for step in steps[:-1]]
    return next((i for i, step in enumerate(lower) if step in TRUTH and not (step == "masks" and set(lower[i:]) & set(PARTS))), None)


def _spot(name: str) -> tuple[str, str, str]:
    """(product, part, class): "bottle", "test", "crack" of "bottle/test/crack/004.png"; "" for what the path does not say."""
    steps = name.split("/")[:-1]
    lower = [step.lower() for step in steps]
    at = next((i for i, step in enumerate(lower) if step in PARTS), None)
    if at is None:
        return "", "", steps[0] if steps else ""
    return "/".join(steps[:at]), lower[at], steps[at + 1] if at + 1 < len(steps) else ""


def _chosen(part: str | None, found: list[str]) -> str:
    if part is None:
        if len(found) > 1:
            raise DataError("TOC-163", "the folder holds pictures to learn from and pictures to judge", came=" and ".join(found),
                            todo="pass part='train' or part='test', or point at one of the two folders")
        return found[0]
    if part not in PARTS:
        raise DataError("TOC-162", "a part is 'train' or 'test'", came=repr(part)[:80], todo="pass one of the two, or none")
    if part not in found:
        if not found:  # pointed at one folder of pictures: that is the part
            return ""
        raise DataError("TOC-162", f"there are no pictures in a folder {part!r}", came=f"only {found[0]!r}",
                        todo=f"pass part={found[0]!r}, or none")
    return part


def _labels(groups: list[str], tested: bool, learned: bool, notes: list[str]) -> tuple[int, ...] | None:
    """1 for a class beside a normal one. A training folder of normal pictures alone has no labels."""
    kinds = set(groups)
    normal = {group for group in kinds if is_normal(group)}
    if "" in kinds and len(kinds) > 1:
        if normal:
            notes.append("no labels: some pictures lie in no class folder")
        return None
    if kinds == {""} or not (normal or (tested and learned)):
        if len(kinds) > 1:
            notes.append(f"no labels: of the {len(kinds)} folders none is called good, normal or ok")
        return None
    if kinds == normal and not tested:
        return None
    return tuple(int(group not in normal) for group in groups)


def _truth_by_place(masks: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Masks by "product/class/stem" of the picture they belong to."""
    places: dict[str, list[Entry]] = {}
    for entry in masks:
        steps = entry.name.split("/")
        at = _truth_at(steps)
        if at is None:
            continue
        before = [step for step in steps[:at] if step.lower() not in PARTS]
        stem = PurePosixPath(steps[-1]).stem
        for key in {"/".join([*before, *steps[at + 1:-1], stem.removesuffix("_mask")]), "/".join([*before, *steps[at + 1:-1]])}:
            places.setdefault(key, []).append(entry)
    return places


def _masks(name: str, spot: tuple[str, str, str], places: dict[str, list[Entry]]) -> tuple[Entry, ...]:
    steps = name.split("/")
    below = steps[len(spot[0].split("/")) + 1:] if spot[0] else steps[1:] if spot[1] else steps
    stem = PurePosixPath(name).stem
    return tuple(places.get("/".join([*([spot[0]] if spot[0] else []), *below[:-1], stem]), ()))
