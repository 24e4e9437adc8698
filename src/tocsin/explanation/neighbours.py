"""The normal rows that a row resembles most."""

from __future__ import annotations

import numpy as np

from tocsin.core.errors import ConfigError

_CELLS = 4_000_000  # distances held at once: 32 MB


def nearest(rows: np.ndarray, normals: np.ndarray, k: int) -> np.ndarray:
    """(m, k) positions in ``normals`` (n, d) of the Euclidean nearest to each of ``rows`` (m, d), nearest first; ties by position.

    Exact. Distances are taken around the normals' mean, then again, as plain differences, for the candidates that come out nearest:
    the fast formula |a|² − 2ab + |b|² alone would confuse close neighbours far from the origin. Raises ConfigError TOC-244.

    >>> nearest(np.array([[0.9], [5.0]]), np.array([[0.0], [1.0], [2.0]]), 2).tolist()
    [[1, 0], [2, 1]]
    """
    m, n = len(rows), len(normals)
    if not 1 <= k <= n:
        raise ConfigError("TOC-244", "the number of neighbours is from 1 to the number of normal rows", came=f"{k} of {n}",
                          todo="ask for fewer neighbours")
    far = max(np.abs(rows).max(initial=0.0), np.abs(normals).max(initial=0.0))
    if far > 1e100:  # squares would overflow
        rows, normals = rows / far, normals / far
    centre = normals.mean(axis=0)
    points = normals - centre
    squares = np.einsum("nd,nd->n", points, points)
    wide = min(n, k + 16)
    step = max(1, _CELLS // max(n, wide * normals.shape[1]))
    found = np.empty((m, k), dtype=np.int64)
    for start in range(0, m, step):
        part = rows[start:start + step]
        rough = squares - 2 * (part - centre) @ points.T  # (b, n), up to |row|²
        candidates = np.sort(np.argpartition(rough, wide - 1, axis=1)[:, :wide], axis=1)  # (b, wide)
        exact = np.square(part[:, None, :] - normals[candidates]).sum(axis=2)
        order = np.argsort(exact, axis=1, kind="stable")[:, :k]
        found[start:start + step] = np.take_along_axis(candidates, order, axis=1)
    return found
