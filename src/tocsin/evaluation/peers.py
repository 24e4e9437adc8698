"""Detectors of other projects, so that a claim about them can be rerun beside ours, in one run.

A peer is named ``family:Name``. The family ``pyod`` is built in (``pyod:KNN`` is the class ``pyod.models.knn.KNN``); other packages add
a family through the entry-point group ``tocsin.peers``: a function ``(name, width, seed, params) → Peer``.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tocsin.core.errors import ConfigError, MissingExtra

GROUP = "tocsin.peers"


class Peer(Protocol):
    """What the harness needs of a foreign detector."""

    def fit(self, X: np.ndarray) -> Any:
        """Learn from X (n, d)."""

    def score(self, X: np.ndarray) -> np.ndarray:
        """(n,) higher = more anomalous, for new rows."""

    def training_score(self) -> np.ndarray:
        """(n,) the scores of the rows that it was fitted on, as the peer itself defines them."""


Family = Callable[[str, int, int, dict[str, Any]], Peer]


def make(family: str, name: str, *, width: int, seed: int, params: dict[str, Any]) -> Peer:
    """The peer for rows of ``width`` columns. Raises ConfigError TOC-264 for an unknown one, MissingExtra TOC-501."""
    if family == "pyod":
        return Pyod(name, width, seed, params)
    others: dict[str, Any] = {point.name: point for point in entry_points(group=GROUP)}
    if family not in others:
        raise ConfigError("TOC-264", "there is no such family of peers", came=repr(family),
                          todo=f"known: {', '.join(['pyod', *sorted(others)])}")
    made: Peer = others[family].load()(name, width, seed, params)
    return made


class Pyod:
    """A detector of PyOD with its own default settings, quiet and seeded."""

    def __init__(self, name: str, width: int, seed: int, params: dict[str, Any]) -> None:
        cls = _pyod_class(name)
        known = inspect.signature(cls.__init__).parameters
        given = {"random_state": seed, "verbose": 0, "device": "cpu", **({"n_features": width} if _needed(known, "n_features") else {})}
        self.model = cls(**{**{key: value for key, value in given.items() if key in known}, **params})
        self.seed = seed

    def fit(self, X: np.ndarray) -> Pyod:
        """Learn from X (n, d)."""
        _seed_everything(self.seed)
        self.model.fit(X)
        return self

    def score(self, X: np.ndarray) -> np.ndarray:
        """(n,) higher = more anomalous."""
        return np.asarray(self.model.decision_function(X), dtype=np.float64).ravel()

    def training_score(self) -> np.ndarray:
        """(n,) PyOD's ``decision_scores_``."""
        return np.asarray(self.model.decision_scores_, dtype=np.float64).ravel()


def _pyod_class(name: str) -> Any:
    found = find_spec("pyod")
    if found is None or not found.submodule_search_locations:
        raise MissingExtra("TOC-501", "peers of the family pyod need the package 'pyod'", came=f"pyod:{name}",
                           todo="pip install 'tocsin[bench]'")
    folder = Path(next(iter(found.submodule_search_locations))) / "models"
    stems = {path.stem.replace("_", ""): path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
    if name.lower() not in stems:
        raise ConfigError("TOC-264", "PyOD has no such detector", came=repr(name),
                          todo=f"known modules: {', '.join(sorted(stems.values()))}")
    return getattr(importlib.import_module(f"pyod.models.{stems[name.lower()]}"), name)


def _needed(known: Any, name: str) -> bool:
    return name in known and known[name].default is inspect.Parameter.empty


def _seed_everything(seed: int) -> None:
    """Some peers draw from the global random state. They run in a process of their own, so nothing else sees this."""
    np.random.seed(seed)  # noqa: NPY002
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)
