"""What is noticed in data before anything is learned from them: the content of ``tocsin check``.

Each check is one function from a :class:`_View` to findings; each message is a sentence with numbers. Counting checks look at all rows;
checks of shape (extremes, correlation, leakage, contamination) look at a seeded sample of at most 100,000 rows and say so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.stats import rankdata

from tocsin.core.seed import generator
from tocsin.core.tags import ITEMS
from tocsin.core.types import Dataset, Finding
from tocsin.data import cell
from tocsin.data.clean import KIND, Clean
from tocsin.data.clock import regrid
from tocsin.data.screen_items import screen_items

_SAMPLE = 100_000
_FEW_ROWS, _FEWER_ROWS = 100, 10
_EXTREME = 10.0  # robust standard deviations
_FAR = 5.0
_MANY_LEVELS = 20
_TWINS = 0.999
_LEAK = 0.999
_SHOWN = 20  # findings of one kind are written one by one up to here, then summed up


@dataclass(frozen=True)
class _View:
    """The cleaned table, what cleaning found, a sample of its rows, and the sample's numbers (m, k) with NaN, plain and robustly scaled."""

    data: Dataset
    table: pa.Table
    raw: tuple[Finding, ...]
    rows: np.ndarray
    names: tuple[str, ...]
    numbers: np.ndarray
    z: np.ndarray

    @property
    def n(self) -> int:
        return self.table.num_rows

    @property
    def seen(self) -> str:
        """How many rows a sampled check looked at, for its message."""
        return f"in a sample of {len(self.rows)} of {self.n} rows" if len(self.rows) < self.n else f"of {self.n} rows"

    @property
    def kinds(self) -> list[str]:
        return [_of_kind(field) for field in self.table.schema]


def screen(dataset: Dataset) -> tuple[Finding, ...]:
    """All findings, the gravest first. Images, texts and logs: see ``screen_items``.

    >>> found = screen(Dataset.of(np.c_[np.arange(200.0) % 7, np.ones(200)], names=["flow", "site"]))
    >>> [finding.what for finding in found if finding.column == "site"]
    ['constant']

    Raises DataError TOC-112 without rows, TOC-151 for columns of lists or bytes.
    """
    if dataset.kind in ITEMS:
        return screen_items(dataset)
    view = _view(dataset)
    found = [finding for check in _CHECKS for finding in _summed(list(check(view)))]
    grave = {"error": 0, "warning": 1, "info": 2}
    head = [finding for finding in found if finding.what in ("size", "kinds")]
    rest = [finding for finding in found if finding.what not in ("size", "kinds")]
    return (*head, *sorted(rest, key=lambda finding: grave[finding.level]))


def _view(data: Dataset) -> _View:
    clean = Clean(data.schema.to_dict())
    table = clean.fit(data.X).transform(data.X)
    n = table.num_rows
    rows = np.arange(n) if n <= _SAMPLE else np.sort(generator(0, "screen").choice(n, _SAMPLE, replace=False))
    sample = table if len(rows) == n else table.take(pa.array(rows))
    names = tuple(field.name for field in table.schema if pa.types.is_floating(field.type) and _of_kind(field) != "id")
    numbers = np.empty((len(rows), len(names)), order="F")
    cells = cell.by_name(sample)
    for j, name in enumerate(names):
        numbers[:, j] = cell.floats(cells[name].combine_chunks())
    return _View(data, table, clean.changes(), rows, names, numbers, _robust(numbers))


def _of_kind(field: pa.Field) -> str:
    return (field.metadata or {}).get(KIND, b"").decode()


def _size(view: _View) -> Iterator[Finding]:
    n, width = view.n, view.table.num_columns
    yield Finding("size", "info", f"{n} rows and {width} columns.", None, n, n)
    if n < _FEW_ROWS:
        level: Literal["warning", "error"] = "error" if n < _FEWER_ROWS else "warning"
        yield Finding("few_rows", level, f"Only {n} rows: a false-alarm rate of 1 % needs 100 rows or more to be kept.", None, n, n)
    if width > n:
        yield Finding("wide", "warning", f"More columns ({width}) than rows ({n}): distances between rows tell little.", None, width, n)


