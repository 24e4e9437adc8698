"""Score: a fitted pipeline over data of any size, in batches, into a csv file that appears whole or not at all."""

from __future__ import annotations

import math
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from tocsin.core.errors import ConfigError
from tocsin.core.types import Dataset, Detections
from tocsin.data.read import batches, read
from tocsin.pipeline.pipeline import Pipeline

COLUMNS = ("id", "time", "score", "p_value", "is_anomaly")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def score(model: Pipeline, source: Any, out: str | Path, *, rows: int = 65_536, progress: Callable[[int], None] | None = None,
          **read_options: Any) -> dict[str, Any]:
    """Judge ``source`` and write one line per row to ``out``; returns counts and the highest scores. Labels are not looked at.

    Tables stream: memory holds ``rows`` rows at a time. A series is judged whole, because its windows and its clock reach over batches, and
    so are texts and logs; images are decoded one by one.
    A threshold that looks at all judged rows (false discovery) is refused for streams: TOC-294.
    """
    if model.kind_ == "table" and model.threshold_.of_batch:
        raise ConfigError("TOC-294", "this threshold decides over all rows together and cannot stream", came=repr(model.threshold_),
                          todo="choose threshold false_alarm_rate=0.01 (on the command line --threshold, in Python with_threshold), "
                               "or judge the rows in memory with detect")
    summary: dict[str, Any] = {"rows": 0, "anomalies": 0, "events": None, "max_score": None, "min_p_value": None, "threshold": None,
                               "out": str(out)}
    with atomic_csv(Path(out)) as write:
        for found in _judged(model, source, rows, read_options, summary):
            write(found)
            _count(summary, found)
            if progress is not None:
                progress(summary["rows"])
    return summary


def _judged(model: Pipeline, source: Any, rows: int, read_options: dict[str, Any], summary: dict[str, Any]) -> Iterator[Detections]:
    if isinstance(source, (Dataset, np.ndarray)):
        yield model.detect(source)
        return
    if model.kind_ != "table":
        data = read(source, schema=model.schema_, **{**read_options, "kind": model.kind_})
        if left_out := [note for note in data.origin.notes if "left out" in note]:
            summary["left_out"] = left_out
        yield model.detect(data)
        return
    for batch in batches(source, rows=rows, schema=model.schema_, **read_options):
        yield model.detect(batch)


def _count(summary: dict[str, Any], found: Detections) -> None:
    if len(found) == 0:
        return
    summary["rows"] += len(found)
    summary["events"] = len(found.events) if found.time is not None or found.events else summary["events"]
    summary["anomalies"] += int(found.is_anomaly.sum())
    summary["threshold"] = found.threshold if np.isfinite(found.threshold) else None
    summary["max_score"] = max(float(found.score.max()), -np.inf if summary["max_score"] is None else summary["max_score"])
    summary["min_p_value"] = min(float(found.p_value.min()), 1.0 if summary["min_p_value"] is None else summary["min_p_value"])


class atomic_csv:
    """A csv of detections that replaces ``path`` only when everything was written; on an error the old file stays and nothing is left."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer: pa.csv.CSVWriter | None = None

    def __enter__(self) -> Callable[[Detections], None]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, self._name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        self._file = os.fdopen(handle, "wb")
        return self._write

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            if self._writer is not None:
                self._writer.close()
            elif kind is None:
                self._file.write((",".join(f'"{name}"' for name in COLUMNS) + "\n").encode())
            self._file.flush()
            os.fsync(self._file.fileno())
        finally:
            self._file.close()
            if kind is not None:
                os.unlink(self._name)
        if kind is None:
            os.chmod(self._name, 0o644)
            os.replace(self._name, self.path)

    def _write(self, found: Detections) -> None:
        table = csv_table(found)
        if self._writer is None:
            self._writer = pa.csv.CSVWriter(self._file, table.schema)
        self._writer.write_table(table)


def csv_table(found: Detections) -> pa.Table:
    """The five columns of a detections file; text that a spreadsheet would run is disarmed, a missing time stays empty."""
    ids = found.ids if found.ids.dtype.kind in "iu" else [str(harmless(value)) for value in found.ids.tolist()]
    time = pa.nulls(len(found), pa.string()) if found.time is None else pa.array(found.time.astype(str))
    if found.time is not None and found.time.dtype.kind == "M":
        time = pc.if_else(pa.array(np.isnat(found.time)), pa.scalar(None, pa.string()), time)
    return pa.table({"id": pa.array(ids), "time": time, "score": found.score, "p_value": found.p_value,
                     "is_anomaly": found.is_anomaly.astype(np.int8)})


def harmless(value: Any) -> Any:
    """Text that a spreadsheet would run as a formula gets a leading apostrophe; numbers, also those written as text, stay as they are.

    >>> harmless("=1+1"), harmless("-5"), harmless("-5+A1"), harmless(-3)
    ("'=1+1", '-5', "'-5+A1", -3)
    """
    runs = isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r", "\n")
    return "'" + value if runs and not (_NUMBER.fullmatch(value) and math.isfinite(float(value))) else value
