"""See :class:`Words`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from tocsin.core.least import at_least
from tocsin.core.tags import Tags
from tocsin.memory.lexicon import Counts, Lexicon, distinct, run_entries, word_entries
from tocsin.memory.text_detector import NEAR, Signals, TextDetector

_MOST = 100_000  # characters of a text that are looked at


class Words(TextDetector):
    """How far a text is from the nearest training texts in its words and in the pieces of its words.

    Words, and runs of two to four characters inside words, are counted and weighed by how few training texts hold them (TF-IDF). Three
    signals: one minus the mean cosine to the nearest ``k`` training texts, by words and by runs, and the number of runs that no training
    text holds. What no training text holds counts in a text's length: a text of unknown words is far from everything.

    Works for topics, names and spelling that normal texts do not have, from a few hundred texts on, in any language that writes words
    apart (the runs work in others, too). Blind to order: "dog bites man". Copies of an anomaly among the training texts hide its like:
    ``trim`` leaves out the oddest share. Of more than ``rows`` training texts a sample is remembered.
    Raises ConfigError TOC-202, DataError TOC-168 when all texts are empty.
    Source: weights of Spärck Jones (1972); distance to neighbours, Ramaswamy et al. (2000).

    >>> texts = ["the cat sat on the mat", "the dog sat on the rug", "a cat and a dog sat"] * 10
    >>> usual, odd = Words().fit(texts).anomaly_score(["the dog sat on the mat", "quarterly revenue exceeded guidance"])
    >>> bool(odd > usual + 3)
    True
    """

    tags = Tags(modality="texts", min_rows=4, gives_map=True, gives_reasons=True, judges_own=True, own_held_out=True)

    def __init__(self, k: int = 5, trim: float = 0.1, rows: int = 10_000, seed: int = 0) -> None:
        self.k, self.trim, self.rows, self.seed = k, trim, rows, seed

    @classmethod
    def small(cls) -> Self:
        return cls()

    def _check(self) -> None:
        super()._check()
        at_least(self, k=1)

    def _prepare(self, texts: Sequence[str]) -> np.ndarray:
        """(n, 2) objects: the distinct runs and the distinct words of each text."""
        made = np.empty((len(texts), 2), dtype=object)
        for i, text in enumerate(texts):
            made[i, 0], made[i, 1] = distinct(run_entries(text[:_MOST])[0]), distinct(word_entries(text[:_MOST])[0])
        return made

    def _learn(self, made: np.ndarray, at: np.ndarray) -> None:
        chosen = self._remember(at)
        self._runs, self._words = (Lexicon.learn(Counts.of(made[at, j].tolist()), chosen) for j in (0, 1))

    def _signals(self, made: np.ndarray, own: np.ndarray | None) -> Signals:
        places = self._own_places(own)
        pieces, _, unknown = self._runs.near(Counts.of(made[:, 0].tolist()), self.k, places)
        whole, _, _ = self._words.near(Counts.of(made[:, 1].tolist()), self.k, places)
        return {"pieces of words": pieces, "words": whole, "unknown pieces": np.log1p(unknown)}

    def _where(self, text: str) -> np.ndarray:
        made = np.full(len(text), 1e-9)
        for lexicon, take in ((self._runs, run_entries), (self._words, word_entries)):
            entries, starts, ends = take(text[:_MOST])
            if not len(entries):
                continue
            near = lexicon.near(Counts.of([distinct(entries)]), 1)[1][0, 0]
            share = lexicon.strange(entries, int(near)) / np.maximum(ends - starts, 1)
            steps = np.bincount(starts, share, len(text) + 1) - np.bincount(ends, share, len(text) + 1)
            made += np.maximum(np.cumsum(steps)[:-1], 0.0)
        return made

    def _nearest(self, made: np.ndarray) -> np.ndarray:
        return np.asarray(self.places_)[self._runs.near(Counts.of(made[:, 0].tolist()), NEAR)[1]]

    def _learned(self) -> dict[str, Any]:
        made = super()._learned()
        return {**made, "runs_": self._runs.state(), "words_": self._words.state()} if made else made

    def _rebuild(self) -> None:
        self._runs, self._words = (Lexicon.from_state(self.__dict__.pop(name)) for name in ("runs_", "words_"))

    def _forget(self) -> None:
        super()._forget()
        for name in ("_runs", "_words"):
            self.__dict__.pop(name, None)
