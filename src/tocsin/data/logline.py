"""Items of a log, each a line or a session of several, as one run of lines and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def flat(items: Sequence[str] | np.ndarray) -> tuple[list[str], np.ndarray]:
    """(all L lines in their order, (n + 1,) where each item's lines begin, and the end).

    >>> lines, starts = flat(["one", "two\\nthree"])
    >>> lines, starts.tolist()
    (['one', 'two', 'three'], [0, 1, 3])
    """
    text = "\n".join(items)  # of an array (n,) of objects, too
    lines = text.split("\n")
    if len(lines) == len(items):
        return lines, np.arange(len(items) + 1)
    counts = np.fromiter((item.count("\n") + 1 for item in items), np.int64, len(items))
    return lines, np.concatenate([[0], np.cumsum(counts)])


def worst(scores: np.ndarray, starts: np.ndarray, top: int = 3) -> np.ndarray:
    """(n,) of scores (L,) of lines, an item's score: the mean of its worst line and of its ``top`` worst (fewer count as 0 ones do not).

    One odd line makes a session odd, several more so; long sessions gain little by chance.

    >>> worst(np.array([1.0, 5.0, 0.0, 0.0]), np.array([0, 1, 4])).round(2).tolist()
    [1.0, 3.33]
    """
    if len(starts) == len(scores) + 1:
        return scores
    item = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    order = np.lexsort((-scores, item))
    place = np.arange(len(scores)) - starts[item]
    kept = place < top
    total = np.bincount(item[kept], weights=scores[order][kept], minlength=len(starts) - 1)
    first = scores[order][starts[:-1]]
    return np.asarray((first + total / np.minimum(np.diff(starts), top)) / 2)


def split(scores: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """(n,) objects: the scores of each item's lines."""
    made = np.empty(len(starts) - 1, dtype=object)
    made[:] = np.split(scores, starts[1:-1])
    return made
