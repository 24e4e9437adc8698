"""Gradient boosted trees on labelled rows."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from tocsin.core.detector import Detector
from tocsin.core.errors import ArtifactError, ConfigError
from tocsin.core.least import at_least
from tocsin.core.seed import derive
from tocsin.core.tags import Tags
from tocsin.data.known import known

_CELLS = 1 << 18  # rows × trees that are walked at once: the working arrays stay in the cache
_PER_LEAF = 20  # anomalies for each leaf that a tree may have beyond the first few
_LEAST_LEAVES = 4
_EARLY = 100  # known anomalies from which a tenth of the rows can tell when to stop


class Boosting(Detector):
    """Gradient boosting: trees that learn from labelled rows what tells an anomaly from the rest.

    The score is the log-odds of being a labelled anomaly (0: as likely as not, after weighting). The strongest single choice when
    anomalies of every kind are labelled, a hundred or more of them. Blind to kinds that were never labelled: for a few labels, or labels
    of some kinds only, take ``guided_fusion``. In training, 1 is a known anomaly and 0 everything else; anomalies hidden among the 0 do
    less harm the fewer and the shallower the trees are.

    ``trees``: at most how many. ``rate``: share of each tree that counts. ``leaves``: of one tree at most; None: 4, and one more for each
    20 known anomalies, up to 31, so that a handful of labels cannot be learned by heart. ``weight``: how the classes are weighed:
    "balanced" (both count alike), "root" (halfway, by the square root of their ratio) or "none" (every row alike). ``focus``: 0, or the
    exponent of a second pass in which the rows weigh (1 − chance of their true label)^focus, as in the focal loss: rows that are easy in
    the first pass step back. From 100 known anomalies on a tenth of the rows is held out, and trees stop being added when they no longer
    help there.

    Growing is scikit-learn's; what is learned and how rows are scored are plain arrays, equal to its raw prediction. Trees compare values
    with cuts only, so no column needs scaling. Shapes: X (n, d). Raises DataError TOC-185 without a labelled anomaly, TOC-186 with nothing
    else; ConfigError TOC-202 for a setting below its least, TOC-211 for an unknown ``weight``, TOC-212 for ``rate`` or ``focus`` out of
    range.
    Sources: Friedman, "Greedy function approximation: a gradient boosting machine" (2001); Lin et al., "Focal loss for dense object
    detection" (2017).

    >>> X = np.linspace(0, 1, 200)[:, None]
    >>> odd, usual = Boosting().fit(X, X[:, 0] > 0.9).anomaly_score([[0.95], [0.5]])
    >>> bool(odd > 0 > usual)
    True
    """

    tags = Tags(modality="vector", min_rows=2, supervised=True)

    def __init__(self, trees: int = 200, rate: float = 0.05, leaves: int | None = None, weight: str = "balanced", focus: float = 0.0,
                 seed: int = 0) -> None:
        self.trees = trees
        self.rate = rate
        self.leaves = leaves
        self.weight = weight
        self.focus = focus
        self.seed = seed

    @classmethod
    def small(cls) -> Self:
        return cls(trees=60, rate=0.1)

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        self._check()
        odd = known(y, "boosting")
        weight = class_weights(odd, self.weight)
        model = self._grown(X, odd, weight)
        if self.focus:
            chance = model.predict_proba(X)[np.arange(len(X)), odd.astype(int)]  # of the label that the row has
            weight = weight * (1 - chance) ** self.focus
            model = self._grown(X, odd, np.maximum(weight / weight.mean(), 1e-6))
        self.base_ = float(np.ravel(model._baseline_prediction)[0])
        self._pack([tree.nodes for (tree,) in model._predictors])

    def _check(self) -> None:
        at_least(self, trees=1, leaves=2)
        if self.weight not in ("balanced", "root", "none"):
            raise ConfigError("TOC-211", "Boosting: weight is not known", came=repr(self.weight), todo="use 'balanced', 'root' or 'none'")
        if not 0 < self.rate <= 1 or not 0 <= self.focus <= 10:
            raise ConfigError("TOC-212", "Boosting: rate or focus is out of range", came=f"rate={self.rate!r}, focus={self.focus!r}",
                              todo="give a rate above 0 up to 1 and a focus from 0 to 10")

    def _grown(self, X: np.ndarray, odd: np.ndarray, weight: np.ndarray) -> Any:
        few = int(odd.sum())
        leaves = min(31, _LEAST_LEAVES + few // _PER_LEAF) if self.leaves is None else self.leaves
        # With few rows or few anomalies a leaf of twenty rows could not set a single known anomaly apart.
        model = HistGradientBoostingClassifier(
            max_iter=self.trees, learning_rate=self.rate, max_leaf_nodes=leaves, min_samples_leaf=int(np.clip(few // 4, 2, 20)),
            l2_regularization=1.0, early_stopping=min(few, len(odd) - few) >= _EARLY, n_iter_no_change=20,
            random_state=derive(self.seed, "boosting"))
        return model.fit(X, odd.astype(np.int64), sample_weight=weight)

    def _pack(self, trees: list[np.ndarray]) -> None:
        """All trees in one run of nodes (m,). A leaf leads to itself, so every row takes the same number of steps."""
        sizes = [len(nodes) for nodes in trees]
        nodes, own = np.concatenate(trees), np.arange(sum(sizes))
        leaf, shift = nodes["is_leaf"] == 1, np.repeat(np.cumsum([0, *sizes[:-1]]), sizes)
        self.roots_ = np.cumsum([0, *sizes[:-1]])  # (trees,)
        self.left_ = np.where(leaf, own, nodes["left"].astype(np.int64) + shift)
        self.right_ = np.where(leaf, own, nodes["right"].astype(np.int64) + shift)
        self.column_ = np.where(leaf, 0, nodes["feature_idx"]).astype(np.int64)
        # A cut may be infinite (between the largest value and a missing one); every finite value lies below it all the same.
        self.cut_ = np.where(leaf, 0.0, nodes["num_threshold"]).clip(-np.finfo(float).max, np.finfo(float).max)
        self.value_ = np.where(leaf, nodes["value"], 0.0)
        self.steps_ = int(nodes["depth"].max())

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        size = max(1, _CELLS // len(self.roots_))
        return np.concatenate([self._log_odds(X[start:start + size]) for start in range(0, len(X), size)])

    def _log_odds(self, X: np.ndarray) -> np.ndarray:
        """(n,) the leaves' values at which each row ends, summed tree by tree."""
        cells = X.ravel()
        start = (np.arange(len(X)) * X.shape[1])[:, None]  # where a row begins in ``cells``
        node = np.broadcast_to(self.roots_, (len(X), len(self.roots_)))
        for _ in range(self.steps_):
            goes_left = cells[start + self.column_[node]] <= self.cut_[node]
            node = np.where(goes_left, self.left_[node], self.right_[node])
        odds: np.ndarray = self.base_ + self.value_[node].cumsum(axis=1)[:, -1]  # one order of adding, however many rows there are
        return odds

    def _load_learned(self, learned: dict[str, Any]) -> None:
        nodes = np.size(learned.get("left_", ()))
        if learned and not 0 <= int(learned.get("steps_", -1)) <= nodes:  # each step goes down a node
            raise ArtifactError("TOC-410", "the state of Boosting is not of the expected form", came=f"{learned.get('steps_')!r} steps",
                                todo="load a file that this version of tocsin wrote")
        super()._load_learned(learned)


def class_weights(odd: np.ndarray, how: str) -> np.ndarray:
    """(n,) weight of each row, 1 in the mean.

    >>> class_weights(np.array([True, False, False, False]), "balanced").round(2).tolist()
    [2.0, 0.67, 0.67, 0.67]
    """
    share = float(odd.mean())
    power = {"balanced": 1.0, "root": 0.5, "none": 0.0}[how]
    weight = np.where(odd, 1 / share, 1 / (1 - share)) ** power
    return np.asarray(weight / weight.mean())
