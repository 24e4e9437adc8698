"""Answers of people in files: rows to judge are written, judged rows are read, heeded at once, and enter the next training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from tocsin.core.errors import ConfigError, DataError
from tocsin.core.types import Dataset, Schema
from tocsin.data.label import as_labels
from tocsin.data.read import read
from tocsin.delivery.registry import Registry, Version
from tocsin.flows import labelled
from tocsin.flows.release import begun_from
from tocsin.flows.score import harmless
from tocsin.monitoring.cells import cells_of
from tocsin.monitoring.journal import Journal
from tocsin.pipeline.pipeline import Pipeline
from tocsin.store.engine import Store

ANSWER, ROW = "is_anomaly", "row"
"""The columns of a file of answers beside the rows' own: what is said, and where the row stands in the file that was asked about."""


def to_judge(model: Pipeline, data: Dataset, rows: np.ndarray) -> pa.Table:
    """The rows at positions ``rows`` (m,) as a table for a person: position, p-value, cells, and an empty column ``is_anomaly``."""
    clash = [name for name in (ROW, "p_value", ANSWER) if name in data.schema.names]
    if clash:
        raise DataError("TOC-145", "columns of this name are added to the rows to judge", came=f"a column called {clash[0]!r}",
                        todo=f"rename it where the model is fitted; {ROW}, p_value and {ANSWER} are taken")
    cells = cells_of(data, rows)
    columns: dict[str, Any] = {ROW: pa.array(rows, pa.int64()), "p_value": pa.array(model.detect(data).p_value[rows])}
    taken = {ROW, "p_value", ANSWER}
    if data.schema.id is not None and data.schema.id not in taken:
        columns[data.schema.id] = pa.array([str(harmless(value)) for value in data.ids[rows].tolist()])
    for name in data.schema.names:
        if name not in columns and name != ANSWER:
            columns[name] = pa.array([harmless(line[name]) for line in cells])
    return pa.table({**columns, ANSWER: pa.nulls(len(rows), pa.string())})


def written(table: pa.Table, path: str | Path) -> None:
    """Write rows to judge as csv."""
    pa.csv.write_csv(table, str(path))


def read_answers(path: str | Path, schema: Schema, among: Dataset | None = None) -> tuple[Dataset, np.ndarray]:
    """(the rows that were judged, 0 and 1 for each) of a file with a column ``is_anomaly``; rows where it is empty are left out.

    The rows' cells stand in the file, in the columns of ``schema``; or a column ``row`` tells their positions in ``among``, or the column
    that names rows there does. Raises DataError TOC-145 (no answer), TOC-131 (what is no label), TOC-107 (no such row), those of reading.
    """
    raw = read(str(path), kind="table", label=False)
    table = raw.X if isinstance(raw.X, pa.Table) else pa.table({})
    if ANSWER not in table.column_names or table.column(ANSWER).null_count == len(table):
        raise DataError("TOC-145", "no row of this file holds an answer", came=f"columns {', '.join(table.column_names[:12])}"[:200],
                        todo=f"fill the column {ANSWER}: 1 for an anomaly, 0 for a normal row; leave out what you do not know")
    kept = np.flatnonzero(table.column(ANSWER).is_valid().to_numpy())
    said = as_labels(table.column(ANSWER).take(pa.array(kept)), ANSWER)
    if among is not None and not set(schema.names) & set(table.column_names):
        return _named(table, kept, among), said
    roles = replace(schema, label=None, id=None)
    judged = replace(read(str(path), kind="table", schema=roles, label=False)[kept], y=None)
    return replace(judged, X=_unharmed(judged.X)) if isinstance(judged.X, pa.Table) else judged, said


def _unharmed(table: pa.Table) -> pa.Table:
    """Without the apostrophe that :func:`to_judge` puts before cells that a spreadsheet would compute."""
    for i, field in enumerate(table.schema):
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            plain = pc.replace_substring_regex(table.column(i), pattern="^'([=+@\\-\\t\\r])", replacement="\\1")
            table = table.set_column(i, field, plain)
    return table


