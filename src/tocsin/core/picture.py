"""One picture: what a detector of images is given. Decoded when asked, so that a folder larger than memory can be fitted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from tocsin.core.errors import DataError

_WHOLE = {"uint8": 255.0, "uint16": 65535.0}


class Picture(ABC):
    """A picture and what belongs to it. Nothing is cached: ask for :meth:`pixels` once per pass.

    name     what it is called in the results (its path below the folder that was read)
    product  which product it shows where a folder holds several; "" when unknown
    """

    name: str
    product: str

    @abstractmethod
    def pixels(self) -> np.ndarray:
        """(h, w, 3) float32 in [0, 1]; grey pictures repeat their one channel."""

    def mask(self) -> np.ndarray | None:
        """(h, w) bool, True where a person marked a defect; None when nobody did. For evaluation alone."""
        return None


class Pixels(Picture):
    """A picture in memory: uint8, uint16, bool or floats in [0, 1], of shape (h, w), (h, w, 1) or (h, w, 3).

    >>> Pixels(np.full((4, 6), 51, dtype=np.uint8), "grey").pixels()[0, 0].tolist()
    [0.20000000298023224, 0.20000000298023224, 0.20000000298023224]

    Raises DataError TOC-159 for an array that is no picture, TOC-158 for a mask of another size.
    """

    def __init__(self, array: Any, name: str = "", product: str = "", mask: Any = None) -> None:
        self.name, self.product = name, product
        self._array = checked(array, name)
        self._mask = None if mask is None else _mask(np.asarray(mask), self._array.shape[:2], name)

    def pixels(self) -> np.ndarray:
        return unit(self._array)

    def mask(self) -> np.ndarray | None:
        return None if self._mask is None else self._mask.copy()

    def __repr__(self) -> str:
        h, w = self._array.shape[:2]
        return f"Pixels({self.name!r}, {w} x {h})"


def unit(array: np.ndarray) -> np.ndarray:
    """A checked array as (h, w, 3) float32 in [0, 1], a new array."""
    scale = _WHOLE.get(array.dtype.name, 1.0)
    values = array.astype(np.float32)
    if scale != 1.0:
        values /= np.float32(scale)
    return values if values.ndim == 3 and values.shape[2] == 3 else coloured(values.reshape(values.shape[:2]))


def coloured(grey: np.ndarray) -> np.ndarray:
    """(h, w, 3) float32: the one channel (h, w) three times."""
    made: np.ndarray = np.empty((*grey.shape, 3), dtype=np.float32)
    for channel in range(3):  # one by one: ten times as fast as broadcasting
        made[:, :, channel] = grey
    return made


def checked(array: Any, name: str = "") -> np.ndarray:
    """``array`` if it is a picture. Raises DataError TOC-159."""
    values: np.ndarray = np.asarray(array)
    called = f"`{name}`: " if name else ""
    shaped = values.ndim == 2 or (values.ndim == 3 and values.shape[2] in (1, 3))
    if not shaped or 0 in values.shape or not (values.dtype.name in _WHOLE or values.dtype.kind in "bf"):
        raise DataError("TOC-159", f"{called}the array is no picture", came=f"{values.dtype} {values.shape}",
                        todo="pass uint8, uint16, bool or floats from 0 to 1, of shape (h, w), (h, w, 1) or (h, w, 3)")
    if values.dtype.kind == "f":
        low, high = float(values.min()), float(values.max())
        if not (low >= 0.0 and high <= 1.0):
            raise DataError("TOC-159", f"{called}a picture of floats holds values from 0 to 1", came=f"values from {low:g} to {high:g}",
                            todo="divide by the largest possible value (255 for 8 bits), and leave no NaN")
    return values


def _mask(mask: np.ndarray, size: tuple[int, ...], name: str) -> np.ndarray:
    if mask.shape != size:
        raise DataError("TOC-158", f"{f'`{name}`: ' if name else ''}the mask has another size than its picture",
                        came=f"mask {mask.shape}, picture {size} (height, width)", todo="give a mask of the picture's own size")
    return np.asarray(mask != 0)
