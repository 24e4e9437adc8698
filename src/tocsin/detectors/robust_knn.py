"""Distance to the nearest rows of the dense part of a table: the default where anomalies may hide among the training rows."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Self

import numpy as np

from tocsin.core.detector import Detector
from tocsin.core.errors import ArtifactError, ConfigError
from tocsin.core.least import at_least
from tocsin.core.seed import generator
from tocsin.core.tags import Tags
from tocsin.memory.likeness import alike
from tocsin.memory.neighbours import Bank

_FAR = 30.0  # robust spreads: one giant cell must not outweigh all others of its row
_CANDIDATES = 60
_DRAWS, _DRAWN = 40, 8  # times so many rows are drawn to tell roughly who lies apart: so few that a small group is rarely met


class RobustKnn(Detector):
    """Nearest neighbours among the rows that lie densest: the default for tables that may be spoiled.

    Columns are brought to median 0 and quartile spread 1, which anomalies do not move. A rough distance (to the nearest of a few drawn
    rows, averaged) names the share ``drop`` of the training rows that lie apart most; only the others are remembered. The score is the
    mean sum of absolute differences to the ``k`` nearest of these.

    Works with up to about a third of anomalies, also when some resemble each other, as long as they are not as dense as the normal rows.
    On clean rows ``neighbour_fusion`` sees more: what is rare and normal is not remembered here, nor are combinations looked at.

    ``k``: neighbours; ``drop``: share of the training rows that is not trusted; ``rows``: remembered at most. ``scale``: bring all columns
    to robust spreads; without it, only those whose middle half varies, so that evidence columns keep their weight. Cells beyond 30
    spreads count as that far. Shapes: X (n, d); ``expected`` is the mean of the ``k`` most alike remembered rows.
    Raises ConfigError TOC-202.
    Source: distances to drawn rows, Sugiyama and Borgwardt (2013); trimming before learning as in Rousseeuw and Van Driessen (1999).

    >>> rng = np.random.default_rng(0)
    >>> rows = np.r_[rng.normal(size=(90, 2)), rng.normal(8, 0.1, size=(10, 2))]     # one in ten is odd, and all of them alike
    >>> scores = RobustKnn().fit_score(rows)
    >>> sorted(np.argsort(scores)[-10:].tolist()) == list(range(90, 100))
    True
    """

    tags = Tags(modality="vector", min_rows=4, gives_expected=True, exportable=True, judges_own=True, own_held_out=True)

    def __init__(self, k: int = 20, drop: float = 0.3, rows: int = 20_000, scale: bool = True, seed: int = 0) -> None:
        self.k, self.drop, self.rows, self.scale, self.seed = k, drop, rows, scale, seed

    @classmethod
    def small(cls) -> Self:
        return cls()

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        at_least(self, k=1, rows=4)
        if not 0 <= self.drop <= 0.6:
            raise ConfigError("TOC-202", "RobustKnn: drop is a share of the rows, at most 0.6", came=repr(self.drop), todo="use 0.3")
        self.centre_, self.spread_ = _robust(X, self.scale)
        R = self._placed(X)
        trusted = np.sort(np.argsort(self._apart(R), kind="stable")[:max(3, len(R) - int(self.drop * len(R)))])
        if len(trusted) > self.rows:
            trusted = np.sort(generator(self.seed, "robust_knn", "rows").choice(trusted, self.rows, replace=False))
        self.kept_ = trusted  # of the training rows, which are remembered
        self.rows_ = R[trusted]

    def _apart(self, R: np.ndarray) -> np.ndarray:
        """(n,) mean distance to the nearest of a few drawn rows, several draws."""
        random, own = generator(self.seed, "robust_knn"), np.square(R).sum(axis=1)
        total = np.zeros(len(R))
        for _ in range(_DRAWS):
            drawn = random.choice(len(R), min(_DRAWN, len(R) - 1), replace=False)
            squared = own[:, None] + own[drawn] - 2 * R @ R[drawn].T  # (n, m)
            squared[drawn, np.arange(len(drawn))] = np.inf
            total += np.sqrt(np.maximum(squared.min(axis=1), 0.0))
        return total

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        R = self._placed(X)
        return self._distance(R, self._bank.nearest(R, self.reach)[1])

    def _own(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        """A remembered row is judged without itself; the others have not been learned from."""
        made = np.empty(len(X))
        made[self.kept_] = self._distance(self.rows_, self._without_itself())
        rest = np.setdiff1d(np.arange(len(X)), self.kept_, assume_unique=True)
        if len(rest):
            made[rest] = self._score(X[rest], groups[rest])
        return made

    def _without_itself(self) -> np.ndarray:
        """(m, c) numbers of the rows nearest to each remembered one."""
        places = np.arange(len(self.rows_))
        index = self._bank.nearest(self.rows_, self.reach, at=places, places=places, zone=1)[1]
        return index[:, :len(places) - 1]  # of few rows, the last place is the row itself

    def _distance(self, R: np.ndarray, index: np.ndarray) -> np.ndarray:
        """(n,) mean sum of absolute differences to the nearest ``k`` by that measure, among the candidates ``index`` (n, c)."""
        gaps = np.empty(index.shape)
        for j in range(index.shape[1]):
            gaps[:, j] = np.abs(R - self.rows_[index[:, j]]).sum(axis=1)
        return np.asarray(np.sort(gaps, axis=1)[:, :self.k].mean(axis=1))

    def _expected(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._in_units(alike(self._placed(X), self.rows_, self.k))

    def _own_expected(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        own = np.full(len(X), -1)
        own[self.kept_] = np.arange(len(self.kept_))
        return self._in_units(alike(self._placed(X), self.rows_, self.k, own=own))

    def _in_units(self, index: np.ndarray) -> np.ndarray:
        return np.asarray(self.centre_ + self.rows_[index].mean(axis=1) * self.spread_)

    def _placed(self, X: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            return np.clip((X - self.centre_) / self.spread_, -_FAR, _FAR)

    @property
    def reach(self) -> int:
        """Rows, nearest by squares, among which the nearest by absolute differences are looked for."""
        return max(3 * self.k, _CANDIDATES)

    @property
    def far(self) -> float:
        """Robust spreads that a cell counts at most."""
        return _FAR

    @cached_property
    def _bank(self) -> Bank:
        return Bank(np.asarray(self.rows_))

    def _load_learned(self, learned: dict[str, Any]) -> None:
        rows: Any = learned.get("rows_", ())
        if learned and (np.ndim(rows) != 2 or len(np.asarray(rows)) < 3):
            raise ArtifactError("TOC-410", "the state of RobustKnn is not of the expected form", came=f"rows of shape {np.shape(rows)}",
                                todo="load a file that this version of tocsin wrote")
        super()._load_learned(learned)

    def _forget(self) -> None:
        super()._forget()
        self.__dict__.pop("_bank", None)


def _robust(X: np.ndarray, scale: bool) -> tuple[np.ndarray, np.ndarray]:
    """(d,) medians and (d,) spreads: quartile distance as that of a normal column; a column whose middle half is one value takes its
    standard deviation, or its own unit where the columns came scaled."""
    low, centre, high = (np.quantile(X / 2, q, axis=0) for q in (0.25, 0.5, 0.75))  # halves: a difference of giants would overflow
    quartile = 2 * ((high - low) / 1.349)
    size = np.maximum(np.abs(X).max(axis=0), 1e-300)
    deviation = (X / size).std(axis=0) * size
    other = np.where(deviation > 1e-12 * size, deviation, 1.0) if scale else np.ones(X.shape[1])
    return centre * 2, np.where(quartile > 1e-9 * np.maximum(deviation, 1e-290), np.maximum(quartile, 1e-290), other)
