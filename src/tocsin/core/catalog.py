"""Name → class. The folder ``detectors/`` is scanned by file name; nothing is imported until a class is asked for.

A new detector is one new file: ``detectors/deep_svdd.py`` is called ``deep_svdd`` from then on, ``detectors/images/patch_memory.py``
``images.patch_memory``, or, where the data are known to be images, ``patch_memory``. Packages outside join through the
entry-point group ``tocsin.detectors`` (``name = "package.module:Class"``). Say *catalog* for code, *registry* for trained models.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import inspect
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import numpy as np

from tocsin.core.detector import Detector
from tocsin.core.errors import ConfigError, MissingExtra
from tocsin.core.tags import Tags

GROUP = "tocsin.detectors"
_FOLDER = Path(__file__).resolve().parent.parent / "detectors"


@dataclass(frozen=True)
class Card:
    """What can be said of a detector without importing it."""

    name: str
    summary: str
    tags: Tags
    source: str


def names() -> tuple[str, ...]:
    """Every known detector, own ones and plug-ins, sorted.

    >>> "knn" in names()
    True
    """
    own = {".".join(path.relative_to(_FOLDER).with_suffix("").parts) for path in _FOLDER.rglob("*.py") if not path.stem.startswith("_")}
    return tuple(sorted(own | set(_plugins())))


def resolve(name: str, kind: str) -> str:
    """The catalog name of what is called ``name`` among detectors for ``kind`` of data.

    >>> resolve("patch_memory", "series"), resolve("knn", "table")
    ('patch_memory', 'knn')
    """
    return f"{kind}.{name}" if f"{kind}.{name}" in names() else name


def load(name: str) -> type[Detector]:
    """The class called ``name``. Raises ConfigError TOC-203 for an unknown name, MissingExtra TOC-501 when its packages are missing."""
    if name not in names():
        near = difflib.get_close_matches(str(name), names(), n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ConfigError("TOC-203", "there is no detector of this name", came=repr(name),
                          todo=f"{hint}known: {', '.join(names())}")
    plugin = _plugins().get(name)
    try:
        if plugin is not None:
            return _only_detector(plugin.load())
        return _only_detector(importlib.import_module(f"tocsin.detectors.{name}"))
    except ImportError as error:
        if isinstance(error, MissingExtra) or (error.name or "").startswith("tocsin"):
            raise
        extra = "" if plugin is not None else card(name).tags.extra
        what = f"pip install 'tocsin[{extra}]'" if extra else f"pip install {error.name}"
        raise MissingExtra("TOC-501", f"{name!r} needs the package {error.name!r}", came=str(error), todo=what) from error


def make(name: str, **params: Any) -> Detector:
    """A detector by its catalog name: ``make("knn", k=3)``. Unknown parameters are ConfigError TOC-204, wrong types TOC-202."""
    cls = load(name)
    unknown = set(params) - set(cls.parameters())
    if unknown:
        raise ConfigError("TOC-204", f"{name!r} has no such parameter", came=", ".join(sorted(unknown)),
                          todo=f"use {', '.join(cls.parameters())}")
    _check_types(name, cls, params)
    return cls(**params)


_PLAIN: dict[str, tuple[type, ...]] = {"int": (int, np.integer), "float": (int, float, np.integer, np.floating), "str": (str,),
                                       "bool": (bool, np.bool_), "None": (type(None),)}


def _check_types(name: str, cls: type[Detector], params: dict[str, Any]) -> None:
    """ConfigError TOC-202 for a value that is not of the type its parameter is annotated with; only plain types are checked."""
    signature = inspect.signature(cls.__init__).parameters
    for key, value in params.items():
        hint = signature[key].annotation
        words = [word.strip() for word in str(getattr(hint, "__name__", hint)).split("|")]
        if not all(word in _PLAIN for word in words):
            continue
        fits = any(isinstance(value, _PLAIN[word]) and not (isinstance(value, bool) and word in ("int", "float")) for word in words)
        if not fits:
            raise ConfigError("TOC-202", f"{name!r}: {key} has a value of the wrong type", came=f"{value!r}"[:80],
                              todo=f"give {key} a value of type {' or '.join(words)}")


def name_of(detector: Detector | type[Detector]) -> str:
    """The catalog name of a detector or its class; raises ConfigError TOC-203 when it is not in the catalog."""
    cls = detector if isinstance(detector, type) else type(detector)
    own = cls.__module__.removeprefix("tocsin.detectors.")
    if own != cls.__module__:
        return own
    for name, plugin in _plugins().items():
        if plugin.value == f"{cls.__module__}:{cls.__qualname__}":
            return name
    raise ConfigError("TOC-203", "this detector class is not in the catalog", came=f"{cls.__module__}.{cls.__qualname__}",
                      todo=f"add it to the entry-point group {GROUP!r} of its package")


def card(name: str) -> Card:
    """Summary and tags, read from the source as text for own detectors; plug-ins are imported."""
    path = _FOLDER / f"{name.replace('.', '/')}.py"
    if name not in names() or not path.exists():
        cls = load(name)
        return Card(name, (inspect.getdoc(cls) or "").partition("\n")[0], cls.tags, cls.__module__)
    return _read_card(name, path)


@cache
def _read_card(name: str, path: Path) -> Card:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            for line in node.body:
                if isinstance(line, (ast.Assign, ast.AnnAssign)) and isinstance(line.value, ast.Call) \
                        and getattr(line.value.func, "id", "") == "Tags":
                    values = {word.arg: ast.literal_eval(word.value) for word in line.value.keywords if word.arg}
                    return Card(name, (ast.get_docstring(node) or "").partition("\n")[0], Tags(**values), str(path))
    raise ConfigError("TOC-205", f"detectors/{name}.py holds no class with tags = Tags(...)", came=path.name,
                      todo="write one Detector class with literal tags, given by keyword")


@cache
def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _only_detector(found: Any) -> type[Detector]:
    if inspect.isclass(found) and issubclass(found, Detector):
        return found
    classes = [c for c in vars(found).values() if inspect.isclass(c) and issubclass(c, Detector)
               and c.__module__ == found.__name__ and not inspect.isabstract(c)]
    if len(classes) != 1:
        raise ConfigError("TOC-205", "a detector file holds exactly one detector class", came=f"{found.__name__}: {len(classes)}",
                          todo="split the file, one detector each")
    return classes[0]
