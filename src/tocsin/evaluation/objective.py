"""How good a pipeline's settings are on given data, as one number per fold: with labels, or without any.

Only the detector is judged, by the order of its scores; calibrator and threshold keep that order. The preparation is learned once per fold
and serves every candidate, so a candidate costs as many fits of the bare detector as there are folds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np

from tocsin.core.detector import Detector
from tocsin.core.errors import ConfigError, DataError
from tocsin.core.seed import derive, generator
from tocsin.core.types import Dataset
from tocsin.data.digest import of_array, together
from tocsin.data.folds import Fold, SplitKind, splits, training_part
from tocsin.data.inject import KINDS as SERIES_KINDS
from tocsin.data.inject import has_room, inject
from tocsin.data.perturb import INFORMATIVE, perturb
from tocsin.evaluation import metrics
from tocsin.evaluation.ranges import vus
from tocsin.pipeline.pipeline import Pipeline
from tocsin.pipeline.preparation import Preparation, Prepared, standard_steps

_COMMON = 10  # one part in so many is set aside to see whether fits on different rows agree
_FEWEST_COMMON = 10  # rows of it from which a rank correlation says something
_WINDOW = 100  # widest shoulder of the volume under the surface, as elsewhere

Check = Callable[[], None]
"""Called between fits; raises to end a judgement early."""


@dataclass(frozen=True)
class Judged:
    """What an objective found: ``value``, higher is better; ``folds``: the figure on each fold; ``parts``: what it is made of.

    ``anomalies``: what each labelled anomaly adds to the figure, () without labels: their spread says how much the figure hangs on which
    anomalies happened to be labelled.
    """

    value: float
    folds: tuple[float, ...]
    parts: dict[str, float] = field(default_factory=dict)
    anomalies: tuple[float, ...] = ()


@dataclass(frozen=True)
class _Part:
    """One fold, prepared."""

    data: Dataset
    fitting: Preparation
    train: Prepared
    usable: np.ndarray
    y_train: np.ndarray | None
    test: tuple[tuple[str, np.ndarray, np.ndarray, np.ndarray], ...]  # (kind, X, groups, y)
    common: tuple[np.ndarray, np.ndarray] | None = None
    odd: np.ndarray | None = None  # of the labelled anomalies, in the order of y: their row of the data


class LabelFree:
    """Without labels: how well held-out rows are told from disturbed copies of them.

    For each fold the detector learns the training rows and judges the held-out ones, taken to be normal, together with made anomalies:
    ``tocsin.data.perturb`` for a table, ``tocsin.data.inject`` for a series. The figure is the mean AUROC over ``kinds``.

    ``stability`` above 0 adds the rank correlation between the folds' scores of rows that none of them learned from, with this weight:
    value = (figure + weight × agreement) / (1 + weight); without rows to spare for that, the figure alone. It is 0 by default because
    agreement is no guide: its rank correlation with the AUROC on real anomalies was -0.06 and -0.10 among settings of ``knn`` (25 ADBench,
    11 OddBench sets), -0.20 and -0.32 among detectors (25 and 30 sets). Coarse settings agree best.

    When it works: to warn of very poor settings of one detector; the same rank correlation of the figure was 0.17 and 0.17 among settings
    of ``knn``, and the best by it was +0.3 and -1.6 AUROC from the default. When not: to choose between detectors (0.10 and 0.37; -0.1 and
    -1.6 AUROC from always taking ``knn``); and for anomalies unlike anything made here.

    ``split``, ``folds``, ``repeats``: see ``tocsin.data.folds.splits``. ``kinds`` None: the informative ones of a table, all of a series.
    Raises what ``splits`` does; DataError TOC-189 (nothing can be disturbed), TOC-196; ConfigError TOC-230 (weight), TOC-227 and TOC-296
    (kinds).

    >>> rows = np.random.default_rng(0).normal(size=(200, 3))
    >>> judged = LabelFree(Dataset.of(rows))(Pipeline("knn"))
    >>> bool(0.5 < judged.value < 1), len(judged.folds), sorted(judged.parts)
    (True, 3, ['extrapolation', 'uniform'])
    """

    name = "label-free"

    def __init__(self, data: Dataset, *, split: SplitKind | None = None, folds: int = 3, repeats: int = 1,
                 kinds: Sequence[str] | None = None, stability: float = 0.0, seed: int = 0) -> None:
        if not 0 <= stability < float("inf"):
            raise ConfigError("TOC-230", "the weight of stability is 0 or more", came=repr(stability), todo="use stability=0")
        data = _normal(data)
        self.kinds = tuple(kinds) if kinds is not None else SERIES_KINDS if data.kind == "series" else INFORMATIVE
        self.stability, self.seed = stability, seed
        self._common, self._data = _set_aside(data, seed) if stability else (None, data)
        self._folds = splits(self._data, split, folds, repeats=repeats, seed=seed)
        self._parts: list[_Part] = []

    def facts(self) -> dict[str, Any]:
        """What fixes this objective, plain values: two with equal facts on equal data give equal values."""
        return {"objective": self.name, "kinds": list(self.kinds), "stability": self.stability, "seed": self.seed,
                "folds": _folds_digest(self._folds)}

    def ratio(self) -> float:
        """Judged rows per training row, on average."""
        return _ratio(self._folds)

    def __call__(self, pipeline: Pipeline, check: Check | None = None) -> Judged:
        """Judge ``pipeline``, which stays unfitted. Its steps must be those of the first call."""
        if not self._parts:
            self._parts = [self._prepared(pipeline, fold, i) for i, fold in enumerate(self._folds)]
        found: dict[str, list[float]] = {}
        per_fold, agreeing = [], []
        for part in self._parts:
            if check is not None:
                check()
            detector = _fitted(pipeline, part)
            of_kinds = {kind: _figure(metrics.auroc, y, detector.anomaly_score(X, groups=g)) for kind, X, g, y in part.test}
            for kind, value in of_kinds.items():
                found.setdefault(kind, []).append(value)
            per_fold.append(float(np.mean(list(of_kinds.values()))))
            if part.common is not None:
                agreeing.append(detector.anomaly_score(part.common[0], groups=part.common[1]))
        parts = {kind: float(np.mean(values)) for kind, values in found.items()}
        value = float(np.mean(per_fold))
        if len(agreeing) > 1:
            parts["stability"] = float(np.mean([_agreement(a, b) for a, b in combinations(agreeing, 2)]))
            value = (value + self.stability * parts["stability"]) / (1 + self.stability)
        return Judged(value, tuple(per_fold), parts)

    def _prepared(self, pipeline: Pipeline, fold: Fold, number: int) -> _Part:
        train, held = training_part(self._data, fold[0]), training_part(self._data, fold[1])
        fitting = _preparation(pipeline, train)
        learned = fitting.fit(train)
        judged = fitting.transform(held)
        test = tuple(made_anomalies(judged, learned, fitting, train.kind, self.kinds, derive(self.seed, "objective", number)))
        common = None
        if self._common is not None:
            shared = fitting.transform(self._common)
            common = (shared.matrix, shared.groups)
        return _Part(train, fitting, learned, np.ones(len(learned.matrix), dtype=bool), None, test, common)


FIGURES = ("average_precision", "auroc", "precision_at_n")
"""Figures of a ranking that settings may be searched for; a series also has "vus_pr" and "vus_roc"."""


class Labelled:
    """With labels: a figure of the ranking of held-out rows, by cross-validation.

    Training rows labelled 1 are shown to a supervised detector and left out for every other. Label 0 may mean "not looked at": what hides
    there counts as a mistake for every candidate alike. ``figure``: a name of :data:`FIGURES`, for a series also "vus_pr" or "vus_roc".

    ``shared``: in a table all labelled anomalies are judged in every fold, beside that fold's held-out normal rows; they are few, and each
    tells more when it is ranked against every part. Right only where no candidate learns from labels. The average precision is then higher
    than one that a user would see (more anomalies per normal row); the order of the candidates is what counts.
    Not shared, folds whose held-out rows lack a label are left out; with few anomalies one fold's figure is mostly luck: take ``repeats``.

    Raises what ``splits`` does; DataError TOC-109 (no labels), TOC-189 (no fold has both labels held out and normal rows to learn);
    ConfigError TOC-231 (figure).

    >>> rows = np.vstack([np.random.default_rng(0).normal(size=(200, 3)), np.full((10, 3), 6.0)])
    >>> judged = Labelled(Dataset.of(rows, y=np.repeat([0, 1], [200, 10])))(Pipeline("gaussian"))
    >>> judged.value, len(judged.folds)
    (1.0, 5)
    """

    name = "labelled"

    def __init__(self, data: Dataset, *, split: SplitKind | None = None, folds: int = 5, repeats: int = 1,
                 figure: str = "average_precision", shared: bool = False, seed: int = 0) -> None:
        if data.y is None:
            raise DataError("TOC-109", "a labelled objective needs labels", came="none",
                            todo="name the label column, or search without labels")
        series = data.kind == "series"
        known = (*FIGURES, *(("vus_pr", "vus_roc") if series else ()))
        if figure not in known:
            raise ConfigError("TOC-231", "there is no such figure to search for", came=repr(figure)[:80], todo=f"use {', '.join(known)}")
        self.figure, self.seed, self._data, self.shared = figure, seed, data, shared and not series
        y, odd = data.y, np.flatnonzero(data.y == 1)
        given = splits(data, split, folds, repeats=repeats, seed=seed)
        if self.shared:
            given = [(train, np.union1d(test, odd)) for train, test in given]
        self._folds = [fold for fold in given if len(np.unique(y[fold[1]])) == 2 and (y[fold[0]] == 0).any()]
        if not self._folds:
            raise DataError("TOC-189", "no fold can be judged", came=f"{len(odd)} anomalies in {len(y)} rows, {len(given)} folds",
                            todo="label more anomalies, ask for fewer folds, or search without labels")
        self._parts: list[_Part] = []

    def facts(self) -> dict[str, Any]:
        """What fixes this objective, plain values."""
        return {"objective": self.name, "figure": self.figure, "seed": self.seed, "folds": _folds_digest(self._folds)}

    def ratio(self) -> float:
        """Judged rows per training row, on average."""
        return _ratio(self._folds)

    def __call__(self, pipeline: Pipeline, check: Check | None = None) -> Judged:
        """Judge ``pipeline``, which stays unfitted. Its steps must be those of the first call."""
        if not self._parts:
            self._parts = [self._prepared(pipeline, fold) for fold in self._folds]
        per_fold, of_odd = [], []
        for part in self._parts:
            if check is not None:
                check()
            ((_, X, groups, y),) = part.test
            score = _fitted(pipeline, part).anomaly_score(X, groups=groups)
            if self.figure in FIGURES:
                shares = added(y, score, self.figure)
                per_fold.append(float(shares.mean()))
                of_odd.append(shares)
            else:
                per_fold.append(self._volume(y, score))
        value = float(np.mean(per_fold))
        return Judged(value, tuple(per_fold), {self.figure: value}, self._by_anomaly(of_odd))

    def _by_anomaly(self, shares: list[np.ndarray]) -> tuple[float, ...]:
        """The mean over the folds of what each anomaly adds; of a series, whose anomalous steps hang together, nothing."""
        if not shares or self._data.kind == "series":
            return ()
        which = np.unique(np.concatenate([part.odd for part in self._parts if part.odd is not None]), return_inverse=True)[1]
        return tuple((np.bincount(which, np.concatenate(shares)) / np.bincount(which)).tolist())

    def _prepared(self, pipeline: Pipeline, fold: Fold) -> _Part:
        train, held = training_part(self._data, fold[0]), training_part(self._data, fold[1])
        assert train.y is not None and held.y is not None
        fitting = _preparation(pipeline, train)
        if train.kind == "series":
            learned = fitting.fit(train)
        else:
            fitting.fit(train[train.y == 0])
            learned = fitting.transform(train)
        judged = fitting.transform(held)
        y, y_train = _on_grid(judged, held.y), _on_grid(learned, train.y)
        odd = fold[1][held.y == 1]
        return _Part(train, fitting, learned, y_train == 0, y_train, ((self.figure, judged.matrix, judged.groups, y),), odd=odd)

    def _volume(self, y: np.ndarray, score: np.ndarray) -> float:
        volume = vus(y, score, _WINDOW)
        assert volume is not None  # both classes are there
        return float(volume.pr if self.figure == "vus_pr" else volume.roc)


def added(y: np.ndarray, score: np.ndarray, figure: str) -> np.ndarray:
    """(a,) what each anomaly, in the order of ``y`` (m,), adds to a figure of :data:`FIGURES`: their mean is the figure.

    Average precision: the precision where the anomaly is found. AUROC: the share of normal rows below it, ties half. Precision at n: how
    much of it lies among the n highest.

    >>> added(np.array([0, 1, 0, 1]), np.array([0.1, 0.9, 0.8, 0.7]), "auroc").tolist()
    [1.0, 0.5]
    """
    levels, which, count = np.unique(-score, return_inverse=True, return_counts=True)  # highest first
    found = np.bincount(which, weights=y, minlength=len(levels))  # anomalies on each level
    flagged = np.cumsum(count)
    if figure == "average_precision":
        shares = np.cumsum(found) / flagged
    elif figure == "auroc":
        normal = count - found
        shares = 1 - (np.cumsum(normal) - normal / 2) / normal.sum()
    else:
        n = y.sum()
        shares = np.clip((n - (flagged - count)) / count, 0, 1)
    return np.asarray(shares[which][y == 1])


Objective = LabelFree | Labelled


def made_anomalies(judged: Prepared, learned: Prepared, fitting: Preparation, kind: str, kinds: Sequence[str],
                   seed: int) -> list[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """(kind, X (m, d), groups (m,), y (m,)) for each kind: prepared held-out rows with made anomalies among them.

    ``judged`` and ``learned`` are prepared by ``fitting``. Raises DataError TOC-189 or TOC-196 when none can be made.
    """
    if kind != "series":
        sources = [feature["source"] for feature in fitting.features]
        made = perturb(judged.matrix, learned.matrix, seed=seed, kinds=kinds, blocks=np.unique(sources, return_inverse=True)[1])
        found = [(one.kind, one.X, np.zeros(len(one.X), dtype=np.int64), one.y) for one in made]
        if not found:
            raise DataError("TOC-189", "there is nothing to disturb", came=f"kinds {', '.join(kinds)}; no column of numbers",
                            todo="use kinds that change categories, too: uniform, shuffle or swap")
        return found
    copies: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for g in np.unique(judged.groups):
        rows = np.flatnonzero(judged.groups == g)
        if has_room(judged.matrix[rows]):
            for one in inject(judged.matrix[rows], seed=derive(seed, int(g)), kinds=kinds):
                X, y = copies.setdefault(one.kind, (judged.matrix.copy(), np.zeros(len(judged.matrix), dtype=np.int64)))
                X[rows], y[rows] = one.X, one.y
    if not copies:
        raise DataError("TOC-196", "there is no room for made anomalies", came=f"{len(judged.matrix)} held-out steps",
                        todo="pass a longer series, or fewer folds")
    return [(name, X, judged.groups, y) for name, (X, y) in copies.items()]


def _preparation(pipeline: Pipeline, train: Dataset) -> Preparation:
    steps = Preparation(standard_steps(train.kind, train.schema) if pipeline.steps is None else pipeline.steps)
    return Preparation([step.fresh() for step in steps.steps], donors=steps.may_be_absent or not pipeline.detector.tags.exportable)


def _fitted(pipeline: Pipeline, part: _Part) -> Detector:
    """The detector as the pipeline would run it, fitted on the part's training rows."""
    detector = pipeline._detector_for(part.data, part.fitting, part.train.matrix)
    X, groups = part.train.matrix, part.train.groups
    if part.y_train is not None and detector.tags.supervised:
        return detector.fit(X, part.y_train, groups=groups)
    rows = np.flatnonzero(part.usable)
    if len(rows) < len(X) and part.data.kind == "series":  # what lies on both sides of a labelled anomaly is no longer next to each other
        groups = groups * len(X) + np.cumsum(~part.usable)
    return detector.fit(X[rows], groups=groups[rows])