def _kinds(view: _View) -> Iterator[Finding]:
    kinds = view.kinds
    named = sorted(set(kinds), key=lambda kind: (-kinds.count(kind), kind))
    yield Finding("kinds", "info", "Columns by kind: " + ", ".join(f"{kinds.count(kind)} {kind}" for kind in named) + ".", None, len(kinds),
                  len(kinds))


def _cells(view: _View) -> Iterator[Finding]:
    """Missing, infinite, wrong types: as Clean counted them."""
    for finding in view.raw:
        if finding.what != "missing" or finding.count < finding.of:  # an empty column has a finding of its own
            yield finding


def _columns(view: _View) -> Iterator[Finding]:
    """Empty, constant, id-like, of many levels."""
    n = view.n
    for name, kind, values in zip(view.table.column_names, view.kinds, view.table.columns):
        known = n - values.null_count
        if known == 0:
            yield Finding("empty", "warning", f"{name}: all {n} cells are missing.", name, n, n)
            continue
        if kind == "id":
            yield Finding("id", "info", f"{name}: looks like an identifier and is not used; --id {name} names the rows by it.", name, n, n)
            continue
        if pa.types.is_large_string(values.type):
            yield from _levels(name, kind, values, known, n)
        elif n > 1 and pc.min_max(values)["min"].equals(pc.min_max(values)["max"]):
            yield Finding("constant", "info", f"{name}: always {values.drop_null()[0].as_py()}; only a change would count.", name, known, n)
        elif pa.types.is_floating(values.type) and _counts_up(values, known, n):
            yield Finding("id_like", "warning", f"{name}: counts up by one from row to row; if it is a row number, leave it out "
                          "(id= or ignore=).", name, n, n)


def _levels(name: str, kind: str, values: pa.ChunkedArray, known: int, n: int) -> Iterator[Finding]:
    distinct = int(pc.count_distinct(values).as_py())
    if distinct == 1 and n > 1:
        yield Finding("constant", "info", f"{name}: always {str(values.drop_null()[0].as_py())[:80]!r}; only a change would count.", name,
                      known, n)
    elif kind == "text":
        return  # free text differs from row to row
    elif distinct == known and known > _MANY_LEVELS:
        yield Finding("id_like", "warning", f"{name}: all {known} values differ; if they are names of rows, leave the column out "
                      "(id= or ignore=).", name, distinct, n)
    elif distinct > _MANY_LEVELS:
        yield Finding("many_levels", "info", f"{name}: {distinct} different values in {known} rows; judged by how rare a value is.", name,
                      distinct, n)


def _counts_up(values: pa.ChunkedArray, known: int, n: int) -> bool:
    if known < n or n < _FEWER_ROWS:
        return False
    with np.errstate(over="ignore"):
        head = np.diff(values.slice(0, 100).to_numpy())
        return bool((head == 1).all()) and bool((np.diff(values.to_numpy()) == 1).all())


def _duplicates(view: _View) -> Iterator[Finding]:
    if view.data.kind == "series" or view.n < 2 or not view.table.num_columns:
        return  # a sensor may well show the same values twice; equal time stamps are the clock's matter
    keys = np.zeros(view.n, dtype=np.uint64)
    odd = generator(0, "screen", "rows").integers(1, 2**63, size=view.table.num_columns, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    for j, column in enumerate(view.table.columns):
        keys = _mixed((keys ^ _mixed(_bits(column))) * odd[j])
    repeated = view.n - len(np.unique(keys))
    if repeated:
        level: Literal["info", "warning"] = "warning" if repeated > 0.01 * view.n else "info"
        yield Finding("duplicate_rows", level, f"{repeated} of {view.n} rows repeat an earlier row in every column.", None, repeated,
                      view.n)


def _bits(values: pa.ChunkedArray) -> np.ndarray:
    """(n,) whole numbers, equal where cells are equal."""
    if pa.types.is_large_string(values.type):
        codes = values.combine_chunks().dictionary_encode().indices
        return pc.fill_null(codes, -1).to_numpy(zero_copy_only=False).astype(np.int64).view(np.uint64)
    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.int64())
    numbers = values.cast(pa.float64(), safe=False).combine_chunks()
    return (cell.floats(numbers) + 0.0).view(np.uint64)  # + 0.0: -0 and 0 are equal


