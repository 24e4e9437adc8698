"""Text that means numbers: decimal point or comma, thousands marks, currency and percent signs, words for "missing"."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

# What people and programs write where a value is missing; compared in lower case.
MISSING = ("", "na", "n/a", "#n/a", "<na>", "nan", "nat", "null", "none", "nil", "-", "--", "?", ".", "missing",
           "#value!", "#div/0!", "#ref!")
_TAIL = r"(?:[eE][+-]?\d+)?$"
_STYLES = {
    ".": r"^[+-]?(?:\d+\.?\d*|\.\d+|\d{1,3}(?:[,'\x{20}\x{A0}\x{202F}]\d{3})+(?:\.\d*)?)" + _TAIL,
    ",": r"^[+-]?(?:\d+,?\d*|,\d+|\d{1,3}(?:[.'\x{20}\x{A0}\x{202F}]\d{3})+(?:,\d*)?)" + _TAIL,
}
_INFINITE = r"(?i)^[+-]?(?:inf|infinity|∞)$"
_SIGNS = r"^[$€£¥]\s*|\s*[%$€£¥]$"


@dataclass(frozen=True)
class Reading:
    """``values`` with null where nothing could be read; how many cells held infinity or something of another type."""

    values: pa.Array
    infinite: int = 0
    wrong: int = 0

    @property
    def read(self) -> int:
        return len(self.values) - self.values.null_count


def plain_text(column: pa.Array) -> pa.Array:
    """Trimmed text, null where it says that a value is missing."""
    text = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.is_in(pc.utf8_lower(text), value_set=pa.array(MISSING, text.type)), pa.scalar(None, text.type), text)


def decimal_mark(text: pa.Array) -> str:
    """"." or ",": the mark under which more of ``text`` reads as numbers; "." when both read as many.

    >>> decimal_mark(pa.array(["3,5", "1.234,5"])), decimal_mark(pa.array(["1,234", "12"]))
    (',', '.')
    """
    fits = {mark: pc.sum(pc.match_substring_regex(_bare(text), style)).as_py() or 0 for mark, style in _STYLES.items()}
    return "," if fits[","] > fits["."] else "."


def numbers(column: pa.Array, mark: str = ".") -> Reading:
    """Text → float64. Cells that do not read with ``mark`` are read with the other one, so a changed export still means something.

    "1,234" is 1234 under a decimal point and 1.234 under a decimal comma; "5 %" is 5, "€ 3" is 3.

    >>> numbers(pa.array(["1", " 2,5", "n/a", "inf", "many"])).values.to_pylist()
    [1.0, 2.5, None, None, None]
    """
    text = plain_text(column)
    try:
        return finite(text.cast(pa.float64()))  # the common case costs one pass
    except pa.ArrowInvalid:
        text = _bare(text)
    infinite = pc.fill_null(pc.match_substring_regex(text, _INFINITE), False)
    values: pa.Array = pa.nulls(len(text), pa.float64())
    for each in (mark, "," if mark == "." else "."):
        values = pc.coalesce(values, _as_written(text, each))
    read = finite(values)
    count = pc.sum(infinite).as_py() or 0
    wrong = (len(text) - text.null_count) - (len(values) - values.null_count) - count
    return Reading(read.values, read.infinite + count, wrong)


def finite(values: pa.Array) -> Reading:
    """float64 with null for NaN and infinity, the latter counted."""
    good = pc.is_finite(values)
    infinite = pc.sum(pc.is_inf(values)).as_py() or 0
    if pc.all(good, min_count=0).as_py():
        return Reading(values)
    return Reading(pc.if_else(pc.fill_null(good, False), values, pa.scalar(None, pa.float64())), infinite)


def _bare(text: pa.Array) -> pa.Array:
    return pc.replace_substring(pc.replace_substring_regex(text, _SIGNS, ""), "−", "-")


def _as_written(text: pa.Array, mark: str) -> pa.Array:
    kept = pc.if_else(pc.match_substring_regex(text, _STYLES[mark]), text, pa.scalar(None, text.type))
    kept = pc.replace_substring_regex(kept, r"['\x{20}\x{A0}\x{202F}" + ("," if mark == "." else ".") + "]", "")
    return pc.replace_substring(kept, ",", ".").cast(pa.float64())
