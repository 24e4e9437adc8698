"""More training pictures out of few: changed copies that mean the same, made when asked.

Which changes keep the meaning only the owner of the pictures knows: a bottle seen from above may be turned, a printed label may not be
mirrored, a scan's brightness may be what is judged. So nothing is changed but what is named. Useful below about a hundred pictures, and for
detectors that are not blind to the change anyway; harmful where the change is itself the defect (a part that lies the wrong way round).
A copy is no new picture: where scores of held-out pictures are needed, all copies of a picture must be held out with it.

    flip_left_right, flip_up_down    mirrored                                "flip": both
    quarter_turn                     by 90, 180 or 270 degrees
    tilt                             by up to 5 degrees, the rim reflected   "rotate": quarter_turn and tilt
    brightness                       up to 0.1 added or taken away
    contrast                         times 0.8 to 1.25 around the picture's mean
    saturation                       times 0.7 to 1.4 around each pixel's grey      "colour": these three
    noise                            Gaussian, of a standard deviation up to 0.03
    blur                             Gaussian, of a standard deviation up to 1.2 pixels

Letters: h w a picture's height and width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from tocsin.core.errors import ConfigError
from tocsin.core.picture import Picture
from tocsin.core.seed import generator

GROUPS = {"flip": ("flip_left_right", "flip_up_down"), "rotate": ("quarter_turn", "tilt"),
          "colour": ("brightness", "contrast", "saturation")}
"""Words for several kinds at once."""
KINDS = ("flip_left_right", "flip_up_down", "quarter_turn", "tilt", "brightness", "contrast", "saturation", "noise", "blur")
"""All kinds of change, in the order in which they are made."""
_GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601
_MOVES: dict[str, tuple[bool, int]] = {"flip_left_right": (True, 0), "flip_up_down": (True, 2), "quarter_turn": (False, 1)}


@dataclass(frozen=True)
class Change:
    """One drawn change: mirrored left to right, then turned by quarters against the clock, then the rest; the defaults change nothing."""

    mirrored: bool = False
    quarters: int = 0
    degrees: float = 0.0
    added: float = 0.0
    contrast: float = 1.0
    saturation: float = 1.0
    noise: float = 0.0
    blur: float = 0.0


class Augmented(Picture):
    """A changed copy of a picture; its mask moves along. Drawn anew, and equal, in each call."""

    def __init__(self, picture: Picture, change: Change, name: str, path: tuple[int | str, ...]) -> None:
        self.name, self.product = name, picture.product
        self._picture, self._change, self._path = picture, change, path

    def pixels(self) -> np.ndarray:
        return _toned(_moved(self._picture.pixels(), self._change, 1), self._change, self._path)

    def mask(self) -> np.ndarray | None:
        mask = self._picture.mask()
        if mask is None:
            return None
        moved: np.ndarray = _moved(mask.astype(np.float32), self._change, 0) > 0.5
        return moved

    def __repr__(self) -> str:
        return f"Augmented({self.name!r}, {self._change})"


def expand(pictures: Sequence[Picture], kinds: Sequence[str], copies: int = 1, seed: int = 0) -> list[Picture]:
    """``pictures`` followed by ``copies`` changed copies of each: n (1 + copies) pictures, computed only when their pixels are asked for.

    kinds   names of the module's table; of each, every copy gets a change of a strength drawn by ``seed`` and its position
    copies  no two copies of one picture are mirrored and turned alike until all ways have come

    Raises ConfigError TOC-202 for an unknown kind, none at all, fewer than one copy, or more copies than flips and quarter turns alone can
    make different.

    >>> from tocsin.core.picture import Pixels
    >>> one = Pixels(np.eye(3, 4), "a.png")
    >>> many = expand([one], ["flip_left_right"])
    >>> [picture.name for picture in many], bool((many[1].pixels() == one.pixels()[:, ::-1]).all())
    (['a.png', 'a.png, copy 1'], True)
    """
    named = _named(kinds)
    if isinstance(copies, bool) or not isinstance(copies, int) or copies < 1:
        raise ConfigError("TOC-202", "copies is a whole number, 1 or more", came=repr(copies)[:80], todo="pass copies=1")
    poses = _poses(named)
    if all(kind in _MOVES for kind in named):
        poses = poses[1:]
        if copies > len(poses):
            raise ConfigError("TOC-202", f"{', '.join(named)} can make only {len(poses)} different copies of a picture",
                              came=f"copies={copies}", todo=f"pass copies={len(poses)}, or name another kind of change")
    made = list(pictures)
    for copy in range(copies):
        for i, picture in enumerate(pictures):
            pose = poses[generator(seed, "augment", i, "pose").permutation(len(poses))[copy % len(poses)]]
            path = (seed, "augment", i, copy)
            made.append(Augmented(picture, _drawn(named, pose, path), f"{picture.name}, copy {copy + 1}", path))
    return made


def _named(kinds: Sequence[str]) -> tuple[str, ...]:
    """The kinds meant, in the table's order."""
    given = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    unknown = [kind for kind in given if kind not in KINDS and kind not in GROUPS]
    if unknown or not given:
        raise ConfigError("TOC-202", "this is no change to a picture" if unknown else "no change is named",
                          came=repr(unknown or kinds)[:80], todo=f"name some of {', '.join([*GROUPS, *KINDS])}")
    meant = {kind for each in given for kind in GROUPS.get(each, (each,))}
    return tuple(kind for kind in KINDS if kind in meant)


