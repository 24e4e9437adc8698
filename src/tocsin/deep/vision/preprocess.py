"""Pictures of any size to the one size a backbone looks at, and maps back to the picture's own size.

"squash" stretches both sides to the size: every cell shows picture. "aspect" keeps the proportions, puts the picture in the centre and
repeats its edge around it: objects keep their form, thin pictures lose detail. Shrinking averages over all pixels it skips (antialiased).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from tocsin.core.errors import DataError


def placement(height: int, width: int, size: int, resize: str) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of the picture inside the square of ``size``.

    >>> placement(50, 100, 64, "aspect"), placement(50, 100, 64, "squash")
    ((0, 16, 64, 48), (0, 0, 64, 64))
    """
    if resize == "squash":
        return 0, 0, size, size
    factor = size / max(height, width)
    h, w = max(1, round(height * factor)), max(1, round(width * factor))
    left, top = (size - w) // 2, (size - h) // 2
    return left, top, left + w, top + h


def square(picture: np.ndarray, size: int, resize: str) -> Tensor:
    """``picture`` (h, w, 3) in [0, 1] as (3, size, size) float32. Raises DataError TOC-115 for another shape."""
    if not isinstance(picture, np.ndarray) or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        came = f"{getattr(picture, 'dtype', type(picture).__name__)} {getattr(picture, 'shape', '')}"
        raise DataError("TOC-115", "a picture of shape (height, width, 3) is needed", came=came, todo="pass float32 colours in [0, 1]")
    height, width = picture.shape[:2]
    left, top, right, bottom = placement(height, width, size, resize)
    x = torch.from_numpy(np.array(picture.transpose(2, 0, 1), dtype=np.float32, order="C"))[None]
    if (height, width) != (bottom - top, right - left):
        x = F.interpolate(x, (bottom - top, right - left), mode="bilinear", align_corners=False, antialias=True)
    if (bottom - top, right - left) != (size, size):
        x = F.pad(x, (left, size - right, top, size - bottom), mode="replicate")
    return x[0]


def own_size(cells: np.ndarray, height: int, width: int, resize: str) -> np.ndarray:
    """A map (g, g) of the square back as (height, width) float32 of the picture itself, bilinear."""
    grid = torch.from_numpy(np.array(cells, dtype=np.float32))[None, None]
    if resize == "aspect" and height != width:
        size = max(height, width)  # then the picture inside has its own size already
        left, top, right, bottom = placement(height, width, size, resize)
        whole = F.interpolate(grid, (size, size), mode="bilinear", align_corners=False)
        made = whole[0, 0, top:bottom, left:right]
    else:
        made = F.interpolate(grid, (height, width), mode="bilinear", align_corners=False)[0, 0]
    return made.contiguous().numpy()


def inside(height: int, width: int, cells: int, resize: str) -> np.ndarray:
    """(cells, cells) bool: the cells of a map whose centre shows the picture and not the ground around it."""
    size = 64 * cells
    left, top, right, bottom = placement(height, width, size, resize)
    centre = (np.arange(cells) + 0.5) * 64
    across, down = (centre >= left) & (centre < right), (centre >= top) & (centre < bottom)
    if not across.any():
        across[cells // 2] = True
    if not down.any():
        down[cells // 2] = True
    made: np.ndarray = down[:, None] & across[None, :]
    return made
