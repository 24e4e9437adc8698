"""Pictures, texts and log lines in a pipeline: nothing is prepared, and reasons are the detector's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.core.errors import ConfigError
from tocsin.core.items import as_items
from tocsin.core.tags import ITEMS
from tocsin.core.types import Dataset, Explanation, Kind, Reason
from tocsin.explanation.summary import rarity

if TYPE_CHECKING:
    from tocsin.pipeline.pipeline import Pipeline

_NAMED = 20_000  # training items up to which each is remembered by name, so that reasons can name the nearest


def reference(data: Dataset, usable: np.ndarray) -> dict[str, Any]:
    """Names of the items that were learned from, for reasons to name the nearest; none where there are too many."""
    rows = np.flatnonzero(usable)
    return {"ids": [_plain(value) for value in data.ids[rows]] if len(rows) <= _NAMED else []}


def explain(model: Pipeline, data: Dataset, rows: np.ndarray, k: int, p: np.ndarray | None, *, own: bool) -> Explanation:
    """The Explanation of ``rows`` (positions in ``data``): the detector's reasons, their places, and its maps. ``own``: of what it was
    fitted on; then no item is named as its own neighbour."""
    detector = model.detector_
    if not len(rows):
        return Explanation("parts", rows, (), np.zeros((0, 0)), (), (), np.zeros(0))
    in_order = data.kind == "logs" and data.schema.session is None  # a line is judged after those before it
    items, at = as_items(data.X if in_order else data[rows].X, data.kind), rows if in_order else np.arange(len(rows))  # type: ignore[arg-type]
    many = data.kind if data.kind != "logs" else "lines" if in_order else "sessions"
    if p is None:
        p = model.calibrator_.transform(model.anomaly_score(data))
    told = detector.reasons(items) if detector.tags.gives_reasons else tuple(Reason("") for _ in items)
    reasons = [told[i] for i in at]
    maps = detector.anomaly_map(items)[at] if detector.tags.gives_map else ()
    labels = tuple(dict.fromkeys(name for reason in reasons for name, _ in reason.shares))
    shares = np.array([[dict(reason.shares).get(name, 0.0) for name in labels] for reason in reasons]).reshape(len(rows), len(labels))
    ids = model.reference_["ids"]
    empty = tuple(() for _ in rows)
    return Explanation(
        "parts", rows, labels, shares, empty, empty, np.full(len(labels), np.nan),
        tuple(_named(ids, reason, _plain(data.ids[row]) if own else None, k) for reason, row in zip(reasons, rows)),
        tuple(_sentence(reason.sentence, many, float(p[row])) for reason, row in zip(reasons, rows)),
        parts=tuple(reason.parts for reason in reasons), maps=tuple(maps),
    )


def refuse(kind: str, doing: str) -> None:
    """Raises ConfigError TOC-290 for a ``kind`` of data that cannot be done with what tables and series can be."""
    if kind in ITEMS:
        raise ConfigError("TOC-290", f"models of {kind} cannot be {doing}", came=f"kind={kind!r}",
                          todo="use tocsin fit, detect, score, explain and evaluate; tocsin extend lets a memory take in new normal ones")


def check_kind(detector: Any, kind: Kind) -> None:
    """Raises ConfigError TOC-291 for a detector of another kind of data than ``kind``."""
    modality = detector.tags.modality
    fits = modality == kind if kind in ITEMS else modality == "vector" or (kind == "series" and modality == "series")
    if not fits:
        told = {"vector": "rows of a table", "series": "a series"}.get(modality, modality)
        raise ConfigError("TOC-291", f"{type(detector).__name__} judges {told}, the data is of kind {kind!r}", came=f"kind={kind!r}",
                          todo="choose a detector for this kind of data (tocsin detectors)" if kind in ITEMS or modality in ITEMS
                          else "name the time column (time=...), or choose a detector for tables")


def _sentence(reason: str, many: str, p: float) -> str:
    odds = rarity(p, many)
    return f"{reason}; {odds}" if reason else odds


def _named(ids: list[Any], reason: Reason, itself: Any, k: int) -> tuple[Any, ...]:
    return tuple([ids[i] for i in reason.near if i < len(ids) and ids[i] != itself][:k])


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, (int, np.integer)) else str(value)
