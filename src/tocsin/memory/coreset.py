"""A few of many rows that stand for all of them: no row is far from a kept one."""

from __future__ import annotations

import numpy as np

from tocsin.core.seed import generator

_PLAIN = 16  # columns that distances are taken of as they are; more are projected


def coreset(E: np.ndarray, size: int, seed: int = 0) -> np.ndarray:
    """(m,) ascending numbers of at most ``size`` rows of ``E`` (n, e), spread over all that ``E`` holds.

    Greedy k-centre (Gonzalez, 1985): from a random row on, always the row that is furthest from those chosen. The largest distance of any
    row to its nearest chosen one is then at most twice the least possible. Rare kinds of row are kept where a random sample would lose
    them, and so are outliers: take it from normal data. Distances are those of a random projection to 16 columns, which keeps them to
    about a third (Johnson and Lindenstrauss, 1984) and makes each step cheap, as in PatchCore (Roth et al., 2022). Time is n · size, memory
    n · 16 float32. Ends early when all rows left are copies of chosen ones.

    >>> coreset(np.array([[0.0], [0.1], [5.0], [0.2], [9.0]]), 3).tolist() in ([0, 2, 4], [1, 2, 4], [2, 3, 4])
    True
    """
    n, e = E.shape
    if n <= size:
        return np.arange(n)
    random = generator(seed, "coreset")
    rows = E - E.mean(axis=0)
    if e > _PLAIN:
        rows = rows @ (random.normal(size=(e, _PLAIN)) / np.sqrt(_PLAIN))
    top = float(np.abs(rows).max())
    rows = np.ascontiguousarray(rows / (top or 1.0), dtype=np.float32)  # (n, p), within ±1
    chosen = np.empty(size, dtype=np.int64)
    nearest = np.full(n, np.inf, dtype=np.float32)  # squared distance to the nearest chosen row
    current = int(random.integers(n))
    for count in range(size):
        chosen[count] = current
        gap = rows - rows[current]
        np.minimum(nearest, np.einsum("ij,ij->i", gap, gap), out=nearest)
        current = int(nearest.argmax())
        if nearest[current] == 0:
            return np.sort(chosen[: count + 1])
    return np.sort(chosen)
