from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import DataError
from tocsin.core.items import as_items
from tocsin.core.picture import Pixels


def test_arrays_become_pictures_with_their_position_as_name() -> None:
    items = as_items(np.zeros((3, 4, 6), dtype=np.uint8), "images")
    assert items.shape == (3,) and items[2].name == "2" and items[2].pixels().shape == (4, 6, 3)


def test_pictures_and_texts_stay_the_objects_they_are() -> None:
    picture = Pixels(np.zeros((2, 2)))
    assert as_items([picture], "images")[0] is picture
    assert as_items(("a", "b"), "logs").tolist() == ["a", "b"]
    assert as_items(np.array(["a", "b"]), "texts").tolist() == ["a", "b"]


@pytest.mark.parametrize(("given", "modality", "code"), [
    ([], "texts", "TOC-112"), (np.zeros((0, 4, 4)), "images", "TOC-112"), ("one text", "texts", "TOC-115"), ([1], "logs", "TOC-115"),
    (["part.png"], "images", "TOC-115"), (np.zeros((3, 3)), "images", "TOC-115"), ([None], "texts", "TOC-115"),
    ({"a": 1}, "texts", "TOC-115"),
    (7, "logs", "TOC-115"), ([np.zeros((2, 2, 4))], "images", "TOC-159"),
    ([np.full((2, 2), np.nan)], "images", "TOC-159"),
])
def test_anything_else_is_refused(given: object, modality: str, code: str) -> None:
    with pytest.raises(DataError) as caught:
        as_items(given, modality)  # type: ignore[arg-type]
    assert caught.value.code == code and caught.value.todo