def _normal(data: Dataset) -> Dataset:
    """The rows that may be taken for normal; a series keeps them all, its anomalies are few and its time runs on."""
    if data.y is None or data.kind == "series":
        return replace(data, y=None)
    return replace(data[data.y == 0], y=None)


def _set_aside(data: Dataset, seed: int) -> tuple[Dataset | None, Dataset]:
    """A tenth of the data that no fold learns from nor is judged on, and the rest; None when that would be too little of either."""
    groups = 0 if data.group is None or data.kind == "series" else len(np.unique(data.group))
    if len(data) < _COMMON * _FEWEST_COMMON or 1 < groups < 2 * _COMMON:
        return None, data
    if data.kind == "series":
        cut = len(data) - len(data) // _COMMON
        return training_part(data, np.arange(cut, len(data))), training_part(data, np.arange(cut))
    rest, aside = splits(data, folds=_COMMON, seed=derive(seed, "set aside"))[0]
    return data[aside], data[rest]


def _on_grid(prepared: Prepared, y: np.ndarray) -> np.ndarray:
    """(g,) labels of the matrix rows; a step that was put in between has none and counts as normal."""
    made = np.zeros(len(prepared.matrix), dtype=np.int64)
    np.maximum.at(made, prepared.row, y)
    return made


def _figure(figure: metrics.Figure, y: np.ndarray, score: np.ndarray) -> float:
    value = figure(y, score)
    assert value is not None  # both classes are there
    return float(value)


