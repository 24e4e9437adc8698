"""Which columns make a row anomalous, for any detector: make cells normal and see how far the score falls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from tocsin.core.errors import ConfigError

Score = Callable[[np.ndarray], np.ndarray]

_CELLS = 2_000_000  # candidate cells scored in one call: 16 MB
_MOST_PARTS = 200  # parts of a row that are tried; in wider rows those furthest from the normal rows


def by_replacement(score: Score, rows: np.ndarray, normals: np.ndarray, parts: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Shares (m, p) of each part in the rows' scores, >= 0, a row sums to 1 or is all zero; and expected cells (m, d).

    Idea. A part (the columns of one source) takes the values of a normal row: how far the score falls is what the row owes to it (one
    out). The other way round, a normal row takes the part's values: how far the score rises is what the part does by itself (one in).
    Their mean, over several normal rows, is the share. One out alone gives nothing to two columns that say the same, since each
    leaves the other; one in alone gives nothing to two columns that are odd only together. This is the Shapley value cut down to its
    first and last term: exact for additive scores and for two parts, 2 k p + k + 1 scored rows instead of 2^p.

    Works for any detector whose score can be asked for. Parts that matter only in threes and more share what is seen of them.

    score     (r, d) → (r,). Candidates come in layers: the r-th belongs to row r modulo m, so that a score may need its row's context
    rows      (m, d) to explain
    normals   (m, k, d) nearest normal rows of each row, or (k, d) for all
    parts     p arrays of column positions, disjoint
    expected  the median over the normal rows, cell by cell: robust, and the majority level of a one-hot group

    With more than 200 parts, the 200 whose cells lie furthest from the normal rows', in units of their spread, are tried; the others get 0.
    Raises ConfigError TOC-244 for shapes that do not fit.

    >>> score = lambda X: X[:, 0] + 3 * X[:, 1]
    >>> by_replacement(score, np.array([[1.0, 1.0]]), np.zeros((1, 2)), [np.array([0]), np.array([1])])[0].tolist()
    [[0.25, 0.75]]
    """
    m, d = rows.shape
    if normals.ndim == 2:
        normals = np.broadcast_to(normals, (m, *normals.shape))
    if normals.shape[0] != m or normals.shape[2] != d or not normals.shape[1]:
        raise ConfigError("TOC-244", "each row needs normal rows of its own width", came=f"{normals.shape} for rows {rows.shape}",
                          todo="pass normal rows of shape (m, k, d) or (k, d), k >= 1")
    expected = np.median(normals, axis=1)  # (m, d)
    if not m or not parts:
        return np.zeros((m, len(parts))), expected
    part_of = _part_of(parts, d)
    tried = _furthest(rows, normals, part_of, len(parts))  # (m, c)
    values = np.zeros((m, len(parts)))
    np.put_along_axis(values, tried, _effects(score, rows, normals, part_of, tried), axis=1)
    values = np.maximum(values, 0.0)
    values /= np.maximum(values.max(axis=1, keepdims=True), np.finfo(float).tiny)  # huge scores: the sum cannot overflow
    total = values.sum(axis=1, keepdims=True)
    return np.divide(values, total, out=np.zeros_like(values), where=total > 0), expected


def _effects(score: Score, rows: np.ndarray, normals: np.ndarray, part_of: np.ndarray, tried: np.ndarray) -> np.ndarray:
    """(m, c) mean of one-out falls and one-in rises over the k normal rows."""
    m, k = normals.shape[:2]
    c = tried.shape[1]
    scores = np.concatenate([score(np.concatenate(layers)) for layers in _calls(_layers(rows, normals, part_of, tried), rows.size)])
    scores = scores.reshape(-1, m) / 4  # two differences are added: they cannot overflow
    whole, scores = scores[0], scores[1:].reshape(k, 2 * c + 1, m)
    normal, without, alone = scores[:, :1], scores[:, 1:c + 1], scores[:, c + 1:]  # (k, 1|c, m)
    return np.asarray(((whole - without) / k + (alone - normal) / k).sum(axis=0).T)


def _layers(rows: np.ndarray, normals: np.ndarray, part_of: np.ndarray, tried: np.ndarray) -> Iterator[np.ndarray]:
    """(m, d) each: the rows, then for every normal row itself, c rows without a part, c normal rows with it."""
    yield rows
    for j in range(normals.shape[1]):
        normal = normals[:, j]
        yield normal
        for base, other in ((rows, normal), (normal, rows)):
            for part in tried.T:  # (m,)
                yield np.where(part_of == part[:, None], other, base)


def _calls(layers: Iterator[np.ndarray], cells: int) -> Iterator[list[np.ndarray]]:
    """Whole layers, as many as one call may hold."""
    most, call = max(1, _CELLS // max(cells, 1)), []
    for layer in layers:
        call.append(layer)
        if len(call) == most:
            yield call
            call = []
    if call:
        yield call


def _part_of(parts: Sequence[np.ndarray], d: int) -> np.ndarray:
    """(d,) the part of each column, −1 for none."""
    out = np.full(d, -1)
    for j, columns in enumerate(parts):
        out[columns] = j
    return out


def _furthest(rows: np.ndarray, normals: np.ndarray, part_of: np.ndarray, p: int) -> np.ndarray:
    """(m, c) the parts to try."""
    m, c = len(rows), min(p, _MOST_PARTS)
    if c == p:
        return np.broadcast_to(np.arange(p), (m, p))
    spread = normals.reshape(-1, rows.shape[1]).std(axis=0)
    away = np.abs(rows - np.median(normals, axis=1)) / np.where(spread > 0, spread, 1.0)
    worst = np.full((m, p), -1.0)
    for column in np.flatnonzero(part_of >= 0):
        worst[:, part_of[column]] = np.maximum(worst[:, part_of[column]], away[:, column])
    return np.sort(np.argsort(-worst, axis=1, kind="stable")[:, :c], axis=1)
