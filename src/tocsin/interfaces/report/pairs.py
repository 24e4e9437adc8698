"""The two columns most often to blame, as a picture: ordinary rows, and the flagged ones beside them."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np

from tocsin.core.types import Dataset, Detections
from tocsin.interfaces.report.columns import number_column, unit_of
from tocsin.interfaces.report.ranks import name_of_row

_MOST = 3000


def payload(data: Dataset, found: Detections, blamed: Mapping[str, float]) -> dict[str, Any] | None:
    """Plain data for the scatter, or None when fewer than two blamed columns hold numbers."""
    columns: list[tuple[str, np.ndarray]] = []
    for name in blamed:
        values = number_column(data, name) if name in data.schema.names else None
        if values is not None and len(np.unique(values[np.isfinite(values)])) > 2:
            columns.append((name, values))
        if len(columns) == 2:
            break
    if len(columns) < 2:
        return None
    ordinary = np.flatnonzero(~found.is_anomaly)
    ordinary = ordinary[:: max(1, -(-len(ordinary) // _MOST))]  # every k-th row: the same picture each time
    worst = found.top(len(found))
    flagged = worst[found.is_anomaly[worst]][:_MOST]
    (x_name, x), (y_name, y) = columns
    return {
        "names": [x_name, y_name],
        "x": _axis(data, x_name),
        "y": _axis(data, y_name),
        "normal": _points(x, y, ordinary),
        "flagged": {**_points(x, y, flagged), "name": [escape(name_of_row(data, found, int(row)), quote=False) for row in flagged]},
    }


def _axis(data: Dataset, name: str) -> str:
    unit = unit_of(data, name)
    return escape(f"{name} ({unit})" if unit else name, quote=False)


def _points(x: np.ndarray, y: np.ndarray, rows: np.ndarray) -> dict[str, Any]:
    return {axis: [float(f"{v:.6g}") if np.isfinite(v) else None for v in values[rows]] for axis, values in (("x", x), ("y", y))}
