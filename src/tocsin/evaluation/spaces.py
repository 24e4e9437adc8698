"""Which settings of a detector are worth searching, and between which values.

A setting is named as its constructor's parameter; a dot leads into a parameter that is itself a mapping: "training.lr", "params.k".
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tocsin.core import catalog
from tocsin.core.config import Training
from tocsin.core.errors import ConfigError


@dataclass(frozen=True)
class Choice:
    """One of a few values, in no order: numbers, text, truth values, None, or lists of these."""

    values: tuple[Any, ...]

    def __contains__(self, value: Any) -> bool:
        return json.dumps(value) in map(json.dumps, self.values)


@dataclass(frozen=True)
class Range:
    """A number from ``low`` to ``high``, both possible. ``log``: small values are as likely as large ones. ``whole``: no fractions."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def __contains__(self, value: Any) -> bool:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and self.low <= value <= self.high and (not self.whole or value == int(value))


Axis = Choice | Range
Space = dict[str, Axis]

_RATE = Range(1e-4, 1e-2, log=True)

USUAL: Space = {
    "k": Range(1, 50, log=True, whole=True), "metric": Choice(("l2", "l1")), "trees": Choice((100, 200, 400)),
    "components": Range(1, 32, log=True, whole=True), "hidden": Choice((32, 64, 128, 256)), "latent": Choice((2, 4, 8, 16, 32)),
    "noise": Range(0.02, 1.0, log=True), "dropout": Choice((0.0, 0.1, 0.3)), "beta": Range(1e-3, 1.0, log=True),
    "training.lr": _RATE, "training.weight_decay": Range(1e-6, 1e-2, log=True),
}
"""What is searched of a detector without an entry in :data:`SPACES`: those of its parameters that are named here."""

SPACES: dict[str, Space] = {
    "knn": {"k": Range(1, 50, log=True, whole=True), "metric": Choice(("l2", "l1"))},
    "iforest": {"trees": Choice((100, 200, 400)), "rows": Choice((64, 128, 256, 512, 1024))},
    "gaussian": {},
    "autoencoder": {"hidden": Choice((32, 64, 128, 256)), "latent": Choice((None, 2, 4, 8, 16)), "noise": Range(0.02, 1.0, log=True),
                    "dropout": Choice((0.0, 0.1, 0.3)), "training.lr": _RATE},
    "vae": {"latent": Choice((2, 4, 8, 16, 32)), "hidden": Choice((32, 64, 128, 256)), "beta": Range(1e-3, 1.0, log=True),
            "dropout": Choice((0.0, 0.1, 0.3)), "training.lr": _RATE},
    "windows": {"detector": Choice(("knn", "gaussian", "iforest")), "window": Range(4, 256, log=True, whole=True)},
    "window_statistics": {"window": Range(4, 256, log=True, whole=True)},
    "subsequence_pca": {"window": Range(4, 256, log=True, whole=True)},
}
"""Detector → what is searched. Their default values are always tried first and need not lie inside."""


def space(detector: str, given: Iterable[str] = ()) -> Space:
    """What is searched of ``detector``: the settings in ``given`` (see :func:`parse`), or where none is of this detector the known ones.

    A text may name its detector, "knn.k=1..50"; without one it holds for every detector that has the setting. A range of whole numbers
    holds fractions, too, where the setting's default is one. Raises ConfigError TOC-203, and TOC-228 for text that cannot be read.

    >>> space("knn", ["k=1..9", "iforest.trees=50,100"])
    {'k': Range(low=1, high=9, log=False, whole=True)}
    >>> sorted(space("knn"))
    ['k', 'metric']
    """
    chosen: Space = {}
    for text in given:
        name, axis = parse(text)
        own = _own_name(detector, name)
        if own is not None:
            fraction = isinstance(axis, Range) and isinstance(defaults(detector).get(own), float)
            chosen[own] = replace(axis, whole=False) if isinstance(axis, Range) and fraction else axis
    return chosen or known_space(detector)


def known_space(detector: str) -> Space:
    """The entry of :data:`SPACES`, or what :data:`USUAL` has on this detector's parameters; {} for one without such."""
    if detector in SPACES and detector in catalog.names():
        return dict(SPACES[detector])
    return {name: axis for name, axis in USUAL.items() if _has(detector, name)}


def check_used(detectors: Iterable[str], given: Iterable[str]) -> None:
    """Raises ConfigError TOC-229 for a text of ``given`` whose setting none of ``detectors`` has."""
    detectors = tuple(detectors)
    for text in given:
        name, _ = parse(text)
        if not any(_own_name(detector, name) for detector in detectors):
            has = "; ".join(f"{detector}: {', '.join(settings_of(detector)) or 'none'}" for detector in detectors)
            raise ConfigError("TOC-229", "no detector that is searched has this setting", came=repr(text)[:80], todo=f"use one of {has}")


