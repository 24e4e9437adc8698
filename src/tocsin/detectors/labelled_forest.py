"""Random trees on labelled rows, each on a sample in which both classes count alike."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier

from tocsin.core.detector import Detector
from tocsin.core.errors import ArtifactError
from tocsin.core.least import at_least
from tocsin.core.seed import derive
from tocsin.core.tags import Tags
from tocsin.data.known import known
from tocsin.data.moments import moments, standardise

_CELLS = 1 << 18  # rows × trees that are walked at once: the working arrays stay in the cache
_LIMIT = 1e30  # trees compare in single precision
_SMOOTH = 1e-3  # added to both chances: no tree that agrees with all others makes the log-odds infinite


class LabelledForest(Detector):
    """Extremely randomised trees: many trees with random cuts vote on what is like the known anomalies.

    The score is the log-odds of the mean vote. Each tree grows on a sample of the rows, drawn with repetition, in which known anomalies and
    the other rows weigh alike. So anomalies hidden among the rows that are not labelled are outvoted, and one known anomaly already makes a
    region around it suspect. Better than ``boosting`` with few labels and many columns; ``boosting`` gets ahead with hundreds of labels.
    ``guided_fusion`` joins both with scores that need no labels.

    A training row is judged as unseen by the trees whose sample did not hold it. ``trees``: how many. ``seed``: chooses samples and cuts.
    Growing is scikit-learn's; what is learned and how rows are scored are plain arrays, equal to its mean vote on standardised columns.
    Shapes: X (n, d). Raises DataError TOC-185 without a labelled anomaly, TOC-186 with nothing else; ConfigError TOC-202 for trees below 1.
    Sources: Geurts, Ernst and Wehenkel, "Extremely randomized trees" (2006); samples as bags against hidden positives: Mordelet and Vert,
    "A bagging SVM to learn from positive and unlabeled examples" (2014).

    >>> X = np.linspace(0, 1, 200)[:, None]
    >>> odd, usual = LabelledForest().fit(X, X[:, 0] > 0.9).anomaly_score([[0.95], [0.5]])
    >>> bool(odd > 0 > usual)
    True
    """

    tags = Tags(modality="vector", min_rows=2, supervised=True, judges_own=True, own_held_out=True)

    def __init__(self, trees: int = 150, seed: int = 0) -> None:
        self.trees = trees
        self.seed = seed

    @classmethod
    def small(cls) -> Self:
        return cls(trees=80)

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        at_least(self, trees=1)
        odd = known(y, "labelled_forest")
        self.mean_, self.std_ = moments(X)
        forest = ExtraTreesClassifier(n_estimators=self.trees, max_features="sqrt", bootstrap=True, class_weight="balanced_subsample",
                                      random_state=derive(self.seed, "labelled forest"))
        forest.fit(self._single(X), odd.astype(np.int64))
        self._pack([tree.tree_ for tree in forest.estimators_])
        self._drawn = forest.estimators_samples_  # for judging the training rows; does not stay in what is saved

    def _pack(self, trees: list[Any]) -> None:
        """All trees in one run of nodes (m,). A leaf leads to itself, so every row takes the same number of steps."""
        sizes = [tree.node_count for tree in trees]
        self.roots_ = np.cumsum([0, *sizes[:-1]])  # (trees,)
        own, shift = np.arange(sum(sizes)), np.repeat(self.roots_, sizes)
        leaf = np.concatenate([tree.children_left for tree in trees]) < 0
        self.left_ = np.where(leaf, own, np.concatenate([tree.children_left for tree in trees]) + shift)
        self.right_ = np.where(leaf, own, np.concatenate([tree.children_right for tree in trees]) + shift)
        self.column_ = np.where(leaf, 0, np.concatenate([tree.feature for tree in trees]))
        self.cut_ = np.concatenate([tree.threshold for tree in trees])
        votes = np.concatenate([tree.value[:, 0, :] for tree in trees])  # (m, 2)
        self.vote_ = votes[:, 1] / votes.sum(axis=1)
        self.steps_ = max(int(tree.max_depth) for tree in trees)

    def _load_learned(self, learned: dict[str, Any]) -> None:
        nodes = np.size(learned.get("left_", ()))
        if learned and not 0 <= int(learned.get("steps_", -1)) <= nodes:  # each step goes down a node
            raise ArtifactError("TOC-410", "the state of LabelledForest is not of the expected form",
                                came=f"{learned.get('steps_')!r} steps", todo="load a file that this version of tocsin wrote")
        super()._load_learned(learned)

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return _log_odds(np.concatenate([votes.mean(axis=1) for votes in self._votes(X)]))

    def _own(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        votes = np.concatenate(list(self._votes(X)))  # (n, trees)
        unseen = np.ones(votes.shape)
        for tree, rows in enumerate(self._drawn):
            unseen[rows, tree] = 0.0
        unseen[unseen.sum(axis=1) == 0] = 1.0  # a row that every tree has seen (few trees): all of them judge it
        return _log_odds((votes * unseen).sum(axis=1) / unseen.sum(axis=1))

    def _votes(self, X: np.ndarray) -> Any:
        """Parts (b, trees) of the rows' votes."""
        size = max(1, _CELLS // len(self.roots_))
        for first in range(0, len(X), size):
            part = X[first:first + size]
            cells, start = self._single(part).ravel(), (np.arange(len(part)) * X.shape[1])[:, None]
            node = np.broadcast_to(self.roots_, (len(part), len(self.roots_)))
            for _ in range(self.steps_):
                node = np.where(cells[start + self.column_[node]] <= self.cut_[node], self.left_[node], self.right_[node])
            yield self.vote_[node]

    def _single(self, X: np.ndarray) -> np.ndarray:
        return standardise(X, self.mean_, self.std_).clip(-_LIMIT, _LIMIT).astype(np.float32)


def _log_odds(chance: np.ndarray) -> np.ndarray:
    made: np.ndarray = np.log((chance + _SMOOTH) / (1 - chance + _SMOOTH))
    return made
