from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from tocsin.interfaces.report import overlay


def _pictures(html: str) -> list[np.ndarray]:
    found = re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", html)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(one)))).astype(float) / 255 for one in found]


def test_the_odd_region_is_outlined_and_hot() -> None:
    pixels, heat = np.full((100, 160, 3), 0.5, dtype=np.float32), np.zeros((100, 160))
    heat[40:60, 100:130] = 5.0
    outlined, warm = _pictures(overlay.figure(pixels, heat, (0.0, 5.0), "a"))
    assert outlined.shape == warm.shape == (100, 160, 3)
    red = outlined[:, :, 0] - outlined[:, :, 1]
    assert red[39, 115] > 0.4 > 0.15 > abs(red[50, 115]) and abs(red[10, 10]) < 0.15  # the border alone
    assert warm[50, 115].mean() > 0.6 > 0.4 > warm[10, 10].mean()


@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (2000, 700)])
def test_any_size_becomes_small_enough(shape: tuple[int, int]) -> None:
    made = _pictures(overlay.figure(np.zeros((*shape, 3), dtype=np.float32), np.ones(shape), (0.0, 1.0), "x"))
    assert all(max(one.shape) <= 420 and min(one.shape[:2]) >= 1 for one in made) and len(made) == 2
    assert abs(made[0].shape[1] / made[0].shape[0] / (shape[1] / shape[0]) - 1) < 0.2 or min(made[0].shape[:2]) < 5


def test_without_a_map_the_picture_is_shown_and_names_are_escaped() -> None:
    html = overlay.figure(np.zeros((4, 4, 3), dtype=np.float32), None, (0.0, 1.0), '"><script>')
    assert len(_pictures(html)) == 1 and "<script>" not in html


def test_one_scale_serves_all_pictures() -> None:
    quiet, loud = np.full((4, 4), 1.0), np.full((4, 4), 1.0)
    loud[0, 0] = 9.0
    assert overlay.scale_of([quiet, loud]) == (1.0, 9.0)
    low, high = overlay.scale_of([quiet])
    assert low == 1.0 and high > low
