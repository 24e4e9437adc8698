"""A bank of normal shapes, and how far each window is from them."""

from __future__ import annotations

from typing import Self

import numpy as np

from tocsin.core.detector import Detector
from tocsin.core.errors import ConfigError
from tocsin.core.seed import generator
from tocsin.core.tags import Tags
from tocsin.data.moments import moments
from tocsin.data.period import window_length
from tocsin.data.window import first_rows, take, window_ends
from tocsin.data.window import spread as covering_mean
from tocsin.memory.kmeans import kmeans
from tocsin.memory.kshape import kshape, shape_distances
from tocsin.memory.neighbours import nearest_of_each, thinned
from tocsin.memory.piece import chunks, flat, full_ends, levelled, z_normal

_METHODS = {"kshape": (6, 4.0, 512), "kmeans": (20, 1.0, 4000)}  # shapes, their length in windows, training windows looked at
_CELLS = 1 << 22  # values of these windows at most
_RARE = 0.5  # of the mean number of members: a smaller group of k-means is no normal shape
_BANK = 64  # training windows that short segments are completed from


class Shapes(Detector):
    """A few normal shapes learned from the series; the score is how little a window looks like them.

    "kshape": groups of long windows by form and in any phase; a window's score is the mean over shapes of the distance to the place there
    that it fits best, weighted by how common and central the shape is. What is rare in the training series counts little, so it may hold
    some anomalies: fit and judge the same series. "kmeans": more shapes, of the window's length, small groups dropped; the score is the
    distance to the nearest. Both z-normalise windows (level and size are no anomaly), and are strong where a few shapes repeat. Weak
    without repetition. The score is the covering mean of distance / sqrt(l · c), without unit, 0 to about 1.4.

    ``window``: steps l, or None for one period of the training series. ``method``: "kshape" or "kmeans". ``count``: shapes, None for 6
    or 20. ``span``: length of a shape in windows, None for 4 or 1. Learned from at most 512 or 4,000 windows, evenly spaced. Several
    channels form one shape. ``fit_score`` judges the training series as any other: few shapes come from many windows. Windows never cross
    from one segment to the next; a segment shorter than the window is completed on the left by the training window that ends most alike.
    Shapes: X (t, c).
    Raises ConfigError TOC-202 for an unknown method or a number below its least.
    Source: Boniol et al., "Unsupervised and scalable subsequence anomaly detection in large data series" (2021, NormA); Paparrizos and
    Gravano, "k-Shape" (2015).

    >>> wave = np.sin(np.arange(400) * 2 * np.pi / 20)
    >>> bent = np.where(np.arange(400) // 10 == 25, 0.0, wave)  # steps 250 to 259 are flat
    >>> int(Shapes().fit(wave).anomaly_score(bent).argmax()) in range(245, 265)
    True
    """

    tags = Tags(modality="series", min_rows=16, judges_own=True)

    def __init__(self, window: int | None = None, method: str = "kshape", count: int | None = None, span: float | None = None,
                 seed: int = 0) -> None:
        self.window = window
        self.method = method
        self.count = count
        self.span = span
        self.seed = seed

    @classmethod
    def small(cls) -> Self:
        return cls()

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        count, span, most = self._checked_settings()
        self.window_ = self.window or window_length(X)
        self.mean_, self.std_ = moments(X)
        Z, first = levelled(X, self.mean_, self.std_), first_rows(groups)
        deepest = int((np.arange(len(X)) - first).max()) + 1  # rows of the longest segment
        length = max(self.window_, round(min(span * self.window_, deepest)))
        ends = thinned(full_ends(groups, length), max(2, min(most, _CELLS // (length * X.shape[1]))))
        windows = z_normal(take(Z, first, ends, length))[0]
        random = generator(self.seed, "shapes", self.method)
        learn = self._by_shape if self.method == "kshape" else self._by_mean
        self.shapes_, self.weights_ = learn(windows, min(count, len(windows)), random)
        some = thinned(full_ends(groups, self.window_), max(1, min(_BANK, 2**20 // (self.window_ * X.shape[1]))))
        self.bank_ = take(Z, first, some, self.window_)

    def _by_shape(self, windows: np.ndarray, k: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Shapes (k, length, c) and their weights: squared frequency over the distance to the other shapes."""
        shapes, group = kshape(windows, k, random)
        share = np.bincount(group, minlength=k) / len(group)
        kept = np.flatnonzero(share)
        far = shape_distances(shapes[kept]).clip(0).sum(axis=1)
        weights = np.square(share[kept]) / (1e-6 + far) if len(kept) > 1 else np.ones(1)
        return shapes[kept], weights / weights.sum()

    def _by_mean(self, windows: np.ndarray, k: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Shapes (k, length, c) of the groups that are not rare, and the share of windows in each."""
        means, group = kmeans(flat(windows), k, random)
        share = np.bincount(group, minlength=k) / len(group)
        kept = np.flatnonzero(share >= _RARE / k)
        return means[kept].reshape(-1, *windows.shape[1:]), share[kept]

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        ends = window_ends(groups, self.window_)
        pieces, starts = self._pieces()
        scores = np.empty(len(ends))
        for part, windows in chunks(levelled(X, self.mean_, self.std_), groups, ends, self.window_, self.bank_):
            distances = np.sqrt(nearest_of_each(flat(z_normal(windows)[0]), pieces, starts))  # (b, k)
            scores[part] = distances @ self.weights_ if self.method == "kshape" else distances.min(axis=1)
        return covering_mean(scores / np.sqrt(pieces.shape[1]), ends, groups, self.window_)

    def _own(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._score(X, groups)

    def _pieces(self) -> tuple[np.ndarray, np.ndarray]:
        """Every window of every shape, z-normalised (p, l · c), and where those of each shape begin (k,)."""
        cut = np.lib.stride_tricks.sliding_window_view(self.shapes_, self.window_, axis=1)  # (k, places, c, l)
        k, steps = cut.shape[:2]
        windows = np.ascontiguousarray(cut.transpose(0, 1, 3, 2)).reshape(k * steps, self.window_, -1)
        return flat(z_normal(windows)[0] if self.method == "kshape" else windows), np.arange(k) * steps

    def _checked_settings(self) -> tuple[int, float, int]:
        """Number of shapes, their length in windows, and windows to learn from; raises TOC-202."""
        if self.method not in _METHODS:
            raise ConfigError("TOC-202", "Shapes: method is not known", came=repr(self.method),
                              todo=f"use {' or '.join(map(repr, _METHODS))}")
        for name, least in (("window", 2), ("count", 1), ("span", 1)):
            value = getattr(self, name)
            if value is not None and not least <= value < np.inf:
                raise ConfigError("TOC-202", f"Shapes: {name} must be a finite number, at least {least}", came=repr(value),
                                  todo=f"give {name} a number from {least}")
        count, span, most = _METHODS[self.method]
        return self.count or count, self.span or span, most
