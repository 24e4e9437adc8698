"""Nearest neighbours in several measures and a mixture of Gaussians, fused: the default for clean tables."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Self

import numpy as np

from tocsin.core import catalog
from tocsin.core.crossfit import crossfit
from tocsin.core.detector import Detector
from tocsin.core.errors import ArtifactError, ConfigError
from tocsin.core.least import at_least
from tocsin.core.seed import some
from tocsin.core.state import build
from tocsin.core.tags import Tags
from tocsin.data.moments import moments, spread, standardise
from tocsin.data.scale import Scale
from tocsin.decision.evidence import evidence, learn
from tocsin.memory import uneven
from tocsin.memory.likeness import alike
from tocsin.memory.neighbours import Bank

# name → (columns by "value" or by "rank", what is measured there); a detector's name alone: that detector on the values
NEIGHBOURS: dict[str, tuple[str, str]] = {
    "near, sum of differences": ("value", "absolute"),
    "near, by rank": ("rank", "mean"),
    "nearest": ("value", "first"),
    "nearest, by rank": ("rank", "first"),
    "near for its place, by rank": ("rank", "relative"),
    "near for its place": ("value", "relative"),
    "near": ("value", "mean"),
}
MODELS = ("gaussian_mixture", "gaussian", "copula", "iforest")
_USUAL = (*list(NEIGHBOURS)[:5], "gaussian_mixture")
# Among rows of zeros and ones all distances are alike, and which one is the smallest is chance: means and models count there.
_SWITCHES = ("near", "near, by rank", "gaussian_mixture", "gaussian", "copula")
# Rows of a new kind, normal or not, are beyond all bounds in densities and for their place; that they are far can be said, and that few
# cuts set them apart, for to a cut a cell beyond all others is as far as any.
_UNEVEN = ("near, sum of differences", "nearest, by rank", "iforest")
_TREES = 100  # of a forest: twice as many say the same, in twice the time
AROUND = 10  # neighbours whose own distances say what is usual at a place
_CANDIDATES = 32  # rows, nearest by squares, among which the nearest by absolute differences are looked for
FAR = 1e6  # spreads: beyond, all is equally far
TINY = 1e-9


class NeighbourFusion(Detector):
    """Distances to the nearest training rows, taken in several ways, and a mixture of Gaussians, fused: the default for clean tables.

    Columns are compared by value and by rank (quantile-normal): a row's distance to its nearest row, to its nearest ``k``,
    and that distance relative to what is usual for its neighbours are measured; a Gaussian mixture adds relations between columns. Each
    becomes evidence by the scores of the training rows themselves, each judged without itself: minus the logarithm of the chance that a
    normal row scores so high. The score is the mean evidence: 0.7 for a middling row, more than 5 for one that nothing explains. Where
    most columns are of two values, means and models take the place of nearest rows; where most hold one value nearly always, as in tables
    with many categories and rare counts, two distances and an isolation forest are asked, and deviations that are large because a column
    hardly varies count less (``memory.uneven``). ``report_`` says which members are used.

    Works for numbers of any scale and shape, from some dozens of rows, when the training rows are clean. Anomalies among them make it
    blind to their like: use ``robust_knn`` then. Of more than ``rows`` training rows a sample is remembered.

    ``k``: neighbours of the means. ``members``: names to use in place of the usual ones. ``scale``: standardise the columns first.
    Shapes: X (n, d); ``expected`` is the mean of the ``k`` most alike training rows. A row's score depends on that row alone.
    Raises ConfigError TOC-202 (a number below its least), TOC-209 (no such member).
    Source: distance to neighbours, Ramaswamy et al. (2000); relative density, Breunig et al. (2000, "LOF"); summing evidence after
    Fisher; tabular benchmarks of Han et al. (2022, "ADBench").

    >>> x = np.linspace(-1, 1, 200)
    >>> rows = np.column_stack([x, x**2])
    >>> on, off = NeighbourFusion().fit(rows).anomaly_score([[0.5, 0.25], [0.5, 0.75]])
    >>> bool(off > on + 5)
    True
    """

    tags = Tags(modality="vector", min_rows=4, gives_expected=True, judges_own=True, own_held_out=True, exportable=True)

    mixed_: dict[str, np.ndarray] | None = None  # of an uneven table: which columns never vary, which have two values

    def __init__(self, k: int = 5, rows: int = 20_000, members: Sequence[str] | None = None, scale: bool = True, seed: int = 0) -> None:
        self.k, self.rows, self.members, self.scale, self.seed = k, rows, members, scale, seed

    @classmethod
    def small(cls) -> Self:
        return cls()

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        self._check()
        self.mean_, std = moments(X)
        self.spread_ = spread(self.mean_, std) if self.scale else np.ones(X.shape[1])
        self.mixed_ = uneven.columns(self._placed(X)) if uneven.is_uneven(X) else None
        Z = self._placed(X)
        ranks = Scale("quantile").fit(Z)
        self.ranks_ = ranks.state()
        self.kept_ = some(len(X), self.rows, self.seed, "neighbour_fusion")
        self.rows_ = {"value": Z[self.kept_], "rank": self._ranked(Z[self.kept_])}
        self.own_: dict[str, np.ndarray] = {}
        names = self._chosen(Z)
        self._models: dict[str, Detector] = {}
        self._among: dict[str, np.ndarray] = {}  # raw scores of the remembered rows, each without itself; for `_own` and `learned_` only
        for space in dict.fromkeys(NEIGHBOURS[name][0] for name in names if name in NEIGHBOURS):
            self._among |= self._own_distances(space, names)
        for name in names:
            if name in MODELS:
                self._models[name] = self._model(name)
                self._among[name] = crossfit(self._models[name], self.rows_["value"], self.seed, folds=2 if name == "iforest" else 5)
        self.learned_ = {name: learn(_sharp(name, self._among[name])) for name in names}
        self.report_ = [{"member": name} for name in names]

    def _chosen(self, Z: np.ndarray) -> tuple[str, ...]:
        if self.members is not None:
            return tuple(self.members)
        if self.mixed_ is not None:
            return _UNEVEN
        columns = uneven.columns(Z)
        return _SWITCHES if columns["two"].sum() > (~columns["still"]).sum() / 2 else _USUAL

    def _own_distances(self, space: str, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Raw scores (m,) of the remembered rows in ``space``, each among the others."""
        rows = self.rows_[space]
        places = np.arange(len(rows))
        squared, index = self._banks[space].nearest(rows, self._reach(space), at=places, places=places, zone=1)
        squared, index = squared[:, :len(rows) - 1], index[:, :len(rows) - 1]  # of few rows, the last place is the row itself, at inf
        self.own_[space] = np.sqrt(squared[:, :self.k]).mean(axis=1)
        return self._measured(space, names, rows, squared, index)

    def _reach(self, space: str) -> int:
        return max(self.k, AROUND if space == "rank" else _CANDIDATES)

    def _measured(self, space: str, names: Sequence[str], Z: np.ndarray, squared: np.ndarray, index: np.ndarray) -> dict[str, np.ndarray]:
        """Member → raw scores (n,) of rows ``Z`` (n, d) whose nearest rows (n, m) are given, ascending."""
        near = np.sqrt(squared[:, :self.k]).mean(axis=1)
        made = {}
        for name in names:
            where, what = NEIGHBOURS.get(name, ("", ""))
            if where != space:
                continue
            if what == "first":
                made[name] = np.sqrt(squared[:, 0])
            elif what == "mean":
                made[name] = near
            elif what == "absolute":
                made[name] = self._absolute(space, Z, index)
            else:
                own = self.own_[space]
                least = least_of(own)
                made[name] = (near + least) / (own[index[:, :AROUND]].mean(axis=1) + least)
        return made

    def _absolute(self, space: str, Z: np.ndarray, index: np.ndarray) -> np.ndarray:
        """(n,) mean sum of absolute differences to the nearest ``k`` by that measure, among the candidates ``index`` (n, m)."""
        rows, gaps = self.rows_[space], np.empty(index.shape)
        for j in range(index.shape[1]):
            gaps[:, j] = np.abs(Z - rows[index[:, j]]).sum(axis=1)
        return np.asarray(np.sort(gaps, axis=1)[:, :self.k].mean(axis=1))

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._fused(self._raw(self._placed(X)))

    def _raw(self, Z: np.ndarray) -> dict[str, np.ndarray]:
        names = list(self.learned_)
        made: dict[str, np.ndarray] = {}
        for space, bank in self._banks.items():
            if any(NEIGHBOURS.get(name, ("",))[0] == space for name in names):
                rows = Z if space == "value" else self._ranked(Z)
                made |= self._measured(space, names, rows, *bank.nearest(rows, self._reach(space)))
        return made | {name: model.anomaly_score(Z) for name, model in self._models.items()}

    def _fused(self, raw: dict[str, np.ndarray]) -> np.ndarray:
        return np.asarray(np.mean([evidence(_sharp(name, raw[name]), learned) for name, learned in self.learned_.items()], axis=0))

    def _own(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        """The remembered rows without themselves; rows that are not remembered have only been learned from in the mixture."""
        made = np.empty(len(X))
        made[self.kept_] = self._fused(self._among)
        rest = np.setdiff1d(np.arange(len(X)), self.kept_, assume_unique=True)
        if len(rest):
            made[rest] = self._score(X[rest], groups[rest])
        self._among = {}
        return made

    def _expected(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._in_units(alike(self._placed(X), self.rows_["value"], self.k))

    def _own_expected(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        own = np.full(len(X), -1)
        own[self.kept_] = np.arange(len(self.kept_))
        return self._in_units(alike(self._placed(X), self.rows_["value"], self.k, own=own))

    def _in_units(self, index: np.ndarray) -> np.ndarray:
        near = self.rows_["value"][index].mean(axis=1)
        near = near if self.mixed_ is None else uneven.untamed(near)
        return np.asarray(self.mean_ + near * self.spread_)

    def _placed(self, X: np.ndarray) -> np.ndarray:
        Z = np.clip(standardise(X, self.mean_, self.spread_), -FAR, FAR)
        return Z if self.mixed_ is None else uneven.tamed(Z, self.mixed_)

    def _ranked(self, Z: np.ndarray) -> np.ndarray:
        ranks = np.clip(build(Scale, self.ranks_).transform(Z), -FAR, FAR)
        return ranks if self.mixed_ is None else uneven.ranked(Z, ranks, self.mixed_)

    @cached_property
    def _banks(self) -> dict[str, Bank]:
        return {space: Bank(np.asarray(rows)) for space, rows in self.rows_.items()}

    def _model(self, name: str) -> Detector:
        known = catalog.load(name).parameters()
        return catalog.make(name, **({"seed": self.seed} if "seed" in known else {}), **({"trees": _TREES} if "trees" in known else {}))

    def _check(self) -> None:
        at_least(self, k=1, rows=4)
        known = (*NEIGHBOURS, *MODELS)
        unknown = [name for name in self.members or () if name not in known]
        if unknown or (self.members is not None and not len(self.members)):
            raise ConfigError("TOC-209", "the fusion has no such member", came=", ".join(map(repr, unknown)) or "no names",
                              todo=f"use some of: {', '.join(map(repr, known))}")

    # ---- state: the models are detectors of the catalog ---------------------------------------------------------------

    def _learned(self) -> dict[str, Any]:
        made = super()._learned()
        if made:
            made["models_"] = {name: model.state() for name, model in self._models.items()}
        return made

    def _load_learned(self, learned: dict[str, Any]) -> None:
        if not learned:
            return  # the state of an unfitted detector
        models, members = learned.get("models_"), learned.get("learned_")
        if not isinstance(models, dict) or not isinstance(members, dict) or not set(models) <= set(MODELS) \
                or not set(members) <= {*NEIGHBOURS, *models}:
            raise ArtifactError("TOC-410", "the state of NeighbourFusion is not of the expected form", came=repr(members)[:80],
                                todo="load a file that this version of tocsin wrote")
        super()._load_learned({name: value for name, value in learned.items() if name != "models_"})
        self._models = {name: build(catalog.load(name), state) for name, state in models.items()}

    def _forget(self) -> None:
        super()._forget()
        for name in ("_models", "_among", "_banks"):
            self.__dict__.pop(name, None)


def least_of(own: np.ndarray) -> float:
    """What is added to distances before one is divided by another, for where rows repeat and distances are 0; ``own`` (m,) are those of
    the remembered rows."""
    return 1e-2 * float(np.median(own[own > 0])) if (own > 0).any() else TINY


def _sharp(name: str, raw: np.ndarray) -> np.ndarray:
    """Distances as their logarithm: twice as far is as much more wherever it begins. Log densities stay."""
    return raw if name == "gaussian_mixture" else np.log(raw + TINY)
