"""One seed in, generators out. The global random state of NumPy and PyTorch is never read nor written."""

from __future__ import annotations

import numpy as np


def generator(seed: int, *path: int | str) -> np.random.Generator:
    """A generator for one purpose, independent of every other purpose under the same seed.

    ``path`` names the purpose, so that adding a consumer never shifts the numbers of another.

    >>> float(generator(0, "split").random()) == float(generator(0, "split").random())
    True
    >>> float(generator(0, "split").random()) == float(generator(0, "init").random())
    False
    """
    return np.random.default_rng(np.random.SeedSequence([seed, *(_key(part) for part in path)]))


def derive(seed: int, *path: int | str) -> int:
    """A child seed (non-negative, below 2**31) for libraries that want an integer.

    >>> derive(0, "forest") == derive(0, "forest")
    True
    """
    return int(generator(seed, *path).integers(0, 2**31 - 1))


def _key(part: int | str) -> int:
    return part if isinstance(part, int) else int.from_bytes(part.encode("utf-8"), "little")
