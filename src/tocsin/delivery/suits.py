"""Whether one model's rows suit another: the columns that scoring needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ANY = ("id", "constant", "label")  # columns of these kinds tell nothing: they may come and go, and be of another kind in another file
_ALIKE = {"text": "category"}


def other(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """In words, what a model of schema ``after`` asks for that one of schema ``before`` does not, and the reverse; both as
    ``Schema.to_dict``.

    >>> other({"columns": [{"name": "flow", "kind": "number"}]}, {"columns": [{"name": "state", "kind": "category"}], "time": "at"})
    ["without 'flow'", "with 'state'", "time column 'at' instead of None"]
    """
    old, new = _kinds(before), _kinds(after)
    told = [f"without {name!r}" for name, kind in old.items() if name not in new and kind not in _ANY]
    told += [f"with {name!r}" for name, kind in new.items() if name not in old and kind not in _ANY]
    told += [f"{name!r} holds {new[name]} instead of {kind}" for name, kind in old.items()
             if name in new and not {kind, new[name]} & set(_ANY) and _ALIKE.get(kind, kind) != _ALIKE.get(new[name], new[name])]
    return told + [f"{role} column {after.get(role)!r} instead of {before.get(role)!r}" for role in ("time", "group")
                   if after.get(role) != before.get(role)]


def _kinds(schema: Mapping[str, Any]) -> dict[str, str]:
    return {str(column["name"]): str(column["kind"]) for column in schema.get("columns") or ()}
