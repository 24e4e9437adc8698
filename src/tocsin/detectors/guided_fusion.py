"""Few labels and many rows: scores that need no labels, and learners that use them, on one scale."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from scipy.spatial.distance import cdist

from tocsin.core import catalog
from tocsin.core.detector import Detector
from tocsin.core.errors import ArtifactError, ConfigError
from tocsin.core.least import at_least
from tocsin.core.seed import generator
from tocsin.core.state import build
from tocsin.core.tags import Tags
from tocsin.data.known import known
from tocsin.data.moments import moments, standardise
from tocsin.decision.logistic import Logistic, logistic

_PARTS = {"forest": "iforest", "shape": "gaussian", "votes": "labelled_forest", "votes_all": "labelled_forest", "trees": "boosting"}
_LINES = {"line": 0.1, "line_unlabelled": 0.01}  # strength: how much a linear learner trusts the rows against its ridge
_LIMIT = 30.0  # standard deviations beyond which a cell counts no more
_TINY = 1e-6  # added to a distance before its logarithm, in standard deviations
_NEAR = (1, 5, 20)
_FIRST = 256  # rows of the first look, which says what to drop
_FOLDS = 5
_GUIDED = 0.8  # the learners' share of the judgement at most
_FAR = 3.0  # usual spreads from where on being unlike everything counts in full
_BLOCK = 256
_UNGUIDED = (0, 3, 4)  # of the evidence: isolation forest, distance to twenty kept rows, robust covariance
_UNLABELLED = 10  # columns of evidence that need no labels; what comes after them measures distance to known anomalies


class GuidedFusion(Detector):
    """Guided fusion: the default where some anomalies are known. It looks for their kin, and for what is odd without any label.

    Evidence is gathered first, each row left out of its own: isolation forest, distances to 1, 5 and 20 rows of the usual part (the odder
    third dropped), robust covariance, distances to all rows that are not labelled, tails of the columns, distances to the known anomalies.
    Five learners then tell known anomalies from the rest: extremely randomised trees on the columns and on columns with evidence, shallow
    boosted trees, and two logistic regressions, one on all and one on the evidence that needs no labels. Their mean, each in units of its
    usual spread, is joined with the plain unlabelled judgement (mean of forest, distance and covariance), which counts trust / (trust + k)
    for k known anomalies and a fifth at least. Where it stands more than three usual spreads out, the excess is added in full: a row unlike
    everything stays an anomaly though it is unlike the known ones, too.

    Works from one known anomaly on, and with anomalies hidden among the rows that are not labelled. Where every anomaly is labelled, in
    hundreds, ``boosting`` alone is as good and cheaper to score. Cost: 2 to 10 times that of ``boosting``; rows are judged by their
    distances to at most ``rows`` training rows.

    ``trees``: of each forest. ``drop``: share of rows, the oddest by a first look, that the usual part goes without. ``trust``: how many
    labels weigh as much as the unlabelled judgement. ``rows``: most training rows to measure distances to. ``seed``: draws rows and trees.
    Shapes: X (n, d). Raises DataError TOC-185 without a labelled anomaly, TOC-186 with nothing else; ConfigError TOC-202 for trees or rows
    below their least, TOC-213 for ``drop`` or ``trust`` out of range; ArtifactError TOC-410 for a damaged state.
    Source: the idea of unlabelled scores as columns is Zhao and Hryniewicki's, "XGBOD: improving supervised outlier detection with
    unsupervised representation learning" (2018).

    >>> from tocsin.core.seed import generator
    >>> X = generator(0, "example").normal(size=(200, 3))
    >>> X[:8] += [4, -4, 0]                                   # eight of a kind; two of them are known
    >>> model = GuidedFusion().fit(X, np.arange(200) < 2)
    >>> bool(model.anomaly_score(X)[2:8].min() > np.quantile(model.anomaly_score(X)[8:], 0.98))
    True
    """

    line_: dict[str, Any]
    line_unlabelled_: dict[str, Any]
    tags = Tags(modality="vector", min_rows=8, supervised=True, judges_own=True, own_held_out=True)

    def __init__(self, trees: int = 150, drop: float = 0.3, trust: float = 0.5, rows: int = 5_000, seed: int = 0) -> None:
        self.trees = trees
        self.drop = drop
        self.trust = trust
        self.rows = rows
        self.seed = seed
        self._parts: dict[str, Detector] = {}
        self._odd = np.zeros(0, dtype=bool)

    @classmethod
    def small(cls) -> Self:
        return cls(trees=40)

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        self._check()
        odd = self._odd = known(y, "guided_fusion")
        self.mean_, self.std_ = moments(X)
        Z = self._standard(X)
        own = self._remember(Z, odd)
        evidence = self._evidence(Z, own)  # (n, f)
        self.least_ = evidence.min(axis=0)
        self._learn_base(evidence)
        self._learn_guides(Z, evidence, odd)

    def _check(self) -> None:
        at_least(self, trees=1, rows=8)
        if not 0 <= self.drop <= 0.5 or not 0 <= self.trust < float("inf"):
            raise ConfigError("TOC-213", "GuidedFusion: drop or trust is out of range", came=f"drop={self.drop!r}, trust={self.trust!r}",
                              todo="give a drop from 0 to 0.5 and a trust of 0 or more")

    # ---- evidence -------------------------------------------------------------------------------------------------------------

    def _remember(self, Z: np.ndarray, odd: np.ndarray) -> list[np.ndarray]:
        """Learn what rows are compared with. Returns for each set of remembered rows (n,) where a training row is in it, or -1."""
        random = generator(self.seed, "guided fusion")
        rest = np.flatnonzero(~odd)
        forest = catalog.make("iforest", seed=self.seed).fit(Z[rest] if len(rest) > 1 else Z)
        few = np.sort(random.choice(rest, min(_FIRST, len(rest)), replace=False))
        look = _nearest(Z, Z[few], 3, _places(len(Z), few)).mean(axis=1)
        kept = rest[look[rest] <= np.quantile(look[rest], 1 - self.drop)]
        sets = [self._drawn(random, rows) for rows in (kept, rest, np.flatnonzero(odd))]
        self.usual_, self.rest_, self.odd_ = (Z[rows] for rows in sets)
        self.sorted_ = np.sort(self.rest_, axis=0)
        self._parts = {"forest": forest, "shape": _robust(Z[rest], look[rest])}
        self.known_ = int(odd.sum())
        return [_places(len(Z), rows) for rows in sets]

    def _drawn(self, random: np.random.Generator, rows: np.ndarray) -> np.ndarray:
        return rows if len(rows) <= self.rows else np.sort(random.choice(rows, self.rows, replace=False))

    def _evidence(self, Z: np.ndarray, own: list[np.ndarray] | None = None) -> np.ndarray:
        """(n, 10) that need no labels, (n, 12) with the distances to two known anomalies or more.

        ``own``: places of these rows among the remembered ones, which are left out.
        """
        own = [np.full(len(Z), -1)] * 3 if own is None else own
        usual, rest = _nearest(Z, self.usual_, 20, own[0]), _nearest(Z, self.rest_, 10, own[1])
        tails = self._tails(Z, own[1] >= 0)
        made = [self._parts["forest"].anomaly_score(Z), *(_log(usual[:, :k]) for k in _NEAR),
                np.log(np.maximum(self._parts["shape"].anomaly_score(Z), 1e-9)), *(_log(rest[:, :k]) for k in (1, 5, 10)),
                tails.mean(axis=1), tails.max(axis=1)]
        if self.known_ > 1:
            kin = _nearest(Z, self.odd_, 3, own[2])
            made += [_log(kin[:, :1]), _log(kin)]
        return np.column_stack(made)

    def _tails(self, Z: np.ndarray, own: np.ndarray) -> np.ndarray:
        """(n, d) −log of the share of remembered rows that lie as far out on the row's side of the column."""
        n, made = len(self.sorted_), np.empty(Z.shape)
        for j, column in enumerate(self.sorted_.T):
            below = np.searchsorted(column, Z[:, j], "right") - own
            above = n - np.searchsorted(column, Z[:, j], "left") - own
            made[:, j] = -np.log((np.minimum(below, above) + 1) / (n + 1))
        return made

    def _learn_base(self, evidence: np.ndarray) -> None:
        low, middle, high = np.quantile(evidence[:, list(_UNGUIDED)], [0.25, 0.5, 0.75], axis=0)
        self.middle_, self.width_of_ = middle, np.maximum((high - low) / 1.349, 1e-9)
        plain = self._plain(evidence)
        self.plain_ = np.array([plain.mean(), max(plain.std(), 1e-9)])

    def _plain(self, evidence: np.ndarray) -> np.ndarray:
        """(n,) the judgement without labels: how many usual spreads above the middle, a mean of three."""
        made: np.ndarray = np.clip((evidence[:, list(_UNGUIDED)] - self.middle_) / self.width_of_, -5, 20).mean(axis=1)
        return made

    # ---- learners -------------------------------------------------------------------------------------------------------------

    def _learn_guides(self, Z: np.ndarray, evidence: np.ndarray, odd: np.ndarray) -> None:
        """Each learner, and its usual score and spread on the rows that are not labelled, as unseen where that comes for free."""
        both, y = np.hstack([Z, evidence]), odd.astype(np.int64)
        votes, votes_all = (catalog.make("labelled_forest", trees=self.trees, seed=self.seed + i) for i in (0, 1))
        trees = catalog.make("boosting", trees=60, rate=0.1, leaves=4, seed=self.seed)
        made = [votes.fit_held_out(Z, y), votes_all.fit_held_out(both, y), trees.fit(both, y).anomaly_score(both)]
        self._parts |= {"votes": votes, "votes_all": votes_all, "trees": trees}
        for (name, strength), rows in zip(_LINES.items(), (both, evidence[:, :_UNLABELLED])):
            line = logistic(rows, odd, strength)
            setattr(self, f"{name}_", {key: getattr(line, key) for key in ("mean", "spread", "weights", "base")})
            made.append(line.log_odds(rows))
        rest = np.column_stack(made)[~odd]
        self.centre_, self.spread_ = rest.mean(axis=0), np.maximum(rest.std(axis=0), 1e-6)

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        Z = self._standard(X)
        # A copy of a training row is at distance 0, nearer than any row that was left out of its own: no learner has seen the like.
        evidence = np.maximum(self._evidence(Z), self.least_)
        both = np.hstack([Z, evidence])
        made = [self._parts[name].anomaly_score(rows) for name, rows in (("votes", Z), ("votes_all", both), ("trees", both))]
        lines = ((self.line_, both), (self.line_unlabelled_, evidence[:, :_UNLABELLED]))
        made += [Logistic(**line).log_odds(rows) for line, rows in lines]
        guided = _soft((np.column_stack(made) - self.centre_) / self.spread_).mean(axis=1)
        plain = _soft((self._plain(evidence) - self.plain_[0]) / self.plain_[1])
        weight = min(_GUIDED, self.known_ / (self.known_ + self.trust))
        scores: np.ndarray = weight * guided + (1 - weight) * plain + np.maximum(plain - _FAR, 0.0)
        return scores

    def _standard(self, X: np.ndarray) -> np.ndarray:
        return standardise(X, self.mean_, self.std_).clip(-_LIMIT, _LIMIT)

    def _own(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        """By detectors of the same settings, fitted without a fifth of the rows. Of less than five known anomalies one at a time is left
        out; a single one is judged by the detector itself, the only one that has learned from any."""
        random, odd = generator(self.seed, "guided fusion", "own"), np.flatnonzero(self._odd)
        fold = np.empty(len(X), dtype=np.int64)
        rest = np.flatnonzero(~self._odd)
        fold[random.permutation(rest)] = np.arange(len(rest)) % _FOLDS
        fold[random.permutation(odd)] = np.arange(len(odd)) % _FOLDS if len(odd) > 1 else -1
        scores = self._score(X, groups)
        for i in range(_FOLDS):
            out = fold == i
            if out.any() and (~out).sum() >= self.tags.min_rows:
                scores[out] = self.fresh().fit(X[~out], self._odd[~out]).anomaly_score(X[out])
        return scores

    # ---- state: the parts are detectors of the catalog ------------------------------------------------------------------------

    def _learned(self) -> dict[str, Any]:
        made = super()._learned()
        return {**made, "parts_": {name: part.state() for name, part in self._parts.items()}} if made else made

    def _load_learned(self, learned: dict[str, Any]) -> None:
        if not learned:
            return  # the state of an unfitted detector
        parts = learned.get("parts_")
        if not isinstance(parts, dict) or set(parts) != set(_PARTS):
            raise ArtifactError("TOC-410", "the state of GuidedFusion does not hold its parts", came=repr(parts)[:80],
                                todo="load a file that this version of tocsin wrote")
        super()._load_learned({name: value for name, value in learned.items() if name != "parts_"})
        self._parts = {name: build(catalog.load(_PARTS[name]), state) for name, state in parts.items()}

    def _forget(self) -> None:
        super()._forget()
        self._parts, self._odd = {}, np.zeros(0, dtype=bool)


def _places(n: int, rows: np.ndarray) -> np.ndarray:
    """(n,) where each of n rows stands in ``rows``, -1 for one that does not."""
    made = np.full(n, -1)
    made[rows] = np.arange(len(rows))
    return made


def _nearest(Q: np.ndarray, rows: np.ndarray, k: int, own: np.ndarray) -> np.ndarray:
    """(n, k) ascending distances of ``Q`` to its nearest ``rows``, fewer where there are fewer; the place ``own`` (n,) is left out."""
    k = max(1, min(k, len(rows) - int((own >= 0).any())))
    made = []
    for start in range(0, len(Q), _BLOCK):
        distance, place = cdist(Q[start:start + _BLOCK], rows), own[start:start + _BLOCK]
        distance[np.flatnonzero(place >= 0), place[place >= 0]] = np.inf if len(rows) > 1 else 0.0
        made.append(np.sort(np.partition(distance, k - 1, axis=1)[:, :k], axis=1))
    return np.concatenate(made)


def _log(distances: np.ndarray) -> np.ndarray:
    made: np.ndarray = np.log(distances.mean(axis=1) + _TINY)
    return made


def _robust(Z: np.ndarray, look: np.ndarray) -> Detector:
    """A Gaussian of the half of the rows that it finds most usual, from a first look at how far out each is."""
    for _ in range(3):
        core = np.argsort(look, kind="stable")[:max(2, len(Z) // 2)]
        shape = catalog.make("gaussian").fit(Z[core] if len(core) > 1 else np.repeat(Z, 2, axis=0))
        look = shape.anomaly_score(Z)
    return shape


def _soft(z: np.ndarray) -> np.ndarray:
    """Standard scores from -3 up, beyond 6 by their logarithm: no learner may outshout the rest."""
    return np.where(z > 6, 6 + np.log1p(np.maximum(z - 6, 0)), np.maximum(z, -3))
