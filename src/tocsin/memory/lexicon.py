"""Texts as weighted counts of their words or of the runs of characters inside words (TF-IDF), and how alike two texts then are.

A run that few training texts hold weighs most (Spärck Jones, 1972). One that none holds weighs more still: it lengthens the text's vector
without meeting any other text's, so that a text of unknown words is near to nothing. (Left out, as is usual, it would leave such a text
near to whatever shares its few known words.) The vocabulary is a sorted array of 64-bit sums; nothing is kept as text.

Letters: n texts, m remembered texts, v entries of the vocabulary, g entries of all texts together.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import csr_array

_WORD = re.compile(r"\w+|[^\w\s]")
_STEP = np.uint64(0x9E3779B97F4A7C15)
_RUNS = (2, 3, 4)  # characters
_BLOCK = 256  # texts compared at once with all remembered ones


def words(text: str) -> list[tuple[int, int]]:
    """(start, end) of each word and of each other sign that is no space.

    >>> words("it's 5!")
    [(0, 2), (2, 3), (3, 4), (5, 6), (6, 7)]
    """
    return [found.span() for found in _WORD.finditer(text)]


def word_entries(text: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(g,) sums of the words in lower case, and where each starts and ends."""
    spans = words(text)
    folded = [text[start:end].lower().encode("utf-8", "surrogatepass") for start, end in spans]
    sums = np.array([zlib.crc32(word) | len(word) << 32 for word in folded], dtype=np.uint64)
    places = np.array(spans, dtype=np.int64).reshape(-1, 2)
    return sums, places[:, 0], places[:, 1]


