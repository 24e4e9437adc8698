"""Rows and windows to try an exported model on: reference rows of the model in their own units, some of them disturbed.

Disturbed means: numbers moved by little and by much, holes, infinity, levels and constants never seen. Everything is drawn by the
model's seed: equal models are tried on equal rows.

Letters: n rows, b windows, t time steps, l window length, c source columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tocsin.core.seed import generator
from tocsin.core.types import Dataset
from tocsin.delivery.export.columns import Column, columns_of
from tocsin.delivery.export.preparation import WINDOW, encode_of
from tocsin.pipeline.pipeline import Pipeline

_MOVES = (0.0, 0.0, 0.3, 3.0, 30.0, 1e5)  # in standard deviations of the reference rows
_HOLES = 0.1
_DATES = (946_684_800, 1_893_456_000)  # the years 2000 to 2029


@dataclass(frozen=True)
class Trial:
    """``data`` for the original, ``feeds`` the same cells for the graph; ``shape`` of the graph's outputs."""

    data: Dataset
    feeds: dict[str, np.ndarray]
    shape: tuple[int, ...]


def rows_of(model: Pipeline, n: int) -> Trial:
    """``n`` rows of a table."""
    random = generator(model.seed, "export", str(n))
    known = model.reference_["last"]
    usual = model.preparation_.own_units(known[random.integers(len(known), size=n)])
    columns = _columns(model)
    cells = {column.name: _cells(column, usual[column.name], n, random) for column in columns}
    return Trial(_dataset(model, columns, cells, n), {column.input: _fed(column, cells[column.name]) for column in columns}, (n,))


def windows_of(model: Pipeline, b: int, t: int) -> Trial:
    """``b`` windows of ``t`` steps; in the Dataset they are groups, so that each is a segment of its own."""
    random = generator(model.seed, "export", f"{b} {t}")
    known = np.asarray(model.reference_["rows"])
    known = known.reshape(len(known), -1, model.reference_["last"].shape[1])  # (m, l, d)
    parts = known[random.integers(len(known), size=(b, -(-t // known.shape[1])))]  # (b, p, l, d)
    matrix = parts.reshape(b, -1, known.shape[2])[:, :t].reshape(b * t, -1)
    usual = model.preparation_.own_units(matrix)
    columns = _columns(model)
    cells = {column.name: _cells(column, usual[column.name], b * t, random) for column in columns}
    data = _dataset(model, columns, cells, b * t, group=np.repeat(np.arange(b), t))
    window = np.concatenate([_fed(column, cells[column.name]) for column in columns], axis=1)
    return Trial(data, {WINDOW: window.reshape(b, t, len(columns))}, (b, t))


def _columns(model: Pipeline) -> list[Column]:
    return columns_of(encode_of(model.preparation_))


def _dataset(model: Pipeline, columns: list[Column], cells: dict[str, list[Any]], n: int, group: np.ndarray | None = None) -> Dataset:
    types = {"number": pa.float64(), "boolean": pa.bool_(), "date": pa.timestamp("us"), "string": pa.large_string()}
    arrays = {column.name: pa.array(cells[column.name], types[column.form]) for column in columns}
    table = pa.table({name: arrays.get(name, pa.nulls(n)) for name in model.schema_.names})
    return Dataset(table, model.kind_, model.schema_, np.arange(n), group=group)


def _fed(column: Column, cells: list[Any]) -> np.ndarray:
    """(n, 1) as the graph takes the column."""
    if column.form == "string":
        return np.array([["" if cell is None else cell] for cell in cells], dtype=object)
    scale = 1e-6 if column.form == "date" else 1.0
    return np.array([[np.nan if cell is None else float(cell) * scale] for cell in cells])


def _cells(column: Column, usual: list[Any], n: int, random: np.random.Generator) -> list[Any]:
    """n cells, None where missing; dates in whole microseconds."""
    made = _DRAWN[column.coding](column, usual, n, random)
    holes = random.random(n) < np.where(random.random(n) < 0.5, 2 * _HOLES, 0.0)
    return [None if hole else cell for hole, cell in zip(holes.tolist(), made)]


def _numbers(column: Column, usual: list[Any], n: int, random: np.random.Generator) -> list[Any]:
    cells = np.array([np.nan if cell is None else cell for cell in usual], dtype=float)
    moves = random.choice(_MOVES, size=n)
    moves[: n - n // 3] = np.minimum(moves[: n - n // 3], 30.0)  # a row beside one moved far is compared less strictly: leave some without
    moved = cells + moves * random.normal(size=n) * max(float(np.nanstd(cells)), 1e-9)
    moved[random.random(n) < 0.02] = np.inf  # as good as missing
    return [None if np.isnan(cell) else cell for cell in moved.tolist()]


def _booleans(column: Column, usual: list[Any], n: int, random: np.random.Generator) -> list[Any]:
    return [None if cell is None else cell ^ turned for cell, turned in zip(usual, (random.random(n) < 0.2).tolist())]


def _names(column: Column, usual: list[Any], n: int, random: np.random.Generator) -> list[Any]:
    levels = [*column.plan["levels"], "never seen", "Never seen ☃"]
    drawn = random.integers(len(levels), size=n)
    other = random.random(n) < 0.4
    known = set(levels)
    return [levels[i] if odd or cell not in known else cell for cell, i, odd in zip(usual, drawn.tolist(), other.tolist())]


def _dates(column: Column, usual: list[Any], n: int, random: np.random.Generator) -> list[Any]:
    return (random.integers(*_DATES, size=n) * 1_000_000 + random.integers(4, size=n) * 250_000).tolist()


def _constants(column: Column, usual: list[Any], n: int, random: np.random.Generator) -> list[Any]:
    value = column.plan["value"]
    if column.form == "date":
        other: Any = _DATES[0] * 1_000_000
        value = None if value is None else int(np.datetime64(value.replace(" ", "T"), "us").astype(np.int64))
    elif column.form == "number":
        other = 2.0 * float(value or 0) + 1.0
    else:
        other = "changed" if column.form == "string" else not value
    return [other if odd else value for odd in (random.random(n) < 0.2).tolist()]


_DRAWN = {"number": _numbers, "boolean": _booleans, "levels": _names, "frequency": _names, "cyclic": _dates, "fixed": _constants}
