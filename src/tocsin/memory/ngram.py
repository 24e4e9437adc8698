"""How surprising each character of a text is after those before it: counts of runs of characters, longer runs falling back on shorter.

Witten-Bell interpolation (Witten and Bell, 1991): where the context h was followed N(h) times, by T(h) distinct characters,

    p(c | h) = (count(h c) + T(h) · p(c | h without its first character)) / (N(h) + T(h)),

down to the uniform law over the alphabet. A text that was learned from can be judged by the counts less its own, as if it were unseen.
Counts are kept as sorted arrays of 64-bit sums of the runs' characters, and all characters of many texts are judged at once.

Letters: n texts, t characters of all texts together, u distinct runs, v distinct contexts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

_START = 1  # stands before the first character of a text; characters follow by their code
_STEP, _TEXT = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)  # odd, so that no character is lost from a sum
_PART = 1 << 19  # characters judged at once


class Characters:
    """Counts of runs of up to ``order`` characters. Learn with :meth:`learn`, ask with :meth:`surprise`.

    >>> model = Characters.learn(["abababab"] * 20, order=3)
    >>> usual, odd = model.surprise(["abab", "abbb"])
    >>> bool(usual.max() < 1), bool(odd[2] > 3)
    (True, True)
    """

    def __init__(self, levels: Sequence[dict[str, np.ndarray]]) -> None:
        self.levels = levels  # by length of the run: runs (u,) and counts (u,); contexts (v,), seen (v,) and followers (v,)

    @classmethod
    def learn(cls, texts: Sequence[str], order: int = 5) -> Characters:
        """From ``texts`` (n,); memory and time grow with the number of characters."""
        hashes = [_hashes(*_flat(part, order)[:2], order) for part in _parts(texts)]
        levels = []
        for length in range(order):
            runs, first, counts = np.unique(np.concatenate([run[length] for run, _ in hashes]), return_index=True, return_counts=True)
            context = np.concatenate([each[length] for _, each in hashes])
            contexts, seen = np.unique(context, return_counts=True)
            followers = np.bincount(np.searchsorted(contexts, context[first]), minlength=len(contexts))
            levels.append({"runs": runs, "counts": counts.astype(np.int32), "contexts": contexts, "seen": seen.astype(np.int32),
                           "followers": followers.astype(np.int32)})
        return cls(levels)

    @property
    def order(self) -> int:
        """Characters of the longest run."""
        return len(self.levels)

    def state(self) -> list[dict[str, np.ndarray]]:
        """The counts."""
        return [dict(level) for level in self.levels]

    @classmethod
    def from_state(cls, state: Sequence[dict[str, Any]]) -> Characters:
        """The inverse of :meth:`state`."""
        return cls([{name: np.asarray(array) for name, array in level.items()} for level in state])

    def cut(self, order: int) -> Characters:
        """The same counts without the runs of more than ``order`` characters."""
        return Characters(self.levels[:order])

    def best_order(self, texts: Sequence[str]) -> int:
        """The longest run's length with the least mean surprise of ``texts``, which were learned from, each without itself; 2 at least."""
        total = np.zeros(self.order)
        for part in _parts(texts):
            signs, real, owner = _flat(part, self.order)
            chance = np.full(len(real), 1 / (len(self.levels[0]["runs"]) + 1))
            for i, (level, run, context) in enumerate(zip(self.levels, *_hashes(signs, real, self.order))):
                chance = self._level(level, run, context, owner, chance)
                total[i] -= np.log(chance).sum()
        return max(int(np.argmin(total)) + 1, min(2, self.order))

    def surprise(self, texts: Sequence[str], *, own: bool = False) -> list[np.ndarray]:
        """For each text, minus the natural logarithm of the chance of each character (characters,).

        ``own``: these texts are among those learned from, and are judged by the counts without their own.
        """
        made: list[np.ndarray] = []
        for part in _parts(texts):
            signs, real, owner = _flat(part, self.order)
            chance = np.full(len(real), 1 / (len(self.levels[0]["runs"]) + 1))
            for level, run, context in zip(self.levels, *_hashes(signs, real, self.order)):
                chance = self._level(level, run, context, owner if own else None, chance)
            made += np.split(-np.log(chance), np.cumsum([len(text) for text in part])[:-1])
        return made

    def _level(self, level: dict[str, np.ndarray], run: np.ndarray, context: np.ndarray, owner: np.ndarray | None,
               below: np.ndarray) -> np.ndarray:
        """(t,) chances by runs of one length, ``below`` (t,) being those by the shorter ones."""
        count = _found(level["runs"], level["counts"], run)
        seen, followers = (_found(level["contexts"], level[name], context) for name in ("seen", "followers"))
        if owner is not None:
            mine, first, back = _per_text(run, owner)
            gone = count[first] == mine  # runs that only this text holds: its contexts have so many followers less without it
            my_seen, _, at = _per_text(context, owner)
            lost = np.bincount(at[first], weights=gone, minlength=len(my_seen))
            count, seen, followers = count - mine[back], seen - my_seen[at], followers - lost[at]
        whole = seen + followers
        return np.where(whole > 0, (count + followers * below) / np.maximum(whole, 1), below)


def _per_text(hashes: np.ndarray, owner: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How often each (text, hash) occurs, where first, and which one each character is (t,)."""
    _, first, back, count = np.unique(hashes * _STEP + owner * _TEXT, return_index=True, return_inverse=True, return_counts=True)
    return count, first, back


def _found(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(t,) the value of each wanted key, 0 where there is none; ``keys`` are sorted."""
    if not len(keys):
        return np.zeros(len(wanted))
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, values[at], 0).astype(np.float64)


def _hashes(signs: np.ndarray, real: np.ndarray, order: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """For each length from 1 to ``order``: the sum of the run that ends at each character (t,), and that of its context."""
    runs, contexts = [], []
    total, powers = np.zeros(len(signs), np.uint64), np.concatenate([np.ones(1, np.uint64), np.full(order - 1, _STEP)]).cumprod()
    for length in range(order):
        contexts.append(total[real - 1])
        total = total.copy()
        total[length:] += signs[:len(signs) - length] * powers[length]  # the sign that lies ``length`` before
        runs.append(total[real])
    return runs, contexts


def _flat(texts: Sequence[str], order: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Signs of all texts in one row, each text after ``order`` starts; where the characters stand (t,); whose they are (t,)."""
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    owner = np.repeat(np.arange(len(texts)), lengths)
    real = np.arange(len(codes)) + order * (owner + 1)
    signs = np.full(len(codes) + order * len(texts), _START, np.uint64)
    signs[real] = codes.astype(np.uint64) + np.uint64(_START + 1)
    return signs, real, owner.astype(np.uint64)


def _parts(texts: Sequence[str]) -> Iterator[list[str]]:
    """Runs of texts of about so many characters that they fit into memory."""
    part: list[str] = []
    size = 0
    for text in texts:
        part.append(text)
        size += len(text)
        if size >= _PART:
            yield part
            part, size = [], 0
    if part:
        yield part
