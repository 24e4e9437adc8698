"""The door for pictures, texts and logs: which of them a source holds, and the reader that reads it."""

from __future__ import annotations

import glob
import importlib
import os
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tocsin.core.errors import ConfigError, DataError, MissingExtra
from tocsin.core.picture import Picture
from tocsin.core.tags import ITEMS
from tocsin.core.types import Dataset, Kind, Schema
from tocsin.data.picture_form import SUFFIXES

_LOG = re.compile(r"\.log(\.\d+|[.-]\d{4}-?\d\d-?\d\d)?(\.gz)?$|(^|/)(syslog|messages)(\.\d+)?(\.gz)?$")
_OPTIONS = {"images": ("label", "part", "product", "skip_bad"), "texts": ("text", "label", "normal", "id", "encoding", "skip_bad"),
            "logs": ("session", "label", "encoding", "skip_bad")}
_EXTRAS = {"images": "vision", "texts": "text", "logs": "logs"}
_LOOKED_AT = 2_000  # entries of a folder or zip that tell what is in it


def kind_of(source: Any) -> Kind | None:
    """"images", "texts" or "logs" where ``source`` is such data without doubt; None for everything else.

    >>> kind_of("app.log"), kind_of("app.log.2.gz"), kind_of("part.png"), kind_of("orders.csv")
    ('logs', 'logs', 'images', None)
    """
    if isinstance(source, (list, tuple)) and source:
        kinds = {"images" if isinstance(each, Picture) else kind_of(each) if isinstance(each, (str, os.PathLike)) else None
                 for each in source[:_LOOKED_AT]}
        return kinds.pop() if len(kinds) == 1 else None
    if not isinstance(source, (str, os.PathLike)) or "://" in str(source):
        return None
    name = os.fspath(source)
    if any(mark in name for mark in "*?[") and not Path(name).exists():
        found = sorted(glob.glob(name, recursive=True))
        return kind_of(found[:_LOOKED_AT]) if found else None
    if Path(name).is_dir():
        return _most(_inside(Path(name)))
    if name.lower().endswith(".zip") and zipfile.is_zipfile(name):
        with zipfile.ZipFile(name) as packed:
            return _most(packed.namelist()[:_LOOKED_AT])
    return "images" if Path(name).suffix.lower() in SUFFIXES else "logs" if _LOG.search(name) else None


def check(source: Any, kind: Kind | None, schema: Schema | None) -> None:
    """Raises DataError TOC-100 where a model's ``kind`` (there is a ``schema``) is another than what ``source`` holds without doubt."""
    found = kind_of(source) if schema is not None and kind is not None else None
    if found is not None and found != kind:
        raise DataError("TOC-100", f"the model judges {kind if kind in ITEMS else f'a {kind}'}, these are {found}", came=str(source)[:120],
                        todo="use a model that was fitted on data of this kind")


def read(source: Any, kind: Kind, schema: Schema | None = None, **options: Any) -> Dataset:
    """``source`` as a Dataset of ``kind``; ``schema`` of a fitted model says which column or session rule it was fitted with.

    Raises ConfigError TOC-248 for an option that this kind of data does not have, DataError TOC-100 when a Dataset of another kind came,
    MissingExtra TOC-501, and those of the readers: ``tocsin.data.pictures``, ``texts`` and ``logs``.
    """
    if isinstance(source, Dataset):
        if source.kind != kind:
            raise DataError("TOC-100", f"data of kind {kind!r} is needed",
                            came=f"data of kind {source.kind!r}", todo="pass data of the kind that the model was fitted on")
        return source
    options = {name: value for name, value in options.items() if value is not None and value is not False and value != ()}
    unknown = sorted(set(options) - set(_OPTIONS[kind]))
    if unknown:
        raise ConfigError("TOC-248", f"{kind} have no such setting when they are read", came=", ".join(unknown),
                          todo=f"leave it out; {kind} take {', '.join(_OPTIONS[kind])}")
    if schema is not None and kind == "logs" and schema.label is not None:
        options.setdefault("label", schema.label)  # the word that holds it was cut from every line
    if schema is not None and kind == "images":
        options.setdefault("part", "test")  # of a folder that holds both
    if schema is not None and schema.session is not None:
        options.setdefault("session", schema.session)
    if schema is not None and kind == "texts":
        options.setdefault("text", None if schema.names[0] in ("text", "line") else schema.names[0])
        options.setdefault("normal", schema.normal)
    made: Dataset = _reader(kind)(source, **options)
    return made


def _reader(kind: Kind) -> Any:
    name = {"images": "pictures"}.get(kind, kind)
    try:
        return importlib.import_module(f"tocsin.data.{name}").read
    except ImportError as error:
        if isinstance(error, MissingExtra) or (error.name or "").startswith("tocsin"):
            raise
        raise MissingExtra("TOC-501", f"reading {kind} needs the package {error.name!r}", came=str(error),
                           todo=f"pip install 'tocsin[{_EXTRAS[kind]}]'") from error


def _inside(folder: Path) -> list[str]:
    found: list[str] = []
    for _, folders, files in os.walk(folder):
        folders.sort()
        found += [name for name in files if not name.startswith(".")]
        if len(found) >= _LOOKED_AT:
            break
    return found


def _most(names: Sequence[str]) -> Kind | None:
    """What more than half of the files are."""
    counts = {kind: sum(_is(name, kind) for name in names) for kind in ITEMS}
    kind = max(ITEMS, key=lambda one: counts[one])
    return kind if names and 2 * counts[kind] > len(names) else None  # type: ignore[return-value]


def _is(name: str, kind: str) -> bool:
    suffix = Path(name).suffix.lower()
    return bool(suffix in SUFFIXES if kind == "images" else suffix == ".txt" if kind == "texts" else _LOG.search(name))
