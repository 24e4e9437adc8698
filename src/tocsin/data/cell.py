"""One column of any Arrow type → one of four forms: number (float64), boolean, date (timestamp µs), string.

A cell that cannot be brought to the form becomes null and is counted, never dropped and never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from tocsin.core.errors import DataError
from tocsin.data import stamp
from tocsin.data.literal import FALSE, TRUE, decimal_of, is_text, marks_of, spelled, without_missing

Form = Literal["number", "boolean", "date", "string"]
FORMS: dict[str, Form] = {"number": "number", "boolean": "boolean", "date": "date", "category": "string", "text": "string"}
_YES, _NO = (*TRUE, "1", "1.0"), (*FALSE, "0", "0.0")
_STAMP = pa.timestamp("us")
_LOOKS = r"^(?:\d{1,4}[-/.]\d{1,2}[-/.]\d|\d{1,2}[-/ .]+[A-Za-z]{3}|[A-Za-z]{3,9}\.? +\d{1,2},? +\d{4})"


@dataclass(frozen=True)
class Habit:
    """How a column's cells are read, as its training values decided it: decimal mark, whether the other mark groups thousands, order of
    day and month ("?" = could be either), unit of numeric dates."""

    form: Form
    mark: str = "."
    grouped: bool = False
    order: str = "dmy"
    epoch: str = "s"


@dataclass(frozen=True)
class Cells:
    """``values`` with null where nothing could be read; how many cells held infinity or something of another type."""

    values: pa.Array
    infinite: int = 0
    wrong: int = 0

    @property
    def read(self) -> int:
        return len(self.values) - self.values.null_count


def simple(column: pa.ChunkedArray, name: str) -> pa.Array:
    """One array without dictionary, run-length or extension wrapping; nested types are DataError TOC-151."""
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type)
        return simple(column, name)
    if pt.is_run_end_encoded(kind):
        return simple(pa.chunked_array([pc.run_end_decode(chunk) for chunk in column.chunks], kind.value_type), name)
    if pt.is_dictionary(kind):
        return simple(column.cast(kind.value_type), name)
    if _is_binary(kind):
        try:
            column = column.cast(pa.large_string())
        except pa.ArrowInvalid:
            raise _unusable(name, kind) from None
    elif is_text(kind):
        column = column.cast(pa.large_string())
    elif pt.is_nested(kind) or pt.is_interval(kind):
        raise _unusable(name, kind)
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def by_name(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    """name → column. Arrow looks a name up by walking over all of them, which is too slow for 10,000."""
    return dict(zip(table.column_names, table.columns))


def words(text: pa.Array) -> pa.Array:
    """Trimmed text, null where it says that there is no value."""
    return without_missing(pc.utf8_trim_whitespace(text))


def finite(values: pa.Array) -> Cells:
    """float64 with null for NaN and infinity, the latter counted."""
    if not values.null_count and np.isfinite(values.to_numpy()).all():  # the usual case, ten times as fast: wide tables have many columns
        return Cells(values)
    good = pc.is_finite(values)
    infinite = pc.sum(pc.is_inf(values)).as_py() or 0
    if pc.all(good, min_count=0).as_py():
        return Cells(values)
    return Cells(pc.if_else(pc.fill_null(good, False), values, pa.scalar(None, pa.float64())), infinite)


def natural(kind: pa.DataType) -> Form:
    """The form that a simple Arrow type has by itself."""
    if pt.is_boolean(kind):
        return "boolean"
    if pt.is_date(kind) or pt.is_timestamp(kind):
        return "date"
    return "string" if is_text(kind) else "number"


def string_kind(values: pa.Array) -> Literal["category", "text"]:
    """Text when most cells differ and there are more than 20 different ones, else a category."""
    distinct = pc.count_distinct(values).as_py()
    return "text" if distinct > max(20, len(values) / 2) else "category"


def plain_type(values: pa.Array, name: str) -> pa.Array:
    """Decimals, times of day and durations as float64; the other simple types as they are."""
    kind = values.type
    odd = natural(kind) == "number" and not (pt.is_integer(kind) or pt.is_floating(kind) or pt.is_null(kind))
    return read(values, Habit("number"), name).values if odd or pt.is_float16(kind) else values


def learn(values: pa.Array, form: Form) -> Habit:
    """How to read this column's cells later."""
    if form == "number" and is_text(values.type):
        text = words(values)
        decimal, certain, _ = decimal_of([pa.chunked_array([text])])
        mark, grouped = marks_of(text, decimal, certain)
        return Habit(form, mark, grouped)
    if form == "date" and is_text(values.type):
        return Habit(form, order=stamp.dates(_dates_only(words(values)))[1] or "dmy")
    if form == "date" and natural(values.type) == "number" and not pt.is_null(values.type):
        return Habit(form, epoch=_epoch(finite(values.cast(pa.float64(), safe=False)).values))
    return Habit(form)


