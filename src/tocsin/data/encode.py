"""From typed columns to one matrix of numbers, and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tocsin.core.errors import ConfigError, DataError
from tocsin.core.types import Finding
from tocsin.data import cell
from tocsin.data.clean import KIND
from tocsin.data.coding import CAP, CODINGS, indicator, plain
from tocsin.data.matrix import checked, fitted
from tocsin.data.transformer import Transformer


class Encode(Transformer):
    """Arrow table (as ``Clean`` makes it) → (n, d) float64. NaN is left only in number columns, for ``Impute``.

    number    its value; boolean  one indicator; category  one indicator per level up to ``max_levels``, else the rarity of its value;
    date      points on circles (time of day, weekday, month), never elapsed time; text  its surface (length, words, digits, …);
    id        dropped, with a Finding; constant and empty columns  an indicator that fires when the column changes.
    ``missing=False``: a missing cell is no evidence, only a gap to be imputed; right for series, where sensors drop out now and then.
    A category's unseen value has a column of its own, as strong as its chance was small. What is missing, and how the columns that
    are not values are scaled, is told at the top of ``coding.py``.

    ``features_``: one {"name", "source", "role", "level"} per matrix column. Roles: value (own units, to be scaled); boolean, level,
    unseen, frequency, cyclic, text, changed, missing (final scale, ``Scale`` leaves them alone).

    Raises DataError TOC-112 (no rows), TOC-150 (a column is missing), TOC-152 (another type), TOC-153 (nothing varies);
    ConfigError TOC-202.

    >>> table = pa.table({"flow": [1.0, 2.0, 3.0, 2.0], "pump": ["a", "b", "a", "b"]})
    >>> encode = Encode().fit(table)
    >>> [feature["name"] for feature in encode.features_]
    ['flow', 'pump=a', 'pump=b', 'pump: unseen']
    >>> encode.decode(encode.transform(table))["pump"]
    ['a', 'b', 'a', 'b']

    Source: indicators scaled as in correspondence analysis (Greenacre 1984); chance of an unseen value, Good 1953.
    """

    def __init__(self, max_levels: int = 20, missing: bool = True) -> None:
        self.max_levels = max_levels
        self.missing = missing

    def fit(self, X: pa.Table, y: Any = None) -> Self:
        """Learn the coding of each column."""
        if not isinstance(self.max_levels, int) or self.max_levels < 1:
            raise ConfigError("TOC-202", "Encode: max_levels must be a whole number, 1 at least", came=repr(self.max_levels), todo="use 20")
        if X.num_rows == 0:
            raise DataError("TOC-112", "there is nothing to learn from", came="0 rows", todo="pass at least one row")
        self._forget()
        plans, notes = [], []
        for field, column in zip(X.schema, X.columns):
            plan, note = _plan(column, field, self.max_levels, self.missing)
            if plan is not None:
                plans.append(plan)
            notes.extend(note)
        features = [feature for plan in plans for feature in _features(plan)]
        # A sensor that stood still while it was learned from can be judged: that it moves is odd. A table of constants says nothing.
        still = not self.missing and any(plan["coding"] == "fixed" and plan["value"] is not None for plan in plans)
        if all(feature["role"] == "changed" for feature in features) and not still:
            raise DataError("TOC-153", "no column can be judged: all are identifiers, constant or empty",
                            came=", ".join(X.column_names[:10]) or "no columns", todo="pass at least one column whose values vary")
        self.plans_, self.notes_, self.features_, self.rows_ = plans, notes, features, X.num_rows
        return self

    def transform(self, X: pa.Table) -> np.ndarray:
        """(n, d) in the columns of ``features_``; source columns are found by name."""
        plans, cells = fitted(self, "plans_"), cell.by_name(X)
        absent = [plan["source"] for plan in plans if plan["source"] not in cells]
        if absent:
            raise DataError("TOC-150", f"{len(absent)} columns that the model learned are missing: {', '.join(absent[:5])}",
                            came=", ".join(X.column_names[:10]), todo="pass the training data's columns, by name; order does not matter")
        matrix = np.zeros((X.num_rows, len(self.features_)), order="F")
        for plan, columns in self._blocks():
            _write(plan, _typed(cells[plan["source"]], plan["form"], plan["source"]), matrix[:, columns])
        return np.ascontiguousarray(matrix)

    def decode(self, matrix: Any) -> dict[str, list[Any]]:
        """source → one cell per row of ``matrix`` (m, d), in own units: numbers, booleans, names; words for dates and texts, whose
        exact value the matrix does not hold; None where a number is NaN."""
        matrix = checked(matrix, width=len(fitted(self, "features_")))
        cells = {}
        for plan, columns in self._blocks():
            block = matrix[:, columns]
            if plan["missing"] > 0 and plan["coding"] != "number":
                gone = plain(block[:, -1], plan["missing"]) > 0.5
                cells[plan["source"]] = [None if g else v for g, v in zip(gone.tolist(), CODINGS[plan["coding"]].read(plan, block[:, :-1]))]
            else:
                cells[plan["source"]] = CODINGS[plan["coding"]].read(plan, block)
        return cells

    def sources(self) -> list[str]:
        """The source column of each matrix column."""
        return [feature["source"] for feature in fitted(self, "features_")]

    def changes(self) -> tuple[Finding, ...]:
        """What was dropped or could only be kept in part."""
        found = []
        for note in fitted(self, "notes_"):
            level, message = _SENTENCES[note["what"]](note)
            found.append(Finding(note["what"], level, message, note["column"], note["count"], self.rows_))
        return tuple(found)

    def _blocks(self) -> Iterator[tuple[dict[str, Any], slice]]:
        start = 0
        for plan in self.plans_:
            yield plan, slice(start, start + plan["width"])
            start += plan["width"]


def _plan(column: pa.ChunkedArray, field: pa.Field, max_levels: int, evidence: bool) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """The plan of one column (None when it is dropped) and what is to be told about it."""
    form = cell.natural(cell.simple(column, field.name).type)
    values = _typed(column, form, field.name)
    kind = (field.metadata or {}).get(KIND, b"").decode() or (cell.string_kind(values) if form == "string" else form)
    n, null = len(values), values.null_count
    note = {"column": field.name, "count": n}
    if kind in ("id", "label"):
        return None, [{**note, "what": kind}]
    notes: list[dict[str, Any]] = []
    if null == n:
        coding, notes = "fixed", [{**note, "what": "empty"}]
    elif _single(values):
        coding, notes = "fixed", [{**note, "what": "constant", "value": str(values.drop_null()[0].as_py())[:80]}]
    else:
        coding = {"number": "number", "boolean": "boolean", "date": "cyclic"}.get(form) or ("surface" if kind == "text" else "levels")
    learned = CODINGS[coding].learn(values, max_levels)
    if learned is None and coding == "levels":
        coding, learned = "frequency", CODINGS["frequency"].learn(values, max_levels)
        assert learned is not None
        notes.append({**note, "what": "many_levels", "levels": len(learned["levels"])})
    if learned is None:
        return None, [{**note, "what": "date_without_cycle"}]
    if coding == "cyclic":
        notes.append({**note, "what": "date_by_place", "cycles": list(learned["cycles"])})
    missing = null / n if null < n and evidence else 0.0
    plan = {**learned, "source": field.name, "coding": coding, "form": form, "missing": missing, "evidence": evidence}
    plan["width"] = len(CODINGS[coding].features(plan)) + (missing > 0)
    return plan, notes


def _typed(column: pa.ChunkedArray, form: cell.Form, name: str) -> pa.Array:
    values = cell.typed(column, form, name)
    return cell.finite(values).values if form == "number" else values


def _single(values: pa.Array) -> bool:
    if pa.types.is_boolean(values.type) or pa.types.is_floating(values.type) or pa.types.is_timestamp(values.type):
        ends = pc.min_max(values)
        return bool(ends["min"].as_py() == ends["max"].as_py())
    return bool(pc.count_distinct(values).as_py() == 1)


def _features(plan: dict[str, Any]) -> list[dict[str, Any]]:
    source = plan["source"]
    made = [{"name": _name(source, role, level), "source": source, "role": role, "level": level}
            for role, level in CODINGS[plan["coding"]].features(plan)]
    if plan["missing"] > 0:
        made.append({"name": f"{source}: missing", "source": source, "role": "missing", "level": None})
    return made


def _name(source: str, role: str, level: Any) -> str:
    if role in ("value", "boolean"):
        return source
    return f"{source}={level}" if role == "level" else f"{source}: {level if role in ('cyclic', 'text') else role}"


def _write(plan: dict[str, Any], values: pa.Array, out: np.ndarray) -> None:
    CODINGS[plan["coding"]].write(plan, values, out[:, : out.shape[1] - (plan["missing"] > 0)])
    if plan["missing"] > 0:
        out[:, -1] = indicator(pc.is_null(values).to_numpy(zero_copy_only=False), plan["missing"])
    elif plan["evidence"] and values.null_count and not (plan["coding"] == "fixed" and plan["value"] is None):
        # never missing in training: the strong value of coding.py's rule
        place = -1 if plan["coding"] in ("levels", "frequency") else 0
        out[pc.is_null(values).to_numpy(zero_copy_only=False), place] = plan.get("far", CAP)


def _places(cycles: list[str]) -> str:
    words = [{"hour": "day", "weekday": "week", "month": "year"}[cycle] for cycle in cycles]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and the {words[-1]}"


_SENTENCES: dict[str, Any] = {
    "id": lambda note: ("info", f"{note['column']}: an identifier; it is not used."),
    "label": lambda note: ("info", f"{note['column']}: the label; it is not used as a measurement."),
    "empty": lambda note: ("warning", f"{note['column']}: all {note['count']} cells are missing; only a value that appears later counts."),
    "constant": lambda note: ("info", f"{note['column']}: always {note['value']!r}; only a change counts."),
    "many_levels": lambda note: ("info", f"{note['column']}: {note['levels']} different values; judged by how rare a value is."),
    "date_by_place": lambda note: ("info", f"{note['column']}: judged by its place in the {_places(note['cycles'])}, not by how early or "
                                           "late it lies; a date far outside the training range is not seen by that."),
    "date_without_cycle": lambda note: ("warning", f"{note['column']}: the dates cover less than two days, weeks or years with a varying "
                                                   "place in them; the column is not used."),
}
