"""See :class:`Guided`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from tocsin.core import catalog
from tocsin.core.errors import DataError
from tocsin.core.seed import generator
from tocsin.core.state import build
from tocsin.core.tags import Tags
from tocsin.decision.evidence import evidence, learn
from tocsin.decision.logistic import Logistic, logistic
from tocsin.deep.language.sentences import sentences
from tocsin.memory.surface import surface
from tocsin.memory.text_detector import Signals, TextDetector, joined, part_of

_FOLDS = 5
_WORTH = 5.0  # labels that count as much as the unlabelled evidence
_STRENGTH = 0.01  # of the rows against the ridge: hundreds of columns, a handful of labels


class Guided(TextDetector):
    """What some labelled anomalies teach, beside what is unlike the normal texts: a regression on meaning and form, with the fusion.

    The sentence vectors (``texts.embedding``) and the features of form (``texts.surface``) of the labelled anomalies are set against
    those of all other texts by logistic regression; the log-odds become evidence. It is added to that of ``texts.fusion``, which learns
    from the other texts, in the share n / (n + 5) for n labelled anomalies: kinds that were never labelled are still found.

    Works from five labelled anomalies on; on meaning, where no unlabelled detector can know which difference matters, a handful is
    worth more than any fusion. Labels are 1 for a known anomaly, 0 for everything else. Needs the sentence encoder's weights.

    ``weights``, ``trim``, ``rows``: see ``texts.fusion``. Raises DataError TOC-185 without a labelled anomaly, TOC-186 with nothing else,
    TOC-168; ConfigError TOC-202, TOC-218; MissingExtra TOC-501.

    >>> normal = [f"the {pet} sat on the {place}" for pet in ("cat", "dog", "hen") for place in ("mat", "rug", "sofa", "step")] * 4
    >>> known = [f"the {pet} bit the {who}" for pet in ("cat", "dog", "hen") for who in ("child", "guest")]
    >>> model = Guided(weights="random").fit([*normal, *known], [0] * len(normal) + [1] * len(known))
    >>> usual, odd = model.anomaly_score(["the hen sat on the mat", "the dog bit the man"])
    >>> bool(odd > usual + 1)
    True
    """

    tags = Tags(modality="texts", min_rows=4, gives_map=True, gives_reasons=True, supervised=True, judges_own=True, own_held_out=True,
                extra="text")

    def __init__(self, weights: str | None = None, trim: float = 0.1, rows: int = 10_000, seed: int = 0) -> None:
        self.weights, self.trim, self.rows, self.seed = weights, trim, rows, seed

    @classmethod
    def small(cls) -> Self:
        return cls(weights="random")

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        if y is None or not y.any():
            raise DataError("TOC-185", "there is no labelled anomaly to learn from",
                            came="no labels" if y is None else "labels that are all 0",
                            todo="pass y with 1 for each known anomaly, or take a detector that needs none: 'texts.fusion'")
        if y.all():
            raise DataError("TOC-186", "all training texts are labelled as anomalies", came=f"{len(y)} labels of 1",
                            todo="pass the other texts, too, labelled 0")
        sentences(self.weights)  # without weights this is said before anything else is done
        self._fusion = self._new_fusion()
        self._fusion._check()
        prepared, normal = self._fusion._prepare(X.tolist()), y == 0
        self._fusion._learn_from(X[normal].tolist(), part_of(prepared, normal))
        unlike = joined(normal, self._fusion._own(X[normal], groups[normal]), self._unlike(part_of(prepared, ~normal)))
        made = _columns(prepared, X.tolist())
        self.model_ = vars(logistic(made, y == 1, _STRENGTH))
        odds = self._crossfitted(made, y == 1)
        raw = {"labelled": odds, "unlike": unlike}
        self.learned_ = {name: learn(values[y == 0]) for name, values in raw.items()}
        self.normal_ = np.flatnonzero(normal)
        self.share_ = float(y.sum() / (y.sum() + _WORTH))
        self._among = raw

    def _new_fusion(self) -> TextDetector:
        made = catalog.make("texts.fusion", embedding=True, weights=self.weights, trim=self.trim, rows=self.rows, seed=self.seed)
        assert isinstance(made, TextDetector)
        return made

    def _unlike(self, prepared: Any) -> np.ndarray:
        """(n,) the fusion's scores."""
        return self._fusion._fused(self._fusion._evidence(self._fusion._signals(prepared, None)))

    def _crossfitted(self, made: np.ndarray, odd: np.ndarray) -> np.ndarray:
        """(n,) log-odds, each row's by a regression without it; of a single labelled anomaly, its own by the one with it."""
        whole = Logistic(**self.model_).log_odds(made)
        fold = np.empty(len(made), np.int64)
        for kind in (False, True):
            at = np.flatnonzero(odd == kind)
            fold[generator(self.seed, "guided", int(kind)).permutation(at)] = np.arange(len(at)) % _FOLDS
        for part in range(_FOLDS):
            rest = fold != part
            if odd[rest].any() and not odd[rest].all() and not rest.all():
                whole[~rest] = logistic(made[rest], odd[rest], _STRENGTH).log_odds(made[~rest])
        return whole

    def _prepare(self, texts: Sequence[str]) -> dict[str, Any]:
        prepared = self._fusion._prepare(texts)
        return {**prepared, "columns": _columns(prepared, texts)}

    def _learn(self, made: Any, at: np.ndarray) -> None:
        """All is learned in ``_fit``, which knows the labels."""

    def _signals(self, made: dict[str, Any], own: np.ndarray | None) -> Signals:
        return {"labelled": Logistic(**self.model_).log_odds(made["columns"]), "unlike": self._unlike(made)}

    def _evidence(self, raw: Signals) -> Signals:
        return {name: evidence(raw[name], learned) for name, learned in self.learned_.items()}

    def _weighed(self, name: str, seen: np.ndarray) -> np.ndarray:
        return 2 * seen * (self.share_ if name == "labelled" else 1 - self.share_)

    def _where(self, text: str) -> np.ndarray:
        return self._fusion._where(text)

    def _nearest(self, made: dict[str, Any]) -> np.ndarray | None:
        near = self._fusion._nearest(made)
        return None if near is None else np.asarray(self.normal_)[near]

    def _told(self, text: str, named: Sequence[str]) -> str:
        return self._fusion._told(text, named)

    def _learned(self) -> dict[str, Any]:
        made = super()._learned()
        return {**made, "fusion_": self._fusion.state()} if made else made

    def _rebuild(self) -> None:
        self._fusion = build(catalog.load("texts.fusion"), self.__dict__.pop("fusion_"))
        self.model_ = {name: float(value) if name == "base" else np.asarray(value) for name, value in self.model_.items()}

    def _forget(self) -> None:
        super()._forget()
        self.__dict__.pop("_fusion", None)


def _columns(prepared: dict[str, Any], texts: Sequence[str]) -> np.ndarray:
    """(n, e + f) sentence vectors beside the features of form."""
    return np.column_stack([prepared["embedding"], surface(texts)])