def read(values: pa.Array, habit: Habit, name: str) -> Cells:
    """``values`` in the habit's form. A type that has nothing to do with the form is DataError TOC-152."""
    kind = values.type
    if pt.is_null(kind):
        return Cells(values.cast(_ARROW[habit.form]))
    try:
        return _READERS[habit.form](values, habit)
    except _Foreign:
        raise not_coercible(name, habit.form, str(kind), len(values)) from None


def not_coercible(name: str, form: str, came: str, count: int) -> DataError:
    """The error for a column whose cells are all of another type than learned."""
    return DataError("TOC-152", f"column {name!r} held {form} values in training and holds none now", came=f"{count} cells of {came}",
                     todo="check that the columns were not swapped or the export changed; else fit a new model")


class _Foreign(Exception):
    """The type cannot be read in this form at all."""


def _to_number(values: pa.Array, habit: Habit) -> Cells:
    kind = values.type
    if is_text(kind):
        text = words(values)
        numbers = spelled(text, habit.mark, habit.grouped).cast(pa.float64())
        return replace(finite(numbers), wrong=numbers.null_count - text.null_count)
    if pt.is_date(kind) or pt.is_timestamp(kind):
        raise _Foreign
    if pt.is_boolean(kind):
        values = values.cast(pa.uint8())
    if pt.is_duration(kind) or pt.is_time(kind):
        return Cells(stamp.seconds(values))
    return finite(values if pt.is_float64(kind) else values.cast(pa.float64(), safe=False))


def _to_boolean(values: pa.Array, habit: Habit) -> Cells:
    kind = values.type
    if pt.is_boolean(kind):
        return Cells(values)
    if is_text(kind):
        text = pc.utf8_lower(words(values))
        yes, no = pc.is_in(text, value_set=pa.array(_YES, text.type)), pc.is_in(text, value_set=pa.array(_NO, text.type))
        present = len(text) - text.null_count
    elif natural(kind) == "number":
        counted = finite(values.cast(pa.float64(), safe=False))
        yes, no = pc.fill_null(pc.equal(counted.values, 1.0), False), pc.fill_null(pc.equal(counted.values, 0.0), False)
        present = counted.read + counted.infinite
    else:
        raise _Foreign
    made = pc.if_else(pc.or_(yes, no), yes, pa.scalar(None, pa.bool_()))
    return Cells(made, 0, present - (len(made) - made.null_count))


def _to_date(values: pa.Array, habit: Habit) -> Cells:
    kind = values.type
    if pt.is_timestamp(kind):
        if kind.tz is not None:
            values = values.cast(pa.timestamp(kind.unit))  # the instant in UTC
        return Cells(values.cast(_STAMP, safe=False))
    if pt.is_date(kind):
        return Cells(values.cast(pa.timestamp("ms")).cast(_STAMP, safe=False))
    if is_text(kind):
        text = words(values)
        made = stamp.dates(_dates_only(text), habit.order)[0].cast(_STAMP, safe=False).combine_chunks()
        return Cells(made, 0, made.null_count - text.null_count)
    if pt.is_boolean(kind) or pt.is_time(kind) or pt.is_duration(kind):
        raise _Foreign
    counted = finite(values.cast(pa.float64(), safe=False))
    made = _from_epoch(floats(counted.values), habit.epoch)
    return Cells(made, counted.infinite, counted.read - (len(made) - made.null_count))


