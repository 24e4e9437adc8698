"""Which remembered rows are most like a row when a few of its cells may be wrong.

Plain distance is ruled by the worst cell: for a row with one absurd value the nearest rows are those at that end of that column, and what
they hold elsewhere is then "expected", though nothing is wrong there. With each column's difference capped, a wrong cell costs the same
whichever row it is compared with, and the other cells choose.

Letters: q queries, n reference rows, d columns, k rows.
"""

from __future__ import annotations

import numpy as np

from tocsin.memory.neighbours import thinned

_MOST = 500  # reference rows that are compared with
_CAP = 1.5  # spreads of a column
_CELLS = 1 << 22


def alike(Q: np.ndarray, reference: np.ndarray, k: int, *, own: np.ndarray | None = None) -> np.ndarray:
    """(q, k) numbers of the rows of ``reference`` (n, d), five hundred at most evenly taken, with the smallest sums of capped differences.

    ``own`` (q,): the number of the reference row that a query is, which is left out; −1 for none. k is cut to the rows there are.

    >>> line = np.repeat(np.arange(0.0, 3.0, 0.1)[:, None], 3, axis=1)
    >>> alike(np.array([[0.1, 0.1, 99.0]]), line, 1)[0].tolist()
    [1]
    """
    chosen = thinned(np.arange(len(reference)), _MOST)
    rows = reference[chosen].astype(np.float32)
    spread = rows.std(axis=0)
    spread[spread < 1e-6] = 1.0
    k = max(1, min(k, len(chosen) - (own is not None)))
    made = np.empty((len(Q), k), dtype=np.int64)
    size = max(1, _CELLS // len(chosen))
    for start in range(0, len(Q), size):
        part = np.clip(Q[start:start + size], -1e30, 1e30).astype(np.float32)
        total = np.zeros((len(part), len(chosen)), dtype=np.float32)
        for j in range(rows.shape[1]):
            total += np.minimum(np.abs(part[:, [j]] - rows[:, j]) / spread[j], _CAP)
        if own is not None:
            total[own[start:start + size, None] == chosen] = np.inf
        best = np.argpartition(total, k - 1, axis=1)[:, :k]
        made[start:start + size] = chosen[best]
    return made
