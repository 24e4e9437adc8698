"""Rows that are whole things: pictures, texts, lines of a log."""

from __future__ import annotations

from typing import Any

import numpy as np

from tocsin.core.errors import DataError
from tocsin.core.picture import Picture, Pixels
from tocsin.core.tags import Modality

_WORDS = {"images": "pictures", "texts": "texts", "logs": "lines of text"}


def as_items(X: Any, modality: Modality) -> np.ndarray:
    """(n,) objects: every entry of ``X`` a Picture (arrays become Pixels), or of texts and logs a str.

    Raises DataError TOC-112 when there are none, TOC-115 for anything else, and those of Pixels for arrays that are no pictures.

    >>> as_items(["one", "two"], "texts").tolist()
    ['one', 'two']
    """
    word = _WORDS[modality]
    if isinstance(X, (str, bytes, dict, set)) or not hasattr(X, "__len__") or not hasattr(X, "__getitem__"):
        raise DataError("TOC-115", f"a list of {word} is needed", came=type(X).__name__, todo=f"pass a list of {word}")
    if isinstance(X, np.ndarray) and modality == "images" and X.dtype != object and X.ndim not in (3, 4):
        raise DataError("TOC-115", "an array of pictures has three or four dimensions", came=f"{X.dtype} {X.shape}",
                        todo="pass (n, height, width) or (n, height, width, 3), or a list of pictures")
    if len(X) == 0:
        raise DataError("TOC-112", "there is nothing to look at", came=f"no {word}", todo=f"pass at least one of the {word}")
    made = np.empty(len(X), dtype=object)
    for i, item in enumerate(X):
        made[i] = _picture(item, i) if modality == "images" else _text(item, i, word)
    return made


def _picture(item: Any, i: int) -> Picture:
    if isinstance(item, Picture):
        return item
    if not isinstance(item, np.ndarray):
        raise DataError("TOC-115", "this is no picture", came=f"{type(item).__name__} at position {i}",
                        todo="pass arrays (height, width[, 3]); files are read by tocsin.read(folder)")
    return Pixels(item, name=str(i))


def _text(item: Any, i: int, word: str) -> str:
    if not isinstance(item, str):
        raise DataError("TOC-115", "this is no text", came=f"{type(item).__name__} at position {i}", todo=f"pass a list of {word}")
    return str(item)
