"""k-means: groups of rows around their means.

Letters: n rows, d columns, k groups.
"""

from __future__ import annotations

import numpy as np

_ROUNDS = 30


def kmeans(rows: np.ndarray, k: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(k, d) means and (n,) the group of each of ``rows`` (n, d), by Lloyd's rounds (1982). Groups may come out empty.

    Begins with rows drawn one after the other, the more likely the further they are from those drawn (Arthur and Vassilvitskii, 2007).

    >>> means, group = kmeans(np.array([[0.0], [1.0], [10.0], [11.0]]), 2, np.random.default_rng(0))
    >>> sorted(means.ravel().tolist())
    [0.5, 10.5]
    """
    wide = rows.astype(np.float64)
    wide -= wide.mean(axis=0)  # a common level would cost digits
    means = _first(wide, k, random)
    group = np.full(len(wide), -1)
    for _ in range(_ROUNDS):
        found = (np.square(means).sum(axis=1) - 2 * wide @ means.T).argmin(axis=1)
        if np.array_equal(found, group):
            break
        group = found
        count = np.bincount(group, minlength=k)
        member = np.zeros((k, len(wide)))
        member[group, np.arange(len(wide))] = 1.0
        means = np.where(count[:, None] > 0, (member @ wide) / np.maximum(count, 1)[:, None], means)
    return means + rows.mean(axis=0, dtype=np.float64), group


def _first(rows: np.ndarray, k: int, random: np.random.Generator) -> np.ndarray:
    chosen = [int(random.integers(len(rows)))]
    gap = np.full(len(rows), np.inf)
    while len(chosen) < k:
        gap = np.minimum(gap, np.square(rows - rows[chosen[-1]]).sum(axis=1))
        total = gap.sum()
        chosen.append(int(random.choice(len(rows), p=gap / total if total > 0 else None)))
    return rows[chosen].copy()
