"""Pictures in memory: what is one, and what its values become."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import DataError
from tocsin.core.picture import Picture, Pixels


@pytest.mark.parametrize(("dtype", "whole"), [("uint8", 255), ("uint16", 65535), ("bool", 1), ("float32", 1), ("float64", 1)])
@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 1), (4, 6, 3)])
def test_every_kind_of_array_becomes_colour_in_the_unit_range(dtype: str, whole: int, shape: tuple[int, ...]) -> None:
    array = np.zeros(shape, dtype=dtype)
    array[1, 2] = whole
    values = Pixels(array, "a").pixels()
    assert values.shape == (4, 6, 3) and values.dtype == np.float32 and values.flags.c_contiguous
    assert values[1, 2].tolist() == [1, 1, 1] and values.sum() == 3


def test_colours_keep_their_order() -> None:
    assert Pixels(np.array([[[255, 0, 51]]], dtype=np.uint8)).pixels()[0, 0].tolist() == pytest.approx([1, 0, 0.2])


def test_what_is_handed_out_is_the_callers() -> None:
    array = np.zeros((3, 3, 3), dtype=np.float32)
    picture = Pixels(array, mask=np.ones((3, 3)))
    picture.pixels()[:] = 1
    picture.mask()[:] = False  # type: ignore[index]
    assert array.sum() == 0 and picture.pixels().sum() == 0 and picture.mask().all()  # type: ignore[union-attr]


@pytest.mark.parametrize("array", [np.zeros(5), np.zeros((2, 2, 4)), np.zeros((0, 4)), np.zeros((2, 2), dtype=np.int64),
                                   np.full((2, 2), 1.5), np.full((2, 2), -0.1), np.full((2, 2), np.nan), np.array([["a"]]),
                                   np.zeros((1, 2, 2, 3))])
def test_no_picture(array: np.ndarray) -> None:
    with pytest.raises(DataError) as found:
        Pixels(array, "odd")
    assert found.value.code == "TOC-159" and "`odd`" in found.value.what


def test_a_mask_of_another_size() -> None:
    with pytest.raises(DataError) as found:
        Pixels(np.zeros((4, 6)), "odd", mask=np.zeros((6, 4)))
    assert found.value.code == "TOC-158" and "(6, 4)" in found.value.came and "(4, 6)" in found.value.came


def test_a_picture_has_no_mask_unless_it_says_so() -> None:
    class Plain(Picture):
        def pixels(self) -> np.ndarray:
            return np.zeros((1, 1, 3), dtype=np.float32)

    assert Plain().mask() is None and Pixels(np.zeros((2, 2))).mask() is None
    with pytest.raises(TypeError):
        Picture()  # type: ignore[abstract]
