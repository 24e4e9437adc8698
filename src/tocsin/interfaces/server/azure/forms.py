"""Request bodies of the three univariate calls: JSON text → checked values, each wrong field with its own error."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

import numpy as np

from tocsin.core.errors import ServiceError
from tocsin.flows.univariate.grid import GRANULARITIES
from tocsin.flows.univariate.impute import MODES
from tocsin.flows.univariate.terms import Terms

_ALIASES = {"perMinute": "minutely", "perSecond": "secondly"}  # names that some clients give the same steps
_LONGEST_INTERVAL = 1_000_000_000


@dataclass(frozen=True)
class Posted:
    """A checked request: ``values`` (n,), ``stamps`` (n,) datetime64[us] in UTC or None, and how to judge them."""

    values: np.ndarray
    stamps: np.ndarray | None
    terms: Terms
    window: int = 0  # change points only
    threshold: float = 0.9


def read(body: bytes, *, changepoint: bool = False) -> Posted:
    """The request in ``body``. Raises ServiceError TOC-690 to TOC-699; messages name fields and indices and hold no values of the series.

    A field that is null counts as absent. With granularity none, the default, stamps may be absent and are not looked at.
    """
    said = _object(body)
    points = said.get("series")
    if points is None:
        raise ServiceError("TOC-691", "the field 'series' is required", todo="send series: [{timestamp, value}, ...]")
    if not isinstance(points, list):
        _bad("the field 'series' is no array")
    granularity = _granularity(said, required=changepoint)
    terms = Terms(granularity, _whole(said, "customInterval", 1, _LONGEST_INTERVAL, 1, "TOC-694"),
                  _whole(said, "period", 0, _LONGEST_INTERVAL, 0, "TOC-695"), **({} if changepoint else _model(said)))
    values, stamps = _values(points), None if granularity == "none" else _stamps(points)
    if not changepoint:
        return Posted(values, stamps, terms)
    window = _whole(said, "stableTrendWindow", 3, _LONGEST_INTERVAL, 0, "TOC-696")
    return Posted(values, stamps, terms, window, _number(said, "threshold", 0.0, 1.0, 0.9, "TOC-696"))


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        where = f"line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else "its content"
        raise ServiceError("TOC-690", "the body is not valid JSON", came=where, todo="send one JSON object in UTF-8; "
                           "JSON has no NaN and no Infinity") from None
    if not isinstance(said, dict):
        raise ServiceError("TOC-690", "the body is no JSON object", came=type(said).__name__, todo="send {series: [...], granularity: ...}")
    return said


def _no_number(word: str) -> NoReturn:
    raise ValueError(word)


def _granularity(said: dict[str, Any], required: bool) -> str:
    granularity = said.get("granularity")
    if granularity is None:
        if required:
            raise ServiceError("TOC-692", "the field 'granularity' is required", todo=f"send one of {', '.join(GRANULARITIES)}")
        return "none"
    granularity = _ALIASES.get(granularity, granularity) if isinstance(granularity, str) else granularity
    if granularity not in GRANULARITIES:
        raise ServiceError("TOC-693", "the field 'granularity' is not known", todo=f"send one of {', '.join(GRANULARITIES)}")
    return str(granularity)


def _model(said: dict[str, Any]) -> dict[str, Any]:
    """The fields of detection only."""
    mode = said.get("imputeMode")
    mode = "auto" if mode is None else mode
    if mode not in MODES:
        raise ServiceError("TOC-697", "the field 'imputeMode' is not known", todo=f"send one of {', '.join(MODES)}")
    fixed = said.get("imputeFixedValue")
    if (mode == "fixed" and fixed is None) or (fixed is not None and not _finite(fixed)):
        raise ServiceError("TOC-698", "the field 'imputeFixedValue' is missing or no finite number",
                           todo="send a number with imputeMode fixed")
    ratio = _number(said, "maxAnomalyRatio", 0.0, 0.49, 0.25, "TOC-696")
    if ratio == 0:
        raise ServiceError("TOC-696", "the field 'maxAnomalyRatio' is a number above 0 and at most 0.49", came="0")
    sensitivity = _whole(said, "sensitivity", 0, 99, 99, "TOC-696")
    return {"max_ratio": ratio, "sensitivity": sensitivity, "impute": mode, "fixed": float(fixed or 0.0)}


def _whole(said: dict[str, Any], field: str, low: int, high: int, default: int, code: str) -> int:
    given = said.get(field)
    if given is None:
        return default
    if isinstance(given, bool) or not isinstance(given, int | float) or not low <= given <= high or given != int(given):
        raise ServiceError(code, f"the field '{field}' is a whole number from {low}" + (f" to {high}" if high < _LONGEST_INTERVAL else ""))
    return int(given)


def _number(said: dict[str, Any], field: str, low: float, high: float, default: float, code: str) -> float:
    given = said.get(field)
    if given is None:
        return default
    if not _finite(given) or not low <= given <= high:
        raise ServiceError(code, f"the field '{field}' is a number from {low:g} to {high:g}")
    return float(given)


def _finite(given: Any) -> bool:
    if isinstance(given, bool) or not isinstance(given, int | float):
        return False
    return abs(given) <= 1.7976931348623157e308


def _values(points: list[Any]) -> np.ndarray:
    """(n,) values; numbers too large for a double become infinite here and are refused with the series."""
    values = np.empty(len(points))
    for i, point in enumerate(points):
        value = point.get("value") if isinstance(point, dict) else None
        if isinstance(value, bool) or not isinstance(value, int | float):
            _bad(f"the point at index {i} of 'series' has no number as 'value'")
        values[i] = value if _finite(value) else np.inf
    return values


def _stamps(points: list[dict[str, Any]]) -> np.ndarray:
    """(n,) datetime64[us] in UTC; a stamp without a zone is UTC."""
    found = []
    for i, point in enumerate(points):
        try:
            stamp = datetime.fromisoformat(point["timestamp"])
            found.append(stamp.astimezone(UTC).replace(tzinfo=None) if stamp.tzinfo else stamp)
        except (KeyError, TypeError, ValueError, OverflowError):
            _bad(f"the point at index {i} of 'series' has no ISO 8601 'timestamp'")
    return np.array(found, dtype="M8[us]")


def _bad(what: str) -> NoReturn:
    raise ServiceError("TOC-699", what, todo="send series: [{timestamp: '2024-01-01T00:00:00Z', value: 1.5}, ...]")
