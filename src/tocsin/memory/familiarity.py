"""How familiar the wording of a line is: the density of the lines known, by kernels on TF-IDF of words and pairs of neighbouring words.

Letters: M known wordings, P wordings asked for, V words and pairs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_array

WIDTH = 0.15  # of the kernel, in cosine distance: a line half as like counts 1/28
_BLOCK = 1 << 22  # similarities held at once


class Familiarity:
    """Wordings (M sequences of words) that stand for ``counts`` (M,) lines.

    A wording's density is the sum over all known lines of exp(-(1 - cosine) / WIDTH): how many lines there are as good as equal to it.
    Lines that share the usual words stay near, and a wording of new words is far from all.
    Source: TF-IDF, Spärck Jones (1972); kernel density, Parzen (1962).

    >>> known = Familiarity([("disk", "ok"), ("user", "left")], np.array([90, 10]))
    >>> known.density([("disk", "ok"), ("user", "left"), ("fan", "lost")]).round(1).tolist()
    [90.0, 10.1, 0.1]
    """

    def __init__(self, wordings: Sequence[Sequence[str]], counts: np.ndarray) -> None:
        self.counts = np.asarray(counts, dtype=np.float64)
        self.column: dict[str, int] = {}
        held: Counter[str] = Counter()
        for words in wordings:
            held.update(set(_parts(words)))
        for part in held:
            self.column[part] = len(self.column)
        # The root of the usual weight, so that a shared part counts by its rarity once, not squared: a single rare word shall not decide.
        self.weight = np.sqrt(np.log((1 + len(wordings)) / (0.5 + np.array(list(held.values()), dtype=np.float64))))
        self.new = math.sqrt(math.log((1 + len(wordings)) / 0.5))  # the weight of a part that no wording holds
        self.known = self._rows(wordings)

    def density(self, wordings: Sequence[Sequence[str]]) -> np.ndarray:
        """(P,) how many known lines are as good as equal."""
        made = [np.exp((block - 1) / WIDTH) @ self.counts for block in self._likeness(wordings)]
        return np.concatenate(made) if made else np.zeros(0)

    def nearest(self, wordings: Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
        """((P,) the most alike known wording, (P,) cosine); -1 and 0 where nothing is known."""
        if not len(self.counts):
            return np.full(len(wordings), -1), np.zeros(len(wordings))
        found = [(block.argmax(axis=1), block.max(axis=1)) for block in self._likeness(wordings)]
        return np.concatenate([index for index, _ in found]), np.concatenate([cosine for _, cosine in found])

    def _likeness(self, wordings: Sequence[Sequence[str]]) -> Iterator[np.ndarray]:
        """Blocks of cosines (b, M)."""
        step = max(1, _BLOCK // max(1, len(self.counts)))
        for start in range(0, len(wordings), step):
            yield np.asarray((self._rows(wordings[start:start + step]) @ self.known.T).todense())

    def _rows(self, wordings: Sequence[Sequence[str]]) -> csr_array:
        """(P, V) of length 1; parts that are not known count in the length alone."""
        values: list[float] = []
        columns: list[int] = []
        ends = [0]
        for words in wordings:
            total, start = 0.0, len(values)
            for part, times in Counter(_parts(words)).items():
                column = self.column.get(part)
                value = (1 + math.log(times)) * (self.new if column is None else float(self.weight[column]))
                total += value * value
                if column is not None:
                    values.append(value)
                    columns.append(column)
            length = math.sqrt(total) or 1.0
            values[start:] = [value / length for value in values[start:]]
            ends.append(len(values))
        return csr_array((np.array(values), np.array(columns, dtype=np.int64), np.array(ends)), shape=(len(wordings), len(self.column)))


def _parts(words: Sequence[str]) -> list[str]:
    """Words and pairs of neighbours; an empty line has one part of its own."""
    return [*words, *(f"{a} {b}" for a, b in pairwise(words))] or [""]
