"""Source columns of a table as graph inputs, and the fitted ``Encode`` step as nodes.

One input per source column that reaches the matrix, shape (n, 1), called as the column (``Column.input`` when the name is taken by an
output or the threshold):

    number, boolean   double; NaN and infinity = missing; a boolean is 1 or 0
    date              double, seconds since 1970-01-01 00:00 UTC; NaN = missing
    category          string without blanks around it; "" and the usual spellings of "no value" (NA, null, ...) = missing

Columns that the model does not look at (identifiers, labels, dates without a cycle) are no inputs. Free text is refused: its surface is
counted with regular expressions, which the graph cannot say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tocsin.core.errors import ArtifactError
from tocsin.data.coding import CAP, indicator
from tocsin.data.encode import Encode
from tocsin.data.literal import MISSING
from tocsin.delivery.export.graph import DOUBLE, INT64, ML, STRING, Graph

TAKEN = ("score", "p_value", "is_anomaly", "threshold")
"""Names of outputs and of the optional input."""

_FIRST, _LAST = -6.2e16, 2.5e17  # microseconds since 1970 of the years 1 and 9999, as Clean sees them
_NOT_THERE = "\x00no level has this name"


@dataclass(frozen=True)
class Column:
    """``input`` is the graph input that carries the source column ``name``; ``form`` number, boolean, date or string."""

    name: str
    input: str
    form: str
    coding: str
    plan: dict[str, Any]


def columns_of(encode: Encode) -> list[Column]:
    """The source columns that reach the matrix, in its order."""
    taken, made = {*TAKEN, *(plan["source"] for plan in encode.plans_)}, []
    for plan in encode.plans_:
        name = plan["source"]
        while name in TAKEN or (name != plan["source"] and name in taken):
            name += "_column"
        taken.add(name)
        made.append(Column(plan["source"], name, plan["form"], plan["coding"], plan))
    return made


def declare(graph: Graph, columns: list[Column]) -> list[str]:
    """Graph inputs (n, 1), one per column."""
    return [graph.input(column.input, STRING if column.form == "string" else DOUBLE, ["n", 1]) for column in columns]


def encoded(graph: Graph, columns: list[Column], cells: list[str]) -> str:
    """(n, d) what ``Encode.transform`` makes, NaN where ``Impute`` has to fill. Raises ArtifactError TOC-422, naming the column."""
    blocks: list[str] = []
    places: list[int] = []  # of each block column in the matrix
    starts = np.cumsum([0, *(column.plan["width"] for column in columns)])
    numbers = [i for i, column in enumerate(columns) if column.coding == "number"]
    if numbers:
        made, where = _numbers(graph, [columns[i] for i in numbers], [cells[i] for i in numbers], starts[numbers])
        blocks += made
        places += where
    for i, column in enumerate(columns):
        if column.coding != "number":
            blocks.append(_writer(column)(graph, cells[i], column))
            places += range(starts[i], starts[i + 1])
    matrix = graph.concat(blocks, axis=1)
    order = np.argsort(places)
    return matrix if (order == np.arange(len(order))).all() else graph.take(matrix, order, axis=1)


def _numbers(graph: Graph, columns: list[Column], cells: list[str], starts: np.ndarray) -> tuple[list[str], list[int]]:
    """All number columns at once: their values, and the indicators of those that were missing in training."""
    X = graph.concat(cells, axis=1)
    there = graph.finite(X)
    plans = [column.plan for column in columns]
    # a cell of a column never missing in training: the strong value of coding.py's rule, or for a series a gap to be imputed
    far = [plan["far"] if plan["evidence"] and not plan["missing"] > 0 else np.nan for plan in plans]
    made, places = [graph.where(there, X, np.array(far, dtype=float))], [int(start) for start in starts]
    gone = [j for j, plan in enumerate(plans) if plan["missing"] > 0]
    if gone:
        shares = np.array([plans[j]["missing"] for j in gone])
        low, high = (indicator(np.array(on), shares) for on in (False, True))
        made.append(graph.where(graph.take(there, np.array(gone), axis=1), low, high))
        places += [int(starts[j]) + 1 for j in gone]
    return made, places


def _writer(column: Column) -> Callable[[Graph, str, Column], str]:
    if column.coding == "surface":
        raise refused(f"the free text of column {column.name!r}", "Encode counts its words and signs", "leave the column out (ignore=)")
    if column.coding == "cyclic":
        return _cyclic
    if column.form == "string":
        return _strings
    return _boolean if column.form == "boolean" else _fixed


def _strings(graph: Graph, cells: str, column: Column) -> str:
    """Levels, frequencies and constants: every possible cell is one line of a table that Encode itself writes."""
    plan = column.plan
    levels = [str(level) for level in plan.get("levels", [plan.get("value")] if plan.get("value") is not None else [])]
    table = _lines(plan, pa.array([*levels, _NOT_THERE, None], pa.large_string()))
    unseen, missing = len(levels), len(levels) + 1
    spellings = [word for word in MISSING if word not in levels]
    which = graph.node("LabelEncoder", cells, domain=ML, keys_strings=[*levels, *spellings],
                       values_int64s=[*range(len(levels)), *[missing] * len(spellings)], default_int64=unseen)
    return graph.take(table, graph.reshape(which, [-1]))


def _boolean(graph: Graph, cells: str, column: Column) -> str:
    """0, 1, or neither (missing)."""
    table = _lines(column.plan, pa.array([False, True, None], pa.bool_()))
    yes, no = (graph.compare("Equal", cells, on) for on in (1.0, 0.0))
    which = graph.where(yes, np.int64(1), graph.where(no, np.int64(0), np.int64(2)))
    return graph.take(table, graph.reshape(which, [-1]))


def _fixed(graph: Graph, cells: str, column: Column) -> str:
    """A number or date that never varied, or was never there: missing, as it was, or changed."""
    value = column.plan["value"]
    same, changed, gone = _lines_of_fixed(column.plan)
    if column.form == "date":
        cells, there = _micros(graph, cells)
        stamp = 0 if value is None else int(np.datetime64(str(value).replace(" ", "T"), "us").astype(np.int64))
        odd = graph.node("Not", graph.compare("Equal", cells, stamp))
    else:
        there, usual = graph.finite(cells), 0.0 if value is None else float(value)
        gap = graph.node("Abs", graph.sub(graph.where(there, cells, 0.0), usual))
        odd = graph.compare("Greater", gap, 1e-9 * abs(usual))
    told = graph.const(changed) if value is None else graph.where(odd, changed, same)
    return graph.where(there, told, gone)


def _lines_of_fixed(plan: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(width,) each: the cell as in training, another one, none. See ``Fixed`` and the evidence of missing cells in ``Encode``."""
    missing, width = plan["missing"], plan["width"]
    same, changed, gone = np.zeros(width), np.zeros(width), np.zeros(width)
    changed[0] = CAP
    if missing > 0:
        same[-1] = changed[-1] = indicator(np.array(False), missing)
        gone[-1] = indicator(np.array(True), missing)
    elif plan["evidence"] and plan["value"] is not None:
        gone[0] = plan.get("far", CAP)
    return same, changed, gone


