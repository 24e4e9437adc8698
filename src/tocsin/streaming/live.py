"""A pipeline's preparation, row by row: what its steps do to a whole series, done as the rows come."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tocsin.core.errors import ConfigError, DataError
from tocsin.core.types import Schema
from tocsin.data.clean import Clean
from tocsin.data.denoise import Denoise
from tocsin.data.encode import Encode
from tocsin.data.impute import Impute
from tocsin.data.scale import Scale
from tocsin.data.schema import conform
from tocsin.data.transformer import Transformer
from tocsin.pipeline.preparation import Preparation
from tocsin.streaming import keep
from tocsin.streaming.moment import shown
from tocsin.streaming.reach import Reach
from tocsin.streaming.window import Chunked


class Filling:
    """Missing cells filled as ``Impute(method)`` does, in each segment. ``fill`` (d,) stands where nothing is known.

    "linear" waits for the next known value, but for no more than ``longest`` rows; then the row goes on with the last known one. A hole
    that long is the one place where a stream differs from its batch.
    """

    def __init__(self, method: str, fill: np.ndarray, longest: int = 10) -> None:
        self.method, self.fill, self.longest = method, fill, longest
        self.holes = 0
        self._rows: deque[np.ndarray] = deque()  # waiting, in order
        self._number = 0  # of the next row in this segment
        self._seen = np.full(len(fill), -1)  # number of the last row that knew each column
        self._known = np.asarray(fill, dtype=float).copy()  # and its value

    @property
    def held(self) -> int:
        """Rows that wait for a value."""
        return len(self._rows)

    def push(self, row: np.ndarray) -> list[np.ndarray]:
        """Rows (d,) that are complete, in order."""
        missing = np.isnan(row)
        if not self._rows and not missing.any():
            self._seen[:] = self._number
            self._known = row.copy()
            self._number += 1
            return [row]
        self.holes += int(missing.sum())
        row = row.copy()
        if self.method == "linear":
            return self._wait(row, ~missing)
        row[missing] = self._known[missing] if self.method == "previous" else self.fill[missing]
        self._note(row, ~missing)
        return [row]

    def end(self) -> list[np.ndarray]:
        """The rest of the segment."""
        made = [self._closed(row) for row in self._rows]
        self._rows.clear()
        self._number, self._seen[:], self._known = 0, -1, np.asarray(self.fill, dtype=float).copy()
        return made

    def state(self) -> dict[str, Any]:
        """Plain values and arrays."""
        return {"rows": [row.copy() for row in self._rows], "number": self._number, "seen": self._seen.copy(),
                "known": self._known.copy(), "holes": self.holes}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        width = len(self.fill)
        self._rows = deque(keep.row(row, width) for row in state["rows"])
        self._number, self.holes = keep.count(state["number"]), keep.count(state["holes"])
        self._seen, self._known = keep.row(state["seen"], width).astype(int), keep.row(state["known"], width)

    def _wait(self, row: np.ndarray, known: np.ndarray) -> list[np.ndarray]:
        first = self._number - len(self._rows)
        for j in np.flatnonzero(known):
            a, b = int(self._seen[j]), self._number
            low, high = (self._known[j], row[j]) if a >= 0 else (row[j], row[j])  # before the first known value: that value
            for i in range(max(a + 1, first), b):
                if np.isnan(self._rows[i - first][j]):
                    share = (i - a) / (b - a) if a >= 0 else 0.0
                    self._rows[i - first][j] = low * (1 - share) + high * share
        self._note(row, known)
        self._rows.append(row)
        made = []
        while self._rows and (len(self._rows) > self.longest or not np.isnan(self._rows[0]).any()):
            made.append(self._closed(self._rows.popleft()))
        return made

    def _closed(self, row: np.ndarray) -> np.ndarray:
        """No known value follows: the last one stands."""
        return np.where(np.isnan(row), self._known, row)

    def _note(self, row: np.ndarray, known: np.ndarray) -> None:
        self._seen[known] = self._number
        self._known[known] = row[known]
        self._number += 1


class Plain:
    """Rows of numbers for a detector without a pipeline: mappings by the first row's names, missing cells as their last known value.

    ``columns`` None: the first row names them, or tells their number. A hole before anything is known is 0.
    """

    def __init__(self, columns: Sequence[str] | None = None) -> None:
        if columns is not None and (isinstance(columns, (str, bytes)) or not isinstance(columns, Collection) or not len(columns)):
            raise ConfigError("TOC-202", "columns are a list of names", came=shown(columns), todo="give names, as ['flow', 'heat']")
        self.columns = None if columns is None else tuple(columns)
        self.width = 0 if columns is None else len(columns)
        self.last: Sequence[float] = ()
        self.holes = self.held = 0

    def encode(self, values: Any) -> np.ndarray:
        """(d,) with NaN where missing. Raises DataError TOC-111, TOC-133, TOC-199."""
        if isinstance(values, Mapping):
            if self.columns is None and not self.width:
                self.columns = tuple(values)
            elif self.columns is None:
                raise DataError("TOC-111", "rows came without names before, this one has some", came=repr(values)[:80],
                                todo="push all rows as sequences, or all as mappings")
        if self.columns is not None:
            values = _in_order(values, self.columns)
        cells = [values] if _single(values) else list(values)
        row = np.array([_number(cell) for cell in cells])
        if not self.width:
            self.width = len(row)
        if len(row) != self.width or not len(row):
            raise DataError("TOC-111", "the number of columns changed in the stream", came=f"{len(row)} cells, before {self.width}",
                            todo="push rows of one width; None stands for a missing cell")
        return row

    def push(self, row: np.ndarray) -> list[np.ndarray]:
        """The row without holes."""
        missing = np.isnan(row)
        if missing.any():
            self.holes += int(missing.sum())
            row = np.where(missing, self.last if len(self.last) else 0.0, row)
        self.last = row.tolist()
        return [row]

    def end(self) -> list[np.ndarray]:
        """Nothing waits."""
        return []

    def state(self) -> dict[str, Any]:
        """Plain values."""
        return {"columns": self.columns, "width": self.width, "last": [float(value) for value in self.last], "holes": self.holes}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        self.columns = None if state["columns"] is None else tuple(state["columns"])
        self.width, self.holes = keep.count(state["width"]), keep.count(state["holes"])
        self.last = [keep.number(value) for value in state["last"]]
        if len(self.last) not in (0, self.width) or (self.columns is not None and len(self.columns) != self.width):
            raise ValueError(f"a row of {len(self.last)} cells among rows of {self.width}")


class Live:
    """A fitted :class:`Preparation`, row by row: ``encode`` before the clock's grid, ``push`` after it.

    Raises ConfigError TOC-277 for a preparation with steps that a stream cannot take.
    """

    def __init__(self, preparation: Preparation, schema: Schema) -> None:
        self.schema = schema
        at = next(i for i, step in enumerate(preparation.steps) if isinstance(step, Encode))
        self._before = preparation.steps[:at + 1]
        self._stages = [_stage(step) for step in preparation.steps[at + 1:]]
        wrong = [step for step in self._before if not isinstance(step, (Clean, Encode))]
        if wrong:
            raise _no_stream(wrong[0])
        self._numbers = _numbers(self._before, schema)

    @property
    def held(self) -> int:
        """Rows that wait in some stage."""
        return sum(stage.held for stage in self._stages if not isinstance(stage, Scale))

    @property
    def holes(self) -> int:
        """Missing cells seen."""
        return sum(stage.holes for stage in self._stages if isinstance(stage, Filling))

    def encode(self, values: Any) -> np.ndarray:
        """(d,) of one row, a mapping from column to cell or the cells in the model's order; NaN where missing."""
        cells = _in_order(values, self.schema.names)
        if self._numbers is not None:
            quick = [_number(cells[j]) if type(cells[j]) is float or type(cells[j]) is int else None for j in self._numbers]
            if None not in quick:
                return np.array(quick, dtype=float)
        rows: Any = conform(pa.table({name: _cell(cell) for name, cell in zip(self.schema.names, cells)}), self.schema)
        for step in self._before:
            rows = step.transform(rows)
        return np.asarray(rows[0], dtype=float)

    def push(self, row: np.ndarray) -> list[np.ndarray]:
        """Rows (d,) that the detector may see, in order."""
        return self._through([row], 0)

    def end(self) -> list[np.ndarray]:
        """The rest of the segment."""
        made: list[np.ndarray] = []
        for i, stage in enumerate(self._stages):
            if not isinstance(stage, Scale):
                made += self._through(list(stage.end()), i + 1)
        return made

    def state(self) -> dict[str, Any]:
        """Plain values and arrays."""
        return {"stages": [None if isinstance(stage, Scale) else stage.state() for stage in self._stages]}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        for stage, kept in zip(self._stages, state["stages"]):
            if not isinstance(stage, Scale):
                stage.load_state(kept)

    def _through(self, rows: list[np.ndarray], start: int) -> list[np.ndarray]:
        for stage in self._stages[start:]:
            if not rows:
                break
            if isinstance(stage, Scale):
                rows = list(stage.transform(np.array(rows)))
            else:
                rows = [made for row in rows for made in stage.push(row)]
        return rows


