"""Score: a fitted pipeline over data of any size, in batches, into a csv file that appears whole or not at all."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tocsin.core.errors import ConfigError
from tocsin.core.types import Dataset, Detections
from tocsin.data.read import batches
from tocsin.pipeline.pipeline import Pipeline

COLUMNS = ("id", "time", "score", "p_value", "is_anomaly")


def score(model: Pipeline, source: Any, out: str | Path, *, rows: int = 65_536, progress: Callable[[int], None] | None = None,
          **read_options: Any) -> dict[str, Any]:
    """Judge ``source`` and write one line per row to ``out``; returns counts and the highest scores.

    Tables stream: memory holds ``rows`` rows at a time. A series is judged whole, because its windows and its clock reach over batches.
    A threshold that looks at all judged rows (false discovery) is refused for streams: TOC-294.
    """
    if model.kind_ != "series" and model.threshold_.of_batch:
        raise ConfigError("TOC-294", "this threshold decides over all rows together and cannot stream", came=repr(model.threshold_),
                          todo="use model.with_threshold('false_alarm_rate=0.01'), or judge the data in memory with detect")
    parts = (found for found in _judged(model, source, rows, read_options))
    summary: dict[str, Any] = {"rows": 0, "anomalies": 0, "max_score": None, "min_p_value": None, "threshold": None, "out": str(out)}
    with atomic_csv(Path(out)) as write:
        for found in parts:
            write(found)
            _count(summary, found)
            if progress is not None:
                progress(summary["rows"])
    return summary


def _judged(model: Pipeline, source: Any, rows: int, read_options: dict[str, Any]) -> Iterator[Detections]:
    if model.kind_ == "series" or isinstance(source, (Dataset, np.ndarray)):
        yield model.detect(source)
        return
    for batch in batches(source, rows=rows, schema=model.schema_, **read_options):
        yield model.detect(batch)


def _count(summary: dict[str, Any], found: Detections) -> None:
    if len(found) == 0:
        return
    summary["rows"] += len(found)
    summary["anomalies"] += int(found.is_anomaly.sum())
    summary["threshold"] = found.threshold if np.isfinite(found.threshold) else None
    summary["max_score"] = max(float(found.score.max()), -np.inf if summary["max_score"] is None else summary["max_score"])
    summary["min_p_value"] = min(float(found.p_value.min()), 1.0 if summary["min_p_value"] is None else summary["min_p_value"])


class atomic_csv:  # noqa: N801 - used as a verb
    """A csv of detections that replaces ``path`` only when everything was written; on an error the old file stays and nothing is left."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Callable[[Detections], None]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, self._name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        self._file = os.fdopen(handle, "w", newline="", encoding="utf-8")
        csv.writer(self._file).writerow(COLUMNS)
        return self._write

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        if kind is None:
            os.chmod(self._name, 0o644)
            os.replace(self._name, self.path)
        else:
            os.unlink(self._name)

    def _write(self, found: Detections) -> None:
        time = [""] * len(found) if found.time is None else [str(value) for value in found.time]
        ids = [harmless(value) for value in found.ids.tolist()]
        csv.writer(self._file).writerows(
            zip(ids, time, map(repr, found.score.tolist()), map(repr, found.p_value.tolist()), found.is_anomaly.astype(int).tolist()))


def harmless(value: Any) -> Any:
    """Text that a spreadsheet would run as a formula gets a leading apostrophe; numbers stay numbers.

    >>> harmless("=1+1"), harmless(-3)
    ("'=1+1", -3)
    """
    return "'" + value if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
