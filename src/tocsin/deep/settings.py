"""Checks of what a deep detector's constructor was given. They run in ``fit``: the constructor only stores."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

from tocsin.core.config import Training
from tocsin.core.errors import ConfigError


def training(given: Training | Mapping[str, Any] | None, default: Training) -> Training:
    """The settings to train with: ``default`` for None, ``default`` with some changed for a mapping, or the object as it is.

    >>> training({"epochs": 3}, Training(lr=0.01)).lr
    0.01
    """
    if given is None:
        return default
    if isinstance(given, Training):
        return given
    if isinstance(given, Mapping):
        return default.with_(**given)
    raise ConfigError("TOC-223", "training is not of a known form", came=type(given).__name__,
                      todo="pass tocsin.Training(...), a mapping such as {'epochs': 20}, or None")


def at_least(lowest: float, **values: float | None) -> None:
    """Raises ConfigError TOC-222 unless every value is None or a number of at least ``lowest`` (whole when ``lowest`` is)."""
    for name, value in values.items():
        whole = isinstance(lowest, int)
        kind = Integral if whole else Real
        fits = value is None or (isinstance(value, kind) and not isinstance(value, bool) and lowest <= value < float("inf"))
        if not fits:
            raise ConfigError("TOC-222", f"{name} is out of range", came=f"{name}={value!r}",
                              todo=f"give a {'whole ' * whole}number of {lowest} or more")


def share(**values: float) -> None:
    """Raises ConfigError TOC-222 unless every value lies in [0, 1)."""
    for name, value in values.items():
        if not isinstance(value, Real) or not 0 <= value < 1:
            raise ConfigError("TOC-222", f"{name} is out of range", came=f"{name}={value!r}", todo="give a number from 0 to below 1")


def one_of(*known: str, **values: str) -> None:
    """Raises ConfigError TOC-222 unless every value is one of ``known``."""
    for name, value in values.items():
        if value not in known:
            raise ConfigError("TOC-222", f"{name} has an unknown value", came=f"{name}={value!r}",
                              todo=f"use {' or '.join(map(repr, known))}")


def multiple(of: int, **values: int) -> None:
    """Raises ConfigError TOC-222 unless every value is a multiple of ``of``."""
    for name, value in values.items():
        if value % of:
            raise ConfigError("TOC-222", f"{name} is out of range", came=f"{name}={value!r}", todo=f"give a multiple of {of}")
