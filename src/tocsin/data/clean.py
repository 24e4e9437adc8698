"""From cells as they came to cells of one type per column."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Self

import numpy as np
import pyarrow as pa

from tocsin.core.errors import DataError
from tocsin.core.types import Finding
from tocsin.data import cell
from tocsin.data.cell import FORMS
from tocsin.data.matrix import fitted
from tocsin.data.schema import infer
from tocsin.data.transformer import Transformer

KIND = b"tocsin.kind"  # field metadata: the column's kind, read by Encode
_FEW = 5  # this many cells, all of another type, are a changed column; fewer may be single faults


class Clean(Transformer):
    """Arrow table → Arrow table: numbers float64, dates timestamp (µs, UTC), booleans bool, everything else text; null = missing.

    The type of a column and the reading of its text (decimal mark, thousands marks, order of day and month) are decided once, in ``fit``,
    by the rules that reading a file follows (``literal``, ``stamp``); then each cell is read by itself, so a row never depends on the
    rows beside it. "1,234" in a column that proves no decimal mark is no number. Infinity, "n/a", "" and cells of another type than the
    column's become null and are counted. Columns are found by name, so their order does not matter, and columns not learned are left
    aside. Columns of kind "label" never pass.

    schema  what ``Schema.to_dict`` gives; None infers the kinds from the training table (``schema.infer``).

    Also takes an array (n, d): its columns are named by the schema, or x0, x1, …

    Raises DataError TOC-102 (repeated column names), TOC-112 (no rows or no columns), TOC-150 (a learned column is missing), TOC-151
    (nested or binary type), TOC-152 (a column holds no cell of its learned type: five or more cells, or a type that cannot be read).

    >>> table = pa.table({"flow": ["1,5", "2,5", "inf", "n/a"]})
    >>> Clean({"columns": [{"name": "flow", "kind": "number"}]}).fit_transform(table)["flow"].to_pylist()
    [1.5, 2.5, None, None]
    """

    def __init__(self, schema: dict[str, Any] | None = None) -> None:
        self.schema = schema

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn each column's type."""
        table = self._table(X)
        if table.num_rows == 0 or table.num_columns == 0:
            raise DataError("TOC-112", "there is nothing to learn from", came=f"{table.num_rows} rows, {table.num_columns} columns",
                            todo="pass a table with a header and at least one row")
        kinds = self._kinds(table)
        self._forget()
        columns, counts, cells = [], [], cell.by_name(table)
        for name, kind in kinds.items():
            if kind == "label":
                counts.append({"column": name, "what": "label", "count": table.num_rows})
                continue
            if name not in cells:
                raise DataError("TOC-150", f"the schema names a column that is not in the data: {name}",
                                came=", ".join(table.column_names[:10]), todo="pass a table with the schema's columns")
            plan, found = _learn(cell.simple(cells[name], name), name, kind)
            columns.append(plan)
            counts.extend(found)
        beside = [name for name in table.column_names if name not in kinds]
        counts.extend({"column": name, "what": "not_in_schema", "count": table.num_rows} for name in beside)
        self.columns_, self.counts_, self.rows_ = columns, counts, table.num_rows
        return self

    def transform(self, X: Any, *, part: bool = False) -> pa.Table:
        """The learned columns in their learned order, one type each; the column's kind is in the field's metadata.

        ``part``: the rows were picked from data that has passed whole; that all their cells of a column are of another type proves
        no changed column then, and is not refused (TOC-152).
        """
        return self._run(self._table(X), part=part)[0]

    def findings(self, X: Any) -> tuple[Finding, ...]:
        """What ``transform`` would change in these rows."""
        table = self._table(X)
        counts = self._run(table)[1]
        known = {plan["name"] for plan in self.columns_} | {count["column"] for count in self.counts_}
        counts.extend({"column": name, "what": "unknown", "count": table.num_rows} for name in table.column_names if name not in known)
        return tuple(_finding(count, table.num_rows) for count in counts)

    def changes(self) -> tuple[Finding, ...]:
        """What was changed in the training rows, and how often."""
        return tuple(_finding(count, self.rows_) for count in fitted(self, "counts_"))

    def _run(self, table: pa.Table, *, part: bool = False) -> tuple[pa.Table, list[dict[str, Any]]]:
        plans, cells = fitted(self, "columns_"), cell.by_name(table)
        absent = [plan["name"] for plan in plans if plan["name"] not in cells]
        if absent:
            raise DataError("TOC-150", f"{len(absent)} columns that the model learned are missing: {', '.join(absent[:5])}",
                            came=", ".join(table.column_names[:10]),
                            todo="pass the training data's columns, by name; order does not matter")
        arrays, fields, counts = [], [], []
        for plan in plans:
            values = cell.simple(cells[plan["name"]], plan["name"])
            read = cell.read(values, cell.Habit(**plan["habit"]), plan["name"])
            if read.read == 0 and read.wrong >= _FEW and plan["seen"] and not part:
                raise cell.not_coercible(plan["name"], plan["habit"]["form"], str(values.type), read.wrong)
            arrays.append(read.values)
            fields.append(pa.field(plan["name"], read.values.type, metadata={KIND: plan["kind"].encode()}))
            counts.extend(_counts(plan["name"], values, read))
        return pa.table(arrays, schema=pa.schema(fields)), counts

    def _table(self, X: Any) -> pa.Table:
        if not isinstance(X, pa.Table):
            X = np.asarray(X)
            if X.ndim != 2 or X.dtype.kind not in "biuf":
                raise DataError("TOC-115", "an Arrow table or an array of numbers with two dimensions is needed",
                                came=f"{type(X).__name__} {X.dtype} {X.shape}", todo="read files and frames with tocsin.data.read")
            names = [f"x{j}" for j in range(X.shape[1])] if self.schema is None else [c["name"] for c in self.schema["columns"]]
            if len(names) != X.shape[1]:
                raise DataError("TOC-111", "the number of columns differs from the one learned",
                                came=f"{X.shape[1]} columns, not {len(names)}",
                                todo="pass the columns of the training data, in their order")
            X = pa.table([pa.array(np.ascontiguousarray(X[:, j])) for j in range(X.shape[1])], names=names)
        if len(set(X.column_names)) != X.num_columns:
            twice = sorted({name for name in X.column_names if X.column_names.count(name) > 1})
            raise DataError("TOC-102", "column names must be unique", came=f"repeated: {', '.join(twice[:5])}", todo="rename them")
        return X

    def _kinds(self, table: pa.Table) -> dict[str, str]:
        if self.schema is not None:
            return {column["name"]: column["kind"] for column in self.schema["columns"]}
        plain = pa.table({name: cell.plain_type(cell.simple(column, name), name) for name, column in cell.by_name(table).items()})
        return {column.name: column.kind for column in infer(plain).columns}


