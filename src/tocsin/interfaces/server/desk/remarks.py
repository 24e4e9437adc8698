"""What a caller should know of the rows that were sent: left out, sorted, unread, too few. Silence is the usual case, and costs nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tocsin.core.types import Dataset
from tocsin.data.literal import is_text
from tocsin.interfaces.server.batching import Judged
from tocsin.monitoring.drift import cleaned
from tocsin.pipeline.pipeline import Pipeline

_TYPED = ("number", "date", "boolean")
_SORTED = "not in time order"
_MOST = 20  # notes


def remarks(model: Pipeline, judged: Judged) -> tuple[list[str], np.ndarray | None]:
    """(notes, the positions of the judged rows in the order in which they were sent; None when that is how they lie)."""
    if not judged.read:
        return ([_ignored(judged.extra)] if judged.extra else []), None
    data, notes = judged.data, [note for note in judged.data.origin.notes if "left out" in note or _SORTED in note]
    order = None
    if data.kind == "series":
        if any(_SORTED in note for note in notes):
            order = _as_sent(data)
            notes.append("the answer is in the order that was sent" if order is not None else "the answer is in time order")
        notes += _short(model, data)
    return (notes + _unread(model, data))[:_MOST], order


def _ignored(names: tuple[str, ...]) -> str:
    return f"{len(names)} columns are not known to the model and are left out: {', '.join(map(repr, names[:8]))}"


def _as_sent(data: Dataset) -> np.ndarray | None:
    """Rows without names of their own are numbered as they were sent."""
    if data.schema.id is not None or data.ids.dtype.kind not in "iu":
        return None
    order = np.argsort(data.ids, kind="stable")
    return order if np.array_equal(data.ids[order], np.arange(len(data))) else None


def _short(model: Pipeline, data: Dataset) -> list[str]:
    window = int(model.detector_.params().get("window") or 1)
    sizes = [len(data)] if data.group is None else np.unique(data.group.astype(str), return_counts=True)[1].tolist()
    few = [size for size in sizes if size < window]
    if not few:
        return []
    which = f"{few[0]} rows are" if len(sizes) == 1 else f"{len(few)} of {len(sizes)} series are"
    return [f"{which} shorter than the {window} steps that the detector looks at: these scores say little"]


def _unread(model: Pipeline, data: Dataset) -> list[str]:
    """Cells of another type than their column's, which are judged as missing ones."""
    if not isinstance(data.X, pa.Table):
        return []
    texts = [column.name for column in data.schema.columns
             if column.kind in _TYPED and column.name in data.X.column_names and is_text(data.X.column(column.name).type)]
    if not texts:
        return []
    typed: Any = cleaned(data, model)
    notes = []
    for name in texts:
        raw = data.X.column(name)
        bad = raw.filter(pc.and_(pc.is_valid(raw), pc.is_null(typed.column(name))))
        if len(bad):
            more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
            notes.append(f"{str(bad[0].as_py())[:40]!r}{more} read as missing in {name!r}")
    return notes
