"""From a data set to the matrix that a detector sees, and back to the data's own units."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

import numpy as np
import pyarrow as pa

from tocsin.core.errors import ArtifactError, StateError
from tocsin.core.state import build
from tocsin.core.types import Dataset, Finding, Schema, plain_array
from tocsin.data.clean import Clean
from tocsin.data.clock import apply, regrid
from tocsin.data.denoise import Denoise
from tocsin.data.encode import Encode
from tocsin.data.impute import Impute
from tocsin.data.scale import Scale
from tocsin.data.transformer import Transformer

STEPS: dict[str, type[Transformer]] = {cls.__name__: cls for cls in (Clean, Encode, Impute, Denoise, Scale)}


@dataclass(frozen=True)
class Prepared:
    """matrix (g, d) finite; groups (g,) segment numbers; row (n,) the matrix row of each data row (a series may be re-gridded)."""

    matrix: np.ndarray
    groups: np.ndarray
    row: np.ndarray
    findings: tuple[Finding, ...] = ()


class Preparation:
    """The fitted chain of transformers. ``steps`` turn an Arrow table into a matrix; the series clock is set right in between.

    The regular grid of a series is laid right after encoding, so that inserted time steps are missing values like any other and are
    imputed by the same learned rule. Steps whose ``transform`` takes ``groups`` never mix two segments.
    """

    def __init__(self, steps: Sequence[Transformer]) -> None:
        self.steps = tuple(steps)
        self.step_: float | None = None

    def fresh(self) -> Preparation:
        """The same steps, unfitted; a clock step that was learned is kept, so that every fold has the same grid."""
        made = Preparation([step.fresh() for step in self.steps])
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
        """One entry per matrix column: name, source, role, level."""
        return list(self._encode().features_)

    @property
    def sources(self) -> tuple[str, ...]:
        """The source columns that reach the matrix, in order."""
        return tuple(dict.fromkeys(feature["source"] for feature in self.features))

    def own_units(self, matrix: np.ndarray) -> dict[str, list[Any]]:
        """source → one value per row, from matrix rows (m, d): scaling and encoding undone."""
        return self._encode().decode(self.unscale(matrix))

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
        return {"steps": [{"type": type(step).__name__, "state": step.state()} for step in self.steps], "clock": self.step_}

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
        return made

    def _encode(self) -> Encode:
        for step in self.steps:
            if isinstance(step, Encode):
                return step
        raise StateError("TOC-306", "the preparation has no Encode step", todo="put Encode() between the table steps and the matrix steps")

    def _run(self, data: Dataset, *, fit: bool, part: bool = False) -> Prepared:
        rows: Any = as_table(data)
        n = len(data)
        groups, row = np.zeros(n, dtype=np.int64), np.arange(n)
        findings: tuple[Finding, ...] = ()
        for step in self.steps:
            if fit:
                step.fit(rows, **({"features": self.features} if "features" in _words(step.fit) else {}))
            given = {"groups": groups, "part": part}
            rows = step.transform(rows, **{name: given[name] for name in given if name in _words(step.transform)})
            if isinstance(step, Encode) and data.kind == "series":
                rows, groups, row, findings = self._grid(data, rows, fit=fit)
        return Prepared(rows, groups, row, findings)

    def _grid(self, data: Dataset, matrix: np.ndarray, *, fit: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[Finding, ...]]:
        if data.time is None:
            return matrix, segments(data.group, len(data)), np.arange(len(data)), ()
        grid = regrid(data.time, data.group, step=self.step_)
        if fit and self.step_ is None:
            self.step_ = grid.step
        return apply(matrix, grid), grid.segments, grid.row, grid.findings


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


def standard_steps(kind: str, schema: Schema, *, denoise: str | None = None, scale: str = "standard") -> list[Transformer]:
    """Clean → Encode → Impute → (Denoise) → Scale, the default for tables and series."""
    series = kind == "series"
    steps: list[Transformer] = [Clean(schema.to_dict()), Encode(missing=not series), Impute("linear" if series else "median")]
    if denoise is not None:
        steps.append(Denoise(denoise))
    return [*steps, Scale(scale, evidence=1.0 if series else None)]


