"""What usually stands at each place of a template: numbers by their range, words of a small set by how common they are.

Places whose values are free (identifiers, names, addresses) or move on with time (counters) tell nothing and are not judged.
Letters: n lines, v values at a place.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tocsin.core.state import Stateful
from tocsin.data.logtoken import DATES as _DATES
from tocsin.data.logtoken import TIME, VALUE, ZEROS, masked, number
from tocsin.memory.logbook import Logbook, Look

LEAST = 20  # values from which on a place says what is usual
_WORDS = 64  # different values that a small set has at most
_FREE = 0.1  # share of different values from which on they are free
_KEPT = 129  # numbers remembered of a place: evenly spaced quantiles
_MOVED = 0.1  # share of the later half outside the earlier half's range from which on a place is one that moves on
_NUMBERS = 0.95  # share of values that are numbers
_MOST = 20.0  # nats
_FAR = 4.0  # nats for each spread beyond all values


@dataclass(frozen=True)
class Odd:
    """n lines: how odd their oddest value is (nats), and where it stands: position among the line's own words, -1 for none."""

    evidence: np.ndarray
    word: np.ndarray


class Places(Stateful):
    """Values by template and place, of the lines learned first and later.

    Evidence is minus the logarithm of how often such a value was seen: for a word its share, for one never seen the share of words
    that were seen once; for a number the share of values as far out on its side, and beyond all of them the distance in spreads.
    The memory of a place holds 129 numbers or 64 words.

    >>> book, places = Logbook(), Places()
    >>> lines = [f"took {40 + i % 20} ms, state {'ok' if i % 2 else 'idle'}" for i in range(100)]
    >>> places.learn(book, book.learn(lines))
    >>> odd = places.judge(book, book.look(["took 45 ms, state ok", "took 9000 ms, state ok", "took 45 ms, state lost"]))
    >>> (odd.evidence > 4).tolist(), odd.word.tolist()
    ([False, True, True], [4, 1, 4])
    """

    def learn(self, book: Logbook, look: Look) -> None:
        """Take the values of lines in that ``book`` has learned: in their order, since places that move on are told by it."""
        places: dict[str, Any] = dict(getattr(self, "places_", {}))
        for template, rows in _by_template(look):
            if template >= len(book.templates.templates):
                continue
            columns = _columns(book, look, rows, template)
            before = places.get(str(template), [])
            if len(before) != len(columns):
                before = [None] * len(columns)  # the template has become more general
            places[str(template)] = [_merged(place, values) for place, (_, values) in zip(before, columns)]
        self.places_ = places

    def judge(self, book: Logbook, look: Look, own: bool = False) -> Odd:
        """How odd the values of each line are; ``own``: the lines were learned, each is judged without itself."""
        evidence, word = np.zeros(len(look)), np.full(len(look), -1, dtype=np.int64)
        for template, rows in _by_template(look):
            places = self.places_.get(str(template))
            if not places or not any(place and place["kind"] for place in places):
                continue
            for place, (at, values) in zip(places, _columns(book, look, rows, template, places)):
                if not place or not place["kind"]:
                    continue
                made = _judged(place, values, own)
                better = made > evidence[rows]
                evidence[rows[better]] = made[better]
                word[rows[better]] = at[better]
        return Odd(evidence, word)


def usual(place: dict[str, Any]) -> str:
    """What a place usually holds, for a sentence.

    >>> usual(_merged(None, ["5", "6", "7", "8"] * 10))
    '5 to 8'
    """
    if place["kind"] == "number":
        knots = np.asarray(place["knots"])
        low, high = _back(float(np.quantile(knots, 0.005))), _back(float(np.quantile(knots, 0.995)))
        return f"{low:.6g} to {high:.6g}"
    common = sorted(place["words"].items(), key=lambda item: -item[1])[:3]
    return ", ".join(f"`{word}`" for word, _ in common)


def _by_template(look: Look) -> list[tuple[int, np.ndarray]]:
    """(template, its rows in their order), for each template of the lines."""
    order = np.argsort(look.ids, kind="stable")
    ids = look.ids[order]
    cuts = np.flatnonzero(ids[1:] != ids[:-1]) + 1
    return [(int(look.ids[rows[0]]), rows) for rows in np.split(order, cuts)] if len(ids) else []


def _columns(book: Logbook, look: Look, rows: np.ndarray, template: int,
             wanted: Sequence[dict[str, Any] | None] | None = None) -> list[tuple[np.ndarray, list[str]]]:
    """For each place of a template, (positions (n,) among the lines' words, the n values there); nothing where it is not wanted."""
    forms = look.found.form[rows]
    where = {int(k): book.templates.places(look.found.forms[k], template) for k in np.unique(forms)}
    width = len(next(iter(where.values())))
    words = [look.found.lines[i].split() for i in rows]
    made: list[tuple[np.ndarray, list[str]]] = []
    for j in range(width):
        if wanted is not None and not (wanted[j] and wanted[j]["kind"]):  # type: ignore[index]
            made.append((np.zeros(0, dtype=np.int64), []))
            continue
        at = np.array([where[int(k)][j] for k in forms])
        made.append((at, [each[i] for each, i in zip(words, at.tolist())]))
    return made


