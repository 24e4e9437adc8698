"""How one column becomes numbers, by kind: ``learn`` makes a plain plan, ``features`` names the columns made, ``write`` fills them,
``read`` goes back.

Two rules hold for all codings.
*Scale.* A column of role "value" stays in its own units (``Scale`` comes later). All others are evidence in their final scale: an
indicator is (x - p) / sqrt(p (1 - p)) with the training share p, at most 10 in size; a category's or date's columns are divided by
the square root of their number, so that one category weighs as much as one number.
*Missing.* A column with missing training cells gets a column of role "missing". One without does not (that would double the width for
nothing): a cell missing later is written as a strong value in the first column of its source - 10, or, in own units, ten standard
deviations above the largest training value - so it raises the score of its row under every detector.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tocsin.data.cell import Form, floats

CAP = 10.0
_STORED = 65_536  # levels whose share is remembered
Plan = dict[str, Any]


class Coding(ABC):
    """Abstract; stateless. ``values`` are one column in the coding's form, ``out`` (n, width) zeros to be filled."""

    form: ClassVar[Form]

    @abstractmethod
    def learn(self, values: pa.Array, max_levels: int) -> Plan | None:
        """The plan, or None when the column holds nothing to learn from."""

    @abstractmethod
    def features(self, plan: Plan) -> list[tuple[str, Any]]:
        """(role, level) of each column written."""

    @abstractmethod
    def write(self, plan: Plan, values: pa.Array, out: np.ndarray) -> None:
        """Fill ``out`` (n, width); rows of null cells may be left as they are."""

    @abstractmethod
    def read(self, plan: Plan, block: np.ndarray) -> list[Any]:
        """(n, width) → n cells in own units."""


class Number(Coding):
    """The value itself."""

    form = "number"

    def learn(self, values: pa.Array, max_levels: int) -> Plan | None:
        x = floats(values.drop_null())
        size = max(float(np.abs(x).max()), 1e-300)
        with np.errstate(over="ignore"):
            far = float(x.max()) + 10 * float((x / size).std()) * size
        return {"far": min(far, 1.7e308)}

    def features(self, plan: Plan) -> list[tuple[str, Any]]:
        return [("value", None)]

    def write(self, plan: Plan, values: pa.Array, out: np.ndarray) -> None:
        out[:, 0] = floats(values)

    def read(self, plan: Plan, block: np.ndarray) -> list[Any]:
        return [None if np.isnan(v) else v for v in block[:, 0].tolist()]


class Boolean(Coding):
    """One indicator."""

    form = "boolean"

    def learn(self, values: pa.Array, max_levels: int) -> Plan | None:
        return {"share": float(pc.mean(values).as_py())}

    def features(self, plan: Plan) -> list[tuple[str, Any]]:
        return [("boolean", True)]

    def write(self, plan: Plan, values: pa.Array, out: np.ndarray) -> None:
        out[:, 0] = indicator(pc.fill_null(values, False).to_numpy(zero_copy_only=False), plan["share"])
        out[_nulls(values), 0] = 0.0

    def read(self, plan: Plan, block: np.ndarray) -> list[Any]:
        return (plain(block[:, 0], plan["share"]) > 0.5).tolist()


class Levels(Coding):
    """One indicator per level, and one for a value never seen. Levels are ordered by share, then name."""

    form = "string"

    def learn(self, values: pa.Array, max_levels: int) -> Plan | None:
        levels, counts = _counted(values)
        if len(levels) > max_levels:
            return None
        n = int(counts.sum())
        return {"levels": levels, "shares": (counts / n), "unseen": unseen(counts, n)}

    def features(self, plan: Plan) -> list[tuple[str, Any]]:
        return [*(("level", level) for level in plan["levels"]), ("unseen", None)]

    def write(self, plan: Plan, values: pa.Array, out: np.ndarray) -> None:
        which, null = _which(values, plan["levels"]), _nulls(values)
        weight = 1 / np.sqrt(len(plan["levels"]))
        for j, share in enumerate(np.asarray(plan["shares"]).tolist()):
            out[:, j] = indicator(which == j, share) * weight
        out[null, :-1] = 0.0  # missing: in the middle of the levels; that it is missing is told by another column
        out[:, -1] = np.where((which < 0) & ~null, plan["unseen"], 0.0)

    def read(self, plan: Plan, block: np.ndarray) -> list[Any]:
        shares = np.asarray(plan["shares"])
        nearest = np.argmax(plain(block[:, :-1] * np.sqrt(len(shares)), shares), axis=1)
        new = block[:, -1] > plan["unseen"] / 2
        return ["(unseen)" if odd else plan["levels"][j] for j, odd in zip(nearest, new.tolist())]


