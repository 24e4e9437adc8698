"""One seed in, generators out. The global random state of NumPy and PyTorch is never read nor written."""

from __future__ import annotations

import numpy as np

from tocsin.core.errors import ConfigError


def generator(seed: int, *path: int | str) -> np.random.Generator:
    """A generator for one purpose, independent of every other purpose under the same seed.

    ``path`` names the purpose, so that adding a consumer never shifts the numbers of another.

    >>> float(generator(0, "split").random()) == float(generator(0, "split").random())
    True
    >>> float(generator(0, "split").random()) == float(generator(0, "init").random())
    False

    Raises ConfigError TOC-202 for a seed that is negative or no whole number.
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ConfigError("TOC-202", "a seed is a whole number, 0 or more", came=repr(seed)[:80], todo="pass seed=0")
    return np.random.default_rng(np.random.SeedSequence([int(seed), *(_key(part) for part in path)]))


def some(n: int, most: int, seed: int, *path: int | str) -> np.ndarray:
    """Positions (m,) of at most ``most`` of n rows, drawn by ``seed`` and ascending; all of them where there are no more.

    >>> some(3, 5, 0, "rows").tolist(), len(some(9, 5, 0, "rows"))
    ([0, 1, 2], 5)
    """
    return np.arange(n) if n <= most else np.sort(generator(seed, *path).choice(n, most, replace=False))


def derive(seed: int, *path: int | str) -> int:
    """A child seed (non-negative, below 2**31) for libraries that want an integer.

    >>> derive(0, "forest") == derive(0, "forest")
    True
    """
    return int(generator(seed, *path).integers(0, 2**31 - 1))


def _key(part: int | str) -> int:
    return part if isinstance(part, int) else int.from_bytes(part.encode("utf-8"), "little")