def _merged(place: dict[str, Any] | None, values: list[str]) -> dict[str, Any]:
    """What is known of a place with further ``values``: {"kind": "number", "words" or "" (not judged), "n": ..., ...}."""
    n = len(values) + (place["n"] if place else 0)
    if place and place["kind"] == "" and place["n"] >= LEAST:
        return {**place, "n": n}  # once free, always free
    words = Counter(values) + Counter(place.get("words", {}) if place else {})
    if sum(times for word, times in words.items() if _is_name(word)) > n / 2:
        return {"kind": "", "n": max(n, LEAST)}
    small = len(words) <= max(2, min(_WORDS, _FREE * n))
    read = np.array([number(value) if value.isascii() else None for value in values], dtype=np.float64)  # None becomes NaN
    numeric = np.isfinite(read).mean() >= _NUMBERS if len(values) else False
    if n < LEAST:
        return {"kind": "", "n": n, "words": dict(words)}
    if small and (not numeric or len(words) <= 2):
        return {"kind": "words", "n": n, "words": dict(words)}
    if not numeric or (place and place["kind"] == "words"):
        return {"kind": "", "n": n}
    if place is None or place["kind"] != "number":
        read = _forward(np.array([number(value) for value in words_in_order(place, values)], dtype=np.float64))
        read = read[np.isfinite(read)]
        if _moves(read):
            return {"kind": "", "n": n}
        return {"kind": "number", "n": n, "knots": _quantiles(read)}
    fresh = _forward(read[np.isfinite(read)])
    share = len(fresh) / n
    old = np.asarray(place["knots"])
    both = np.concatenate([np.quantile(old, np.linspace(0, 1, max(2, round(_KEPT * (1 - share)))))] + ([fresh] if len(fresh) < _KEPT else [
        np.quantile(fresh, np.linspace(0, 1, max(2, round(_KEPT * share))))]))
    return {"kind": "number", "n": n, "knots": _quantiles(both)}


def words_in_order(place: dict[str, Any] | None, values: list[str]) -> list[str]:
    """The values with those remembered of a place that held too few before them."""
    before = place.get("words", {}) if place else {}
    return [word for word, times in before.items() for _ in range(times)] + values


def _judged(place: dict[str, Any], values: list[str], own: bool) -> np.ndarray:
    """(v,) nats."""
    n = place["n"] - own
    if place["kind"] == "words":
        words = place["words"]
        once = sum(times == 1 for times in words.values()) + 1
        never = math.log((n + 1) / once)
        left = math.log((n + 1) / max(once - 1, 1))  # of a word seen once, which is the one left out
        made = {word: -math.log((times - own) / n) if times > own else left for word, times in words.items()}
        far = {word: never + _beyond(word, words) for word in set(values) - set(made)}
        return np.minimum(np.array([far[word] if word in far else made[word] for word in values]), _MOST)
    read = np.array([number(word) for word in values], dtype=np.float64)
    missing = ~np.isfinite(read)
    x = _forward(np.where(missing, 0.0, read))
    knots = np.asarray(place["knots"], dtype=np.float64)
    low, high = np.searchsorted(knots, x, "right") / len(knots), 1 - np.searchsorted(knots, x, "left") / len(knots)
    share = np.minimum(2 * np.minimum(low, high), 1.0)
    beyond = np.maximum(np.maximum(knots[0] - x, x - knots[-1]), 0.0) / _spread(knots)
    made_numbers = -np.log(np.maximum(share, 1 / (min(n, 4 * len(knots)) + 1))) + _FAR * beyond
    made_numbers[missing] = math.log(n + 1)
    return np.asarray(np.minimum(made_numbers, _MOST))


def _is_name(word: str) -> bool:
    """Whether a value is one of endlessly many: an address, a path, an identifier, a part of a date."""
    zeros = word.translate(ZEROS)
    return word in _DATES or (number(word) is None and masked(zeros) in (VALUE, TIME))


def _beyond(word: str, known: dict[str, int]) -> float:
    """Nats for how far a number lies from the nearest of a small set of numbers; 0 where these are no numbers."""
    x, others = number(word), [number(each) for each in known]
    if x is None or any(each is None for each in others):
        return 0.0
    values = _forward(np.array(others, dtype=np.float64))
    return float(_FAR * np.abs(values - np.arcsinh(x)).min() / _spread(values))


def _spread(values: np.ndarray) -> float:
    return max(float(np.quantile(values, 0.95) - np.quantile(values, 0.05)), 1e-3 * (1 + abs(float(values.mean()))))


def _forward(x: np.ndarray) -> np.ndarray:
    """Numbers on a scale where a tenfold value is as far at any size."""
    return np.asarray(np.arcsinh(x))


def _back(x: float) -> float:
    return math.sinh(x)


def _quantiles(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.quantile(x, np.linspace(0, 1, _KEPT)))


def _moves(x: np.ndarray) -> bool:
    """Whether the later half of the values leaves the range of the earlier half."""
    half = len(x) // 2
    first, later = x[:half], x[half:]
    if half < LEAST // 2:
        return False
    low, high = np.quantile(first, [0.01, 0.99])
    return bool(((later < low) | (later > high)).mean() > _MOVED)
