"""Pictures to squares and maps back."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import DataError
from tocsin.deep.vision import preprocess

_SPOT = (slice(10, 20), slice(60, 80))


def _picture() -> np.ndarray:
    picture = np.full((50, 100, 3), 0.2, dtype=np.float32)
    picture[_SPOT] = 1.0
    return picture


@pytest.mark.parametrize("resize", ["squash", "aspect"])
@pytest.mark.parametrize("shape", [(50, 100), (100, 50), (64, 64), (1, 300), (3, 5)])
def test_a_square_and_back_keeps_places(resize: str, shape: tuple[int, int]) -> None:
    picture = np.zeros((*shape, 3), dtype=np.float32)
    half = shape[1] // 2 + 1
    picture[:, half:] = 1.0
    back = preprocess.own_size(preprocess.square(picture, 64, resize)[0].numpy(), *shape, resize)
    assert back.shape == shape
    assert back.dtype == np.float32
    assert back[:, : half - 1].mean() < 0.3
    assert back[:, half:].mean() > 0.7


def test_aspect_repeats_the_edge_around_the_picture() -> None:
    square = preprocess.square(_picture(), 64, "aspect")
    assert square.shape == (3, 64, 64)
    np.testing.assert_allclose(square[:, :16].numpy(), 0.2, atol=1e-6)
    np.testing.assert_allclose(square[:, 48:].numpy(), 0.2, atol=1e-6)
    assert float(square[:, 16:48].max()) > 0.95


def test_shrinking_averages_over_all_pixels() -> None:
    board = np.indices((256, 256)).sum(0) % 2
    picture = np.repeat(board[:, :, None], 3, axis=2).astype(np.float32)
    np.testing.assert_allclose(preprocess.square(picture, 32, "squash")[:, 2:-2, 2:-2].numpy(), 0.5, atol=0.02)


def test_the_picture_is_left_as_it_is() -> None:
    picture = _picture()
    picture.setflags(write=False)
    same = preprocess.square(picture[:50, :50], 50, "squash")
    same.fill_(7.0)
    assert picture.max() == 1.0


@pytest.mark.parametrize(("shape", "cells"), [((50, 100), 32), ((100, 50), 32), ((64, 64), 64), ((1, 500), 8)])
def test_cells_inside_a_picture_of_kept_aspect(shape: tuple[int, int], cells: int) -> None:
    inside = preprocess.inside(*shape, 8, "aspect")
    assert inside.shape == (8, 8)
    assert inside.sum() == cells
    assert preprocess.inside(*shape, 8, "squash").all()


@pytest.mark.parametrize("wrong", [np.zeros((5, 5)), np.zeros((0, 5, 3)), np.zeros((5, 5, 4)), [[1]]])
def test_no_picture(wrong: object) -> None:
    with pytest.raises(DataError, match="TOC-115"):
        preprocess.square(wrong, 32, "squash")  # type: ignore[arg-type]