class Frequency(Coding):
    """-log of the value's share, standardised, and an indicator for a value never seen: for more levels than ``max_levels``."""

    form = "string"

    def learn(self, values: pa.Array, max_levels: int) -> Plan | None:
        levels, counts = _counted(values)
        n = int(counts.sum())
        rarity = -np.log(counts / n)
        center = float((rarity * counts).sum() / n)
        spread = float(np.sqrt((np.square(rarity - center) * counts).sum() / n))
        kept = counts[:_STORED]
        # what is not remembered looks unseen in training, too, so its share is the chance of that
        chance = unseen(counts, n) if len(counts) <= _STORED else surprise(1 - float(kept.sum()) / n, n)
        return {"levels": levels[:_STORED], "rarity": rarity[:_STORED], "center": center, "spread": max(spread, 0.1),
                "rarest": float(np.log(n + 1)), "unseen": chance}

    def features(self, plan: Plan) -> list[tuple[str, Any]]:
        return [("frequency", None), ("unseen", None)]

    def write(self, plan: Plan, values: pa.Array, out: np.ndarray) -> None:
        which, null = _which(values, plan["levels"]), _nulls(values)
        rarity = np.where(which < 0, plan["rarest"], np.asarray(plan["rarity"])[np.maximum(which, 0)])
        out[:, 0] = np.where(null, 0.0, np.clip((rarity - plan["center"]) / plan["spread"], -CAP, CAP))
        out[:, 1] = np.where((which < 0) & ~null, plan["unseen"], 0.0)

    def read(self, plan: Plan, block: np.ndarray) -> list[Any]:
        share = np.exp(-np.maximum(block[:, 0] * plan["spread"] + plan["center"], 0))
        return [f"(a value that {s:.2%} of the rows have)" for s in share.tolist()]


class Cyclic(Coding):
    """Where a date stands in the day, the week and the year, each as a point on a circle; only cycles seen at least twice in training.

    Elapsed time is not written: it grows for ever, and every later row would look odd.
    """

    form = "date"

    def learn(self, values: pa.Array, max_levels: int) -> Plan | None:
        seconds = _seconds(values.drop_null())
        span = float(seconds.max() - seconds.min())
        cycles = [name for name, (length, _) in _CYCLES.items() if span >= 2 * length]
        if not (seconds % 86400).any() or len(np.unique(seconds % 86400)) == 1:
            cycles = [name for name in cycles if name != "hour"]  # dates without a time of day, or always the same
        if not cycles:
            return None
        parts = _circle(seconds, cycles)
        return {"cycles": cycles, "center": parts.mean(axis=0), "spread": np.maximum(parts.std(axis=0), 0.1)}

    def features(self, plan: Plan) -> list[tuple[str, Any]]:
        return [("cyclic", f"{part} of {name}") for name in plan["cycles"] for part in ("sine", "cosine")]

    def write(self, plan: Plan, values: pa.Array, out: np.ndarray) -> None:
        there = ~_nulls(values)
        parts = (_circle(_seconds(values.drop_null()), plan["cycles"]) - plan["center"]) / plan["spread"]
        out[there] = np.clip(parts / np.sqrt(2), -CAP, CAP)

    def read(self, plan: Plan, block: np.ndarray) -> list[Any]:
        parts = block * np.sqrt(2) * plan["spread"] + plan["center"]
        words = []
        for j, name in enumerate(plan["cycles"]):
            turn = np.arctan2(parts[:, 2 * j], parts[:, 2 * j + 1]) / (2 * np.pi) % 1
            words.append([_CYCLES[name][1](t) for t in turn.tolist()])
        return [", ".join(row) for row in zip(*words)]


class Surface(Coding):
    """Text by its surface: length, words, and the shares of digits, capitals and signs. What the words mean is not looked at."""

    form = "string"

    def learn(self, values: pa.Array, max_levels: int) -> Plan | None:
        parts = _surface(values.drop_null())
        return {"center": parts.mean(axis=0), "spread": np.maximum(parts.std(axis=0), 0.02)}

    def features(self, plan: Plan) -> list[tuple[str, Any]]:
        return [("text", name) for name in ("length", "words", "digits", "capitals", "signs")]

    def write(self, plan: Plan, values: pa.Array, out: np.ndarray) -> None:
        parts = (_surface(values.drop_null()) - plan["center"]) / plan["spread"]
        out[~_nulls(values)] = parts / np.sqrt(parts.shape[1])

    def read(self, plan: Plan, block: np.ndarray) -> list[Any]:
        parts = block * np.sqrt(block.shape[1]) * plan["spread"] + plan["center"]
        rows = np.c_[np.expm1(np.clip(parts[:, :2], 0, 30)), np.clip(parts[:, 2:], 0, 1)].tolist()
        return [f"(text of {c:.0f} characters, {w:.0f} words, {d:.0%} digits)" for c, w, d, _, _ in rows]


