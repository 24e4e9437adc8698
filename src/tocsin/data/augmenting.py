"""Augmentation as a preparation step: what is learned from has changed copies beside it, what is judged has not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from tocsin.data.augment import expand
from tocsin.data.transformer import Transformer


class Augment(Transformer):
    """Changed copies of pictures, for learning alone; ``kinds`` are those of :mod:`tocsin.data.augment`, and only who knows the pictures
    knows which keep their meaning.

    Worth it below about a hundred pictures. A pipeline with this step calibrates on pictures whose copies were not learned from either: it
    fits several times, where it would have fitted once. Raises ConfigError TOC-202 for an unknown kind, or too many copies.

    >>> from tocsin.core.picture import Pixels
    >>> len(Augment(["flip_left_right"]).learned(np.array([Pixels(np.eye(4))], dtype=object)))
    2
    """

    def __init__(self, kinds: Sequence[str] = ("flip_left_right",), copies: int = 1, seed: int = 0) -> None:
        self.kinds, self.copies, self.seed = kinds, copies, seed

    def fit(self, X: Any, y: Any = None) -> Self:
        """There is nothing to learn."""
        return self

    def transform(self, X: Any) -> Any:
        """As it came."""
        return X

    def learned(self, items: np.ndarray) -> np.ndarray:
        """(n (1 + copies),) pictures: ``items`` (n,), then the copies."""
        made = expand(list(items), tuple(self.kinds), self.copies, self.seed)
        array: np.ndarray = np.empty(len(made), dtype=object)
        array[:] = made
        return array
