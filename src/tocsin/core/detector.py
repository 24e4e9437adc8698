"""The contract: what every detector promises, on one page.

Callers use the public verbs; they are final, and all checks of type, shape and state live here, once:

    fit(X, y=None, groups=None)       → self
    fit_score(X, y=None, groups=None) → (n,) scores of X itself         when tags.judges_own
    fit_held_out(X, y=None, groups=None) → (n,) scores of X as if unseen   when tags.own_held_out
    anomaly_score(X, groups=None)     → (n,) float64, finite, higher = more anomalous
    anomaly_map(X, groups=None)       → like X, float64, finite     when tags.gives_map
    expected(X, groups=None)          → like X, float64, finite     when tags.gives_expected
    own_expected(X, groups=None)      → the same for the rows just fitted on   when it also judges_own
    reasons(X, groups=None)           → one Reason a row            when tags.gives_reasons
    update(X, groups=None)            → self                        when tags.online
    state(), load_state(state)        plain values and numeric arrays, never code

Authors write the idea: ``_fit``, ``_score`` and, where the tags say so, ``_map``, ``_expected``, ``_update``, ``_own`` (``_held_out``,
``_own_expected``); and ``small()``, a tiny instance that the contract suite fits in a second. Hooks get float64, C-contiguous, finite
``X`` (n, d) and ``groups`` (n,) int64. In a series, each run of equal ``groups`` is a segment; no window may cross from one to the next.
Detectors of images, texts and logs get an object array ``X`` (n,) of Picture or str, see ``core.items``; a map is then an object array (n,)
of float arrays: (h, w) of an image in its own size, one number a character of a text, one a line of a log's item.

A row's score depends on that row and the fitted state alone (for a series: on its segment's time steps within a window's reach).
A line of a log may depend on the lines before it in the same call.
Scoring never writes to ``self``: threads may share a fitted detector.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Self, final

import numpy as np

from tocsin.core.errors import DataError, StateError
from tocsin.core.items import as_items
from tocsin.core.state import Stateful
from tocsin.core.tags import ITEMS, Tags
from tocsin.core.types import Reason

_FINAL = ("fit", "fit_score", "fit_held_out", "anomaly_score", "anomaly_map", "expected", "own_expected", "update", "reasons")


class Detector(Stateful, ABC):
    """Abstract; see the module's page. Concrete detectors are final: wrap them, do not subclass them."""

    tags: ClassVar[Tags]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        broken = [verb for verb in _FINAL if verb in vars(cls)]
        if broken:
            raise TypeError(f"{cls.__name__} overrides {', '.join(broken)}: public verbs are final, write _{broken[0]} hooks instead")

    @final
    def fit(self, X: Any, y: Any = None, *, groups: Any = None) -> Self:
        """Learn what is normal from ``X`` (n, d) or (t, c). Forgets what was learned before.

        ``y`` (n,) of 0/1 is used by supervised detectors and checked by all. Raises DataError TOC-110 to TOC-117.
        """
        X = self._rows(X)
        n = len(X)
        if n < self.tags.min_rows:
            raise DataError("TOC-113", f"{type(self).__name__} needs at least {self.tags.min_rows} rows to learn from",
                            came=f"{n} rows", todo="pass more rows, or use a detector that needs fewer ('baseline')")
        y, groups = _labels(y, n), _groups(groups, n)
        self._forget()
        try:
            self._fit(X, y, groups)
        except BaseException:
            self._forget()  # a failed fit leaves an unfitted detector, never a half-fitted one
            raise
        self.width_ = 1 if self.tags.modality in ITEMS else X.shape[1]
        return self

    @final
    def fit_score(self, X: Any, y: Any = None, *, groups: Any = None) -> np.ndarray:
        """Fit, then judge the same rows, each as if it had not been learned from: (n,) float64, finite.

        What lies so near to a row that it tells the same (itself; in a series, the windows that overlap it) is left out when it is judged.
        Cheaper than refitting for each fold; right for ranking these rows. To calibrate, :meth:`fit_held_out`.
        """
        self._offers(self.tags.judges_own, "fit_score")
        self.fit(X, y, groups=groups)
        X, groups = self._fitted_rows(X, groups)
        return self._checked(self._own(X, groups), (len(X),), "_own")

    @final
    def fit_held_out(self, X: Any, y: Any = None, *, groups: Any = None) -> np.ndarray:
        """Fit, then (n,) scores of the same rows as rows that were not seen would score: what to calibrate on.

        Beside :meth:`fit_score`, which ranks these rows among themselves and may be a little too kind to all of them alike.
        """
        self._offers(self.tags.own_held_out, "fit_held_out")
        self.fit(X, y, groups=groups)
        X, groups = self._fitted_rows(X, groups)
        return self._checked(self._held_out(X, groups), (len(X),), "_held_out")

    @final
    def anomaly_score(self, X: Any, *, groups: Any = None) -> np.ndarray:
        """(n,) float64, finite, higher = more anomalous. Raises StateError TOC-301 unfitted, DataError on bad rows."""
        X, groups = self._fitted_rows(X, groups)
        return self._checked(self._score(X, groups), (len(X),), "_score")

    @final
    def anomaly_map(self, X: Any, *, groups: Any = None) -> np.ndarray:
        """Anomaly per cell, in the shape of ``X``; of images, texts and logs an object array (n,) of arrays, see the page."""
        self._offers(self.tags.gives_map, "anomaly_map")
        X, groups = self._fitted_rows(X, groups)
        made = self._map(X, groups)
        return self._checked_maps(made, len(X)) if self.tags.modality in ITEMS else self._checked(made, X.shape, "_map")

    @final
    def expected(self, X: Any, *, groups: Any = None) -> np.ndarray:
        """The value found normal for each cell (reconstruction, forecast, neighbours' mean), in the shape and units of ``X``."""
        self._offers(self.tags.gives_expected, "expected")
        X, groups = self._fitted_rows(X, groups)
        return self._checked(self._expected(X, groups), X.shape, "_expected")

    @final
    def own_expected(self, X: Any, *, groups: Any = None) -> np.ndarray:
        """What is normal in each cell of the rows just fitted on, the row itself left out as far as the detector can."""
        self._offers(self.tags.judges_own and self.tags.gives_expected, "own_expected")
        X, groups = self._fitted_rows(X, groups)
        return self._checked(self._own_expected(X, groups), X.shape, "_own_expected")

    @final
    def reasons(self, X: Any, *, groups: Any = None) -> tuple[Reason, ...]:
        """Why each row is odd, as far as it is, in the detector's words."""
        self._offers(self.tags.gives_reasons, "reasons")
        X, groups = self._fitted_rows(X, groups)
        made = tuple(self._reasons(X, groups))
        if len(made) != len(X) or not all(isinstance(one, Reason) for one in made):
            raise StateError("TOC-303", f"{type(self).__name__}._reasons broke its promise: one Reason a row",
                             came=f"{len(made)} of {len(X)}", todo="report a bug")
        return made

    @final
    def update(self, X: Any, *, groups: Any = None) -> Self:
        """Learn from further normal rows without forgetting the earlier ones. Memory stays bounded."""
        self._offers(self.tags.online, "update")
        self._update(*self._fitted_rows(X, groups))
        return self

    @classmethod
    @abstractmethod
    def small(cls) -> Detector:
        """A tiny instance for tests: fits a few hundred rows in about a second."""

    @abstractmethod
    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        """Learn into names with a trailing underscore."""

    @abstractmethod
    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        """(n,) scores."""

    def _map(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        raise self._missing("_map")

    def _expected(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        raise self._missing("_expected")

    def _update(self, X: np.ndarray, groups: np.ndarray) -> None:
        raise self._missing("_update")

    def _reasons(self, X: np.ndarray, groups: np.ndarray) -> Sequence[Reason]:
        raise self._missing("_reasons")

    def _own(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        """(n,) scores of the rows just fitted on, each judged without itself; ``self`` is fitted and may not be written to."""
        raise self._missing("_own")

    def _held_out(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        """(n,) scores of the rows just fitted on, as if unseen; :meth:`_own` where that is as good."""
        return self._own(X, groups)

    def _own_expected(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._expected(X, groups)

    def _missing(self, hook: str) -> StateError:
        return StateError("TOC-302", f"{type(self).__name__} promises {hook} in its tags and does not write it",
                          todo=f"write {hook} or correct the tags")

    def _offers(self, offered: bool, verb: str) -> None:
        if not offered:
            raise StateError("TOC-302", f"{type(self).__name__} does not offer {verb}", came=repr(self.tags),
                             todo="choose a detector whose tags offer it: tocsin detectors")

    def _fitted_rows(self, X: Any, groups: Any) -> tuple[np.ndarray, np.ndarray]:
        if "width_" not in vars(self):
            raise StateError("TOC-301", f"this {type(self).__name__} has not been fitted", todo="call fit first")
        X = self._rows(X)
        if self.tags.modality not in ITEMS and X.shape[1] != self.width_:
            raise DataError("TOC-111", "the number of columns differs from the one learned",
                            came=f"{X.shape[1]} columns, learned with {self.width_}",
                            todo="pass the columns of the training data, in their order")
        return X, _groups(groups, len(X))

    def _rows(self, X: Any) -> np.ndarray:
        if self.tags.modality in ITEMS:
            return as_items(X, self.tags.modality)
        try:
            rows = np.asarray(X)
        except ValueError as error:
            raise DataError("TOC-115", "rows have different lengths", came=type(X).__name__, todo="pass a rectangular array") from error
        if rows.ndim == 1 and self.tags.modality == "series":
            rows = rows[:, None]
        if rows.ndim != 2 or rows.dtype.kind not in "biuf":
            raise DataError("TOC-115", "an array of numbers with two dimensions is needed", came=f"{rows.dtype} {rows.shape}",
                            todo="pass (rows, columns) of numbers; use a Pipeline for text, categories and missing values")
        if 0 in rows.shape:
            raise DataError("TOC-112", "there is nothing to look at", came=f"shape {rows.shape}",
                            todo="pass at least one row and one column")
        rows = np.ascontiguousarray(rows, dtype=np.float64)
        if not np.isfinite(rows).all():
            bad = np.argwhere(~np.isfinite(rows))
            raise DataError("TOC-110", "NaN or infinity in the data",
                            came=f"{len(bad)} cells, first at row {bad[0][0]}, column {bad[0][1]}",
                            todo="impute them, or use a Pipeline, which does")
        return rows

    def _checked(self, made: Any, shape: tuple[int, ...], hook: str) -> np.ndarray:
        checked: np.ndarray = np.asarray(made, dtype=np.float64)
        if checked.shape != shape or not np.isfinite(checked).all():
            raise StateError("TOC-303", f"{type(self).__name__}.{hook} broke its promise: finite, shape {shape}",
                             came=f"shape {checked.shape}, {int((~np.isfinite(checked)).sum())} not finite",
                             todo="values this far from the training data overflow: rescale them; if they are ordinary, report a bug")
        return checked

    def _checked_maps(self, made: Any, n: int) -> np.ndarray:
        wrong = [i for i, one in enumerate(made) if not np.isfinite(np.asarray(one)).all()]
        if len(made) != n or wrong:
            raise StateError("TOC-303", f"{type(self).__name__}._map broke its promise: one finite array a row",
                             came=f"{len(made)} arrays for {n} rows, {len(wrong)} of them not finite", todo="report a bug")
        checked: np.ndarray = np.empty(n, dtype=object)
        for i, one in enumerate(made):
            checked[i] = np.asarray(one)
        return checked


def _labels(y: Any, n: int) -> np.ndarray | None:
    if y is None:
        return None
    labels: np.ndarray = np.asarray(y)
    if labels.shape != (n,) or not np.isin(labels, (0, 1)).all():
        raise DataError("TOC-117", "labels must be 0 (normal) or 1 (anomaly), one per row",
                        came=f"shape {labels.shape} of {labels.dtype}", todo=f"pass {n} values of 0 or 1, or none")
    return labels.astype(np.int64)


def _groups(groups: Any, n: int) -> np.ndarray:
    """(n,) int64: segment number, counted up whenever the given value changes."""
    if groups is None:
        return np.zeros(n, dtype=np.int64)
    groups = np.asarray(groups)
    if groups.shape != (n,):
        raise DataError("TOC-116", "groups must have one entry per row", came=f"shape {groups.shape} for {n} rows",
                        todo=f"pass {n} entries")
    return np.concatenate([[0], np.cumsum(groups[1:] != groups[:-1])]).astype(np.int64)
