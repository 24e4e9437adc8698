"""The clock of a series: time stamps as they came → a regular grid, with what was inserted, averaged and cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tocsin.core.errors import ConfigError, DataError
from tocsin.core.types import Finding
from tocsin.data.matrix import checked

_GROWTH = 3.0  # a grid with more than this many rows per row that came is not laid
_SHARE_OFF = 0.2  # this share of steps off the grid makes a clock irregular


@dataclass(frozen=True)
class Grid:
    """A regular grid of g rows over n input rows.

    step      time between grid rows, in seconds for dates, else in the clock's own unit; 0 when no grid could be laid (rows stay as
              they came, cut only where the group changes). Pass it back to :func:`regrid` for later data
    row       (n,) grid row of each input row
    time      (g,) stamp of each grid row, in the type that came: the first input stamp in it, or the place of an inserted row
    segments  (g,) segment number, from 0; a new one where the group changes or the gap is longer than ``longest_gap`` steps
    filled    (g,) True for inserted rows
    """

    step: float
    row: np.ndarray
    time: np.ndarray
    segments: np.ndarray
    filled: np.ndarray
    findings: tuple[Finding, ...] = ()

    def __len__(self) -> int:
        return len(self.time)

    @property
    def unchanged(self) -> bool:
        """Whether grid rows and input rows are the same."""
        return len(self.time) == len(self.row) and bool(np.array_equal(self.row, np.arange(len(self.row))))


def regrid(time: Any, group: Any = None, *, step: float | np.timedelta64 | None = None, longest_gap: int = 10) -> Grid:
    """Lay a regular grid under the stamps ``time`` (n,), dates or numbers, of each ``group`` (n,).

    Stamps a little off the grid are moved onto it; several rows in one step become one (averaged); a hole of up to ``longest_gap`` steps
    is filled with marked rows; a longer one cuts the series. Rows may come in any order; the grid is sorted by group (in order of
    appearance), then time. ``step`` None takes the median difference. A grid that would need more than three rows for each one that
    came is not laid: rows stay as they came and a Finding "irregular" says so. A regular series passes unchanged, at once.

    When it works: sensors with dropouts and jitter. When not: events at random times, where the grid averages bursts; and clocks
    in months, whose steps are seen as equal.

    Raises DataError TOC-160 for stamps that are missing, not finite or of no order, TOC-101 when group and time differ in length,
    ConfigError TOC-202 for a step or gap that is not positive.

    >>> grid = regrid([0.0, 1.0, 2.0, 4.0, 5.0])
    >>> grid.step, grid.row.tolist(), grid.filled.tolist()
    (1.0, [0, 1, 2, 4, 5], [False, False, False, True, False, False])
    """
    stamps = _stamps(time)
    moments, n = _moments(stamps), len(stamps)
    codes = _group_codes(group, n)
    wanted = _step(step, stamps)
    if longest_gap < 1:
        raise ConfigError("TOC-202", "regrid: longest_gap must be 1 step or more", came=repr(longest_gap), todo="use 10")
    sorted_already = n < 2 or bool(((np.diff(codes) > 0) | ((np.diff(codes) == 0) & (np.diff(moments) >= 0))).all())
    order = np.arange(n) if sorted_already else np.lexsort((moments, codes))
    t, g = moments[order], codes[order]
    same = g[1:] == g[:-1]
    gaps = np.where(same, np.diff(t), np.nan)
    notes = _order_note(moments, codes)
    forward = gaps[gaps > 0]
    if wanted == 0 or (wanted is None and not len(forward)):
        if wanted is None and n > 1 and same.any():
            notes.append(Finding("no_clock", "warning", f"All {n} rows have the same time; they are taken in the order in which they came.",
                                 None, n, n))
        return _as_they_came(stamps, codes, np.arange(n) if wanted is None else order, notes)
    size = float(np.median(forward)) if wanted is None else wanted
    counted = _steps(t, gaps, size)
    notes += _clock_notes(gaps, counted, size, stamps)
    inserted = np.where(same & (counted > 1) & (counted <= longest_gap), counted - 1, 0)
    if n + inserted.sum() > _GROWTH * n:
        message = (f"The clock is irregular: a grid of {_length(size, stamps)} would need {n + int(inserted.sum())} rows for {n}; "
                   "the rows are used as they came, without regard to the time between them.")
        return _as_they_came(stamps, codes, order, [*notes, Finding("irregular", "warning", message, None, n, n)])
    return _lay(stamps, order, same, counted, inserted, longest_gap, size, notes)


def apply(values: Any, grid: Grid) -> np.ndarray:
    """(n, c) → (g, c): input rows on their grid rows, the mean where several share one (NaN left out), NaN in inserted rows.

    >>> apply([[1.0], [3.0]], regrid([0.0, 2.0], step=1.0)).ravel().tolist()
    [1.0, nan, 3.0]
    """
    values = checked(values)
    if len(values) != len(grid.row):
        raise DataError("TOC-101", "the rows are not those of the grid", came=f"{len(values)} rows, the grid was laid over {len(grid.row)}",
                        todo="pass the rows whose stamps were regridded")
    if grid.unchanged:
        return values
    made = np.full((len(grid), values.shape[1]), np.nan)
    made[grid.row] = values
    count = np.bincount(grid.row, minlength=len(grid))
    several = np.flatnonzero(count[grid.row] > 1)
    if len(several):
        rows, where = np.unique(grid.row[several], return_inverse=True)
        part = values[several]
        known = np.zeros((len(rows), values.shape[1]))
        np.add.at(known, where, ~np.isnan(part))
        total = np.zeros_like(known)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            # each share is divided before it is added, so that a sum of huge values stays finite
            np.add.at(total, where, np.where(np.isnan(part), 0.0, part / known[where]))
        made[rows] = np.where(known > 0, total, np.nan)
    return made


def _stamps(time: Any) -> np.ndarray:
    stamps = np.asarray(time)
    if stamps.dtype.kind == "O":
        try:
            stamps = stamps.astype("M8[us]")
        except (ValueError, TypeError):
            raise _bad_time("they are neither dates nor numbers", type(stamps.flat[0]).__name__ if stamps.size else "none") from None
    if stamps.ndim != 1 or stamps.dtype.kind not in "iufM" or not len(stamps):
        raise _bad_time("one date or number per row is needed", f"{stamps.dtype} {stamps.shape}")
    bad = np.isnat(stamps) if stamps.dtype.kind == "M" else ~np.isfinite(stamps)
    if bad.any():
        raise _bad_time("some are missing or infinite", f"{int(bad.sum())} of {len(stamps)}, first at row {int(np.argmax(bad))}")
    return stamps


def _bad_time(what: str, came: str) -> DataError:
    return DataError("TOC-160", f"the time stamps cannot be used: {what}", came=came, todo="give every row a date or a finite number")


def _moments(stamps: np.ndarray) -> np.ndarray:
    """(n,) float64 since the earliest stamp: seconds for dates. Differences are taken in whole units first, so nothing is rounded off."""
    if stamps.dtype.kind == "M":
        return (stamps - stamps.min()) / np.timedelta64(1, "s")
    if stamps.dtype.kind == "f":
        return stamps.astype(np.float64) - float(stamps.min())
    return (stamps.astype(object) - int(stamps.min())).astype(np.float64) if stamps.dtype == np.uint64 else \
        (stamps.astype(np.int64) - int(stamps.min())).astype(np.float64)


def _group_codes(group: Any, n: int) -> np.ndarray:
    """(n,) group numbers in order of first appearance."""
    if group is None:
        return np.zeros(n, dtype=np.int64)
    group = np.asarray(group)
    if group.shape != (n,):
        raise DataError("TOC-101", "group does not have one entry per row", came=f"shape {group.shape} for {n} rows",
                        todo=f"pass {n} entries")
    if group.dtype.kind == "O":
        group = group.astype(str)
    _, first, which = np.unique(group, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[which]


def _step(step: float | np.timedelta64 | None, stamps: np.ndarray) -> float | None:
    if step is None:
        return None
    size = float(step / np.timedelta64(1, "s")) if isinstance(step, np.timedelta64) else float(step)
    if not np.isfinite(size) or size < 0 or (isinstance(step, np.timedelta64) and stamps.dtype.kind != "M"):
        raise ConfigError("TOC-202", "regrid: step must be a positive length of time (0: no grid)", came=repr(step),
                          todo="pass seconds for dates, else a number in the clock's own unit")
    return size


def _steps(t: np.ndarray, gaps: np.ndarray, size: float) -> np.ndarray:
    """(n - 1,) whole grid steps between neighbours, as float; 0 within a step, NaN between groups.

    Rounding each difference follows a clock that drifts (or counts months) but loses its way when single stamps jitter; rounding places
    on one fixed grid is the reverse. Whichever needs fewer collisions and insertions is taken.
    """
    by_gap = np.round(gaps / size)
    if not len(gaps) or np.abs(np.nan_to_num(gaps / size - by_gap)).max() < 0.1:
        return by_gap
    place = t / size
    phase = np.angle(np.exp(2j * np.pi * (place % 1)).mean()) / (2 * np.pi)
    by_place = np.where(np.isnan(gaps), np.nan, np.diff(np.round(place - phase)))
    apart = gaps > 0

    def cost(counted: np.ndarray) -> float:
        return float((apart & (counted == 0)).sum() + np.clip(np.nan_to_num(counted) - 1, 0, 10).sum())

    return by_gap if cost(by_gap) <= cost(by_place) else by_place


def _lay(stamps: np.ndarray, order: np.ndarray, same: np.ndarray, counted: np.ndarray, inserted: np.ndarray, longest_gap: int, size: float,
         notes: list[Finding]) -> Grid:
    n = len(order)
    cut = ~same | (counted > longest_gap)
    ahead = np.where(cut, 1, np.where(np.nan_to_num(counted) == 0, 0, inserted + 1)).astype(np.int64)
    place = np.concatenate([[0], np.cumsum(ahead)])  # grid row of each sorted row
    g = int(place[-1]) + 1
    row = np.empty(n, dtype=np.int64)
    row[order] = place
    filled = np.ones(g, dtype=bool)
    filled[place] = False
    first = np.flatnonzero(np.concatenate([[True], ahead > 0]))  # first sorted row of each grid row that holds any
    segment = np.zeros(g, dtype=np.int64)
    segment[place[1:][cut]] = 1
    made = np.zeros(g, dtype=stamps.dtype)
    made[place[first]] = stamps[order][first]
    _stamp_inserted(made, filled)
    merged = n - len(first)
    if merged:
        notes = [*notes, Finding("merged", "warning", f"{merged} of {n} rows fall into a time step that already has a row; their values "
                                 "are averaged.", None, merged, n)]
    if filled.any():
        notes = [*notes, Finding("gap_filled", "info", f"{int(filled.sum())} time steps of {_length(size, stamps)} were missing in short "
                                 "gaps and were inserted as missing values.", None, int(filled.sum()), g)]
    cuts = int((same & (counted > longest_gap)).sum())
    if cuts:
        are = "gap is" if cuts == 1 else "gaps are"
        notes = [*notes, Finding("gap_cut", "warning", f"{cuts} {are} longer than {longest_gap} steps of {_length(size, stamps)}; the "
                                 "series is cut there.", None, cuts, n)]
    return Grid(size, row, made, np.cumsum(segment), filled, tuple(notes))


def _stamp_inserted(made: np.ndarray, filled: np.ndarray) -> None:
    """Inserted rows stand at even distances between the stamps around them; in place."""
    holes = np.flatnonzero(filled)
    if not len(holes):
        return
    real = np.flatnonzero(~filled)
    right = np.searchsorted(real, holes)
    a, b = real[right - 1], real[right]
    share = (holes - a) / (b - a)
    if made.dtype.kind == "f":
        made[holes] = made[a] + (made[b] - made[a]) * share
        return
    unit = made.dtype.str.removeprefix("<").replace("M8", "m8") if made.dtype.kind == "M" else made.dtype
    made[holes] = made[a] + np.round((made[b] - made[a]).astype(np.int64) * share).astype(np.int64).astype(unit)


def _as_they_came(stamps: np.ndarray, codes: np.ndarray, order: np.ndarray, notes: list[Finding]) -> Grid:
    """No grid: sorted rows, cut where the group changes."""
    n = len(order)
    if (np.diff(codes[order]) < 0).any():
        order = np.argsort(codes, kind="stable")
    row = np.empty(n, dtype=np.int64)
    row[order] = np.arange(n)
    cuts = np.concatenate([[0], np.cumsum(np.diff(codes[order]) != 0)]).astype(np.int64)
    return Grid(0.0, row, stamps[order], cuts, np.zeros(n, dtype=bool), tuple(notes))


def _order_note(moments: np.ndarray, codes: np.ndarray) -> list[Finding]:
    order = np.argsort(codes, kind="stable")
    t, g = moments[order], codes[order]
    back = int(((np.diff(t) < 0) & (np.diff(g) == 0)).sum())
    if not back:
        return []
    return [Finding("unsorted", "warning", f"{back} of {len(t)} time stamps lie before the one above them; the rows are sorted by time.",
                    None, back, len(t))]


def _clock_notes(gaps: np.ndarray, counted: np.ndarray, size: float, stamps: np.ndarray) -> list[Finding]:
    notes, n = [], len(stamps)
    twins = int((gaps == 0).sum())
    if twins:
        notes.append(Finding("duplicate_time", "warning", f"{twins} of {n} rows repeat the time stamp of the row before.", None, twins, n))
    apart = gaps[gaps > 0]
    if not len(apart):
        return notes
    off = np.abs(apart / size - np.maximum(np.round(apart / size), 1))
    moved = int((off > 0.01).sum())
    if (off > 0.25).mean() > _SHARE_OFF:
        notes.append(Finding("irregular", "warning", f"The clock is irregular: {(off > 0.25).mean():.0%} of the time differences are far "
                             f"from a multiple of {_length(size, stamps)}.", None, moved, n))
    elif moved:
        notes.append(Finding("jitter", "info", f"{moved} of {len(apart)} time differences are not a multiple of {_length(size, stamps)}; "
                             "the rows are moved to the nearest time step.", None, moved, n))
    return notes


def _length(size: float, stamps: np.ndarray) -> str:
    """A step in words."""
    if stamps.dtype.kind != "M":
        return f"{size:g}"
    for unit, seconds in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if size >= 2 * seconds or size == seconds:
            return f"1 {unit[:-1]}" if size == seconds else f"{size / seconds:g} {unit}"
    return "1 second" if size == 1 else f"{size:g} seconds"