def retrain_with(data: Dataset, rows: Dataset, is_anomaly: np.ndarray, compose: Callable[[Dataset], Pipeline],
                 progress: Callable[[float, str], None] = lambda share, words: None) -> tuple[Pipeline, dict[str, Any]]:
    """A model of the training rows ``data`` and of what was said of ``rows`` (n,), and what it learned from.

    Confirmed anomalies are marked 1: detectors that learn from labels do so, for others they are left out. False alarms are added as
    copies, as many as it takes for the model not to raise them. Tables only: ConfigError TOC-216.

    >>> from tocsin.flows.train import compose
    >>> data = Dataset.of(np.random.default_rng(0).normal(size=(200, 2)))
    >>> model, learned = retrain_with(data, Dataset.of([[6.0, 6.0]], names=data.schema.names), np.array([0]), compose)
    >>> bool(model.detect([[6.0, 6.0]]).is_anomaly[0]), learned["false_alarms"]
    (False, 1)
    """
    if data.kind != "table":
        raise ConfigError("TOC-216", "answers in a file are about rows of a table", came=f"a {data.kind}",
                          todo="label rows in the service and train again: stretches are learned")
    return labelled.fit(data, labelled.of_rows(rows, is_anomaly, data), compose, progress)


def answer(store: Store, registry: Registry, name: str, path: str | Path, *, by: str, why: str = "",
           reach: str = "all") -> tuple[Version, dict[str, Any]]:
    """The version that judges (else the newest) with the answers of a file heeded, as a new version that nobody uses before it is promoted.

    The answers are kept in the journal, too: a service that judges with this name heeds them at once, and they enter the next training.
    Raises ServiceError TOC-621, ConfigError TOC-236, those of
    :func:`read_answers` and of :meth:`Pipeline.answered`.
    """
    source = begun_from(registry, registry.model(name))
    if source is None:
        raise ConfigError("TOC-236", "there is no version that could heed answers", came=name,
                          todo="add one first: tocsin models add NAME FILE")
    model = registry.load(name, source.number)
    rows, said = read_answers(path, model.schema_)
    made = model.answered(rows, said, reach=reach)  # type: ignore[arg-type]
    version = registry.add(name, made, by=by, why=why or f"{len(said)} rows judged by a person", data=source.data)
    journal = Journal(store)
    for cells, odd in zip(cells_of(rows, np.arange(len(rows))), said.tolist()):
        journal.label(name, bool(odd), cells=cells, by=by, why=why)
    return version, made.facts_["answers"]


def _named(table: pa.Table, kept: np.ndarray, among: Dataset) -> Dataset:
    """Rows of ``among`` by position (column ``row``) or by name."""
    if ROW in table.column_names:
        if not (pa.types.is_integer(table.schema.field(ROW).type) or pa.types.is_floating(table.schema.field(ROW).type)):
            raise _no_row(str(table.column(ROW)[int(kept[0])]), len(among))
        at = np.asarray(table.column(ROW).to_numpy(zero_copy_only=False), dtype=float)[kept]
        good = np.isfinite(at) & (at >= 0) & (at < len(among)) & (at == np.floor(at))
        if not good.all():
            raise _no_row(str(at[~good][0]), len(among))
        return replace(among[at.astype(np.int64)], y=None)
    name = among.schema.id
    if name is None or name not in table.column_names:
        raise DataError("TOC-145", "the answers cannot be put beside rows", came=f"columns {', '.join(table.column_names[:12])}"[:200],
                        todo=f"keep the rows' cells in the file, or a column {ROW} with their positions, counted from 0")
    places = {str(value): i for i, value in enumerate(among.ids.tolist())}
    wanted = [str(value) for value in table.column(name).take(pa.array(kept)).to_pylist()]
    strange = [value for value in wanted if value not in places]
    if strange:
        raise _no_row(strange[0], len(among))
    return replace(among[np.array([places[value] for value in wanted])], y=None)


def _no_row(came: str, n: int) -> DataError:
    return DataError("TOC-107", "there is no such row to learn an answer from", came=f"{came} of {n} rows"[:80],
                     todo="name rows of the file that is learned from, positions counted from 0")


