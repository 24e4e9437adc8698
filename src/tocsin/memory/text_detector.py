"""What detectors of texts share: signals weighed as evidence, training texts judged without themselves, reasons in words.

An author states signals: numbers that are the higher the odder a text is. What a normal text's signal is like is learned from the training
texts, each judged as if it had not been learned from; a signal then becomes evidence (``decision.evidence``) and evidence adds up.

Letters: n texts, m remembered texts.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from tocsin.core.detector import Detector
from tocsin.core.errors import ArtifactError, ConfigError, DataError
from tocsin.core.least import at_least
from tocsin.core.seed import some
from tocsin.core.types import Part, Reason
from tocsin.decision.evidence import evidence, learn
from tocsin.memory.lexicon import words
from tocsin.memory.surface import Form, surface

NEAR = 3  # nearest training texts that a reason names
_WORDS = 3  # words that a reason names
_TELLING = 0.05  # share of the score that a word carries at least to be named
_LONG = 40  # characters of a word in a sentence
_FEW = 40  # training texts from which on some may be left out

Signals = dict[str, np.ndarray]


class TextDetector(Detector):
    """Abstract. A subclass's constructor stores ``trim``, ``rows`` and ``seed``; authors write

        _prepare(texts) → array (n, ...)        what is taken of each text, whatever was learned
        _learn(made, at)                        from the prepared training texts ``made`` (n, ...), those numbered ``at`` only
        _signals(made, own) → name → (n,)       ``own`` (n,): these are training texts of these numbers, to be judged without themselves
        _where(text) → (characters,)            how much each character adds, >= 0
        _nearest(made) → (n, k)                 numbers of the nearest training texts, or None
        _told(text, named) → str                the sentence of a reason, ``named`` being its telling words
    """

    trim: float
    rows: int
    seed: int
    learned_: dict[str, Any]

    @abstractmethod
    def _prepare(self, texts: Sequence[str]) -> Any: ...

    @abstractmethod
    def _learn(self, made: Any, at: np.ndarray) -> None: ...

    @abstractmethod
    def _signals(self, made: Any, own: np.ndarray | None) -> Signals: ...

    @abstractmethod
    def _where(self, text: str) -> np.ndarray: ...

    def _nearest(self, made: Any) -> np.ndarray | None:
        return None

    def _told(self, text: str, named: Sequence[str]) -> str:
        return f"{_listed(named)} {'is' if len(named) == 1 else 'are'} unlike normal texts" if named else "unlike normal texts as a whole"

    def _shares(self, learned: Signals) -> list[tuple[tuple[str, float], ...]]:
        """What each signal's evidence is of the score, for each text."""
        names = list(learned)
        weight = np.stack([np.maximum(self._weighed(name, learned[name]), 0.0) for name in names], axis=1) + 1e-12
        weight /= weight.sum(axis=1, keepdims=True)
        return [tuple(zip(names, row)) for row in weight.tolist()]

    def _weighed(self, name: str, seen: np.ndarray) -> np.ndarray:
        """(n,) what the evidence (n,) of one signal adds to the score."""
        return seen

    # ---- the hooks -----------------------------------------------------------------------------------------------------

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        self._check()
        texts = X.tolist()
        self._learn_from(texts, self._prepare(texts))

    def _learn_from(self, texts: Sequence[str], made: Any) -> None:
        """All that is learned, from training texts and what was prepared of them."""
        if not any(text.strip() for text in texts):
            raise DataError("TOC-168", "there is nothing in the training texts", came=f"{len(texts)} texts of spaces alone or of nothing",
                            todo="pass texts with words")
        kept = self._kept(texts)
        at, out = np.flatnonzero(kept), np.flatnonzero(~kept)
        self._learn(made, at)
        raw = self._signals(part_of(made, at), at)
        if len(out):  # what was not learned from is judged as unseen texts are
            others = self._signals(part_of(made, out), None)
            raw = {name: joined(kept, values, others[name]) for name, values in raw.items()}
        self.learned_ = {name: learn(values) for name, values in raw.items()}
        self._among = raw

    def _check(self) -> None:
        at_least(self, rows=2)
        if not isinstance(self.trim, (int, float)) or not 0 <= self.trim <= 0.5:
            raise ConfigError("TOC-202", "trim is out of range", came=repr(self.trim), todo="give trim a number from 0 to 0.5")

    def _kept(self, texts: Sequence[str]) -> np.ndarray:
        """(n,) False for the share ``trim`` of the training texts that is oddest by form, which is not learned from.

        By form, whatever is learned afterwards: a text's form is judged by each feature's law alone, so the copies of an anomaly cannot
        vouch for one another, and whether a normal text is kept does not depend on there being others like it.
        """
        if self.trim == 0 or len(texts) < _FEW:
            return np.ones(len(texts), dtype=bool)
        features = surface(texts)
        odd = Form.learn(features, np.arange(1)).tails(features).sum(axis=1)
        return np.asarray(odd <= np.quantile(odd, 1 - self.trim))

    def _remember(self, at: np.ndarray) -> np.ndarray:
        """(m,) positions in ``at`` of the texts that are remembered; ``places_`` keeps their numbers among the training texts."""
        chosen = some(len(at), self.rows, self.seed, "texts")
        self.places_ = at[chosen]
        return chosen

    def _own_places(self, own: np.ndarray | None) -> np.ndarray | None:
        """(n,) where each training text numbered ``own`` stands among the remembered ones, -1 where it does not."""
        if own is None:
            return None
        places = np.asarray(self.places_)
        found = np.minimum(np.searchsorted(places, own), len(places) - 1)
        return np.where(places[found] == own, found, -1)

    def _evidence(self, raw: Signals) -> Signals:
        return {name: evidence(raw[name], learned) for name, learned in self.learned_.items()}

    def _fused(self, seen: Signals) -> np.ndarray:
        return np.asarray(np.sum([self._weighed(name, values) for name, values in seen.items()], axis=0) / len(seen))

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._fused(self._evidence(self._signals(self._prepare(X.tolist()), None)))

    def _own(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        made = self._fused(self._evidence(self._among))
        self._among = {}
        return made

    def _map(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        made = np.empty(len(X), dtype=object)
        for i, text in enumerate(X):
            made[i] = self._where(text)
        return made

    def _reasons(self, X: np.ndarray, groups: np.ndarray) -> Sequence[Reason]:
        made = self._prepare(X.tolist())
        near, shares = self._nearest(made), self._shares(self._evidence(self._signals(made, None)))
        reasons = []
        for i, text in enumerate(X):
            parts = telling(text, self._where(text))
            named = [shown(part.what) for part in parts if part.share >= _TELLING]
            reasons.append(Reason(self._told(text, named), parts, () if near is None else tuple(near[i].tolist()), shares[i]))
        return reasons

    def _forget(self) -> None:
        super()._forget()
        self.__dict__.pop("_among", None)

    def _load_learned(self, learned: dict[str, Any]) -> None:
        super()._load_learned(learned)
        if learned:
            try:
                self._rebuild()
            except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
                raise ArtifactError("TOC-410", f"the state of {type(self).__name__} is not of the expected form", came=str(error)[:200],
                                    todo="load a file that this version of tocsin wrote") from error

    def _rebuild(self) -> None:
        """Make from the learned names what was not written down as it is."""


def part_of(made: Any, at: np.ndarray) -> Any:
    """The prepared texts numbered ``at``."""
    return {name: each[at] for name, each in made.items()} if isinstance(made, dict) else made[at]


def joined(kept: np.ndarray, own: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(n,) ``own`` where ``kept``, ``others`` elsewhere."""
    made = np.empty(len(kept))
    made[kept], made[~kept] = own, others
    return made


def telling(text: str, where: np.ndarray) -> tuple[Part, ...]:
    """The words that carry most of ``where`` (characters,), the first at most three, the most important first."""
    total = float(where.sum())
    if total <= 0:
        return ()
    sums = np.concatenate([[0.0], np.cumsum(where)])
    found = [(float(sums[end] - sums[start]) / total, start, end) for start, end in _joined(text)]
    found.sort(key=lambda each: (-each[0], each[1]))
    return tuple(Part((start, end), text[start:end], min(share, 1.0)) for share, start, end in found[:_WORDS] if share > 0)


def _joined(text: str) -> list[tuple[int, int]]:
    """Words with the signs that touch them: `£900`, `T&C's`."""
    spans: list[tuple[int, int]] = []
    for start, end in words(text):
        if spans and spans[-1][1] == start:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return spans


def shown(word: str) -> str:
    """A word between back-ticks, cut where it is long.

    >>> shown("WINNER!")
    '`WINNER!`'
    """
    plain = "".join(sign if sign.isprintable() else " " for sign in word).replace("`", "'").strip(".,;:")
    return f"`{plain if len(plain) <= _LONG else plain[:_LONG - 3] + '...'}`"


def _listed(named: Sequence[str]) -> str:
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
