"""How much the left half of a picture differs from the right one, and whether that means anything for the pictures at hand.

Letters: n pictures, c channels, g cells a side.
"""

from __future__ import annotations

import numpy as np

_SYMMETRIC = 0.85  # own mirror image nearer than that of another picture, by this factor: the objects are symmetric
_OTHERS = 3  # other pictures that a picture's mirror image is compared with


def difference(cells: np.ndarray) -> np.ndarray:
    """(g, g): length of the difference between each cell of ``cells`` (c, g, g) and the one across the vertical middle line.

    >>> difference(np.array([[[3.0, 0.0], [1.0, 1.0]]])).tolist()
    [[3.0, 3.0], [0.0, 0.0]]
    """
    return np.asarray(np.sqrt(np.square(cells - cells[:, :, ::-1]).sum(axis=0)))


def asymmetry(cells: np.ndarray) -> float:
    """The mean difference over all cells of ``cells`` (n, c, g, g) to their own mirror images, as a share of that to the mirror images of
    other pictures: near 0 for symmetric objects in one place, 1 where the mirror says nothing.

    >>> bool(asymmetry(np.array([[[[1.0, 1.0]]], [[[5.0, 5.0]]]])) == 0)
    True
    """
    n = len(cells)
    own = float(np.mean([difference(each).mean() for each in cells]))
    across = [np.sqrt(np.square(cells[i] - cells[(i + step) % n][:, :, ::-1]).sum(axis=0)).mean()
              for i in range(n) for step in range(1, min(_OTHERS, n - 1) + 1)]
    other = float(np.mean(across)) if across else 0.0
    return own / other if other > 0 else 1.0


def symmetric(cells: np.ndarray) -> bool:
    """Whether the objects in ``cells`` (n, c, g, g) are mirror images of themselves, so that a difference tells something."""
    return asymmetry(cells) < _SYMMETRIC
