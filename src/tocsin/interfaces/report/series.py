"""What the series chart draws: per group and channel the line, its expected band, the anomalies, the events and the scores."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np

from tocsin.core.types import Dataset, Detections
from tocsin.interfaces.report.columns import number_column, unit_of
from tocsin.interfaces.report.decimate import keep_rows, surroundings
from tocsin.interfaces.report.words import count, moment, number, odds

MOST_GROUPS, MOST_CHANNELS, MOST_EVENTS, MOST_MARKS = 12, 40, 300, 2000
_POINTS, _FEWEST, _MOST = 60_000, 150, 4000  # pixel columns of all lines together, of one line at least and at most
Bands = Mapping[str, tuple[np.ndarray, float]]  # channel → (expected (n,), usual distance)


def payload(data: Dataset, found: Detections, bands: Bands, blamed: Mapping[str, float]) -> dict[str, Any]:
    """Plain data for the page's script. ``blamed``: mean share of each column in the explained anomalies, most blamed are shown first."""
    channels = {name: values for name in data.schema.names[:500] if (values := number_column(data, name)) is not None}
    shown = sorted(channels, key=lambda name: -blamed.get(name, 0.0))[:MOST_CHANNELS]
    shown = [name for name in channels if name in shown]
    opened = set(sorted(shown, key=lambda name: -blamed.get(name, 0.0))[:3])
    groups = _groups(data, found)
    pixels = min(max(_POINTS // (len(groups) * (len(shown) + 1)), _FEWEST), _MOST)
    return {
        "groups": [_group(name, rows, data, found, {c: channels[c] for c in shown}, bands, opened, pixels) for name, rows in groups],
        "groupsLeftOut": max(0, len(np.unique(data.group)) - len(groups)) if data.group is not None else 0,
        "channelsLeftOut": len(channels) - len(shown),
        "xTitle": escape(data.schema.time or ("time" if data.time is not None else "time step"), quote=False),
        "threshold": _finite(found.threshold),
    }


def _groups(data: Dataset, found: Detections) -> list[tuple[str, np.ndarray]]:
    """(name, rows) of the groups to draw, the most unusual first."""
    if data.group is None:
        return [("", np.arange(len(data)))]
    names, inverse = np.unique(data.group, return_inverse=True)
    worst = np.full(len(names), -np.inf)
    np.maximum.at(worst, inverse, found.score)
    order = np.argsort(-worst, kind="stable")[:MOST_GROUPS]
    return [(str(names[i]), np.flatnonzero(inverse == i)) for i in order]


def _group(
    name: str,
    rows: np.ndarray,
    data: Dataset,
    found: Detections,
    channels: Mapping[str, np.ndarray],
    bands: Bands,
    opened: set[str],
    pixels: int,
) -> dict[str, Any]:
    flagged = np.flatnonzero(found.is_anomaly[rows])
    worst_first = flagged[np.argsort(-found.score[rows][flagged], kind="stable")]
    must = surroundings(worst_first, len(rows), most=pixels)
    marked = np.sort(worst_first[:MOST_MARKS])
    x = rows if data.time is None else data.time[rows]
    drawn = []
    for channel, values in channels.items():
        kept = keep_rows(values[rows], must, pixels)
        drawn.append(
            {
                "name": escape(channel, quote=False),
                "unit": escape(unit_of(data, channel), quote=False),
                "open": channel in opened,
                "x": _axis(x[kept]),
                "y": _list(values[rows][kept]),
                **_band(bands.get(channel), rows[kept]),
                "ax": _axis(x[marked]),
                "ay": _list(values[rows][marked]),
                "ap": [odds(p) for p in found.p_value[rows][marked]],
            }
        )
    kept = keep_rows(found.score[rows], must, pixels)
    return {
        "name": escape(name, quote=False),
        "plain": name,
        "channels": drawn,
        "n": len(rows),
        "drawn": len(kept),
        "score": {
            "x": _axis(x[kept]),
            "y": _list(found.score[rows][kept]),
            "p": [odds(p) for p in found.p_value[rows][kept]],
            "log": wide(found.score[rows]),
        },
        "events": _events(rows, data, found),
    }


def _band(band: tuple[np.ndarray, float] | None, rows: np.ndarray) -> dict[str, Any]:
    if band is None:
        return {}
    middle, margin = band[0][rows], band[1]
    return (
        {"mid": _list(middle), "lo": _list(middle - margin), "hi": _list(middle + margin)}
        if np.isfinite(margin)
        else {"mid": _list(middle)}
    )


def _events(rows: np.ndarray, data: Dataset, found: Detections) -> list[dict[str, Any]]:
    here = np.isin([event.start for event in found.events], rows)
    inside = [event for event, mine in zip(found.events, here) if mine]
    worst = sorted(inside, key=lambda event: event.p_value)[:MOST_EVENTS]
    place = np.arange(len(data)) if data.time is None else data.time
    return [{"from": _axis(place[[event.start]])[0], "to": _axis(place[[event.end]])[0]} for event in worst]


def event_rows(data: Dataset, found: Detections, most: int = 50) -> list[dict[str, Any]]:
    """The events as table cells, the most unusual first. ``from`` and ``to`` are positions on the chart's axis."""
    place = np.arange(len(data)) if data.time is None else data.time
    made = []
    for event in sorted(found.events, key=lambda event: (event.p_value, -event.score))[:most]:
        made.append(
            {
                "start": moment(place[event.start]),
                "end": moment(place[event.end]),
                "peak": moment(place[event.peak]),
                "steps": count(event.end - event.start + 1, "step"),
                "score": number(event.score),
                "odds": odds(event.p_value),
                "group": "" if data.group is None else str(data.group[event.start]),
                "from": _axis(place[[event.start]])[0],
                "to": _axis(place[[event.end]])[0],
            }
        )
    return made


def wide(score: np.ndarray) -> bool:
    """Whether scores need a logarithmic axis: all positive, and the highest is far beyond the usual ones."""
    if len(score) == 0 or score.min() <= 0:
        return False
    return bool(score.max() > 20 * np.median(score))


def _axis(x: np.ndarray) -> list[Any]:
    if x.dtype.kind == "M":
        return [None if text == "NaT" else text for text in np.datetime_as_string(x.astype("datetime64[ms]")).tolist()]
    if x.dtype.kind in "iu":
        return [int(value) for value in x]
    return _list(x) if x.dtype.kind == "f" else [moment(value) for value in x]


def _list(values: np.ndarray) -> list[float | None]:
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in np.asarray(values, dtype=np.float64)]


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
