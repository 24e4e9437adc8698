"""Looks at the bytes of a saved model before anything is built from them.

Nothing here trusts what the file says of itself: sizes are compared with the bytes that are there, JSON is bounded in size and depth
and may not repeat keys, and the header of the arrays must describe the buffer exactly, without holes or overlaps.
Integrity is not authenticity: whoever can rewrite the whole file can also rewrite its digests.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

import numpy as np
from safetensors.numpy import load as parse_arrays

from tocsin.core.errors import ArtifactError
from tocsin.delivery.flatten import DEPTH, DTYPES

MANIFEST, STATE, ARRAYS = "manifest.json", "state.json", "arrays.safetensors"
SIGNATURE = "signature.json"
MEMBERS = (MANIFEST, STATE, ARRAYS)
"""The files of a saved model; beside them, only a signature is accepted."""

LIMITS = {MANIFEST: 16 << 20, STATE: 512 << 20, ARRAYS: 64 << 30, SIGNATURE: 16 << 10}
"""Largest accepted size of each, in bytes."""

_HEADER = 64 << 20
_AGAIN = "get the file again from where it was saved"


def sha256(content: bytes) -> str:
    """Hexadecimal SHA-256 digest.

    >>> sha256(b"")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(content).hexdigest()


def check_names(names: list[str]) -> None:
    """Refuses missing, repeated and unknown members, which covers absolute names and ``..``. Raises ArtifactError TOC-404, TOC-406."""
    odd = [name for name in names if name not in (*MEMBERS, SIGNATURE)]
    if odd or len(set(names)) != len(names):
        if MANIFEST not in names:
            raise ArtifactError("TOC-404", "this is not a saved model", came=f"it holds {', '.join(map(repr, names[:5]))}"[:200],
                                todo="pass a file that tocsin.save wrote")
        raise ArtifactError("TOC-406", "a saved model holds files that do not belong there",
                            came=", ".join(repr(name) for name in odd or names)[:200], todo=f"do not load it; {_AGAIN}")
    missing = [name for name in MEMBERS if name not in names]
    if missing:
        if MANIFEST in missing:
            raise ArtifactError("TOC-404", "this is not a saved model", came=f"no {MANIFEST}", todo="pass a file that tocsin.save wrote")
        raise ArtifactError("TOC-405", "a part of the saved model is missing", came=f"no {', '.join(missing)}", todo=_AGAIN)


def check_size(name: str, size: int) -> None:
    """Refuses a member larger than its limit. Raises ArtifactError TOC-407."""
    if size > LIMITS[name]:
        raise ArtifactError("TOC-407", f"{name} is larger than a saved model may be", came=f"{size} bytes, limit {LIMITS[name]}",
                            todo=f"do not load it; {_AGAIN}")


def check_content(name: str, content: bytes, entry: Any) -> None:
    """Compares a member with its manifest entry. Raises ArtifactError TOC-408 when it was changed after saving."""
    stated = entry if isinstance(entry, dict) else {}
    if stated.get("size") != len(content) or stated.get("sha256") != sha256(content):
        raise ArtifactError("TOC-408", f"{name} is not what was saved: its digest differs", came=f"{len(content)} bytes",
                            todo=f"it was damaged or changed after saving; {_AGAIN}")


def parse_json(name: str, content: bytes) -> Any:
    """JSON, strictly: UTF-8, no NaN, no repeated key, bounded depth. Raises ArtifactError TOC-412."""
    try:
        tree = json.loads(content.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise ArtifactError("TOC-412", f"{name} is not valid JSON of the expected form", came=f"{type(error).__name__}: {error}"[:200],
                            todo=_AGAIN) from error
    _check_depth(name, tree)
    return tree


def read_arrays(content: bytes) -> dict[str, np.ndarray]:
    """Writable arrays of an audited safetensors buffer. Raises ArtifactError TOC-413."""
    header = _header(content)
    _check_layout(header, len(content))
    arrays = {name: value.copy() for name, value in parse_arrays(content).items()}
    for name, value in arrays.items():
        if value.dtype == bool and value.size and value.view(np.uint8).max() > 1:
            raise _bad_arrays(f"{name!r}: a boolean that is neither 0 nor 1"[:200])
    return arrays


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key is repeated")
    return made


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _check_depth(name: str, tree: Any) -> None:
    level, depth = [part for part in (tree,) if isinstance(part, (list, dict))], 0
    while level:
        depth += 1
        if depth > DEPTH + 2:
            raise ArtifactError("TOC-412", f"{name} is nested deeper than {DEPTH} levels", came="more", todo=_AGAIN)
        inside = [part for value in level for part in (value.values() if isinstance(value, dict) else value)]
        level = [part for part in inside if isinstance(part, (list, dict))]


def _header(content: bytes) -> dict[str, Any]:
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(_HEADER, len(content) - 8):
        raise _bad_arrays(f"a header of {length} bytes in a buffer of {len(content)}")
    header = parse_json(ARRAYS, content[8 : 8 + length])
    if not isinstance(header, dict):
        raise _bad_arrays("a header that is not an object")
    header["__end__"] = length + 8
    return header


def _check_layout(header: dict[str, Any], total: int) -> None:
    start = header.pop("__end__")
    header.pop("__metadata__", None)
    spans = sorted(_span(name, entry) for name, entry in header.items())
    position = 0
    for begin, end in spans:
        if begin != position:
            raise _bad_arrays("holes or overlaps between arrays")
        position = end
    if start + position != total:
        raise _bad_arrays(f"{total} bytes where the header describes {start + position}")


def _span(name: str, entry: Any) -> tuple[int, int]:
    form = isinstance(entry, dict) and set(entry) == {"dtype", "shape", "data_offsets"} and entry["dtype"] in list(DTYPES) \
        and _naturals(entry["shape"]) and len(entry["shape"]) <= 32 and _naturals(entry["data_offsets"]) and len(entry["data_offsets"]) == 2
    if not form:
        raise _bad_arrays(f"{name!r}: {entry!r}"[:200])
    begin, end = entry["data_offsets"]
    if end - begin != math.prod(entry["shape"]) * np.dtype(DTYPES[entry["dtype"]]).itemsize:
        raise _bad_arrays(f"{name!r}: {end - begin} bytes for shape {entry['shape']} of {entry['dtype']}"[:200])
    return begin, end


def _naturals(value: Any) -> bool:
    return isinstance(value, list) and all(type(part) is int and 0 <= part < 1 << 62 for part in value)


def _bad_arrays(came: str) -> ArtifactError:
    return ArtifactError("TOC-413", f"{ARRAYS} is not a valid safetensors buffer", came=came, todo=_AGAIN)
