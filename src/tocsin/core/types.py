"""The values that travel between the stages. All frozen; none knows how it was made or how it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

import numpy as np
import pyarrow as pa

from tocsin.core.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["table", "series", "images", "texts", "logs"]
ColumnKind = Literal["number", "category", "boolean", "date", "text", "id", "constant", "label", "image", "line"]


@dataclass(frozen=True)
class Column:
    """What one column holds. ``unit`` is free text ("l/s"); ``low`` and ``high`` are the range seen or declared.

    ``absent_allowed``: rows may be judged without the column; its cells then count as missing.
    """

    name: str
    kind: ColumnKind
    unit: str = ""
    low: float | None = None
    high: float | None = None
    missing_allowed: bool = True
    absent_allowed: bool = False


@dataclass(frozen=True)
class Schema:
    """The columns of a data set, in order; ``time``, ``group`` and ``label`` name the columns that were taken out of ``X``.

    ``normal`` is the label's value that is normal, where the others name kinds of anomalies; None for labels of 0 and 1. ``session`` says
    which lines of a log belong together, a regular expression or a column's name; None where each line is judged.
    """

    columns: tuple[Column, ...]
    time: str | None = None
    group: str | None = None
    label: str | None = None
    id: str | None = None
    normal: str | None = None
    session: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {"columns": [_plain_column(column) for column in self.columns], "time": self.time, "group": self.group,
                "label": self.label, "id": self.id, **({} if self.normal is None else {"normal": self.normal}),
                **({} if self.session is None else {"session": self.session})}

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Schema:
        """The inverse of :meth:`to_dict`."""
        return cls(tuple(Column(**column) for column in plain["columns"]), plain["time"], plain["group"], plain["label"],
                   plain["id"], plain.get("normal"), plain.get("session"))


def _plain_column(column: Column) -> dict[str, Any]:
    """Without what is as it always was: readers of earlier versions know the rest."""
    return {name: value for name, value in vars(column).items() if name != "absent_allowed" or value}


@dataclass(frozen=True)
class Origin:
    """Where data came from. ``digest`` is SHA-256 over the content, "" when it was not computed (streams)."""

    source: str = ""
    digest: str = ""
    licence: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dataset:
    """Data at rest: ``X`` and what belongs to its rows.

    X      table: Arrow table or float array (n, d); series: Arrow table or float array (t, c), rows in time order;
           images: list of Picture; texts: list of str; logs: list of str, a line each, or the lines of a session
    y      (n,) of 0 and 1, 1 = anomaly, or None
    time   (n,) datetime64 or numbers, or None
    group  (n,) one id per series or entity, or None
    ids    (n,) what a row is called in the results; row numbers from 0 when None is given

    Slicing keeps the parts together: ``data[10:20]``, ``data[mask]``, ``data[indices]``.

    >>> data = Dataset.of([[1.0, 2.0], [3.0, 4.0]])
    >>> len(data), data[1:].ids.tolist()
    (2, [1])
    """

    X: Any
    kind: Kind
    schema: Schema
    ids: np.ndarray
    y: np.ndarray | None = None
    time: np.ndarray | None = None
    group: np.ndarray | None = None
    origin: Origin = field(default_factory=Origin)

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ConfigError("TOC-202", "this is no kind of data", came=repr(self.kind)[:80],
                              todo=f"use one of {', '.join(get_args(Kind))}")
        n = len(self)
        for name in ("ids", "y", "time", "group"):
            part = getattr(self, name)
            if part is not None and len(part) != n:
                raise DataError("TOC-101", f"{name} does not have one entry per row", came=f"{len(part)} entries for {n} rows",
                                todo=f"pass {name} with {n} entries, or leave it out")

    @classmethod
    def of(cls, X: Any, y: Any = None, *, kind: Kind = "table", names: Sequence[str] | None = None, ids: Any = None,
           time: Any = None, group: Any = None, origin: Origin | None = None) -> Dataset:
        """A data set from numbers in memory: (n, d), or (t,) and (t, c) for a series. Files and frames: ``tocsin.read``."""
        X = plain_array(X)
        if X.ndim == 1 and kind == "series":
            X = X[:, None]
        if X.ndim != 2 or X.dtype.kind not in "biuf":
            raise DataError("TOC-115", "an array of numbers with two dimensions is needed", came=f"{X.dtype} {X.shape}",
                            todo="pass numbers of shape (rows, columns), or a frame or file when columns are of several types")
        names = tuple(names) if names is not None else tuple(f"x{j}" for j in range(X.shape[1]))
        if len(names) != X.shape[1] or len(set(names)) != len(names):
            raise DataError("TOC-102", "column names must be unique, one per column", came=f"{len(names)} names for {X.shape[1]} columns",
                            todo="pass one distinct name for each column")
        n = len(X)
        return cls(X, kind, Schema(tuple(Column(name, "number") for name in names)),
                   np.arange(n) if ids is None else np.asarray(ids), None if y is None else _marks(y, n),
                   None if time is None else np.asarray(time), None if group is None else np.asarray(group), origin or Origin())

    def __len__(self) -> int:
        return int(self.X.num_rows) if isinstance(self.X, pa.Table) else len(self.X)

    def __getitem__(self, rows: slice | np.ndarray | Sequence[int]) -> Self:
        index = np.arange(len(self))[rows if isinstance(rows, slice) else np.asarray(rows)]
        return replace(self, X=_take(self.X, rows, index), ids=self.ids[index], y=None if self.y is None else self.y[index],
                       time=None if self.time is None else self.time[index],
                       group=None if self.group is None else self.group[index])


def plain_array(values: Any) -> np.ndarray:
    """``values`` as an array of a number type that Arrow and PyTorch know: this machine's byte order, at most 64 bits.

    Masked cells become NaN (None among objects): what a mask hides is not data.

    >>> plain_array(np.ma.masked_array([1, 2], mask=[True, False])).tolist(), plain_array(np.arange(2, dtype=">i4")).dtype.name
    ([nan, 2.0], 'int32')
    """
    if isinstance(values, np.ma.MaskedArray) and values.dtype.names is None:
        missing = np.ma.getmaskarray(values)
        values = values.data
        if missing.any():
            values = values.astype(np.float64 if values.dtype.kind in "biuf" else object)
            values[missing] = np.nan if values.dtype.kind == "f" else None
    plain: np.ndarray = np.asarray(values)
    if plain.dtype.kind == "f" and plain.dtype.itemsize > 8:
        plain = plain.astype(np.float64)
    elif not (plain.dtype.isnative or plain.dtype.names):
        plain = plain.astype(plain.dtype.newbyteorder("="))
    return plain


def _marks(y: Any, n: int) -> np.ndarray:
    marks: np.ndarray = np.asarray(y)
    if marks.ndim != 1 or marks.dtype.kind not in "biuf" or not np.isin(marks, (0, 1)).all():
        raise DataError("TOC-117", "labels must be 0 (normal) or 1 (anomaly), one per row", came=f"shape {marks.shape} of {marks.dtype}",
                        todo=f"pass {n} values of 0 or 1, or none")
    return marks.astype(np.int64)


def _take(X: Any, rows: Any, index: np.ndarray) -> Any:
    if isinstance(X, pa.Table):
        if isinstance(rows, slice) and rows.step in (None, 1):
            return X.slice(int(index[0]) if len(index) else 0, len(index))
        return X.take(pa.array(index))
    return X[index] if isinstance(X, np.ndarray) else [X[i] for i in index]


@dataclass(frozen=True)
class Finding:
    """One thing that was noticed in data: ``what`` is a slug ("missing", "constant", "wrong_type"), ``message`` a sentence.

    ``level`` "info" (handled, nothing to do), "warning" (look at it), "error" (results cannot be trusted before it is mended).
    """

    what: str
    level: Literal["info", "warning", "error"]
    message: str
    column: str | None = None
    count: int = 0
    of: int = 0


@dataclass(frozen=True)
class Event:
    """A run of anomalous points in a series: rows ``start`` to ``end`` inclusive, worst at ``peak``."""

    start: int
    end: int
    peak: int
    score: float
    p_value: float
    start_time: Any = None
    end_time: Any = None


@dataclass(frozen=True)
class Relation:
    """Two channels of a series whose relation broke: their correlation around the usual level in training, and now.

    lag  steps by which ``b`` usually follows ``a`` (negative: goes before it)
    z    the difference after Fisher's transformation, in standard deviations of what training stretches of this length show
    """

    a: str
    b: str
    usual: float
    now: float
    z: float
    lag: int = 0


@dataclass(frozen=True)
class Part:
    """A place in an image, a text or a log that carries part of the score.

    where  of an image (left, top, right, bottom) in pixels, the last two not included; of a text (start, end) in characters, the end not
           included; of a session (line,), counted from 0
    what   what stands there, or what it is
    share  of the score, 0 to 1
    """

    where: tuple[int, ...]
    what: str
    share: float


@dataclass(frozen=True)
class Reason:
    """Why one image, text or log line is odd, in the detector's words.

    sentence  plain English without the odds; what comes from the data stands between back-ticks
    parts     the places that carry the score, the most important first
    near      positions of the nearest training rows, nearest first
    shares    (what was looked at, its share of the score), summing to 1; empty when one thing was looked at
    """

    sentence: str
    parts: tuple[Part, ...] = ()
    near: tuple[int, ...] = ()
    shares: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Explanation:
    """Why rows were flagged, as numbers; drawing is elsewhere.

    kind        "residual" (observed against expected), "replacement" (drop of the score when cells become normal) or "parts" (places in
                an image, a text or a log; observed and expected are then empty)
    rows        (m,) positions in the explained data
    labels      (d,) source column names
    values      (m, d) share of the score each column carries: >= 0, a row sums to 1 (all zero when no column stands out)
    observed    (m, d) cells in the data's own units (numbers, or strings for categories; None = missing)
    expected    (m, d) what a normal row would have held there, same units
    baseline    (d,) usual distance between observed and expected on held-out normal rows, same units; NaN for categories and for columns
                taken by size
    neighbours  (m, k) ids of the nearest normal training rows, or None
    sentences   (m,) one plain sentence a row
    relations   (m,) pairs of channels that usually move together and did not around the row, the most surprising first; empty for tables
    parts       (m,) the places in an image, a text or a log that carry the score
    maps        (m,) arrays: of an image the score of each pixel (h, w), of a text of each character, of a session of each line
    """

    kind: str
    rows: np.ndarray
    labels: tuple[str, ...]
    values: np.ndarray
    observed: tuple[tuple[Any, ...], ...]
    expected: tuple[tuple[Any, ...], ...]
    baseline: np.ndarray
    neighbours: tuple[tuple[Any, ...], ...] | None = None
    sentences: tuple[str, ...] = ()
    relations: tuple[tuple[Relation, ...], ...] = ()
    parts: tuple[tuple[Part, ...], ...] = ()
    maps: tuple[np.ndarray, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Detections:
    """The one result of command, service, stream and page. One entry per row of the judged data, in its order.

    score       (n,) anomaly score, higher = more anomalous
    p_value     (n,) in (0, 1]: how often a normal row scores at least this high
    is_anomaly  (n,) the decision
    threshold   the score from which on a row is an anomaly (inf when no score is high enough)
    events      runs of anomalous points (series only)
    """

    ids: np.ndarray
    score: np.ndarray
    p_value: np.ndarray
    is_anomaly: np.ndarray
    threshold: float
    time: np.ndarray | None = None
    events: tuple[Event, ...] = ()
    explanation: Explanation | None = None
    version: str | None = None

    def __len__(self) -> int:
        return len(self.score)

    def __repr__(self) -> str:
        return (f"Detections({int(self.is_anomaly.sum())} of {len(self)} flagged, threshold {self.threshold:.6g}, "
                f"{len(self.events)} events)")

    def top(self, k: int) -> np.ndarray:
        """Positions of the ``k`` most anomalous rows, worst first; ties keep the data's order."""
        return np.argsort(-self.score, kind="stable")[:k]

    def to_arrow(self) -> pa.Table:
        """row id, time (when there is one), score, p_value, is_anomaly."""
        columns: dict[str, Any] = {"id": pa.array(self.ids)}
        if self.time is not None:
            columns["time"] = pa.array(self.time)
        return pa.table({**columns, "score": self.score, "p_value": self.p_value, "is_anomaly": self.is_anomaly})

    def to_pandas(self) -> pd.DataFrame:
        """The same as :meth:`to_arrow`, as a pandas frame (needs pandas)."""
        return self.to_arrow().to_pandas()
