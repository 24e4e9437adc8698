"""A picture with what is odd in it: an outline on the picture, and the anomaly map laid over it."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from tocsin.core.errors import MissingExtra

_LONGEST = 420  # pixels of the longer side on the page
_OUTLINE = np.array([1.0, 0.18, 0.1], dtype=np.float32)
_STOPS = np.array([0.0, 0.35, 0.65, 1.0])
_COLOURS = np.array([[0.05, 0.03, 0.35], [0.55, 0.05, 0.55], [0.95, 0.45, 0.2], [1.0, 0.95, 0.4]])  # dark to light, also when seen in grey
_DRAWN = 0.5  # of the way, as colours go, from what is usual to the picture's own highest value: what is outlined


def scale_of(maps: Sequence[np.ndarray]) -> tuple[float, float]:
    """(what is usual, the highest) over ``maps``: one scale of colours for a page, so that pictures can be compared.

    >>> scale_of([np.array([[0.0, 0.0, 0.0, 4.0]])])
    (0.0, 4.0)
    """
    low = float(np.median([np.median(one) for one in maps]))
    return low, max(float(max(one.max() for one in maps)), low + 1e-12)


def heights(heat: np.ndarray, low: float, high: float) -> np.ndarray:
    """How far ``heat`` is on its way from ``low`` to ``high``, 0 to 1: in factors where what is usual is above 0, else in differences.

    >>> heights(np.array([1.0, 10.0, 100.0]), 1.0, 100.0).round(2).tolist(), heights(np.array([0.0, 1.0]), 0.0, 2.0).tolist()
    ([0.0, 0.5, 1.0], [0.0, 0.5])
    """
    if low > 0:
        return np.asarray(np.clip(np.log(np.maximum(heat, low) / low) / np.log(high / low), 0, 1))
    return np.asarray(np.clip((heat - low) / (high - low), 0, 1))


def figure(pixels: np.ndarray, heat: np.ndarray | None, scale: tuple[float, float], name: str) -> Markup:
    """Two pictures side by side as HTML, both embedded: ``pixels`` (h, w, 3) with the odd region outlined, and with ``heat`` (h, w) on it.
    One plain picture where there is no map. Raises MissingExtra TOC-501 without Pillow."""
    small, warm = _shrunk(pixels), None if heat is None else _shrunk(heat[:, :, None].repeat(3, axis=2).astype(np.float32))[:, :, 0]
    if warm is None:
        return Markup('<figure class="shown"><img src="{}" alt="{}"></figure>').format(_embedded(small), name)
    low, high = scale
    height = heights(warm, low, high)
    edge = _edge(heights(warm, low, max(float(warm.max()), low + 1e-12)) >= _DRAWN)
    outlined = np.where(edge[:, :, None], _OUTLINE, small)
    over = 0.45 * small + 0.55 * _colours(height)
    return Markup('<figure class="shown"><img src="{}" alt="{}, the odd region outlined"><img src="{}" alt="{}, anomaly map">'
                  "<figcaption>Outlined: where it differs most. Right: the anomaly map; dark is usual, yellow the most unusual here."
                  "</figcaption></figure>").format(_embedded(outlined), name, _embedded(over), name)


def _colours(height: np.ndarray) -> np.ndarray:
    """(h, w, 3) of (h, w) in [0, 1]."""
    return np.stack([np.interp(height, _STOPS, _COLOURS[:, c]) for c in range(3)], axis=2)


def _edge(inside: np.ndarray) -> np.ndarray:
    """(h, w): two pixels along the border of ``inside`` (h, w)."""
    grown = _grown(inside)
    return np.asarray(_grown(grown) & ~inside)


def _grown(inside: np.ndarray) -> np.ndarray:
    made: np.ndarray = inside.copy()
    made[1:] |= inside[:-1]
    made[:-1] |= inside[1:]
    made[:, 1:] |= inside[:, :-1]
    made[:, :-1] |= inside[:, 1:]
    return made


def _shrunk(values: np.ndarray) -> np.ndarray:
    """(h', w', 3) with a longer side of at most ``_LONGEST``: means of blocks, then the nearest."""
    step = max(1, int(max(values.shape[:2]) / _LONGEST))
    h, w = (side // step * step for side in values.shape[:2])
    if step > 1 and h and w:
        values = values[:h, :w].reshape(h // step, step, w // step, step, 3).mean(axis=(1, 3))
    ratio = min(1.0, _LONGEST / max(values.shape[:2]))
    rows, columns = (np.linspace(0, side - 1, max(1, round(side * ratio))).round().astype(int) for side in values.shape[:2])
    return np.asarray(values[rows][:, columns], dtype=np.float32)


def _embedded(values: np.ndarray) -> str:
    """A data address holding the picture as JPEG."""
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtra("TOC-501", "drawing pictures needs the package 'PIL'", came=str(error),
                           todo="pip install 'tocsin[vision]'") from error
    buffer = io.BytesIO()
    Image.fromarray((255 * np.clip(values, 0, 1)).round().astype(np.uint8)).save(buffer, "JPEG", quality=86)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
