"""The least values of a detector's whole-number settings, checked when it is fitted."""

from __future__ import annotations

from tocsin.core.detector import Detector
from tocsin.core.errors import ConfigError


def at_least(detector: Detector, **least: int) -> None:
    """Raises ConfigError TOC-202 for a setting of ``detector`` below its least; None passes.

    >>> from tocsin.core import catalog
    >>> at_least(catalog.make("knn", k=3), k=1)
    """
    for name, lowest in least.items():
        value = getattr(detector, name)
        if value is not None and value < lowest:
            raise ConfigError("TOC-202", f"{type(detector).__name__}: {name} must be at least {lowest}", came=repr(value),
                              todo=f"give {name} a whole number from {lowest}")