def _stage(step: Transformer) -> Filling | Chunked | Scale:
    if isinstance(step, Impute):
        return Filling(step.method, np.asarray(step.fill_, dtype=float))
    if isinstance(step, Denoise):
        reach = step.width - 1
        return Chunked(step.transform, Reach(reach, reach, 1, step.width))
    if isinstance(step, Scale):
        return step
    raise _no_stream(step)


def _numbers(before: Sequence[Transformer], schema: Schema) -> list[int] | None:
    """Places of the source columns, when all that the steps do is to take numbers as they are; else None."""
    encode = before[-1]
    assert isinstance(encode, Encode)
    plans = encode.plans_
    simple = {"coding": "number", "form": "number", "width": 1, "missing": 0.0, "evidence": False}
    if any(plan[name] != value for plan in plans for name, value in simple.items()):
        return None
    places = {name: j for j, name in enumerate(schema.names)}
    return [places[plan["source"]] for plan in plans]


def _in_order(values: Any, names: Sequence[str]) -> list[Any]:
    if isinstance(values, Mapping):
        absent = [name for name in names if name not in values]
        if len(absent) == len(names):
            raise DataError("TOC-133", "none of the columns learned from is there", came=", ".join(map(repr, list(values)[:8])),
                            todo=f"name the cells as in training: {', '.join(map(repr, names[:8]))}")
        return [values.get(name) for name in names]  # a channel that is not sent is missing
    cells = [values] if _single(values) else np.asarray(values).tolist() if isinstance(values, np.ndarray) else list(values)
    if len(cells) != len(names):
        raise DataError("TOC-111", "the number of columns differs from the one learned",
                        came=f"{len(cells)} cells, learned with {len(names)}",
                        todo=f"push the columns {', '.join(names[:8])}, in this order, or a mapping")
    return cells


