"""Labels: which column holds them, and their spelling as 0 (normal) and 1 (anomaly). They are for judging results, never a feature."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tocsin.core.errors import DataError
from tocsin.data.literal import is_text, spell

NAMES = ("label", "is_anomaly", "anomaly", "y", "target", "class", "outlier")
BESIDE = ("changepoint", "change_point")  # marks in a label's company: where a change begins, in SKAB (Katser and Kozitsin 2020)
_NORMAL = ("0", "0.0", "false", "normal", "inlier")
_ANOMALY = ("1", "1.0", "true", "abnormal", "anomaly", "anomalous", "outlier")


def is_label(name: str, values: pa.ChunkedArray, names: Sequence[str] = NAMES) -> bool:
    """Whether a column is a label by its name and content: one of ``names``, and nothing in it but 0/1, true/false, normal/abnormal."""
    if name.strip().lower() not in names or values.null_count == len(values) or pa.types.is_timestamp(values.type):
        return False
    return not _strange(values)


def as_labels(values: pa.ChunkedArray, name: str) -> np.ndarray:
    """(n,) int64 of 0 and 1. DataError TOC-131 that lists the values which are no labels, or counts those missing.

    >>> as_labels(pa.chunked_array([["normal", "abnormal", "0"]]), "label").tolist()
    [0, 1, 0]
    """
    strange = _strange(values)
    if strange or values.null_count:
        came = f"{name!r} holds {', '.join(map(repr, strange[:8]))}" if strange else f"{name!r} has no value in {values.null_count} rows"
        raise DataError("TOC-131", "labels say normal (0) or anomaly (1), for every row", came=came,
                        todo="use 0/1, true/false or normal/abnormal; or ignore the column: ignore=[...]")
    return pc.is_in(_text(values), value_set=pa.array(_ANOMALY)).to_numpy().astype(np.int64)


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
