"""Labels: which column holds them, and their spelling as 0 (normal) and 1 (anomaly). They are for judging results, never a feature.

A label says 0/1, true/false or normal/abnormal; or it names kinds (the attack, the fault), one of them what is normal: that one is told
(``normal``) or is a word that says so, and every other value is an anomaly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tocsin.core.errors import DataError
from tocsin.data.literal import is_text, spell

NAMES = ("label", "is_anomaly", "anomaly", "y", "target", "class", "outlier")
BESIDE = ("changepoint", "change_point")  # marks in a label's company: where a change begins, in SKAB (Katser and Kozitsin 2020)
_WORDS = ("normal", "benign", "inlier")
_NORMAL = ("0", "0.0", "false", *_WORDS)
_ANOMALY = ("1", "1.0", "true", "abnormal", "anomaly", "anomalous", "outlier")


def is_label(name: str, values: pa.ChunkedArray, names: Sequence[str] = NAMES) -> bool:
    """Whether a column is a label by its name and content: one of ``names``, and nothing in it but 0/1, true/false, normal/abnormal; of
    one called "label", that one of its words is "normal" (or "benign"): what such a column says is known only after the fact."""
    name = name.strip().lower()
    if name not in names or values.null_count == len(values) or pa.types.is_timestamp(values.type):
        return False
    return not _strange(values) or (name == NAMES[0] and normal_of(values) is not None)


def normal_of(values: pa.ChunkedArray) -> str | None:
    """The word for normal in a column that names kinds of anomalies, None where there is none, or nothing but plain labels.

    >>> normal_of(pa.chunked_array([["neptune", "Normal", "smurf"]]))
    'normal'
    """
    if not is_text(values.type) or not _strange(values):
        return None
    found = set(_text(values).unique().to_pylist())
    words = [word for word in _WORDS if word in found]
    return words[0] if len(words) == 1 else None


def as_labels(values: pa.ChunkedArray, name: str, normal: str | None = None) -> np.ndarray:
    """(n,) int64 of 0 and 1; with ``normal``, the value that is normal, all others are 1 (case and spaces around do not count).

    DataError TOC-131 that lists the values which are no labels, or counts those missing.

    >>> as_labels(pa.chunked_array([["normal", "abnormal", "0"]]), "label").tolist()
    [0, 1, 0]
    >>> as_labels(pa.chunked_array([["ok", "leak", "jam"]]), "state", "ok").tolist()
    [0, 1, 1]
    """
    strange = _strange(values) if normal is None or pa.types.is_timestamp(values.type) else []
    if strange or values.null_count:
        came = f"{name!r} holds {', '.join(map(repr, strange[:8]))}" if strange else f"{name!r} has no value in {values.null_count} rows"
        raise DataError("TOC-131", "labels say normal (0) or anomaly (1), for every row", came=came,
                        todo="use 0/1, true/false or normal/abnormal; or say which value is normal: normal=... (--normal); "
                             "or ignore the column: ignore=[...]")
    if normal is not None:
        return pc.invert(_is(values, normal)).to_numpy().astype(np.int64)
    return pc.is_in(_text(values), value_set=pa.array(_ANOMALY)).to_numpy().astype(np.int64)


def other_kinds(values: pa.ChunkedArray, name: str, normal: str) -> list[str]:
    """The values besides ``normal``, in order of appearance. DataError TOC-154 when no row holds ``normal``: it was mistyped."""
    found = values.unique().drop_null()
    same = _is(found, normal)
    if not pc.any(same).as_py():
        seen = ", ".join(repr(str(spell(value))) for value in found.slice(0, 8).to_pylist())
        raise DataError("TOC-154", f"no row of the label {name!r} holds the value that is normal", came=f"normal={normal!r}; there: {seen}",
                        todo="pass one of the column's values as normal= (--normal)")
    return [str(spell(value)) for value in found.filter(pc.invert(same)).to_pylist()]


def _is(values: pa.ChunkedArray, normal: str) -> pa.ChunkedArray:
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        try:
            return pc.equal(values.cast(pa.float64()), float(normal))
        except ValueError:
            return pc.is_in(values, value_set=pa.array([], values.type))  # no number is a word
    return pc.equal(_text(values), normal.strip().lower())


def _text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if is_text(values.type):
        return pc.utf8_lower(pc.utf8_trim_whitespace(values))
    return values.cast(pa.string())


def _strange(values: pa.ChunkedArray) -> list[str]:
    """Values that are no label, distinct, in order of appearance."""
    if pa.types.is_timestamp(values.type):
        return [str(spell(values.drop_null()[0].as_py()))] if values.null_count < len(values) else []
    found = _text(values).unique().drop_null()
    return [str(value) for value in found.filter(pc.invert(pc.is_in(found, value_set=pa.array([*_NORMAL, *_ANOMALY])))).to_pylist()]
