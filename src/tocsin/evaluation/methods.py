"""A method of a benchmark, written as text: ``knn``, ``knn(k=1)``, ``windows(detector='knn', window=64)``, ``pyod:KNN``."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from tocsin.core import catalog
from tocsin.core.detector import Detector
from tocsin.core.errors import ConfigError
from tocsin.evaluation import peers

_FORM = re.compile(r"(?:(?P<family>\w+):)?(?P<name>\w+)\s*(?P<params>\(.*\))?", re.DOTALL)


@dataclass(frozen=True)
class Method:
    """``family`` is "" for detectors of the catalog; ``label`` is the text it came from."""

    label: str
    family: str
    name: str
    params: dict[str, Any]

    def suits(self, form: str) -> bool:
        """Detectors for series do not judge tables; detectors for rows judge a series step by step. Peers are for tables."""
        if self.family:
            return form == "table"
        return catalog.card(self.name).tags.modality == "vector" or form == "series"


def parse(text: str) -> Method:
    """A method from its text; parameters are Python literals given by name. Raises ConfigError TOC-264.

    >>> parse("knn(k=3)").params, parse("pyod:IForest").family
    ({'k': 3}, 'pyod')
    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise _wrong(text)
    try:
        call = ast.parse(f"f{found['params'] or '()'}", mode="eval").body
        assert isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and not call.args
        params = {word.arg: ast.literal_eval(word.value) for word in call.keywords if word.arg}
        assert len(params) == len(call.keywords)
    except (SyntaxError, ValueError, AssertionError) as error:
        raise _wrong(text) from error
    if not found["family"] and found["name"] not in catalog.names():
        catalog.load(found["name"])  # raises TOC-203 with the nearest name
    return Method(text.strip(), found["family"] or "", found["name"], params)


class Own:
    """A detector of the catalog in the form of a peer: the raw score, no preparation, no calibration."""

    def __init__(self, method: Method, seed: int) -> None:
        self.model = catalog.make(method.name, **_seeded(catalog.load(method.name), method.params, seed))

    def fit(self, X: np.ndarray) -> Own:
        """Learn from X."""
        self.model.fit(X)
        self.learned_from = X
        return self

    def score(self, X: np.ndarray) -> np.ndarray:
        """(n,) higher = more anomalous."""
        return self.model.anomaly_score(X)

    def training_score(self) -> np.ndarray:
        """(n,) of the training rows: a detector's own word on them, each without itself, or scored like any others."""
        if self.model.tags.judges_own:
            return self.model.fit_score(self.learned_from)
        return self.model.anomaly_score(self.learned_from)


def make(method: Method, *, width: int, seed: int) -> peers.Peer:
    """The method, unfitted and seeded."""
    if method.family:
        return peers.make(method.family, method.name, width=width, seed=seed, params=method.params)
    return Own(method, seed)


def _seeded(cls: type[Detector], params: dict[str, Any], seed: int) -> dict[str, Any]:
    """The seed goes wherever the class, or the detector inside it, takes one."""
    known, made = cls.parameters(), dict(params)
    if "training" in known:  # a mapping changes the detector's own default settings, so nothing but the seed is touched
        made["training"] = {"seed": seed, **(made.get("training") or {})}
    if "seed" in known and "seed" not in made:
        made["seed"] = seed
    if "detector" in known and "params" in known:
        inner = catalog.load(made.get("detector", "knn"))
        made["params"] = _seeded(inner, made.get("params") or {}, seed)
    return made


def _wrong(text: str) -> ConfigError:
    return ConfigError("TOC-264", "this is not a method", came=repr(text)[:120], todo="write knn, knn(k=3) or pyod:KNN")