def _dates_only(text: pa.Array) -> pa.ChunkedArray:
    """Null where a cell cannot be a date, so that a cell is read the same whatever its neighbours hold."""
    return pa.chunked_array([pc.if_else(pc.match_substring_regex(text, _LOOKS), text, pa.scalar(None, text.type))])


def _epoch(values: pa.Array) -> str:
    """The unit since 1970 that makes the median a date of our age: 1e11 seconds is the year 5138."""
    numbers = np.abs(floats(values.drop_null()))
    middle = float(np.median(numbers)) if len(numbers) else 0.0
    return "s" if middle < 1e11 else "ms" if middle < 1e14 else "us" if middle < 1e17 else "ns"


def _from_epoch(values: np.ndarray, unit: str) -> pa.Array:
    """Null where the date lies outside the years 1 to 9999."""
    stamps = values * {"s": 1e6, "ms": 1e3, "us": 1.0, "ns": 1e-3}[unit]
    inside = (stamps > -6.2e16) & (stamps < 2.5e17)  # false for NaN, too
    return pa.array(np.where(inside, np.where(inside, stamps, 0).astype("M8[us]"), np.datetime64("NaT")), _STAMP)


def _to_string(values: pa.Array, habit: Habit) -> Cells:
    kind = values.type
    if not is_text(kind):
        text, infinite = (_number_text(values) if natural(kind) == "number" else (values.cast(pa.string()), 0))
        return Cells(text.cast(pa.large_string()), infinite)
    return Cells(words(values))


def _number_text(values: pa.Array) -> tuple[pa.Array, int]:
    """Numbers as names: 3 and 3.0 are the same category."""
    if pt.is_integer(values.type):
        return values.cast(pa.string()), 0
    if pt.is_time(values.type) or pt.is_duration(values.type):
        return values.cast(pa.int32() if pt.is_time32(values.type) else pa.int64()).cast(pa.string()), 0
    counted = finite(values.cast(pa.float64(), safe=False))
    whole = pc.and_(pc.equal(counted.values, pc.trunc(counted.values)), pc.less(pc.abs(counted.values), 2.0**53))
    as_whole = pc.if_else(whole, counted.values, pa.scalar(0.0)).cast(pa.int64()).cast(pa.string())
    return pc.if_else(whole, as_whole, counted.values.cast(pa.string())), counted.infinite


def _is_binary(kind: pa.DataType) -> bool:
    return pt.is_binary(kind) or pt.is_large_binary(kind) or pt.is_fixed_size_binary(kind) or pt.is_binary_view(kind)


def _unusable(name: str, kind: pa.DataType) -> DataError:
    return DataError("TOC-151", f"column {name!r} holds a type that cannot be judged", came=str(kind)[:120],
                     todo="split lists and structures into columns of their own, decode bytes, or leave the column out (ignore=)")


_ARROW: dict[str, pa.DataType] = {"number": pa.float64(), "boolean": pa.bool_(), "date": _STAMP, "string": pa.large_string()}
_READERS: dict[str, Any] = {"number": _to_number, "boolean": _to_boolean, "date": _to_date, "string": _to_string}


def typed(column: pa.ChunkedArray, form: Form, name: str) -> pa.Array:
    """A column that was cleaned before, as one array of the form's Arrow type."""
    if column.type == _ARROW[form]:
        return column.combine_chunks()
    return read(simple(column, name), Habit(form), name).values


def floats(values: pa.Array) -> np.ndarray:
    """float64 with NaN for null."""
    return values.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
