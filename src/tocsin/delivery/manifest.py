"""The first page of a saved model: what it is, who made it, and the digests of its other files.

    format     number of the layout; a reader for every number ever written stays in ``artifact.READERS``
    created    UTC, ISO 8601
    versions   of tocsin, python and numpy that wrote it
    model      what the model says of itself: data digest, schema, training settings, metrics, ...
    files      {"state.json": {"size": bytes, "sha256": hex}, ...}
    digest     SHA-256 over all of the above in canonical JSON
"""

from __future__ import annotations

import json
import platform
from datetime import UTC, datetime
from typing import Any

import numpy as np

import tocsin
from tocsin.core.errors import ArtifactError, StateError
from tocsin.delivery.audit import ARRAYS, MANIFEST, STATE, parse_json, sha256
from tocsin.delivery.flatten import flatten, restore

FORMAT = 1
"""The format number that is written."""


def compose(model: dict[str, Any], files: dict[str, bytes]) -> bytes:
    """The manifest's bytes for these files. Raises StateError TOC-304 when ``model`` is not plain."""
    plain, arrays = flatten(model)
    if arrays:
        raise StateError("TOC-304", "a manifest holds plain values, no arrays", came=", ".join(arrays)[:200], todo="use lists")
    pages: dict[str, Any] = {
        "format": FORMAT,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"tocsin": tocsin.__version__, "python": platform.python_version(), "numpy": np.__version__},
        "model": plain,
        "files": {name: {"size": len(content), "sha256": sha256(content)} for name, content in files.items()},
    }
    return json.dumps({**pages, "digest": _digest(pages)}, indent=1, allow_nan=False).encode()


def parse(content: bytes) -> dict[str, Any]:
    """The manifest, with a known format number, as it was written. Raises ArtifactError TOC-404, TOC-409, TOC-412."""
    pages = parse_json(MANIFEST, content)
    number = pages.get("format") if isinstance(pages, dict) else None
    if type(number) is not int or number < 0:
        raise ArtifactError("TOC-404", "this is not a saved model: its manifest has no format number", came=repr(number)[:80],
                            todo="pass a file that tocsin.save wrote")
    if number > FORMAT:
        raise ArtifactError("TOC-409", "this model was made by a newer tocsin", came=f"format {number}, this version reads up to {FORMAT}",
                            todo=f"pip install --upgrade tocsin{_by(pages)}")
    assert isinstance(pages, dict)
    return pages


def verify(pages: dict[str, Any]) -> dict[str, Any]:
    """The manifest of format 1, checked against its own digest. Raises ArtifactError TOC-408, TOC-412."""
    body = {name: part for name, part in pages.items() if name != "digest"}
    if pages.get("digest") != _digest(body):
        raise ArtifactError("TOC-408", f"{MANIFEST} is not what was saved: its digest differs", came=str(pages.get("digest"))[:80],
                            todo="it was damaged or changed after saving; get the file again from where it was saved")
    if not isinstance(pages.get("files"), dict) or set(pages["files"]) != {STATE, ARRAYS} or not isinstance(pages.get("model"), dict):
        raise ArtifactError("TOC-412", f"{MANIFEST} is not of the expected form", came=f"parts {', '.join(pages)}"[:200],
                            todo="get the file again from where it was saved")
    return {**pages, "model": restore(pages["model"], {})}


def _digest(pages: dict[str, Any]) -> str:
    return sha256(json.dumps(pages, sort_keys=True, separators=(",", ":"), allow_nan=False).encode())


def _by(pages: dict[str, Any]) -> str:
    versions = pages.get("versions")
    made = versions.get("tocsin") if isinstance(versions, dict) else None
    return f" (it was written by tocsin {made})"[:80] if isinstance(made, str) else ""
