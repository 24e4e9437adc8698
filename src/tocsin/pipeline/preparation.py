"""From a data set to the matrix that a detector sees, and back to the data's own units."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal, Self, cast

import numpy as np
import pyarrow as pa

from tocsin.core.errors import ArtifactError, ConfigError, DataError, StateError
from tocsin.core.items import as_items
from tocsin.core.state import build
from tocsin.core.tags import ITEMS, Modality
from tocsin.core.types import Dataset, Finding, Schema, plain_array
from tocsin.data.adjust import Adjust
from tocsin.data.augmenting import Augment
from tocsin.data.clean import Clean
from tocsin.data.clock import apply, regrid
from tocsin.data.denoise import Denoise
from tocsin.data.donor import Donor, silent_cells
from tocsin.data.encode import Encode
from tocsin.data.impute import Impute
from tocsin.data.scale import Scale
from tocsin.data.transformer import Transformer

STEPS: dict[str, type[Transformer]] = {cls.__name__: cls for cls in (Clean, Encode, Impute, Adjust, Denoise, Scale, Augment)}


@dataclass(frozen=True)
class Prepared:
    """matrix (g, d) finite; groups (g,) segment numbers; row (n,) the matrix row of each data row (a series may be re-gridded).

    missing  (g, d) cells that were not measured, None where none is; they hold what is usual and are no evidence
    effect   (g, d) what covariates and the calendar let expect, in unscaled units, taken out of the matrix; None without covariates
    """

    matrix: np.ndarray
    groups: np.ndarray
    row: np.ndarray
    findings: tuple[Finding, ...] = ()
    missing: np.ndarray | None = None
    effect: np.ndarray | None = None

    def effect_at(self, rows: np.ndarray) -> np.ndarray | None:
        """(m, d) effect in the matrix rows ``rows``; None without covariates."""
        return None if self.effect is None else self.effect[rows]


class Preparation:
    """The fitted chain of transformers. ``steps`` turn an Arrow table into a matrix; the series clock is set right in between. Pictures,
    texts and logs have no steps but ``Augment``: their detectors are given the things themselves, as an object array (n,).

    The regular grid of a series is laid right after encoding, so that inserted time steps are missing values like any other and are
    imputed by the same learned rule. Steps whose ``transform`` takes ``groups`` never mix two segments. Channels of a series that are
    silent (late, or gone for long) are filled from training stretches in the end where ``donors`` asks for it: see ``Donor``.
    """

    def __init__(self, steps: Sequence[Transformer], *, donors: bool = False) -> None:
        self.steps, self.donors = tuple(steps), donors
        self.step_: float | None = None
        self.donor_: Donor | None = None

    def fresh(self) -> Preparation:
        """The same steps, unfitted; a clock step that was learned is kept, so that every fold has the same grid."""
        made = Preparation([step.fresh() for step in self.steps], donors=self.donors)
        made.step_ = self.step_
        return made

    def fit(self, data: Dataset) -> Prepared:
        """Learn every step on ``data`` and return it prepared."""
        return self._run(data, fit=True)

    def transform(self, data: Dataset, *, part: bool = False) -> Prepared:
        """Prepare with what was learned. ``part``: rows picked from data that has been prepared whole (see ``Clean.transform``)."""
        return self._run(data, fit=False, part=part)

    def changes(self) -> tuple[Finding, ...]:
        """What the steps changed in the training rows."""
        return tuple(finding for step in self.steps for finding in step.changes())

    @property
    def features(self) -> list[dict[str, Any]]:
        """One entry per matrix column: name, source, role, level; covariates are not among them. None for pictures, texts and logs."""
        if all(isinstance(step, Augment) for step in self.steps):
            return []
        features, adjust = list(self._encode().features_), self._adjust()
        return features if adjust is None else [features[j] for j in np.asarray(adjust.kept_).tolist()]

    @property
    def sources(self) -> tuple[str, ...]:
        """The source columns that reach the matrix, in order."""
        return tuple(dict.fromkeys(feature["source"] for feature in self.features))

    @property
    def covariates(self) -> tuple[str, ...]:
        """The source columns that explain and are not judged."""
        adjust = self._adjust()
        return () if adjust is None else tuple(adjust.covariates)

    def door(self, schema: Schema) -> Schema:
        """``schema`` as the door of a fitted model has it: which columns may be absent when rows are judged."""
        allowed = {*self.covariates}
        for step in self.steps:
            if isinstance(step, Clean) and step.schema is not None:
                allowed |= {column["name"] for column in step.schema["columns"] if column.get("absent_allowed")}
        return replace(schema, columns=tuple(replace(column, absent_allowed=column.absent_allowed or column.name in allowed)
                                             for column in schema.columns))

    def own_units(self, matrix: np.ndarray, effect: np.ndarray | None = None) -> dict[str, list[Any]]:
        """source → one value per row, from matrix rows (m, d): scaling and encoding undone, the ``effect`` (m, d) of covariates added."""
        cells = self.unscale(matrix)
        adjust = self._adjust()
        if adjust is not None:
            whole = np.zeros((len(cells), len(self._encode().features_)))
            whole[:, adjust.kept_] = cells if effect is None else cells + effect
            cells = whole
        decoded = self._encode().decode(cells)
        return decoded if adjust is None else {name: decoded[name] for name in self.sources}

    def unscale(self, matrix: np.ndarray) -> np.ndarray:
        """Matrix rows (m, d) before scaling."""
        for step in reversed(self.steps):
            matrix = step.inverse(matrix) if isinstance(step, Scale) else matrix
        return matrix

    def rescale(self, matrix: np.ndarray) -> np.ndarray:
        """The inverse of :meth:`unscale`."""
        for step in self.steps:
            matrix = step.transform(matrix) if isinstance(step, Scale) else matrix
        return matrix

    @property
    def augments(self) -> bool:
        """Whether changed copies are learned from."""
        return any(isinstance(step, Augment) for step in self.steps)

    def learned(self, matrix: np.ndarray) -> np.ndarray:
        """What a detector learns from of prepared rows ``matrix``: these, and changed copies where there is augmentation."""
        for step in self.steps:
            matrix = step.learned(matrix) if isinstance(step, Augment) else matrix
        return matrix

    def observed(self, data: Dataset) -> dict[str, list[Any]]:
        """source → the cells of ``data``, rows picked from data that has been prepared, after cleaning; missing as None."""
        table = as_table(data)
        for step in self.steps:
            if isinstance(step, Encode):
                break
            table = step.transform(table, **({"part": True} if "part" in _words(step.transform) else {}))
        return {name: table.column(name).to_pylist() for name in self.sources}

    def state(self) -> dict[str, Any]:
        """Plain values and arrays."""
        made = {"steps": [{"type": type(step).__name__, "state": step.state()} for step in self.steps], "clock": self.step_}
        return made if self.donor_ is None else {**made, "donor": self.donor_.state()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """The inverse of :meth:`state`; only the steps of ``STEPS`` can be named."""
        steps = []
        for entry in state["steps"]:
            if entry["type"] not in STEPS:
                raise ArtifactError("TOC-410", "the model names a preparation step that does not exist", came=repr(entry["type"])[:80],
                                    todo="load a file that this version of tocsin wrote")
            steps.append(build(STEPS[entry["type"]], entry["state"]))
        made = cls(steps)
        made.step_ = state["clock"]
        if state.get("donor") is not None:  # models saved before there were donors have none
            made.donor_, made.donors = build(Donor, state["donor"]), True
        return made

    @property
    def may_be_absent(self) -> bool:
        """Whether channels were declared that may be missing altogether."""
        return any(column.get("absent_allowed") for step in self.steps if isinstance(step, Clean) and step.schema is not None
                   for column in step.schema["columns"])

    def _encode(self) -> Encode:
        for step in self.steps:
            if isinstance(step, Encode):
                return step
        raise StateError("TOC-306", "the preparation has no Encode step", todo="put Encode() between the table steps and the matrix steps")

    def _adjust(self) -> Adjust | None:
        return next((step for step in self.steps if isinstance(step, Adjust)), None)

    def _run(self, data: Dataset, *, fit: bool, part: bool = False) -> Prepared:
        if data.kind in ITEMS:
            return Prepared(as_items(data.X, cast(Modality, data.kind)), np.zeros(len(data), dtype=np.int64), np.arange(len(data)))
        rows: Any = as_table(data)
        series = data.kind == "series"
        given: dict[str, Any] = {"groups": np.zeros(len(data), dtype=np.int64), "part": part, "times": data.time}
        row, missing, effect = np.arange(len(data)), None, None
        findings: tuple[Finding, ...] = ()
        for step in self.steps:
            if isinstance(step, Impute) and series:
                missing = np.isnan(rows)
            if fit:
                step.fit(rows, **self._asked(step.fit, given))
            if isinstance(step, Adjust):
                effect = step.effect(rows, given["times"])
                rows = rows[:, step.kept_] - effect
                missing = None if missing is None else missing[:, step.kept_]
                continue
            rows = step.transform(rows, **self._asked(step.transform, given))
            if isinstance(step, Clean) and series and not fit:
                findings = self._gone(rows)
            if isinstance(step, Encode) and series:
                rows, row, clock = self._grid(data, rows, given, fit=fit)
                findings = (*findings, *clock)
        missing = missing if missing is not None and missing.any() else None
        if series:
            rows = self._filled(rows, missing, given["groups"], fit=fit)
        return Prepared(rows, given["groups"], row, findings, missing, effect)

    def _asked(self, method: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
        """What of ``given`` the method takes; ``features`` are those of the columns that it gets."""
        words = _words(method)
        asked = {name: value for name, value in given.items() if name in words}
        if "features" in words:
            before = isinstance(getattr(method, "__self__", None), Adjust)
            asked["features"] = list(self._encode().features_) if before else self.features
        return asked

    def _grid(self, data: Dataset, matrix: np.ndarray, given: dict[str, Any], *,
              fit: bool) -> tuple[np.ndarray, np.ndarray, tuple[Finding, ...]]:
        """The matrix on the grid, the grid row of each data row, findings; ``given`` gets the grid's groups and times."""
        if data.time is None:
            given["groups"] = segments(data.group, len(data))
            return matrix, np.arange(len(data)), ()
        grid = regrid(data.time, data.group, step=self.step_)
        if fit and self.step_ is None:
            self.step_ = grid.step
        given["groups"], given["times"] = grid.segments, grid.time
        return apply(matrix, grid), grid.row, grid.findings

    def _filled(self, matrix: np.ndarray, missing: np.ndarray | None, groups: np.ndarray, *, fit: bool) -> np.ndarray:
        """Silent channels get cells of training stretches: what was not measured is no evidence (docs/decisions/0006)."""
        if fit and self.donors:
            self.donor_ = Donor().fit(matrix, missing, groups)
        if missing is None or self.donor_ is None:
            return matrix
        return self.donor_.fill(matrix, missing, silent_cells(missing, groups), groups)

    def _gone(self, table: pa.Table) -> tuple[Finding, ...]:
        """Columns without a single cell that had some in training, and channels whose newest rows are missing."""
        n, found = table.num_rows, []
        known = {plan["source"] for plan in self._encode().plans_ if not (plan["coding"] == "fixed" and plan["value"] is None)}
        for name, column in zip(table.column_names, table.columns):
            if name not in known or not column.null_count:
                continue
            if column.null_count == n:
                what, how = ("covariate_missing", "it is taken as it usually is") if name in self.covariates \
                    else ("channel_missing", "the series is judged without it")
                found.append(Finding(what, "warning", f"{name}: all {n} cells are missing; {how}.", name, n, n))
                continue
            late = n - 1 - int(np.flatnonzero(column.is_valid().to_numpy())[-1])
            if late:
                found.append(Finding("channel_late", "info", f"{name}: the newest {late} of {n} cells are missing; they are judged "
                                     "without it.", name, late, n))
        return tuple(found)