def _agreement(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rank correlation, ties at their mean rank; 0 where one of the two does not vary."""
    ranks = [_ranks(scores) for scores in (a, b)]
    if min(rank.std() for rank in ranks) == 0:
        return 0.0
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _ranks(scores: np.ndarray) -> np.ndarray:
    _, which, count = np.unique(scores, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[which])


def _ratio(folds: Sequence[Fold]) -> float:
    return float(np.mean([len(test) / max(len(train), 1) for train, test in folds]))


def _folds_digest(folds: Sequence[Fold]) -> str:
    return together([of_array(np.concatenate([train, [-1], test])) for train, test in folds])


def thinned(data: Dataset, most: int, seed: int) -> Dataset:
    """At most ``most`` rows of ``data``: of a table a random part with each label in proportion, of a series the last ones.

    >>> len(thinned(Dataset.of(np.zeros((50, 1))), 20, 0))
    20
    """
    if len(data) <= most:
        return data
    if data.kind == "series":
        return data[len(data) - most:]
    rng = generator(seed, "thinned")
    if data.y is None or not data.y.any():
        return data[np.sort(rng.choice(len(data), most, replace=False))]
    odd, usual = np.flatnonzero(data.y == 1), np.flatnonzero(data.y == 0)
    k = max(1, min(len(odd), round(most * len(odd) / len(data))))
    return data[np.sort(np.concatenate([rng.choice(odd, k, replace=False), rng.choice(usual, min(most - k, len(usual)), replace=False)]))]
