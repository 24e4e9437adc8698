"""Isolation forest."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.ensemble import IsolationForest

from tocsin.core.detector import Detector
from tocsin.core.errors import ConfigError
from tocsin.core.seed import derive
from tocsin.core.tags import Tags
from tocsin.data.moments import moments, standardise

_CELLS = 1 << 18  # rows × trees that are walked at once: the working arrays stay in the cache
_LIMIT = 1e30  # trees compare in single precision


class Iforest(Detector):
    """Isolation forest: rows that a few random cuts set apart are anomalies.

    Each tree cuts a random column at a random value until rows stand alone; the score is 2^(−depth / usual depth), in (0, 1), about 0.5
    for normal rows. Works on many rows and columns at little cost, and stays good when the training rows hold anomalies. Blind to
    anomalies that are in range in every column; weaker than ``knn`` when the training rows are clean.

    ``trees``: how many. ``rows``: drawn for each tree (all when there are fewer). ``seed``: chooses draws and cuts.
    Growing is scikit-learn's; what is learned and how rows are scored are plain arrays, equal to its ``-score_samples`` on standardised
    columns. Columns are standardised before they are rounded to single precision, so that clock-like columns keep their resolution.
    Shapes: X (n, d). Raises ConfigError TOC-202 for trees or rows below their least.
    Source: Liu, Ting and Zhou, "Isolation forest" (2008).

    >>> X = np.linspace(0, 1, 200)[:, None]
    >>> near, far = Iforest().fit(X).anomaly_score([[0.5], [9.0]])
    >>> bool(far > near)
    True
    """

    tags = Tags(modality="vector", min_rows=2, exportable=True)

    def __init__(self, trees: int = 200, rows: int = 256, seed: int = 0) -> None:
        self.trees = trees
        self.rows = rows
        self.seed = seed

    @classmethod
    def small(cls) -> Self:
        return cls(trees=100)

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        for name, least in (("trees", 1), ("rows", 2)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
                raise ConfigError("TOC-202", f"Iforest: {name} must be at least {least}", came=repr(getattr(self, name)),
                                  todo=f"give {name} a whole number from {least}")
        self.mean_, self.std_ = moments(X)
        rows = min(self.rows, len(X))
        forest = IsolationForest(n_estimators=self.trees, max_samples=rows, random_state=derive(self.seed, "iforest"))
        forest.fit(self._single(X))
        self._pack([tree.tree_ for tree in forest.estimators_])
        self.usual_ = float(_path_length(np.array([rows]))[0])

    def _pack(self, trees: list[Any]) -> None:
        """All trees in one run of nodes (m,). A leaf leads to itself, so every row takes the same number of steps."""
        sizes = [tree.node_count for tree in trees]
        self.roots_ = np.cumsum([0, *sizes[:-1]])  # (trees,)
        own = np.arange(sum(sizes))
        leaf = np.concatenate([tree.children_left for tree in trees]) < 0
        shift = np.repeat(self.roots_, sizes)
        self.left_ = np.where(leaf, own, np.concatenate([tree.children_left for tree in trees]) + shift)
        self.right_ = np.where(leaf, own, np.concatenate([tree.children_right for tree in trees]) + shift)
        self.column_ = np.where(leaf, 0, np.concatenate([tree.feature for tree in trees]))
        self.cut_ = np.concatenate([tree.threshold for tree in trees])
        depth = np.zeros(len(own))
        for node in np.flatnonzero(~leaf):  # parents come before their children
            depth[[self.left_[node], self.right_[node]]] = depth[node] + 1
        self.steps_ = int(depth.max())
        # A leaf that holds several rows counts as the tree that they would still have grown.
        self.depth_ = depth + _path_length(np.concatenate([tree.n_node_samples for tree in trees]))

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        size = max(1, _CELLS // len(self.roots_))
        depth = np.concatenate([self._depth(X[start:start + size]) for start in range(0, len(X), size)])
        scores: np.ndarray = 2.0 ** -(depth / self.usual_)
        return scores

    def _depth(self, X: np.ndarray) -> np.ndarray:
        """(n,) mean depth over the trees at which each row ends."""
        cells = self._single(X).ravel()
        start = (np.arange(len(X)) * X.shape[1])[:, None]  # where a row begins in ``cells``
        node = np.broadcast_to(self.roots_, (len(X), len(self.roots_)))
        for _ in range(self.steps_):
            goes_left = cells[start + self.column_[node]] <= self.cut_[node]
            node = np.where(goes_left, self.left_[node], self.right_[node])
        depth: np.ndarray = self.depth_[node].mean(axis=1)
        return depth

    def _single(self, X: np.ndarray) -> np.ndarray:
        return standardise(X, self.mean_, self.std_).clip(-_LIMIT, _LIMIT).astype(np.float32)


def _path_length(n: np.ndarray) -> np.ndarray:
    """Mean depth of an unsuccessful search in a binary tree of ``n`` rows."""
    n = n.astype(np.float64)
    many = np.maximum(n, 3.0)
    long = 2 * (np.log(many - 1) + np.euler_gamma) - 2 * (many - 1) / many
    return np.where(n > 2, long, np.where(n == 2, 1.0, 0.0))