def _number(cell: Any) -> float:
    """NaN for a missing or infinite cell."""
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return math.nan
    try:
        number = float(cell)
    except OverflowError:
        raise _too_large(cell) from None
    except (TypeError, ValueError):
        raise DataError("TOC-199", "a cell is no number, and without a pipeline nothing else can be judged", came=shown(cell),
                        todo="push numbers, None where one is missing; or fit a pipeline, which reads text, dates and categories") from None
    return number if math.isfinite(number) else math.nan


def _cell(cell: Any) -> pa.Array:
    cell = cell.item() if isinstance(cell, np.generic) else cell
    try:
        return pa.array([None if isinstance(cell, float) and math.isnan(cell) else cell])
    except OverflowError:
        raise _too_large(cell) from None
    except pa.ArrowException as error:
        raise DataError("TOC-199", "a cell is no value of a table", came=f"{shown(cell)}: {error}"[:160],
                        todo="push numbers, text, dates, True or False; None where one is missing") from None


def _too_large(cell: Any) -> DataError:
    return DataError("TOC-199", "a number is too large", came=shown(cell), todo="push numbers below 1e308, None where one is missing")


def _single(values: Any) -> bool:
    """Whether it is one cell, not several."""
    try:
        return np.ndim(values) == 0
    except ValueError:  # lists of different lengths within a list
        return False


def _no_stream(step: Transformer) -> ConfigError:
    return ConfigError("TOC-277", f"the preparation step {type(step).__name__} cannot be taken row by row", came=repr(step)[:80],
                       todo="fit the pipeline with Clean, Encode, Impute, Denoise and Scale")
