"""What every preparation step is: scikit-learn's ``fit``/``transform``, plus a record of what it changed and how often."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

from tocsin.core.state import Stateful
from tocsin.core.types import Finding


class Transformer(Stateful, ABC):
    """Abstract. ``fit`` learns from training rows only; ``transform`` never looks at more than the fitted state and its own row
    (a series step may look back in its own segment). Row order and row count are kept, always.

    ``changes`` tells what fitting found and changed: one Finding per column and kind of change.
    """

    @abstractmethod
    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from training rows."""

    @abstractmethod
    def transform(self, X: Any) -> Any:
        """The changed rows, as many as came, in their order."""

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """``fit(X).transform(X)``."""
        return self.fit(X, y).transform(X)

    def changes(self) -> tuple[Finding, ...]:
        """What was changed in the training rows, and how often."""
        return ()