def _cyclic(graph: Graph, cells: str, column: Column) -> str:
    """Places on circles; see ``Cyclic``."""
    plan = column.plan
    micros, there = _micros(graph, cells)
    center, spread = np.asarray(plan["center"], dtype=float), np.asarray(plan["spread"], dtype=float)
    parts = []
    for name in plan["cycles"]:
        length, shift = _cycle(name)
        place = graph.node("Mod", graph.add(micros, np.int64(shift)), np.int64(length))  # whole numbers: nothing is rounded
        angle = graph.div(graph.mul(graph.cast(place, DOUBLE), 2 * np.pi), float(length))
        parts += [graph.node("Sin", angle), graph.node("Cos", angle)]
    made = graph.clip(graph.div(graph.div(graph.sub(graph.concat(parts, axis=1), center), spread), float(np.sqrt(2))), -CAP, CAP)
    made = graph.where(there, made, 0.0)
    if plan["missing"] > 0:
        low, high = (float(indicator(np.array(on), plan["missing"])) for on in (False, True))
        return graph.concat([made, graph.where(there, low, high)], axis=1)
    if plan["evidence"]:
        strong = np.zeros(plan["width"])
        strong[0] = plan.get("far", CAP)
        return graph.where(there, made, strong)
    return made


def _cycle(name: str) -> tuple[int, int]:
    """(length, shift) of a cycle in microseconds, as ``Cyclic`` has them."""
    day = 86_400_000_000
    return {"hour": (day, 0), "weekday": (7 * day, 3 * day), "month": (round(365.2425 * day), 0)}[name]


def _micros(graph: Graph, cells: str) -> tuple[str, str]:
    """Seconds as whole microseconds (0 where missing), and whether the cell is a date of the years 1 to 9999."""
    micros = graph.mul(cells, 1e6)
    there = graph.node("And", graph.compare("Greater", micros, _FIRST), graph.compare("Less", micros, _LAST))
    return graph.cast(graph.where(there, micros, 0.0), INT64), there


def _lines(plan: dict[str, Any], cells: pa.Array) -> np.ndarray:
    """(m, width) what Encode writes for these cells of one column."""
    one = Encode(missing=plan["evidence"])
    features = [{"name": "", "source": plan["source"], "role": "", "level": None}] * plan["width"]
    one.load_state({"params": {}, "learned": {"plans_": [plan], "notes_": [], "features_": features, "rows_": 1}})
    return one.transform(pa.table({plan["source"]: cells}))


def refused(what: str, why: str, todo: str) -> ArtifactError:
    """The error for something fitted that the graph cannot say."""
    return ArtifactError("TOC-422", f"{what} cannot be exported", came=why, todo=todo)