def parse(text: str) -> tuple[str, Axis]:
    """``"k=1..50"``, ``"hidden=16,32,64"``, ``"lr=1e-4..1e-2 log"`` as a name and what it may be. Raises ConfigError TOC-228.

    Two whole numbers make a range of whole numbers. ``none``, ``true`` and ``false`` are values; lists stand in brackets.

    >>> parse("lr=1e-4..1e-2 log")
    ('lr', Range(low=0.0001, high=0.01, log=True, whole=False))
    >>> parse("hidden=16, [32, 8], none")
    ('hidden', Choice(values=(16, [32, 8], None)))
    """
    name, equals, rest = text.partition("=")
    name, rest = name.strip().replace("-", "_"), rest.strip()
    if not equals or not rest or not all(part.isidentifier() for part in name.split(".")):
        raise _unread(text)
    ends = re.fullmatch(r"(\S+?)\s*\.\.\s*(\S+)(\s+log)?", rest)
    if ends is None:
        return name, Choice(_values(rest, text))
    low, high = (_number(end, text) for end in ends.group(1, 2))
    log = ends.group(3) is not None
    if not low < high or (log and low <= 0):
        raise ConfigError("TOC-228", "the range of a setting goes from a smaller to a larger number, on a log scale from above 0",
                          came=repr(text)[:80], todo="write k=1..50")
    return name, Range(low, high, log, isinstance(low, int) and isinstance(high, int))


def settings_of(detector: str) -> tuple[str, ...]:
    """What can be searched of ``detector``: its constructor's parameters, those of its training one by one."""
    names = [name for name in catalog.load(detector).parameters() if name != "seed"]
    return tuple(name for name in names if name != "training") + tuple(
        f"training.{name}" for name in Training.model_fields if "training" in names and name not in ("seed", "checkpoint", "device"))


def defaults(detector: str) -> dict[str, Any]:
    """Setting → the value that ``detector`` uses when nothing is said, as far as it is known from its constructor and its training."""
    cls = catalog.load(detector)
    made = {name: p.default for name, p in inspect.signature(cls.__init__).parameters.items() if p.default is not inspect.Parameter.empty}
    if "training" in made:
        training = getattr(cls, "DEFAULT", Training())
        made |= {f"training.{name}": value for name, value in training.model_dump().items()}
    return made


def nested(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as constructor's parameters: what a dot leads into becomes a mapping.

    >>> nested({"hidden": 32, "training.lr": 0.01, "training.epochs": 5})
    {'hidden': 32, 'training': {'lr': 0.01, 'epochs': 5}}
    """
    made: dict[str, Any] = {}
    for name, value in settings.items():
        outer, dot, inner = name.partition(".")
        if dot:
            made.setdefault(outer, {})[inner] = value
        else:
            made[outer] = value
    return made


def _own_name(detector: str, name: str) -> str | None:
    """The setting of ``detector`` that ``name`` means; None when it means none of it."""
    first, dot, rest = name.partition(".")
    if dot and first == detector:
        name = rest
    if _has(detector, name):
        return name
    return f"training.{name}" if _has(detector, f"training.{name}") else None


def _has(detector: str, name: str) -> bool:
    parameters = catalog.load(detector).parameters()
    outer, dot, inner = name.partition(".")
    if not dot:
        return outer in parameters and outer != "training"
    if outer == "training":
        return outer in parameters and inner in Training.model_fields
    return outer in parameters and outer == "params"


def _values(rest: str, text: str) -> tuple[Any, ...]:
    parts = [part.strip() for part in re.split(r",(?![^\[]*\])", rest)]
    if not all(parts) or ".." in rest:
        raise _unread(text)
    return tuple(_value(part) for part in parts)


def _value(part: str) -> Any:
    plain = {"none": "null", "true": "true", "false": "false"}.get(part.lower(), part)
    try:
        return json.loads(plain)
    except json.JSONDecodeError:
        return part


def _number(end: str, text: str) -> int | float:
    try:
        value = json.loads(end)
    except json.JSONDecodeError:
        value = None
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not abs(value) < float("inf"):
        raise _unread(text)
    return value


def _unread(text: str) -> ConfigError:
    return ConfigError("TOC-228", "what may be tried of a setting cannot be read", came=repr(text)[:80],
                       todo="write k=1..50, hidden=16,32,64 or lr=1e-4..1e-2 log")