def _poses(named: Sequence[str]) -> list[tuple[bool, int]]:
    """All ways to lie that the named flips and turns lead to (the group that they generate), the upright one first."""
    found = [(False, 0)]
    for mirrored, quarters in found:
        for move in (_MOVES[kind] for kind in named if kind in _MOVES):
            turned = (mirrored != move[0], ((-quarters if move[0] else quarters) + move[1]) % 4)
            if turned not in found:
                found.append(turned)
    return found


def _drawn(named: Sequence[str], pose: tuple[bool, int], path: tuple[int | str, ...]) -> Change:
    seed, *where = path
    draw = generator(int(seed), *where)
    drawn: dict[str, Any] = {}
    reach = {"tilt": ("degrees", -5, 5), "brightness": ("added", -0.1, 0.1), "noise": ("noise", 0.005, 0.03), "blur": ("blur", 0.3, 1.2)}
    for kind, (field, low, high) in reach.items():
        amount = float(draw.uniform(low, high))  # drawn whether used or not: another kind never shifts this one
        if kind in named:
            drawn[field] = amount
    for kind, low, high in (("contrast", 0.8, 1.25), ("saturation", 0.7, 1.4)):
        amount = float(np.exp(draw.uniform(np.log(low), np.log(high))))
        if kind in named:
            drawn[kind] = amount
    return Change(*pose, **drawn)


def _moved(values: np.ndarray, change: Change, order: int) -> np.ndarray:
    """Mirrored, turned and tilted. values (h, w[, 3])."""
    if change.mirrored:
        values = values[:, ::-1]
    values = np.rot90(values, change.quarters)
    if change.degrees:
        values = ndimage.rotate(values, change.degrees, axes=(1, 0), reshape=False, order=order, mode="reflect")
    return np.ascontiguousarray(values)


def _toned(values: np.ndarray, change: Change, path: tuple[int | str, ...]) -> np.ndarray:
    """Colours, blur and noise. values (h, w, 3)."""
    if change.contrast != 1:
        values = (values - values.mean()) * np.float32(change.contrast) + values.mean()
    if change.saturation != 1:
        grey = (values @ _GREY)[:, :, None]
        values = grey + (values - grey) * np.float32(change.saturation)
    if change.added:
        values = values + np.float32(change.added)
    if change.blur:
        values = ndimage.gaussian_filter(values, (change.blur, change.blur, 0))
    if change.noise:
        seed, *where = path
        draw = generator(int(seed), *where, "noise")
        values = values + np.float32(change.noise) * draw.standard_normal(values.shape, dtype=np.float32)
    return np.clip(values, 0, 1, dtype=np.float32)
