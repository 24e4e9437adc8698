"""A state tree as text and arrays, and back: everything but the arrays becomes JSON, the arrays go by name.

An array's place is taken by ``{"$array": "detector.bank"}``. JSON has no NaN and no infinity, so those three floats are
``{"$float": "nan" | "inf" | "-inf"}``. A key of the tree that itself begins with ``$`` gets a second one. Tuples come back as lists.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tocsin.core.errors import ArtifactError, StateError
from tocsin.core.state import to_plain

DEPTH = 64
"""Deepest nesting that is written or read."""

DTYPES = {"BOOL": "bool", "I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64", "U8": "uint8", "U16": "uint16",
          "U32": "uint32", "U64": "uint64", "F16": "float16", "F32": "float32", "F64": "float64"}
"""Names of number types in safetensors, and in NumPy."""

_ODD = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def flatten(state: Any) -> tuple[Any, dict[str, np.ndarray]]:
    """The tree as JSON values and its arrays by name. Raises StateError TOC-304 for what cannot be written.

    >>> tree, arrays = flatten({"a": {"b": np.arange(3)}, "c": float("inf")})
    >>> tree, list(arrays)
    ({'a': {'b': {'$array': 'a.b'}}, 'c': {'$float': 'inf'}}, ['a.b'])
    """
    arrays: dict[str, np.ndarray] = {}
    return _flat(to_plain(state), (), arrays), arrays


def restore(tree: Any, arrays: dict[str, np.ndarray]) -> Any:
    """The inverse of :func:`flatten`. Raises ArtifactError TOC-412 (form) or TOC-414 (an array is missing or never named)."""
    used: set[str] = set()
    made = _restored(tree, arrays, used, 0)
    if used != set(arrays):
        raise ArtifactError("TOC-414", "the file holds arrays that its structure never names",
                            came=", ".join(sorted(set(arrays) - used))[:200], todo="get the file again from where it was saved")
    return made


def _flat(value: Any, path: tuple[str, ...], arrays: dict[str, np.ndarray]) -> Any:
    if len(path) > DEPTH:
        raise StateError("TOC-304", f"a state is nested deeper than {DEPTH} levels", came=".".join(path)[:80],
                         todo="learn flatter lists and dictionaries")
    if isinstance(value, np.ndarray):
        return {"$array": _store(value, path, arrays)}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"}
    if isinstance(value, list):
        return [_flat(part, (*path, str(i)), arrays) for i, part in enumerate(value)]
    if isinstance(value, dict):
        return {("$" + key if key.startswith("$") else key): _flat(part, (*path, key), arrays) for key, part in value.items()}
    return value


def _store(value: np.ndarray, path: tuple[str, ...], arrays: dict[str, np.ndarray]) -> str:
    if value.dtype.newbyteorder("=").name not in DTYPES.values():
        raise StateError("TOC-304", "an array of this number type cannot be written down", came=f"{value.dtype} at {'.'.join(path)}",
                         todo=f"convert it to one of {', '.join(DTYPES.values())}")
    name = ".".join(path)
    while name in arrays or name == "__metadata__":  # keys may hold dots; safetensors reserves one name
        name += "~"
    arrays[name] = np.array(value, dtype=value.dtype.newbyteorder("="), order="C")
    return name


def _restored(value: Any, arrays: dict[str, np.ndarray], used: set[str], depth: int) -> Any:
    if depth > DEPTH:
        raise _malformed(f"nested deeper than {DEPTH} levels")
    if isinstance(value, list):
        return [_restored(part, arrays, used, depth + 1) for part in value]
    if not isinstance(value, dict):
        return value
    if "$array" in value:
        return _array(value, arrays, used)
    if "$float" in value:
        if len(value) != 1 or not isinstance(value["$float"], str) or value["$float"] not in _ODD:
            raise _malformed(f"a $float of {value['$float']!r}"[:80])
        return _ODD[value["$float"]]
    wrong = [key for key in value if key.startswith("$") and not key.startswith("$$")]
    if wrong:
        raise _malformed(f"an unknown mark {wrong[0]!r}"[:80])
    return {(key[1:] if key.startswith("$$") else key): _restored(part, arrays, used, depth + 1) for key, part in value.items()}


def _array(value: dict[str, Any], arrays: dict[str, np.ndarray], used: set[str]) -> np.ndarray:
    name = value["$array"]
    if len(value) != 1 or not isinstance(name, str):
        raise _malformed("an array mark of unknown form")
    if name not in arrays:
        raise ArtifactError("TOC-414", "the structure names an array that the file does not hold", came=repr(name)[:80],
                            todo="get the file again from where it was saved")
    used.add(name)
    return arrays[name]


def _malformed(came: str) -> ArtifactError:
    return ArtifactError("TOC-412", "the JSON of a saved model is not of the expected form", came=came,
                         todo="get the file again from where it was saved")
