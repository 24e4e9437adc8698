"""See :class:`Characters`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from tocsin.core.least import at_least
from tocsin.core.seed import generator
from tocsin.core.tags import Tags
from tocsin.memory import ngram
from tocsin.memory.text_detector import Signals, TextDetector

_LONGEST = 7  # characters of the runs that are tried
_SIGNS = 4_000_000  # characters that are learned from at most
_WORST = 10  # characters


class Characters(TextDetector):
    """How surprising a text is, character by character, after the training texts: counts of runs of up to seven characters.

    Two signals: the mean surprise, in units of what is usual for a text of its length, tells unfamiliar words and spelling;
    the mean of the ten worst characters tells a few strange signs in an ordinary text. A training text is judged by the counts
    without its own. ``order`` is the longest run's length; None takes the one that foretells the training texts best, so judged.

    Works for any language and for very short texts, from a few hundred on. Copies of an anomaly among the training texts hide its like:
    ``trim`` leaves out the oddest share of them. Of more than four million characters a sample of the texts is learned from.
    Raises ConfigError TOC-202, DataError TOC-168 when all texts are empty.
    Source: interpolated counts of Witten and Bell (1991).

    >>> texts = ["the cat sat on the mat", "the dog sat on the rug", "a cat and a dog sat"] * 10
    >>> usual, odd = Characters().fit(texts).anomaly_score(["the dog sat on the mat", "zx9 qqj vv#k w0"])
    >>> bool(odd > usual + 3)
    True
    """

    tags = Tags(modality="texts", min_rows=4, gives_map=True, gives_reasons=True, judges_own=True, own_held_out=True)
    rows = 2  # nothing is remembered as a whole

    def __init__(self, order: int | None = None, trim: float = 0.1, seed: int = 0) -> None:
        self.order, self.trim, self.seed = order, trim, seed

    @classmethod
    def small(cls) -> Self:
        return cls()

    def _check(self) -> None:
        super()._check()
        at_least(self, order=1)

    def _prepare(self, texts: Sequence[str]) -> np.ndarray:
        made = np.empty(len(texts), dtype=object)
        made[:] = list(texts)
        return made

    def _learn(self, made: np.ndarray, at: np.ndarray) -> None:
        order = generator(self.seed, "characters").permutation(len(at))
        sizes = np.cumsum([len(made[at[i]]) for i in order])
        some = at[np.sort(order[:max(1, int((sizes <= _SIGNS).sum()))])]
        texts = made[some].tolist()
        self._counts = ngram.Characters.learn(texts, self.order or _LONGEST)
        if self.order is None:
            self._counts = self._counts.cut(self._counts.best_order(texts))
        self.read_ = some
        mean, size = _means(self._counts.surprise(texts, own=True))
        line = np.linalg.lstsq(_line(size), mean, rcond=None)[0]
        rest = (mean - _line(size) @ line) ** 2
        spread = np.linalg.lstsq(np.column_stack([np.ones(len(size)), 1 / size]), rest, rcond=None)[0]
        self.usual_ = {"line": line, "spread": spread, "least": 0.05 * float(rest.mean()) + 1e-6}

    def _signals(self, made: np.ndarray, own: np.ndarray | None) -> Signals:
        mine = np.isin(own, self.read_) if own is not None else np.zeros(len(made), bool)
        mean, size, worst = np.empty(len(made)), np.empty(len(made)), np.empty(len(made))
        for which in (True, False):
            part = np.flatnonzero(mine == which)
            if len(part):
                surprise = self._counts.surprise(made[part].tolist(), own=which)
                mean[part], size[part] = _means(surprise)
                worst[part] = [np.sort(each)[-_WORST:].mean() if len(each) else 0.0 for each in surprise]
        usual = self.usual_
        spread = np.sqrt(np.maximum(usual["spread"][0] + usual["spread"][1] / size, usual["least"]))
        return {"characters": (mean - _line(size) @ np.asarray(usual["line"])) / spread, "worst characters": worst}

    def _where(self, text: str) -> np.ndarray:
        return self._counts.surprise([text])[0]

    def _learned(self) -> dict[str, Any]:
        made = super()._learned()
        return {**made, "counts_": self._counts.state()} if made else made

    def _rebuild(self) -> None:
        self._counts = ngram.Characters.from_state(self.__dict__.pop("counts_"))

    def _forget(self) -> None:
        super()._forget()
        self.__dict__.pop("_counts", None)


def _means(surprise: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(n,) mean of each text, (n,) its length, 1 at least."""
    size = np.array([max(len(each), 1) for each in surprise], dtype=np.float64)
    return np.array([each.sum() for each in surprise]) / size, size


def _line(size: np.ndarray) -> np.ndarray:
    """(n, 2): short texts are more surprising, about by the logarithm of their length."""
    return np.column_stack([np.ones(len(size)), np.log(size)])