def _mixed(keys: np.ndarray) -> np.ndarray:
    """Each bit of the key spread over all bits (finaliser of MurmurHash3, Appleby 2011)."""
    keys = (keys ^ (keys >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    return keys ^ (keys >> np.uint64(33))


def _extremes(view: _View) -> Iterator[Finding]:
    z = view.z
    for j, name in enumerate(view.names):
        far = np.abs(z[:, j]) > _EXTREME
        count = int(far.sum())
        if count:
            worst = int(np.nanargmax(np.abs(z[:, j])))
            yield Finding("extreme", "info", f"{name}: {count} values {view.seen} are more than {_EXTREME:.0f} robust standard deviations "
                          f"from the median; the farthest is {view.numbers[worst, j]:g} in row {view.rows[worst]}.", name, count,
                          len(view.rows))


def _robust(X: np.ndarray) -> np.ndarray:
    """(m, k) distance from the median in IQR / 1.349, NaN where missing or where the middle half of a column does not vary."""
    z = np.full(X.shape, np.nan)
    for j in range(X.shape[1]):
        known = X[np.isfinite(X[:, j]), j] / 2  # halves: differences of +-1e308 overflow
        if len(known) < _FEWER_ROWS:
            continue
        low, middle, high = np.quantile(known, (0.25, 0.5, 0.75))
        if high > low:
            with np.errstate(over="ignore"):
                z[:, j] = (X[:, j] / 2 - middle) / ((high - low) / 1.349)
    return z


def _twins(view: _View) -> Iterator[Finding]:
    """Columns that say the same: |correlation| > 0.999 with an earlier one."""
    k = len(view.names)
    m = min(len(view.rows), int(np.clip(2e10 / max(k, 1) ** 2, 200, 10_000)))
    if k < 2 or m < _FEWER_ROWS:
        return
    pick = np.linspace(0, len(view.rows) - 1, m).astype(np.int64)
    X = view.numbers[pick]
    varies = np.array([np.isfinite(X[:, j]).all() and X[:, j].min() < X[:, j].max() for j in range(k)])
    names = [name for name, keep in zip(view.names, varies) if keep]
    X = X[:, varies]
    X = X / np.maximum(np.abs(X).max(axis=0, initial=0), 1e-300)
    X = X - X.mean(axis=0)
    length = np.sqrt(np.square(X).sum(axis=0))
    X = X / np.where(length > 1e-12, length, np.inf)
    for start in range(0, len(names), 1000):  # blocks keep the matrix of correlations small
        near = np.abs(X[:, start:start + 1000].T @ X) > _TWINS
        for i, row in enumerate(near, start):
            earlier = np.flatnonzero(row[:i])
            if len(earlier):
                yield Finding("twin_columns", "info", f"{names[i]}: nearly the same as {names[earlier[0]]} (|correlation| above {_TWINS} "
                              f"in {m} of {view.n} rows); what they measure counts twice.", names[i], m, view.n)


def _labels(view: _View) -> Iterator[Finding]:
    y = view.data.y
    if y is None:
        return
    positive, n = int((y == 1).sum()), len(y)
    if positive == 0:
        yield Finding("labels", "warning", f"No row of {n} is labelled as an anomaly; nothing can be evaluated.", None, 0, n)
    elif positive == n:
        yield Finding("labels", "error", f"All {n} rows are labelled as anomalies; there is nothing normal to learn from.", None, n, n)
    else:
        level: Literal["info", "warning"] = "warning" if positive > n / 2 else "info"
        yield Finding("labels", level, f"{positive} of {n} rows are labelled as anomalies ({positive / n:.2%}).", None, positive, n)
        yield from _leaks(view, y[view.rows] == 1)


def _leaks(view: _View, y: np.ndarray) -> Iterator[Finding]:
    """Single columns that tell the label almost perfectly: often written after the fact."""
    if not 2 <= y.sum() <= len(y) - 2:
        return
    told = {name: _auroc(view.numbers[:, j], y) for j, name in enumerate(view.names)}
    sample = view.table.take(pa.array(view.rows))
    for name, column in cell.by_name(sample).items():
        if name in told:
            continue
        values = column.combine_chunks()
        if pa.types.is_large_string(values.type):
            # leaving a row out of its level's rate turns an area of no information below 0.5: only the side above tells
            told[name] = max(_auroc(_rate_of_level(values, y), y), 0.5)
        else:
            told[name] = _auroc(cell.floats(values.cast(pa.int64()).cast(pa.float64(), safe=False)), y)
    for name, area in told.items():
        area = max(area, 1 - area)
        if area > _LEAK:
            yield Finding("leakage", "warning", f"{name}: tells the label by itself (AUROC {area:.4f} {view.seen}); make sure that it is "
                          "known before the label is.", name, len(y), len(y))


def _rate_of_level(values: pa.Array, y: np.ndarray) -> np.ndarray:
    """(m,) share of anomalies among the other rows of the same level; levels with fewer than three rows tell nothing (0.5)."""
    codes = pc.fill_null(values.dictionary_encode().indices, -1).to_numpy(zero_copy_only=False) + 1
    count, hits = np.bincount(codes)[codes], np.bincount(codes, y)[codes]
    return np.where(count >= 3, (hits - y) / np.maximum(count - 1, 1), 0.5)


def _auroc(x: np.ndarray, y: np.ndarray) -> float:
    """Chance that an anomaly has the larger value; missing counts as the smallest."""
    rank = rankdata(np.where(np.isnan(x), -np.inf, x))
    positive = int(y.sum())
    return float((rank[y].sum() - positive * (positive + 1) / 2) / (positive * (len(y) - positive)))


def _clock(view: _View) -> Iterator[Finding]:
    for note in view.data.origin.notes:
        yield Finding("note", "info", note, None)
    if view.data.time is not None and view.data.kind == "series":
        yield from regrid(view.data.time, view.data.group).findings


def _contamination(view: _View) -> Iterator[Finding]:
    """Rows whose typical squared robust distance is far beyond that of the middle half of rows."""
    z = view.z[:, ~np.isnan(view.z).all(axis=0)]
    if z.shape[1] == 0 or len(z) < _FEW_ROWS:
        return
    square = np.where(np.isnan(z), 1.0, np.minimum(np.square(np.clip(z, -1e3, 1e3)), 1e4))
    distance = np.sqrt(square.mean(axis=1))
    low, middle, high = np.quantile(distance, (0.25, 0.5, 0.75))
    if high <= low:
        return
    far = int((distance > middle + _FAR * (high - low) / 1.349).sum())
    level: Literal["info", "warning"] = "warning" if far > 0.05 * len(z) else "info"
    if far:
        yield Finding("contamination", level, f"{far} of {len(z)} rows looked at ({far / len(z):.2%}) lie far from the bulk of the data "
                      f"in their numbers; if all rows should be normal, look at them before learning.", None, far, len(z))


def _summed(found: list[Finding]) -> list[Finding]:
    """At most 20 findings of one kind in words, the rest as one sentence."""
    by_kind: dict[str, list[Finding]] = {}
    for finding in found:
        by_kind.setdefault(finding.what, []).append(finding)
    short = []
    for what, group in by_kind.items():
        short.extend(group[:_SHOWN])
        rest = group[_SHOWN:]
        if rest:
            more = ", ".join(str(finding.column) for finding in rest[:5])
            short.append(Finding(what, rest[0].level, f"{len(rest)} more columns with the same finding ({what}): {more}, …", None,
                                 sum(finding.count for finding in rest), sum(finding.of for finding in rest)))
    return short


_CHECKS: tuple[Callable[[_View], Iterator[Finding]], ...] = (_size, _kinds, _cells, _columns, _duplicates, _extremes, _twins, _labels,
                                                             _clock, _contamination)