def _learn(values: pa.Array, name: str, kind: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The plan of one column, and what reading it changed."""
    form = FORMS.get(kind) or ("string" if pa.types.is_null(values.type) else cell.natural(values.type))
    notes = []
    try:
        habit = cell.learn(values, form)
        read = cell.read(values, habit, name)
        foreign = read.read == 0 and read.wrong > 0
    except DataError as error:
        if error.code != "TOC-152":
            raise
        foreign = True
    if foreign:  # the stated kind does not fit a single cell: its cells are names
        notes.append({"column": name, "what": "kind_does_not_fit", "count": len(values), "kind": kind})
        kind, habit = "category", cell.Habit("string")
        read = cell.read(values, habit, name)
    if habit.order.endswith("?"):
        notes.append({"column": name, "what": "ambiguous_date", "count": len(values)})
    plan = {"name": name, "kind": kind, "habit": asdict(habit), "seen": read.read > 0}
    return plan, [*notes, *_counts(name, values, read)]


def _counts(name: str, before: pa.Array, read: cell.Cells) -> list[dict[str, Any]]:
    missing = read.values.null_count - read.infinite - read.wrong
    found = {"missing": missing, "infinite": read.infinite, "wrong_type": read.wrong}
    return [{"column": name, "what": what, "count": count} for what, count in found.items() if count]


_SENTENCES: dict[str, tuple[str, str]] = {
    "missing": ("info", "{column}: {count} of {of} cells are missing ({share:.1%})."),
    "infinite": ("warning", "{column}: {count} of {of} cells are infinite and are treated as missing."),
    "wrong_type": ("warning", "{column}: {count} of {of} cells are not of the column's type and are treated as missing."),
    "label": ("info", "{column}: the label column is not used as a measurement."),
    "not_in_schema": ("warning", "{column}: the column is not in the schema and is not used."),
    "unknown": ("warning", "{column}: the column was not there in training and is not used."),
    "kind_does_not_fit": ("warning", "{column}: no cell reads as {kind}; the column is treated as a category."),
    "ambiguous_date": ("warning", "{column}: day and month cannot be told apart; read as day before month."),
}


def _finding(count: dict[str, Any], of: int) -> Finding:
    level, sentence = _SENTENCES[count["what"]]
    share = count["count"] / max(of, 1)
    if count["what"] == "missing" and share > 0.5:
        level = "warning"
    return Finding(count["what"], level, sentence.format(of=of, share=share, **count), count["column"], count["count"], of)  # type: ignore[arg-type]
