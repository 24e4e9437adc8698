"""Any vector detector on the windows of a series."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Self

import numpy as np

from tocsin.core import catalog
from tocsin.core.detector import Detector
from tocsin.core.errors import ArtifactError, ConfigError
from tocsin.core.least import at_least
from tocsin.core.tags import Tags
from tocsin.data.period import window_length
from tocsin.data.window import batches, first_rows, spread, spread_cells, take, window_ends

_CELLS = 1 << 22  # window values held at once while scoring, 32 MB
_BANK = 64  # training windows that short segments are completed from
_FIT_CELLS = 1 << 22  # window values learned from at most, 32 MB


class Windows(Detector):
    """A series judged window by window with any detector for tables.

    Each window of ``window`` steps and c channels becomes one row of window × c numbers for the inner detector; a time step gets the
    mean score of the windows that cover it. Works when an anomaly is a shape that normal stretches do not show, and short training
    series suffice. Weak where the normal level drifts (windows are compared as they are), and blurred by up to a window around short
    anomalies.

    ``detector``, ``params``: the inner detector's catalog name and parameters. ``window``: steps, or None for one period of the
    training series (``tocsin.data.period.window_length``). ``stride``: steps between scored windows; 1 is best, more is faster.
    ``max_windows``: at most so many windows, evenly spaced, are learned from (fewer where they would exceed 32 MB).
    Deep inner detectors are allowed. ``expected`` is the covering mean of the inner detector's, where it offers that. Windows never
    cross from one segment to the next; a segment shorter than the window is completed on the left by the training window that ends
    most alike. Shapes: X (t, c).
    Raises ConfigError TOC-202 (a number below its least), TOC-203 (no such detector), TOC-206 (the inner detector is itself for series),
    TOC-207 (too few windows for the inner detector).
    Source: sub-sequence outliers as in Keogh, Lin and Fu, "HOT SAX" (2005), with an exchangeable scorer.

    >>> wave = np.sin(np.arange(400) * 2 * np.pi / 20)
    >>> bent = np.where(np.arange(400) // 10 == 25, 0.0, wave)  # steps 250 to 259 are flat
    >>> int(Windows("knn").fit(wave).anomaly_score(bent).argmax()) in range(245, 265)
    True
    """

    tags = Tags(modality="series", min_rows=16, gives_expected=True, exportable=True)

    def __init__(self, detector: str = "knn", params: dict[str, Any] | None = None, window: int | None = None, stride: int = 1,
                 max_windows: int = 10_000) -> None:
        self.detector = detector
        self.inner_params = params  # ``params`` is a method of every detector
        self.window = window
        self.stride = stride
        self.max_windows = max_windows
        inner = catalog.card(detector).tags  # what this object can do is what its inner detector can do
        self.tags = replace(type(self).tags, gives_expected=inner.gives_expected, slow_fit=inner.slow_fit,  # type: ignore[misc]
                            exportable=inner.exportable, deterministic=inner.deterministic, extra=inner.extra)

    def params(self) -> dict[str, Any]:
        return {name: self.inner_params if name == "params" else getattr(self, name) for name in self.parameters()}

    @classmethod
    def small(cls) -> Self:
        return cls(window=8)

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        at_least(self, window=2, stride=1, max_windows=2)
        inner = self._inner()
        self.window_ = self.window or window_length(X)
        ends = window_ends(groups, self.window_)
        if len(ends) < inner.tags.min_rows:
            raise ConfigError("TOC-207", f"too few windows for {self.detector!r} to learn from",
                              came=f"{len(ends)} of {self.window_} steps from {len(X)} steps, {inner.tags.min_rows} needed",
                              todo="use a smaller window or pass a longer series")
        full = ends[ends - first_rows(groups)[ends] >= self.window_ - 1]
        if len(full) >= inner.tags.min_rows:
            ends = full  # a filled window is no example of a normal one
        most = min(self.max_windows, max(inner.tags.min_rows, _FIT_CELLS // (self.window_ * X.shape[1])))
        if len(ends) > most:
            ends = ends[np.linspace(0, len(ends) - 1, most).astype(int)]
        some = full[np.linspace(0, len(full) - 1, min(len(full), _BANK, max(1, _CELLS // (8 * self.window_ * X.shape[1])))).astype(int)]
        self.bank_ = take(X, first_rows(groups), some, self.window_)  # (k, l, c)
        self.inner_ = inner.fit(np.concatenate([rows for _, rows in self._flat(X, groups, ends)]))

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        ends = window_ends(groups, self.window_, self.stride)
        scores = np.concatenate([self.inner_.anomaly_score(rows) for _, rows in self._flat(X, groups, ends)])
        return spread(scores, ends, groups, self.window_)

    def _expected(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        """Stretch by stretch: the cells of all windows together would be ``window`` times the series."""
        ends = window_ends(groups, self.window_, self.stride)
        stretch = max(4 * self.window_, _CELLS // (self.window_ * X.shape[1]))
        made = np.empty_like(X)
        for start in range(0, len(X), stretch):
            stop = min(start + stretch, len(X))
            # All windows that cover the stretch, and the one after it, which stands for steps that no window covers.
            last = np.searchsorted(ends, stop - 1 + max(self.window_, self.stride), side="right")
            near = ends[np.searchsorted(ends, start):last]
            part = slice(start, near[-1] + 1)
            cells = np.concatenate([self.inner_.expected(rows).reshape(-1, self.window_, X.shape[1])
                                    for _, rows in self._flat(X, groups, near)])
            made[start:stop] = spread_cells(cells, near - start, groups[part], self.window_)[:stop - start]
        return made

    def _flat(self, X: np.ndarray, groups: np.ndarray, ends: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pairs (positions in ``ends``, windows (b, l · c))."""
        size = max(1, min(4096, _CELLS // (self.window_ * X.shape[1])))
        rows = ends - first_rows(groups)[ends] + 1  # (w,) of a window that are the segment's own
        for part, windows in batches(X, groups, ends, self.window_, size):
            for i in np.flatnonzero(rows[part] < self.window_):
                self._complete(windows[i], int(rows[part][i]))
            yield part, windows.reshape(len(part), -1)

    def _complete(self, window: np.ndarray, own: int) -> None:
        """Fill the rows before the last ``own`` of a short segment's ``window`` (l, c) with those of the training window that ends most
        alike: a short stretch is then judged by what is in it, not by a flat start that no training window has."""
        if len(self.bank_):
            gap = np.square(self.bank_[:, -own:] - window[-own:]).sum(axis=(1, 2))
            window[:-own] = self.bank_[int(np.argmin(gap)), :-own]

    def _inner(self) -> Detector:
        inner = catalog.make(self.detector, **(self.inner_params or {}))
        if inner.tags.modality != "vector":
            raise ConfigError("TOC-206", "windows need a detector for tables inside", came=f"{self.detector!r}: {inner.tags.modality}",
                              todo=f"use {self.detector!r} itself")
        return inner

    def _load_learned(self, learned: dict[str, Any]) -> None:
        if not learned:
            return  # the state of an unfitted detector
        inner = learned.get("inner_")
        if not isinstance(inner, dict):
            raise ArtifactError("TOC-410", "the state of Windows holds no inner detector", came=type(inner).__name__,
                                todo="load a file that this version of tocsin wrote")
        super()._load_learned({name: value for name, value in learned.items() if name != "inner_"})
        self.inner_ = self._inner().load_state(inner)
