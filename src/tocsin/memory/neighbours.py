"""Exact nearest rows by blocked matrix products: fast where the rows are windows of a series, of which there are thousands.

|q − r|² = |q|² + |r|² − 2 q·r makes one float32 matrix product of a search, about fifty times faster than differences. Three things keep
it honest. The reference mean is taken off first, so that a high level costs no digits. The product only names candidates; the distances
that are given back come from true differences of these, so a copy is at distance 0. And where float32 is too coarse to tell whether a
row left out could be nearer, that query is searched again in float64.

Blocks always hold the same number of queries (the last one is filled up): a product's last digits depend on its shape, and so a query's
result would depend on the company it comes in.

Letters: q queries, n reference rows, d columns, k neighbours, m candidates, b queries in a block, p pieces of the reference.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

_BLOCK = 32  # queries in a block; memory is this times the reference rows
_SPARE = 4  # candidates beyond k, so that rounding in the product cannot push a true neighbour out
_STRIPES = 16  # the minima of so many columns are looked at first
_CLOSE = 0.01  # an error below this share of a squared distance is left as it is


class Bank:
    """Reference rows (n, d) made ready for many searches; what is precomputed is kept in single precision, n·(d + 1) numbers.

    >>> Bank(np.array([[0.0], [1.0], [5.0]])).nearest(np.array([[4.0]]), 2)[1].tolist()
    [[2, 1]]
    """

    def __init__(self, reference: np.ndarray) -> None:
        self.reference = reference
        self._coarse = _table(reference, np.float32)

    def nearest(self, Q: np.ndarray, k: int, *, at: np.ndarray | None = None, places: np.ndarray | None = None,
                zone: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """As the function :func:`nearest`."""
        reference, k = self.reference, min(k, len(self.reference))
        squared, index, unsure = _search(Q, reference, k, at, places, zone, self._coarse)
        again = np.flatnonzero(unsure)
        if len(again):
            squared[again], index[again], _ = _search(Q[again], reference, k, None if at is None else at[again], places, zone,
                                                      _table(reference, np.float64))
        return squared, index


def nearest(Q: np.ndarray, reference: np.ndarray, k: int, *, at: np.ndarray | None = None, places: np.ndarray | None = None,
            zone: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(q, k) squared Euclidean distances of ``Q`` (q, d) to its nearest rows of ``reference`` (n, d), ascending, and their numbers (q, k).

    k is cut to n. Where a query is itself part of the reference, ``at`` (q,) and ``places`` (n,), ascending, tell where queries and
    reference rows lie in the series, and rows with |place − at| < ``zone`` are left out. Fewer than k remaining: the rest are inf. None
    remaining: the least near of them, by place, is allowed, so there is always a finite first distance.

    >>> nearest(np.array([[0.0], [4.0]]), np.array([[0.0], [1.0], [5.0]]), 2)[0].tolist()
    [[0.0, 1.0], [1.0, 9.0]]
    >>> line = np.arange(4.0)[:, None]
    >>> nearest(line, line, 1, at=np.arange(4), places=np.arange(4), zone=2)[1].ravel().tolist()
    [2, 3, 0, 1]
    """
    return Bank(reference).nearest(Q, k, at=at, places=places, zone=zone)


def nearest_of_each(Q: np.ndarray, reference: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """(q, p) squared distance to the nearest row of each piece; piece i is the rows from ``starts[i]`` (p,) to the next start.

    >>> nearest_of_each(np.array([[0.0]]), np.array([[1.0], [2.0], [5.0]]), np.array([0, 2])).tolist()
    [[1.0, 25.0]]
    """
    stops = np.append(starts[1:], len(reference))
    made = np.empty((len(Q), len(starts)))
    centre, table = _table(reference, np.float32)
    for part, block, rough in _products(Q, centre, table):
        best = np.stack([low + rough[:, low:high].argmin(axis=1) for low, high in zip(starts, stops)], axis=1)  # (b, p)
        made[part] = _differences(block, reference, best)[:len(part)]
    return made


def mean_distance(squared: np.ndarray) -> np.ndarray:
    """(q,) mean of the distances in each line of ``squared`` (q, k), those that are inf left out.

    >>> mean_distance(np.array([[4.0, 16.0], [9.0, np.inf]])).tolist()
    [3.0, 3.0]
    """
    found = np.isfinite(squared)
    distances = np.sqrt(np.where(found, squared, 0.0))
    return np.asarray(distances.sum(axis=1) / np.maximum(found.sum(axis=1), 1))


def thinned(rows: np.ndarray, most: int) -> np.ndarray:
    """At most ``most`` of ``rows``, evenly spaced, the first and the last among them.

    >>> thinned(np.arange(10), 4).tolist()
    [0, 3, 6, 9]
    """
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(int)]


