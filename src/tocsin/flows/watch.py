"""Watch: judge rows with a live version, write down what was found, and look whether something is wrong."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from tocsin.core.types import Dataset, Detections, Explanation
from tocsin.monitoring import drift, quality
from tocsin.monitoring.journal import Journal
from tocsin.monitoring.monitor import Monitor
from tocsin.monitoring.trace import trace_of
from tocsin.pipeline.pipeline import Pipeline
from tocsin.store.engine import Store

EXPLAINED = 1_000  # flagged rows of one batch that get a reason, the worst first


@dataclass(frozen=True)
class Judged:
    """What was ``found``, the id of the ``batch`` that it was written down as, and the ``reasons`` of flagged rows, None without any."""

    found: Detections
    batch: str
    reasons: Explanation | None


def judge(store: Store, name: str, number: int, pipeline: Pipeline, data: Any, *, source: str, explain: bool = True,
          keep_trace: bool = False, batch: str | None = None) -> Judged:
    """Judge ``data`` (a Dataset, or anything the pipeline takes), record it in the journal, and let the monitor look.

    ``batch``: the caller's id, 32 hex digits; the same id again writes nothing twice. ``keep_trace`` keeps every row's score and expected
    band for a chart. Raises what :meth:`Pipeline.detect` raises, ServiceError TOC-611.
    """
    data = pipeline.as_dataset(data)
    started = time.perf_counter()
    found = pipeline.detect(data)
    reasons = pipeline.explain(data, explained(found), found=found) if explain and found.is_anomaly.any() else None
    seconds = time.perf_counter() - started
    batch = record(store, name, number, pipeline, data, found, reasons, source=source, seconds=seconds, batch=batch,
                   trace=trace_of(data, found, pipeline, reasons=reasons) if keep_trace else None)
    Monitor(store).look(name, pipeline, number)
    return Judged(found, batch, reasons)


def record(store: Store, name: str, number: int, pipeline: Pipeline, data: Dataset, found: Detections, reasons: Explanation | None, *,
           source: str, seconds: float = 0.0, batch: str | None = None, trace: dict[str, Any] | None = None,
           watched: bool = True) -> str:
    """Write a judgement down with what the monitor needs of its rows; returns the batch's id. ``watched=False``: rows that say
    nothing of drift, because the model was made of them."""
    typed = drift.cleaned(data, pipeline)
    sketch = drift.sketch(data, found, pipeline, typed=typed) if watched else {}
    return Journal(store).record(name, number, data, found, source=source, seconds=seconds, sketch=sketch, reasons=reasons, trace=trace,
                                 quality=quality.measure(data, pipeline, typed=typed), batch=batch)


def explained(found: Detections) -> np.ndarray:
    """Positions of the flagged rows that get a reason, in order."""
    rows = np.flatnonzero(found.is_anomaly)
    return rows if len(rows) <= EXPLAINED else np.sort(rows[np.argsort(-found.score[rows], kind="stable")[:EXPLAINED]])
