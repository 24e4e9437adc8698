"""Training rows together with what people said: anomalies are marked, false alarms are given as normal rows.

A table takes the row itself. A series takes the stretch around it, since one time step says nothing without its surroundings: from the
training file, from the trace of its batch, or, where neither is there, the flagged rows of its event alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tocsin.core.types import Dataset
from tocsin.flows.rows import added, key_of, keys_of, moment, number, stretch_of
from tocsin.monitoring.cells import cells_of, times_as_text
from tocsin.monitoring.journal import Journal
from tocsin.pipeline.pipeline import Pipeline

# Copies of a false alarm; the next number is tried while the model still raises it. One copy would be found odd whenever calibration
# holds it out, and would move the threshold for everything instead of teaching that rows like it are normal.
_TRIES = {"table": (8, 64), "series": (12, 48)}
_MOST = {"table": 0.25, "series": 1.0}  # copies may make up this many times the training rows
_PAGE = 1_000


@dataclass
class Words:
    """``y`` (n,) marks of the training rows; ``normal``: rows, or stretches of a series, that were false alarms, with the positions in each
    that must not be raised again; counts of what was said."""

    y: np.ndarray
    normal: list[tuple[Dataset, np.ndarray]] = field(default_factory=list)
    odd: list[Dataset] = field(default_factory=list)
    false_alarms: int = 0
    anomalies: int = 0
    left_out: int = 0  # words about a row of a series that has no place in time


def gather(journal: Journal, name: str, data: Dataset, reach: int = 1) -> Words:
    """What holds of the labels of ``name``, put beside the training rows ``data``. ``reach``: the window of a series, in steps."""
    words = Words(np.zeros(len(data), dtype=np.int64) if data.y is None else data.y.copy())
    every = [label for label in reversed(journal.labels(name)) if label["holds"]]
    said = [label for label in every if _has_place(label, data)]
    words.left_out = len(every) - len(said)
    words.false_alarms = sum(not label["is_anomaly"] for label in said)
    words.anomalies = len(said) - words.false_alarms
    if data.kind == "series":
        _series(journal, said, data, reach, words)
    else:
        _table(said, data, words)
    return words


def fit(data: Dataset, words: Words, compose: Callable[[Dataset], Pipeline],
        progress: Callable[[float, str], None]) -> tuple[Pipeline, dict[str, Any]]:
    """The model of the marked rows, and what it learned from. Copies of the false alarms are added until none is raised again, or
    there are as many as the training rows bear; ``still_flagged`` says how many were raised to the end, ``not_raised`` how many rows that
    were called anomalies, and are no training rows, the model does not raise."""
    marked = replace(data, y=words.y if words.y.any() else None)
    size = sum(len(rows) for rows, _ in words.normal)
    most = max(int(_MOST[data.kind] * len(data)) // max(size, 1), 2)
    for attempt, wanted in enumerate(_TRIES[data.kind]):
        copies = min(wanted, most)
        progress(0.15 + 0.25 * attempt, f"Learning, with {words.false_alarms} false alarms and {words.anomalies} anomalies told apart")
        rows = added(marked, [one for one, _ in words.normal], words.odd, copies)
        model = compose(rows).fit(rows)
        flagged = sum(bool(model.detect(one).is_anomaly[must].any()) for one, must in words.normal)
        if not flagged or copies == most:
            break
    return model, {"false_alarms": words.false_alarms, "anomalies": words.anomalies, "left_out": words.left_out,
                   "copies": copies if words.normal else 0,
                   "rows_added": len(rows) - len(data), "still_flagged": flagged,
                   "not_raised": sum(not model.detect(one).is_anomaly.any() for one in words.odd)}


def of_rows(rows: Dataset, is_anomaly: np.ndarray, data: Dataset) -> Words:
    """What was said of ``rows`` of a table, 0 and 1 in ``is_anomaly`` (n,), put beside the training rows ``data``: :func:`fit` takes it."""
    words = Words(np.zeros(len(data), dtype=np.int64) if data.y is None else data.y.copy())
    cells = cells_of(rows, np.arange(len(rows)))
    _table([{"cells": line, "is_anomaly": bool(odd)} for line, odd in zip(cells, is_anomaly)], data, words)
    words.false_alarms, words.anomalies = int((is_anomaly == 0).sum()), int((is_anomaly == 1).sum())
    return words


def _table(said: Iterable[dict[str, Any]], data: Dataset, words: Words) -> None:
    there = keys_of(data)
    for key, label in {key_of(label["cells"], data.schema.names): label for label in said}.items():  # of equal rows, the newest word
        at = there.get(key, [])
        words.y[at] = int(label["is_anomaly"])
        row = stretch_of([label["cells"]], data, [None])
        if not label["is_anomaly"]:
            words.normal.append((row, np.array([0])))
        elif not at:
            words.odd.append(row)


def _has_place(label: dict[str, Any], data: Dataset) -> bool:
    """Whether a word about a series can be put beside its steps: cells that were told without a usable time cannot."""
    if data.time is None or label["detection"] is not None:
        return True
    return not (np.isnat(moment(label["time"])) if data.time.dtype.kind == "M" else np.isnan(number(label["time"])))


def _series(journal: Journal, said: Iterable[dict[str, Any]], data: Dataset, reach: int, words: Words) -> None:
    times = np.array([]) if data.time is None else np.array(times_as_text(data.time))
    for label in said:
        event = _event(journal, label)
        at = np.flatnonzero(np.isin(times, [time for time in event["times"] if time is not None]))
        if data.group is not None and data.schema.group is not None:
            at = at[data.group[at].astype(str) == str(label["cells"].get(data.schema.group))]
        words.y[at] = int(label["is_anomaly"])
        if not label["is_anomaly"]:
            words.normal.append(_around(data, at, reach) if len(at) else _elsewhere(journal, event, data, reach))


def _event(journal: Journal, label: dict[str, Any]) -> dict[str, Any]:
    """All flagged rows of the event that the labelled row belongs to: what is said of one holds for all."""
    if label["detection"] is None:
        return {"batch": None, "rows": [0], "times": [label["time"]], "cells": [label["cells"]]}
    found = [journal.detection(label["detection"])]
    if found[0]["event"] is not None:
        same = [one for one in _all(journal, found[0]) if one["event"] == found[0]["event"]]
        found = sorted(same, key=lambda one: one["row"])
    return {"batch": found[0]["batch"], "rows": [one["row"] for one in found], "times": [one["time"] for one in found],
            "cells": [one["cells"] for one in found], "model": found[0]["model"]}


def _all(journal: Journal, one: dict[str, Any]) -> Iterable[dict[str, Any]]:
    before: int | None = None
    while part := journal.detections(one["model"], batch=one["batch"], before=before, limit=_PAGE):
        yield from part
        before = part[-1]["id"]


def _around(data: Dataset, at: np.ndarray, reach: int) -> tuple[Dataset, np.ndarray]:
    """The training rows around ``at``, within their own group."""
    low, high = max(0, int(at.min()) - reach), min(len(data), int(at.max()) + reach + 1)
    if data.group is not None:
        same = np.flatnonzero(data.group[low:high] == data.group[at[0]]) + low
        low, high = int(same.min()), int(same.max()) + 1
    return replace(data[low:high], y=None), at - low


def _elsewhere(journal: Journal, event: dict[str, Any], data: Dataset, reach: int) -> tuple[Dataset, np.ndarray]:
    """The rows around the event in the trace of its batch, or the event's own rows."""
    trace = journal.trace(event["model"], event["batch"]) if event["batch"] is not None else None
    if trace is None or trace["time"] is None:
        return stretch_of(event["cells"], data, event["times"]), np.arange(len(event["cells"]))
    rows = np.asarray(event["rows"])
    low, high = max(0, int(rows.min()) - reach), min(len(trace["ids"]), int(rows.max()) + reach + 1)
    cells = [{column["name"]: column["values"][i] for column in trace["columns"]} for i in range(low, high)]
    return stretch_of(cells, data, trace["time"][low:high]), rows - low
