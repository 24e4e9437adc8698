"""Matrix products whose rows do not depend on their company.

Letters: n rows, a columns in, b columns out.
"""

from __future__ import annotations

import numpy as np

_BLOCK = 64  # rows of one product


def times(rows: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """(n, b): ``rows`` (n, a) @ ``matrix`` (a, b), each row the same to the last bit however many come with it.

    Products pick their routine by the number of rows, and routines differ in the last bit: so all blocks have one size, and the last one
    is filled up.

    >>> times(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]])).tolist()
    [[11.0]]
    """
    n, a = rows.shape
    filled = rows if n % _BLOCK == 0 and rows.flags.c_contiguous else np.zeros((-(-n // _BLOCK) * _BLOCK, a))
    if filled is not rows:
        filled[:n] = rows
    made: np.ndarray = (filled.reshape(-1, _BLOCK, a) @ matrix).reshape(len(filled), -1)[:n]
    return made
