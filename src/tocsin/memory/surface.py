"""The form of a text as a few numbers: how long it is, how it is written, what kinds of signs it is made of.

No word, pattern or language is looked for. Of each kind of sign (capitals, digits, punctuation) three things are told: its share of the
text, how many there are, and the longest run of them.

Letters: n texts, m training texts, f features, q knots.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np

from tocsin.memory.neighbours import Bank

FEATURES: dict[str, tuple[str, str]] = {
    "length": ("long", "short"), "words": ("many words", "few words"), "mean word": ("long words", "short words"),
    "longest word": ("a very long word", "no long word"), "distinct words": ("no word twice", "the same words again and again"),
    "words in capitals": ("words in capitals", "no words in capitals"),
    "capitals, share": ("mostly capitals", "few capitals"), "capitals, count": ("many capitals", "few capitals"),
    "capitals, run": ("capitals in a row", "no capitals in a row"),
    "digits, share": ("a large share of digits", "few digits"), "digits, count": ("many digits", "few digits"),
    "digits, run": ("a long number", "no long number"),
    "punctuation, share": ("a large share of punctuation", "little punctuation"),
    "punctuation, count": ("much punctuation", "little punctuation"),
    "punctuation, run": ("punctuation in a row", "no punctuation in a row"),
    "spaces, share": ("much space", "little space"), "spaces, run": ("wide gaps", "no gaps"),
    "exclamation marks": ("many exclamation marks", "no exclamation marks"), "question marks": ("many question marks", "no question marks"),
    "full stops": ("many full stops", "no full stops"), "not ASCII": ("many signs beyond ASCII", "no signs beyond ASCII")}
"""What :func:`surface` measures, in the order of its columns: what much of it and what little of it is called."""

_KINDS = ("capitals", "digits", "letters", "spaces", "punctuation")
_SIGNS = {"exclamation marks": "!", "question marks": "?", "full stops": "."}
_MOST = 100_000  # characters of a text that are looked at
_LEAST = 0.02  # spread of a feature at least: one that never varied must not make a text certain
_KNOTS, _TOP = 512, 256
_K = 5  # nearest training texts


def surface(texts: Sequence[str]) -> np.ndarray:
    """(n, f) float64. Lengths, counts and runs by their logarithm, the rest as shares of the text's characters or words.

    >>> row = dict(zip(FEATURES, surface(["WIN 2 cars!!"])[0].round(2).tolist()))
    >>> row["capitals, share"], row["exclamation marks"], row["words in capitals"]
    (0.25, 1.1, 0.33)
    """
    return np.array([_row(text[:_MOST]) for text in texts], dtype=np.float64).reshape(len(texts), len(FEATURES))


def _row(text: str) -> list[float]:
    words = text.split()
    many, length = max(len(words), 1), max(len(text), 1)
    sizes = [len(word) for word in words] or [0]
    count, run = [0] * len(_KINDS), [0] * len(_KINDS)
    for kind, signs in groupby(text, kind_of):
        size = sum(1 for _ in signs)
        count[kind] += size
        run[kind] = max(run[kind], size)
    row = {"length": np.log1p(len(text)), "words": np.log1p(len(words)),
           "mean word": sum(sizes) / many, "longest word": np.log1p(max(sizes)),
           "distinct words": len({word.lower() for word in words}) / many,
           "words in capitals": sum(len(word) > 1 and word.isupper() for word in words) / many,
           "not ASCII": sum(sign > "\x7f" for sign in text) / length}
    for kind, name in enumerate(_KINDS):
        row |= {f"{name}, share": count[kind] / length, f"{name}, count": np.log1p(count[kind]), f"{name}, run": np.log1p(run[kind])}
    row |= {name: np.log1p(text.count(sign)) for name, sign in _SIGNS.items()}
    return [float(row[name]) for name in FEATURES]


def kind_of(sign: str) -> int:
    """Position in ("capitals", "digits", "letters", "spaces", "punctuation")."""
    return 0 if sign.isupper() else 1 if sign.isdigit() else 2 if sign.isalpha() else 3 if sign.isspace() else 4


def shows(name: str, text: str) -> np.ndarray:
    """(characters,) which of them the feature ``name`` is made of; all of them for a feature of the whole text."""
    signs: np.ndarray = np.array(list(text))
    kind = name.partition(",")[0]
    if name in _SIGNS:
        return signs == _SIGNS[name]
    if kind in _KINDS:
        kinds = np.array([kind_of(sign) for sign in text])
        return kinds == _KINDS.index(kind)
    if name == "not ASCII":
        return signs > "\x7f"
    return np.ones(len(text), dtype=bool)


class Form:
    """What is usual for each feature and for all together.

    A feature speaks in the direction of its longer tail among the training texts: shares and counts are bounded on the other side, where
    normal texts pile up and nothing stands out (after Li et al., 2022, "ECOD"). ``tails`` (n, f) are minus the logarithms of the share of
    training texts at least so far out, and beyond the last one as much more as it lies further in units of the usual excess.
    ``distance`` (n,) is that to the nearest training texts, features standardised: what is odd only together.
    """

    def __init__(self, side: np.ndarray, knots: np.ndarray, heights: np.ndarray, excess: np.ndarray, mean: np.ndarray,
                 spread: np.ndarray, rows: np.ndarray) -> None:
        self.side, self.knots, self.heights, self.excess = side, knots, heights, excess  # (f,), (q, f), (q,), (f,)
        self.mean, self.spread, self.rows = mean, spread, rows  # (f,), (f,), (m, f)
        self._bank = Bank(rows)

    @classmethod
    def learn(cls, A: np.ndarray, remembered: np.ndarray) -> Form:
        """From features ``A`` (n, f); the rows ``remembered`` are kept for the nearest."""
        n, mean = len(A), A.mean(axis=0)
        centred = A - mean
        side = np.where((centred**3).sum(axis=0) < 0, -1.0, 1.0)
        ranked = np.sort(A * side, axis=0)
        top = max(n // 20, min(20, n // 2), 1)
        excess = (ranked[-top:] - ranked[-min(top + 1, n)]).mean(axis=0)
        at = np.unique(np.concatenate([np.linspace(0, n - 1, min(_KNOTS, n)).astype(int), np.arange(max(0, n - _TOP), n)]))
        spread = np.maximum(A.std(axis=0), _LEAST)
        return cls(side, ranked[at], np.maximum(-np.log((n - at + 0.5) / (n + 1)), 0.0), np.maximum(excess, _LEAST), mean, spread,
                   (centred / spread)[remembered])

    def state(self) -> dict[str, np.ndarray]:
        """What was learned."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Form:
        """The inverse of :meth:`state`."""
        return cls(**{name: np.asarray(value) for name, value in state.items()})

    def tails(self, A: np.ndarray) -> np.ndarray:
        """(n, f) >= 0."""
        B, top = A * self.side, self.knots[-1]
        heights = np.append(self.heights, -np.log(0.5) + self.heights[-1])
        made = np.stack([heights[np.searchsorted(self.knots[:, j], B[:, j], side="left")] for j in range(B.shape[1])], axis=1)
        return made + np.maximum(B - top, 0.0) / self.excess

    def distance(self, A: np.ndarray, own: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """(n,) mean distance to the nearest remembered texts, and which these are (n, k). ``own`` (n,): each row's place among them,
        which is left out; -1 for a row that is not remembered."""
        Z = (A - self.mean) / self.spread
        return nearest_without(self._bank, Z, _K, own)


def nearest_without(bank: Bank, Z: np.ndarray, k: int, own: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """(n,) mean distance of ``Z`` (n, d) to its nearest ``k`` rows of the bank, and their numbers (n, k), nearest first.

    ``own`` (n,): the number of each row among those of the bank, itself left out; -1 for one that is not there.
    """
    if own is None:
        squared, index = bank.nearest(Z, k)
        return np.sqrt(squared).mean(axis=1), index
    squared, index = bank.nearest(Z, min(k + 1, len(bank.reference)))
    mine = index == own[:, None]
    # Among copies of itself a row's own number may not be found: then the last one goes, which is as near.
    mine[~mine.any(axis=1) & (own >= 0), -1] = True
    mine[own < 0, -1] = True
    order = np.argsort(mine, axis=1, kind="stable")[:, :max(index.shape[1] - 1, 1)]
    return np.sqrt(np.take_along_axis(squared, order, 1)).mean(axis=1), np.take_along_axis(index, order, 1)
