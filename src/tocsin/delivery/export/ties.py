"""What a score may be where rounding decides: between rows equally near, on the edge of a bin, on a step of the evidence.

Tables of whole numbers hold many rows at one distance. Which of them are among the ten nearest depends on the last bits of the distances,
and these differ between the model, which searches in single precision first, and a graph. Neither is wrong. So a graph is held to the
least and the largest score that any choice among such rows gives.

Letters: n rows, d columns, m rows remembered, k neighbours.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from tocsin.core import catalog
from tocsin.core.detector import Detector
from tocsin.core.types import Dataset
from tocsin.data.moments import standardise
from tocsin.decision.evidence import evidence
from tocsin.detectors.neighbour_fusion import AROUND, NEIGHBOURS, _sharp, least_of
from tocsin.detectors.windows import Windows
from tocsin.pipeline.pipeline import Pipeline

_SEARCH = 64 * float(np.finfo(np.float32).eps)  # of a squared length: how wrong the first search of a model may be about a squared distance
_BITS = 1e-11  # relative error of what is computed in double
_LAST = 1e-14  # relative error of a cell

Span = tuple[np.ndarray, np.ndarray]


def span(model: Pipeline, data: Dataset) -> Span | None:
    """(n,) the least and (n,) the largest score of ``data`` that ``model`` may give; None where rounding decides nothing."""
    outer = model.detector_
    inner = outer.inner_ if isinstance(outer, Windows) else outer
    find = _SPANS.get(catalog.name_of(inner))
    if find is None:
        return None
    ends = []
    for side in (0, 1):
        judge = _judging(inner, find, side)
        if isinstance(outer, Windows):
            holder = copy.copy(outer)
            holder.inner_, judge = judge, holder
        made = copy.copy(model)
        made.detector_ = judge
        ends.append(made.detect(data).score)
    return ends[0], ends[1]


def _judging(detector: Detector, find: Callable[[Any, np.ndarray], Span], side: int) -> Detector:
    """``detector``, giving one end of the span as its score."""
    made = copy.copy(detector)
    made.__dict__["_score"] = lambda X, groups: find(detector, X)[side]
    return made


def _lof(detector: Any, X: np.ndarray) -> Span:
    Q, rows, k = detector._centred(X), np.asarray(detector.rows_), detector._within()
    squared = cdist(Q, rows, "sqeuclidean")
    reach = np.maximum(np.sqrt(squared), np.asarray(detector.radius_))
    density = np.broadcast_to(np.asarray(detector.density_), squared.shape)
    sure, tied = _choices(Q, rows, squared, k)
    reaches, densities = _means(reach, sure, tied, k), _means(density, sure, tied, k)
    low, high = (np.maximum(a, detector.least_) * b for a, b in zip(reaches, densities))
    return low * (1 - _BITS), high * (1 + _BITS)


def _hbos(detector: Any, X: np.ndarray) -> Span:
    Z = standardise(X, detector.mean_, detector.std_)
    values = detector._values(Z)
    slack = _BITS * (1 + np.abs(Z).max(axis=1, keepdims=True))
    cells = np.stack([detector._cells(values + sign * slack) for sign in (-1, 0, 1)])
    return cells.min(axis=0).sum(axis=1) / X.shape[1], cells.max(axis=0).sum(axis=1) / X.shape[1]


def _fusion(detector: Any, X: np.ndarray) -> Span:
    Z = detector._placed(X)
    raw = {name: (score, score) for name, score in detector._raw(Z).items()}
    placed: dict[str, Callable[[np.ndarray], np.ndarray]] = {"value": np.asarray, "rank": detector._ranked}
    for space, place in placed.items():
        chosen = [name for name in raw if NEIGHBOURS.get(name, ("", ""))[0] == space]
        if chosen:
            raw |= _neighbours(detector, space, chosen, place(Z))
    ends: list[list[np.ndarray]] = [[], []]
    for name, learned in detector.learned_.items():
        for side, sign in ((0, -1), (1, 1)):
            sharp = _sharp(name, raw[name][side])
            ends[side].append(evidence(sharp + sign * _BITS * (1 + np.abs(sharp)), learned))
    return np.mean(ends[0], axis=0), np.mean(ends[1], axis=0)


def _neighbours(detector: Any, space: str, names: list[str], Q: np.ndarray) -> dict[str, Span]:
    """Member → the least and the largest it may measure; see ``NeighbourFusion._measured``."""
    rows, k = np.asarray(detector.rows_[space]), min(detector.k, len(detector.rows_[space]))
    squared = cdist(Q, rows, "sqeuclidean")
    nearest = np.sqrt(np.sort(np.partition(squared, k - 1, axis=1)[:, :k], axis=1))
    near, made = nearest.mean(axis=1), {}
    for name in names:
        what = NEIGHBOURS[name][1]
        if what == "relative":
            own = np.asarray(detector.own_[space])
            least, around = least_of(own), min(AROUND, len(rows))
            low, high = _means(np.broadcast_to(own, squared.shape), *_choices(Q, rows, squared, around), around)
            made[name] = ((near + least) / (high + least), (near + least) / (low + least))
        elif what == "absolute":
            reach = min(detector._reach(space), len(rows))
            made[name] = _least_means(cdist(Q, rows, "cityblock"), *_choices(Q, rows, squared, reach), reach, k)
        else:
            made[name] = (nearest[:, 0],) * 2 if what == "first" else (near, near)
    slack = _LAST * (1 + np.abs(Q).max(axis=1))  # between copies, too, that functions of their cells took apart
    return {name: (np.maximum(low - slack, 0), high + slack) for name, (low, high) in made.items()}


def _choices(Q: np.ndarray, rows: np.ndarray, squared: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(n, m) which rows are among the nearest ``k`` for certain, and which may be."""
    edge = np.partition(squared, k - 1, axis=1)[:, k - 1:k]
    length = np.square(np.linalg.norm(Q - rows.mean(axis=0), axis=1, keepdims=True) + np.sqrt(edge))
    slack = _SEARCH * length + _BITS * edge
    sure = squared < edge - slack
    return sure, ~sure & (squared <= edge + slack)


def _means(values: np.ndarray, sure: np.ndarray, tied: np.ndarray, k: int) -> Span:
    """(n,) the least and the largest mean of ``values`` (n, m) over the ``sure`` ones and as many of the ``tied`` as make ``k``."""
    low, high = np.empty(len(values)), np.empty(len(values))
    for i, (value, known, maybe) in enumerate(zip(values, sure, tied)):
        open_ones, wanted = np.sort(value[maybe]), k - int(known.sum())
        total = value[known].sum()
        low[i], high[i] = total + open_ones[:wanted].sum(), total + open_ones[len(open_ones) - wanted:].sum()
    return low / k, high / k


def _least_means(values: np.ndarray, sure: np.ndarray, tied: np.ndarray, reach: int, k: int) -> Span:
    """(n,) the least and the largest mean of the ``k`` smallest of ``values`` (n, m) among ``reach`` rows, chosen as in :func:`_means`."""
    low, high = np.empty(len(values)), np.empty(len(values))
    for i, (value, known, maybe) in enumerate(zip(values, sure, tied)):
        open_ones, wanted = np.sort(value[maybe]), reach - int(known.sum())
        for end, part in ((low, open_ones[:wanted]), (high, open_ones[len(open_ones) - wanted:])):
            end[i] = np.sort(np.concatenate([value[known], part]))[:k].mean()
    return low, high


_SPANS: dict[str, Callable[[Any, np.ndarray], Span]] = {"neighbour_fusion": _fusion, "lof": _lof, "hbos": _hbos}