class Fixed(Coding):
    """A column that held one value, or none, in training: only a change is evidence. Rounding (1e-9 of the value) is no change."""

    form = "string"

    def learn(self, values: pa.Array, max_levels: int) -> Plan | None:
        known = values.drop_null()
        if len(known) == 0:
            return {"value": None}
        first = known[0].as_py()
        return {"value": first if isinstance(first, (bool, float, str)) else str(known.cast(pa.string())[0].as_py())}

    def features(self, plan: Plan) -> list[tuple[str, Any]]:
        return [("changed", plan["value"])]

    def write(self, plan: Plan, values: pa.Array, out: np.ndarray) -> None:
        value, there = plan["value"], ~_nulls(values)
        if value is None:
            out[there, 0] = CAP
        elif isinstance(value, float):
            with np.errstate(over="ignore"):
                out[there & (np.abs(floats(values) - value) > 1e-9 * abs(value)), 0] = CAP
        else:
            cells = values if isinstance(value, bool) else values.cast(pa.large_string())
            out[:, 0] = pc.fill_null(pc.not_equal(cells, pa.scalar(value, cells.type)), False).to_numpy(zero_copy_only=False) * CAP

    def read(self, plan: Plan, block: np.ndarray) -> list[Any]:
        return ["(changed)" if odd else plan["value"] for odd in (block[:, 0] > CAP / 2).tolist()]


CODINGS: dict[str, Coding] = {"number": Number(), "boolean": Boolean(), "levels": Levels(), "frequency": Frequency(), "cyclic": Cyclic(),
                              "surface": Surface(), "fixed": Fixed()}


def indicator(on: np.ndarray, share: Any) -> np.ndarray:
    """Standardised 0/1: (x - p) / sqrt(p (1 - p)), at most 10 in size.

    >>> indicator(np.array([True, False]), 0.5).tolist()
    [1.0, -1.0]
    """
    share = np.clip(share, 1e-9, 1 - 1e-9)
    return np.clip((on - share) / np.sqrt(share * (1 - share)), -CAP, CAP)


def plain(z: np.ndarray, share: Any) -> np.ndarray:
    """The 0/1 scale of an indicator, where capped values are again 0 and 1."""
    low, high = indicator(np.array(False), share), indicator(np.array(True), share)
    return (z - low) / (high - low)


def surprise(chance: float, n: int) -> float:
    """How strongly an event counts that had this chance in ``n`` training rows: its standardised indicator, at most 10."""
    chance = min(max(chance, 1 / (n + 1)), 1 - 1e-9)
    return float(min(np.sqrt((1 - chance) / chance), CAP))


def unseen(counts: np.ndarray, n: int) -> float:
    """Evidence of a value never seen. Its chance is the share of values seen once (Good 1953): new names among names are no surprise."""
    return surprise(float((counts == 1).sum()) / n, n)


def _counted(values: pa.Array) -> tuple[list[str], np.ndarray]:
    """Levels and their counts, the most frequent first, ties by name."""
    found = pc.value_counts(values.drop_null())
    levels, counts = found.field("values").to_pylist(), found.field("counts").to_numpy()
    order = sorted(range(len(levels)), key=lambda i: (-counts[i], levels[i]))
    return [levels[i] for i in order], counts[order]


def _which(values: pa.Array, levels: list[str]) -> np.ndarray:
    """(n,) position among ``levels``, -1 for others and null."""
    found = pc.index_in(values, value_set=pa.array(levels, values.type))
    return pc.if_else(pc.is_valid(values), pc.fill_null(found, -1), -1).to_numpy(zero_copy_only=False)


def _nulls(values: pa.Array) -> np.ndarray:
    return pc.is_null(values).to_numpy(zero_copy_only=False)


def _seconds(values: pa.Array) -> np.ndarray:
    return values.cast(pa.timestamp("us")).to_numpy(zero_copy_only=False).astype("M8[us]").astype(np.int64) / 1e6


def _circle(seconds: np.ndarray, cycles: list[str]) -> np.ndarray:
    """(n, 2 k) sine and cosine of the place in each cycle."""
    angles = [2 * np.pi * ((seconds + _SHIFT[name]) % _CYCLES[name][0]) / _CYCLES[name][0] for name in cycles]
    return np.stack([part(angle) for angle in angles for part in (np.sin, np.cos)], axis=1).reshape(len(seconds), 2 * len(cycles))


def _weekday(turn: float) -> str:
    return ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[int(turn * 7) % 7]


def _month(turn: float) -> str:
    return ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
            "December")[int(turn * 12) % 12]


def _hour(turn: float) -> str:
    minutes = int(turn * 1440 + 0.5) % 1440
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


# length in seconds, and the word for a place in the cycle
_CYCLES: dict[str, tuple[float, Any]] = {"hour": (86400.0, _hour), "weekday": (604800.0, _weekday), "month": (365.2425 * 86400, _month)}
_SHIFT = {"hour": 0.0, "weekday": 3 * 86400.0, "month": 0.0}  # 1 January 1970 was a Thursday


def _surface(values: pa.Array) -> np.ndarray:
    """(n, 5) log length, log words, shares of digits, capitals and signs."""
    text = values.cast(pa.large_string())
    length = pc.utf8_length(text).to_numpy(zero_copy_only=False).astype(np.float64)

    def count(pattern: str) -> np.ndarray:
        return pc.count_substring_regex(text, pattern).to_numpy(zero_copy_only=False).astype(np.float64)

    shares = [count(pattern) / np.maximum(length, 1) for pattern in (r"\pN", r"\p{Lu}", r"[^\pL\pN\s]")]
    return np.stack([np.log1p(length), np.log1p(count(r"\S+")), *shares], axis=1)
