"""A dropped file in words: what was noticed in it, which column plays which part, the one question, and a name for what learns from it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from tocsin.interfaces.dashboard import plain

ROLES = [
    ("time", "Column of times"),
    ("label", "Column that says what was odd"),
    ("group", "Column that tells several series apart"),
    ("id", "Column that names the rows"),
]
_LETTERS = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "o", "å": "aa"}
_LONGEST = 63  # characters of a name
_PLAIN = {
    "id": "`{column}` seems to name the rows; nothing is learned from it.",
    "id_like": "`{column}` is different in every row. If it only names the rows, say so under “More choices”.",
    "extreme": "`{column}` holds values far away from all others.",
    "constant": "`{column}` is always the same; only a change would count.",
    "empty": "`{column}` is empty; nothing is learned from it.",
    "leakage": "`{column}` gives the label away by itself; make sure that it is known before the label is.",
}


def question(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The one question, each choice with what the form sends.

    >>> question({"text": "?", "choices": [{"value": True, "text": "yes"}]})["choices"]
    [{'send': 'true', 'text': 'yes'}]
    """
    return {
        "text": asked["text"],
        "choices": [{"send": str(choice["value"]).lower(), "text": choice["text"]} for choice in asked["choices"]],
    }


def findings(found: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """What was noticed in a file, the grave first, in words for people who run no commands; what the page says elsewhere is left out.

    >>> told = findings([{"what": "size", "level": "info", "message": "10 rows.", "column": None},
    ...                  {"what": "id", "level": "info", "message": "code: pass --id code", "column": "code"}])
    >>> [line["message"] for line in told]
    ['`code` seems to name the rows; nothing is learned from it.']
    """
    order, names = {"error": 0, "warning": 1, "info": 2}, {"error": "mend this", "warning": "look", "info": "fine"}
    return [
        {"level": one["level"], "words": names.get(one["level"], one["level"]), "message": _plain(one)}
        for one in sorted(found, key=lambda one: order.get(one["level"], 3))
        if one["what"] not in ("size", "kinds")
    ]


def roles(seen: Mapping[str, Any]) -> dict[str, str | None]:
    """Which column plays which part; a column that seems to name the rows is proposed for that.

    >>> roles({"time": "t", "label": None, "group": None, "id": None, "columns": [{"name": "code", "kind": "id"}]})
    {'time': 't', 'label': None, 'group': None, 'id': 'code'}
    """
    named = next((column["name"] for column in seen["columns"] if column["kind"] == "id"), None)
    return {role: seen[role] or (named if role == "id" else None) for role, _ in ROLES}


def _plain(one: Mapping[str, Any]) -> str:
    """A finding's sentence without the words of commands."""
    column = one.get("column")
    if column and one["what"] in _PLAIN:
        where = re.search(r"farthest is (\S+) in row (\d+)", one["message"])
        return _PLAIN[one["what"]].format(column=column) + (f" The farthest is {where[1]} in line {int(where[2]) + 2}." if where else "")
    return plain.sentence(one["message"])


def free_name(filename: str, taken: set[str]) -> str:
    """A name for a detector from a file's name.

    >>> free_name("Pump A (2024).csv", {"pump-a-2024"}), free_name("Ü.csv", set())
    ('pump-a-2024-2', 'ue')
    """
    stem = filename.lower()
    for ending in (".gz", ".csv", ".tsv", ".txt", ".parquet", ".jsonl", ".json"):
        stem = stem.removesuffix(ending)
    own = plain_name(stem)[:55].strip("-_") or "detector"
    return next(name for name in (own, *(f"{own}-{i}" for i in range(2, 10_000))) if name not in taken)


def plain_name(typed: str) -> str:
    """What somebody typed, as a name can be: small letters, digits, - and _.

    >>> plain_name("Pumpe Süd 1"), plain_name(" Größe/Ω "), plain_name("café")
    ('pumpe-sued-1', 'groesse', 'cafe')
    """
    text = typed.strip().lower()
    for sign, letters in _LETTERS.items():
        text = text.replace(sign, letters)
    text = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    return re.sub(r"[^a-z0-9_-]+", "-", text).strip("-_")


def wrong_name(name: str, typed: str) -> str:
    """What is wrong with a name, in a sentence; "" when nothing is.

    >>> wrong_name("pump", "Pump"), wrong_name("", "Ω")
    ('', 'Nothing of “Ω” can stand in a name: it takes letters a to z, digits, - and _.')
    """
    if not name:
        return f"Nothing of “{typed[:60]}” can stand in a name: it takes letters a to z, digits, - and _." if typed else "Give it a name."
    return f"This name has {len(name)} characters; {_LONGEST} is the most." if len(name) > _LONGEST else ""