def _search(Q: np.ndarray, reference: np.ndarray, k: int, at: np.ndarray | None, places: np.ndarray | None, zone: int,
            table: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Squared distances (q, k), numbers (q, k), and whether the ``table``'s precision is too coarse to be sure of them (q,)."""
    n = len(reference)
    squared, index, unsure = np.empty((len(Q), k)), np.empty((len(Q), k), np.int64), np.empty(len(Q), bool)
    centre, kind = table[0], table[1].dtype
    for part, block, rough in _products(Q, *table):
        block, rough = block[:len(part)], rough[:len(part)]  # the rest only filled the block up
        if at is not None and places is not None:
            _leave_out(rough, at[part], places, zone)
        chosen = _candidates(rough, min(k + _SPARE, n))  # (b, m)
        value = np.take_along_axis(rough, chosen, 1)
        exact = np.where(np.isfinite(value), _differences(block, reference, chosen), np.inf)
        order = np.lexsort((chosen, exact), axis=1)[:, :k]  # equally near ones in their order
        best = np.take_along_axis(exact, order, 1)
        length = np.square(block - centre).sum(axis=1, dtype=np.float64)
        error = 8 * np.finfo(kind).eps * 2 * length  # near rows are about as long as the query
        last = np.where(np.isfinite(best), best, 0.0).max(axis=1)
        doubtful = (last > 0) & (error > _CLOSE * last) & (value.max(axis=1) + length - error < last) & (n > chosen.shape[1])
        squared[part], index[part], unsure[part] = best, np.take_along_axis(chosen, order, 1), doubtful
    return squared, index, unsure


def _table(reference: np.ndarray, kind: type[np.floating]) -> tuple[np.ndarray, np.ndarray]:
    """(d,) mean of the reference, and (d + 1, n): rows off that mean, below them their squared lengths."""
    centre = reference.mean(axis=0, dtype=np.float64)
    rows = reference - centre
    table = np.empty((rows.shape[1] + 1, len(rows)), kind)
    table[:-1], table[-1] = rows.T, np.square(rows).sum(axis=1)
    return centre, table


def _products(Q: np.ndarray, centre: np.ndarray, table: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(numbers of the queries, queries (b, d), |r|² − 2 q·r (b, n)); b is the same in all blocks, numbers may be fewer."""
    left = np.ones((_BLOCK, len(table)), table.dtype)
    for start in range(0, len(Q), _BLOCK):
        part = np.arange(start, min(start + _BLOCK, len(Q)))
        block = Q[np.minimum(np.arange(start, start + _BLOCK), len(Q) - 1)]
        left[:, :-1] = -2.0 * (block - centre)
        yield part, block, left @ table


def _leave_out(rough: np.ndarray, at: np.ndarray, places: np.ndarray, zone: int) -> None:
    """Set to inf, in each line of ``rough``, what lies within the zone; the block's filled-up lines keep all."""
    low, high = np.searchsorted(places, at - zone, side="right"), np.searchsorted(places, at + zone, side="left")
    for i, (first, stop) in enumerate(zip(low.tolist(), high.tolist())):
        if first == 0 and stop == len(places):
            kept = int(np.abs(places - at[i]).argmax())
            rough[i, :kept], rough[i, kept + 1:] = np.inf, np.inf
        else:
            rough[i, first:stop] = np.inf


def _candidates(rough: np.ndarray, m: int) -> np.ndarray:
    """(b, m) columns of the m smallest values in each line of ``rough`` (b, n): they lie in the m stripes with the smallest minima."""
    b, n = rough.shape
    width = n // _STRIPES
    if width < 4 * m:
        return np.argpartition(rough, m - 1, axis=1)[:, :m]
    minima = rough[:, :width * _STRIPES].reshape(b, _STRIPES, width).min(axis=1)  # stripe i holds columns i, i + width, …
    stripes = np.argpartition(minima, m - 1, axis=1)[:, :m]
    columns = (stripes[:, None, :] + (np.arange(_STRIPES) * width)[:, None]).reshape(b, -1)
    rest = np.broadcast_to(np.arange(width * _STRIPES, n), (b, n - width * _STRIPES))
    columns = np.concatenate([columns, rest], axis=1)
    chosen = np.argpartition(np.take_along_axis(rough, columns, 1), m - 1, axis=1)[:, :m]
    return np.take_along_axis(columns, chosen, 1)


def _differences(block: np.ndarray, reference: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """(b, m) true squared distances between the queries and their candidates."""
    made = np.empty(chosen.shape)
    for j in range(chosen.shape[1]):  # one candidate at a time: all together would be m copies of the block
        made[:, j] = np.square(block - reference[chosen[:, j]]).sum(axis=1, dtype=np.float64)
    return made