def run_entries(text: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(g,) sums of the runs of 2 to 4 characters inside a word, the spaces around it included, and where each starts and ends."""
    codes = np.frombuffer(f" {text} ".encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    space = np.fromiter((sign.isspace() for sign in f" {text} "), bool, len(codes))
    codes[space] = 32
    before = np.concatenate([[0], np.cumsum(space)])  # spaces before each sign
    total, sums, starts, ends = codes + np.uint64(1), [], [], []
    for length in range(2, _RUNS[-1] + 1):
        if len(codes) < length:
            break
        total = total[:len(codes) - length + 1] * _STEP + codes[length - 1:] + np.uint64(1)
        at = np.arange(len(total))
        inside = before[at + length - 1] - before[at + 1]  # spaces between the first and the last sign
        kept = at[(inside == 0) & ~(space[at] & space[at + length - 1])]
        sums.append(total[kept] * _STEP + np.uint64(length))
        starts.append(kept - 1)
        ends.append(kept + length - 1)
    if not sums:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros(0, np.int64)
    return np.concatenate(sums), np.maximum(np.concatenate(starts), 0), np.minimum(np.concatenate(ends), len(text))


@dataclass(frozen=True)
class Counts:
    """The distinct entries of each of n texts: whose (g,), which (g,), how often (g,)."""

    owner: np.ndarray
    entry: np.ndarray
    count: np.ndarray
    n: int

    @classmethod
    def of(cls, entries: Sequence[np.ndarray]) -> Counts:
        """From the entries of each text, distinct and how often: (n,) arrays (2, ·) of uint64."""
        sizes = [each.shape[1] for each in entries]
        whole = np.concatenate([*entries, np.zeros((2, 0), np.uint64)], axis=1)
        return cls(np.repeat(np.arange(len(entries)), sizes), whole[0], whole[1].astype(np.int64), len(entries))


def distinct(entries: np.ndarray) -> np.ndarray:
    """(2, ·) uint64: distinct entries, and how often each occurs."""
    found, count = np.unique(entries, return_counts=True)
    return np.stack([found, count.astype(np.uint64)])


class Lexicon:
    """A vocabulary with weights, and remembered texts."""

    def __init__(self, vocabulary: np.ndarray, held: np.ndarray, texts: int, starts: np.ndarray, columns: np.ndarray,
                 values: np.ndarray) -> None:
        self.vocabulary, self.held, self.texts = vocabulary, held, texts  # (v,), (v,) training texts that hold an entry
        self.starts, self.columns, self.values = starts, columns, values  # the remembered texts, as a sparse matrix (m, v)

    @classmethod
    def learn(cls, counts: Counts, remembered: np.ndarray) -> Lexicon:
        """From the entries of the training texts; those numbered ``remembered`` are kept."""
        vocabulary, at, held = np.unique(counts.entry, return_inverse=True, return_counts=True)
        made = cls(vocabulary, held.astype(np.int32), counts.n, np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))
        rows = csr_array(made._rows(counts, at, made._weight(held[at]))[remembered])
        return cls(vocabulary, made.held, counts.n, rows.indptr.astype(np.int64), rows.indices.astype(np.int32),
                   rows.data.astype(np.float32))

    def state(self) -> dict[str, Any]:
        """What was learned."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Lexicon:
        """The inverse of :meth:`state`."""
        arrays: dict[str, Any] = {name: np.asarray(value) for name, value in state.items() if name != "texts"}
        return cls(texts=int(state["texts"]), **arrays)

    def near(self, counts: Counts, k: int, own: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(n,) 1 − mean cosine to the nearest ``k`` remembered texts, which these are (n, k), and (n,) entries that no training text holds.

        ``own`` (n,): these are training texts. They are judged without themselves: entries that only they hold count as unknown, and the
        place of each among the remembered ones is left out; -1 for one that is not remembered.
        """
        at, known, held = self._known(counts)
        if own is not None:
            held, known = held - known, known & (held > 1)
        rows = self._rows(counts, np.where(known, at, -1), self._weight(held))
        unknown = np.bincount(counts.owner, weights=counts.count * ~known, minlength=counts.n)
        k = min(k, self._remembered.shape[1] - (own is not None))
        far, index = np.empty(counts.n), np.empty((counts.n, max(k, 1)), np.int64)
        for start in range(0, counts.n, _BLOCK):
            part = slice(start, min(start + _BLOCK, counts.n))
            alike = (rows[part] @ self._remembered).toarray()  # (b, m)
            if own is not None:
                mine = np.flatnonzero(own[part] >= 0)
                alike[mine, own[part][mine]] = -1.0
            near = np.argpartition(-alike, max(k, 1) - 1, axis=1)[:, :max(k, 1)]
            value = np.take_along_axis(alike, near, 1)
            order = np.lexsort((near, -value), axis=1)
            index[part], far[part] = np.take_along_axis(near, order, 1), 1 - np.sort(value, axis=1).mean(axis=1)
        return far, index, unknown

    def strange(self, entries: np.ndarray, nearest: int) -> np.ndarray:
        """(g,) what each of a text's ``entries`` (g,), as they stand, adds to its distance from the remembered text ``nearest``."""
        counts = Counts.of([distinct(entries)])
        at, known, held = self._known(counts)
        value = (1 + np.log(counts.count)) * self._weight(held)
        value = value / max(float(np.sqrt((value**2).sum())), 1e-12)
        other = np.zeros(len(self.vocabulary))
        part = slice(int(self.starts[nearest]), int(self.starts[nearest + 1]))
        other[self.columns[part]] = self.values[part]
        met = np.where(known, other[at] if len(other) else 0.0, 0.0)
        share = np.maximum(value * (value - met), 0.0) / counts.count
        return np.asarray(share[np.searchsorted(counts.entry, entries)])

    def _known(self, counts: Counts) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(g,) places in the vocabulary, whether they are there, and in how many training texts."""
        if not len(self.vocabulary):
            return np.zeros(len(counts.entry), np.int64), np.zeros(len(counts.entry), bool), np.zeros(len(counts.entry), np.int64)
        at = np.minimum(np.searchsorted(self.vocabulary, counts.entry), len(self.vocabulary) - 1)
        known = self.vocabulary[at] == counts.entry
        return at, known, np.where(known, self.held[at], 0).astype(np.int64)

    def _weight(self, held: np.ndarray) -> np.ndarray:
        """(g,) of entries that so many training texts hold."""
        return np.asarray(np.log((1 + self.texts) / (1 + held)) + 1)

    def _rows(self, counts: Counts, at: np.ndarray, weight: np.ndarray) -> csr_array:
        """(n, v) rows of length 1 at most: entries at -1 count in the length and stand nowhere."""
        value = (1 + np.log(counts.count)) * weight
        length = np.sqrt(np.bincount(counts.owner, weights=value**2, minlength=counts.n))
        value = value / np.maximum(length, 1e-12)[counts.owner]
        there = at >= 0
        return csr_array((value[there], (counts.owner[there], at[there])), shape=(counts.n, max(len(self.vocabulary), 1)))

    @cached_property
    def _remembered(self) -> csr_array:
        """(v, m)."""
        m = len(self.starts) - 1
        rows = csr_array((self.values.astype(np.float64), self.columns, self.starts), shape=(m, max(len(self.vocabulary), 1)))
        return csr_array(rows.T)