def _words(method: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    return _parameters(getattr(method, "__func__", method))


@lru_cache(maxsize=256)
def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(function).parameters  # reading a signature takes longer than scaling a row


def segments(group: np.ndarray | None, n: int) -> np.ndarray:
    """(n,) int64 segment numbers, counted up whenever ``group`` changes.

    >>> segments(np.array(["a", "a", "b"]), 3).tolist()
    [0, 0, 1]
    """
    if group is None:
        return np.zeros(n, dtype=np.int64)
    return np.concatenate([[0], np.cumsum(group[1:] != group[:-1])]).astype(np.int64)


def as_table(data: Dataset) -> pa.Table:
    """``data.X`` as an Arrow table with the schema's column names."""
    if isinstance(data.X, pa.Table):
        return data.X
    X = plain_array(data.X)
    return pa.table({name: pa.array(np.ascontiguousarray(X[:, j])) for j, name in enumerate(data.schema.names)})


def standard_steps(kind: str, schema: Schema, *, denoise: str | None = None, scale: str = "standard", covariates: Sequence[str] = (),
                   calendar: bool = False, missing: Literal["error", "ignore"] = "error", augment: Sequence[str] = (),
                   copies: int = 1) -> list[Transformer]:
    """Clean → Encode → Impute → (Adjust) → (Denoise) → Scale, the default for tables and series.

    covariates, calendar  what explains and is not judged, of a series (see ``Adjust``). Raises ConfigError TOC-245 for a table, DataError
    TOC-171 for a name that is no column
    augment, copies       kinds of changes to pictures, and how many changed copies of each are learned from beside it
    missing               "ignore": a channel of a series that is absent when rows are judged counts as missing, not as an error.
    """
    if augment and kind != "images":
        raise ConfigError("TOC-299", "augmentation changes pictures", came=f"augment={list(augment)} for data of kind {kind!r}"[:160],
                          todo="leave it out")
    if kind in ITEMS and not (covariates or calendar or denoise):
        return [Augment(list(augment), copies)] if augment else []
    series = kind == "series"
    if (covariates or calendar) and not series:
        raise ConfigError("TOC-245", "covariates and the calendar explain a series, the data is a table",
                          came=", ".join(covariates) or "calendar=True", todo="name the time column (time=...), or leave them out")
    if missing not in ("error", "ignore") or (missing == "ignore" and not series):
        raise ConfigError("TOC-247", "absent columns are an error, or of a series ignored", came=f"missing={missing!r} for a {kind}"[:80],
                          todo="use missing='error'; of a series also 'ignore'")
    absent = [name for name in covariates if name not in schema.names]
    if absent:
        raise DataError("TOC-171", f"{absent[0]!r} cannot be a covariate", came=", ".join(schema.names)[:200],
                        todo="name one of these columns")
    learned = schema if missing == "error" else replace(
        schema, columns=tuple(replace(column, absent_allowed=True) for column in schema.columns))
    steps: list[Transformer] = [Clean(learned.to_dict()), Encode(missing=not series), Impute("linear" if series else "median")]
    if covariates or calendar:
        steps.append(Adjust(list(covariates), bool(calendar)))
    if denoise is not None:
        steps.append(Denoise(denoise))
    return [*steps, Scale(scale, evidence=1.0 if series else None)]
