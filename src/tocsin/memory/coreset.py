"""A few of many rows that stand for all of them: no row is far from a kept one.

Letters: n rows, e columns, m kept rows, t rows that are looked at closely in one round, r rows kept by one round.
"""

from __future__ import annotations

import numpy as np

from tocsin.core.seed import generator

_PLAIN = 16  # columns that distances are taken of as they are; more are projected
_CLOSE = 1024  # rows looked at closely in one round
_BLOCK = 4096  # rows of one product: what it makes stays in the processor's cache
_COPY = 16 * float(np.finfo(np.float32).eps)  # a squared distance below this share of the squared lengths is rounding


def coreset(E: np.ndarray, size: int, seed: int = 0, columns: int | None = _PLAIN) -> np.ndarray:
    """(m,) ascending numbers of at most ``size`` rows of ``E`` (n, e), spread over all that ``E`` holds.

    Greedy k-centre (Gonzalez, 1985): from a random row on, always the row that is furthest from those chosen. The largest distance of any
    row to its nearest chosen one is then at most twice the least possible. Rare kinds of row are kept where a random sample would lose
    them, and so are outliers: take it from normal data. Where ``E`` has more than ``columns`` columns, distances are those of a random
    projection to so many (Johnson and Lindenstrauss, 1984), as in PatchCore (Roth et al., 2022): 16 keep them to about a third; None
    takes all columns, keeps a quarter more apart at the same size, and is fast enough for 100,000 rows of 160 (see :func:`furthest`).
    Time is n · size · columns, memory n · columns float32. Ends early when all rows left are copies of chosen ones; rows nearer than about
    a thousandth of their distance from the mean are copies.

    >>> coreset(np.array([[0.0], [0.1], [5.0], [0.2], [9.0]]), 3).tolist() in ([0, 2, 4], [1, 2, 4], [2, 3, 4])
    True
    """
    n, e = E.shape
    if n <= size:
        return np.arange(n)
    random = generator(seed, "coreset")
    rows = E - E.mean(axis=0)
    if columns is not None and e > columns:
        rows = rows @ (random.normal(size=(e, columns)) / np.sqrt(columns)).astype(rows.dtype)
    top = float(np.abs(rows).max())
    rows = np.ascontiguousarray(rows / (top or 1.0), dtype=np.float32)  # (n, p), within ±1
    near = np.full(n, np.inf, dtype=np.float32)
    return np.sort(furthest(rows, size, near, first=int(random.integers(n))))


def furthest(rows: np.ndarray, size: int, near: np.ndarray, first: int | None = None, least: float = 0.0) -> np.ndarray:
    """(m,) numbers of at most ``size`` of ``rows`` (n, e) float32, in the order chosen: always the one furthest from all chosen before.

    ``near`` (n,) float32 holds each row's squared distance to what was kept before the call, inf for nothing, and is brought up to date in
    place. ``first`` is chosen before all others. Ends when no row left is more than ``least`` (a squared distance) from a kept one.
    Rows should lie around 0, or digits are lost.

    The rows chosen are those of the plain greedy loop, found in a hundredth of its passes: distances only shrink as rows are added, so the
    t rows that were furthest after the last pass are played out among themselves, as long as the furthest of them is at least as far as
    the best of all others was. Then one matrix product brings all n distances up to date for all r rows chosen.

    >>> near = np.full(3, np.inf, np.float32)
    >>> furthest(np.array([[0.0], [1.0], [5.0]], np.float32), 2, near, first=0).tolist(), near.tolist()
    ([0, 2], [0.0, 1.0, 0.0])
    """
    n = len(rows)
    lengths = np.einsum("ij,ij->i", rows, rows)  # (n,)
    chosen: list[int] = []
    if first is not None and size > 0:
        chosen.append(first)
        _approach(rows, lengths, np.array(chosen), near)
    while len(chosen) < size:
        t = min(_CLOSE, n)
        close = np.argpartition(near, n - t)[n - t:]
        others = _furthest_of_others(near, close)
        new = close[_play(rows[close], lengths[close], near[close], size - len(chosen), others, least)]
        if not len(new):
            break
        chosen.extend(new.tolist())
        _approach(rows, lengths, new, near)
    return np.array(chosen, dtype=np.int64)


def squared_reach(rows: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """(n,) float32: squared distance of each of ``rows`` (n, e) to the nearest of the rows ``kept`` (m, e), by blocked products.

    >>> squared_reach(np.array([[0.0], [3.0]], np.float32), np.array([[1.0]], np.float32)).tolist()
    [1.0, 4.0]
    """
    both = np.concatenate([rows, kept]).astype(np.float32)
    near = np.full(len(both), np.inf, dtype=np.float32)
    _approach(both, np.einsum("ij,ij->i", both, both), np.arange(len(rows), len(both)), near)
    return near[:len(rows)]


def _furthest_of_others(near: np.ndarray, close: np.ndarray) -> float:
    """The largest of ``near`` outside ``close``; 0 where there is no other."""
    rest = near.copy()
    rest[close] = 0.0
    return float(rest.max())


def _play(rows: np.ndarray, lengths: np.ndarray, near: np.ndarray, size: int, others: float, least: float) -> list[int]:
    """Of t ``rows`` (t, e): which are chosen in turn while they are sure to be further away than ``others``, and than ``least``."""
    gaps = _gaps(rows, lengths, rows, lengths)  # (t, t)
    gaps[gaps < _COPY * lengths] = 0.0
    near = near.copy()
    chosen: list[int] = []
    while len(chosen) < size:
        best = int(near.argmax())
        if near[best] <= least or near[best] < others:
            break
        chosen.append(best)
        np.minimum(near, gaps[best], out=near)
        near[best] = 0.0
    return chosen


def _approach(rows: np.ndarray, lengths: np.ndarray, new: np.ndarray, near: np.ndarray) -> None:
    """Lower ``near`` (n,) to the squared distances to the rows ``new`` (r,), which themselves are at 0."""
    for low in range(0, len(new), _CLOSE):
        part = new[low:low + _CLOSE]
        kept, kept_lengths = rows[part], lengths[part]
        for at in range(0, len(rows), _BLOCK):
            block = slice(at, at + _BLOCK)
            least = _gaps(rows[block], lengths[block], kept, kept_lengths).min(axis=1)
            least[least < _COPY * lengths[block]] = 0.0
            np.minimum(near[block], least, out=near[block])
    near[new] = 0.0


def _gaps(rows: np.ndarray, lengths: np.ndarray, kept: np.ndarray, kept_lengths: np.ndarray) -> np.ndarray:
    """(n, r) squared distances |x|² + |c|² − 2 x·c, of copies about 0."""
    made = rows @ kept.T
    made *= -2.0
    made += lengths[:, None]
    made += kept_lengths
    return made
