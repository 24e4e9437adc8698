"""A row that somebody tells in a label: looked at before it is kept, since what is kept is learned from later."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tocsin.core.errors import DataError
from tocsin.delivery.registry import Version

_HOW = "send the row as it would be sent to be judged"


def check(cells: dict[str, Any], time: str | None, versions: Sequence[Version]) -> None:
    """Raises DataError TOC-195 for columns that the detector does not have, numbers that are none, and a time that is none.

    ``versions``: of the detector, the newest first; one without versions takes anything.
    """
    schema = next((version.facts["schema"] for version in versions if "schema" in version.facts), None)
    if schema is None:
        return
    kinds = {column["name"]: column["kind"] for column in schema["columns"]}
    roles = [schema[role] for role in ("time", "group", "label", "id") if schema.get(role)]
    strange = sorted(set(cells) - set(kinds) - set(roles))
    if strange:
        raise _unfit(f"columns that the detector does not have: {', '.join(map(repr, strange[:5]))}")
    for name, value in cells.items():
        if value is not None and kinds.get(name) == "number" and not _is_number(value):
            raise _unfit(f"{name!r} holds {str(value)[:40]!r}, which is no number")
        if value is not None and kinds.get(name) == "date" and not _is_time(str(value)):
            raise _unfit(f"{name!r} holds {str(value)[:40]!r}, which is no date")
    if schema.get("time") and not _is_time(time):
        raise _unfit(f"the time is {str(time)[:40]!r}")


def _unfit(came: str) -> DataError:
    return DataError("TOC-195", "the labelled row does not fit this detector", came=came, todo=_HOW)


def _is_number(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and math.isfinite(float(value))
    except (TypeError, ValueError, OverflowError):
        return False


def _is_time(text: str | None) -> bool:
    """Whether a stored time would be found again: a number, or a moment in ISO's form.

    >>> _is_time("2026-01-31T10:00:00"), _is_time("7.5"), _is_time("garbage"), _is_time(None)
    (True, True, False, False)
    """
    if text is None:
        return False
    try:
        return _is_number(text) or not np.isnat(np.datetime64(text.removesuffix("Z")))
    except ValueError:
        return False
