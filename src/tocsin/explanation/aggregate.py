"""Encoded columns → the columns of the data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def by_source(values: np.ndarray, sources: Sequence[int], p: int) -> np.ndarray:
    """(m, p) sums of ``values`` (m, d) over the encoded columns of each source; ``sources`` (d,) says which source a column is of.

    A category that became ten columns, or a number with its missing indicator, speaks with one voice.

    >>> by_source(np.array([[0.2, 0.3, 0.5]]), [0, 1, 1], 3).tolist()
    [[0.2, 0.8, 0.0]]
    """
    out = np.zeros((len(values), p))
    for column, source in enumerate(sources):
        out[:, source] += values[:, column]
    return out
