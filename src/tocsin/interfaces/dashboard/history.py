"""Which files were judged, when and by which version; which versions wait; what a version was replaced by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tocsin.core.errors import ServiceError

_LOOKED_AT = 60  # batches, the newest
_SHOWN = 12  # files


def batches(desk: Any, name: str) -> list[dict[str, Any]]:
    """The newest judged batches, each {id, number, at, rows, alarms, source, digest, trace}."""
    found: list[dict[str, Any]] = desk.place.journal.batches(name, limit=_LOOKED_AT)
    return found


def sent(found: Sequence[Mapping[str, Any]]) -> set[str]:
    """Batches whose rows a program sent; they stand in no file.

    >>> sent([{"id": "a", "source": "api"}, {"id": "b", "source": "pump.csv"}])
    {'a'}
    """
    return {batch["id"] for batch in found if batch["source"] == "api"}


def files(found: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Files among the batches, the newest first."""
    return [batch for batch in found if batch["source"] != "api"][:_SHOWN]


def drawn(found: Sequence[Mapping[str, Any]], window: int = 0) -> Mapping[str, Any] | None:
    """The batch that the detector's chart shows: the newest of which every row was kept, and which is as long as the ``window``.

    >>> found = [{"id": "short", "rows": 1, "trace": "x"}, {"id": "long", "rows": 900, "trace": "y"}]
    >>> drawn(found)["id"], drawn(found, 24)["id"]
    ('short', 'long')
    """
    kept = [batch for batch in found if batch.get("trace")]
    return next((batch for batch in kept if batch["rows"] >= window), kept[0] if kept else None)


def judged(desk: Any, batch: Mapping[str, Any] | None, live: int | None) -> dict[str, Any] | None:
    """What to say of the batch that is drawn: {number, source, at, other, upload}; ``other`` when it was judged by a version that is not
    the one in use, ``upload`` then the file's name in the store, "" when it is not there any more."""
    if batch is None:
        return None
    other = live is not None and batch["number"] != live
    return {
        "number": batch["number"],
        "source": batch["source"],
        "at": batch["at"],
        "other": other,
        "upload": batch["digest"] if other and _kept(desk, batch["digest"]) else "",
    }


def candidates(what: Mapping[str, Any]) -> list[int]:
    """Versions that wait to be looked at: newer than the live one and never live; of the desk's view of versions, the newest first.

    >>> candidates({"model": {"live": 2}, "versions": [{"number": 4}, {"number": 3}, {"number": 2}], "moves": [{"target": 3}]})
    [4]
    """
    live = what["model"].get("live")
    been = {move["target"] for move in what["moves"]}
    return [one["number"] for one in what["versions"] if live is not None and one["number"] > live and one["number"] not in been]


def waiting(desk: Any, models: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Detector → its newest version that waits to be looked at."""
    found = {model["name"]: candidates(desk.versions(model["name"])) for model in models if (model.get("versions") or 0) > 1}
    return {name: numbers[0] for name, numbers in found.items() if numbers}


def back(what: Mapping[str, Any]) -> dict[str, Any] | None:
    """Where a roll-back leads: {number, until}; ``until`` is when that version was live last, None when nobody wrote it down."""
    number = next((version["number"] for version in what["versions"] if version.get("previous") and not version["live"]), None)
    if number is None:
        return None
    return {"number": number, "until": next((move["at"] for move in what["moves"] if move.get("source") == number), None)}


def columns(version: Mapping[str, Any] | None) -> list[str]:
    """The columns that a version needs in a file; names of rows may be missing."""
    schema = ((version or {}).get("facts") or {}).get("schema") or {}
    roles = [schema[role] for role in ("time", "group") if schema.get(role)]
    return list(dict.fromkeys([*roles, *(one["name"] for one in schema.get("columns") or () if one["kind"] != "id")]))


def window(version: Mapping[str, Any] | None) -> int:
    """How many moments a version looks at together; 0 for one that looks at rows."""
    facts = (version or {}).get("facts") or {}
    return int((facts.get("params") or {}).get("window") or 0) if facts.get("kind") == "series" else 0


def running(desk: Any, upload: str) -> dict[str, Any] | None:
    """The job that learns from this upload right now."""
    for job in desk.home()["jobs"]:
        if job["kind"] == "fit" and job["state"] in ("waiting", "running"):
            try:
                settings = desk.place.registry.model(job["model"])["settings"]
            except ServiceError:  # the job has not come to the point of a name yet
                continue
            if settings.get("upload") == upload:
                found: dict[str, Any] = job
                return found
    return None


def _kept(desk: Any, digest: str) -> bool:
    try:
        desk.seen(digest)
    except ServiceError as error:
        if error.code != "TOC-642":
            raise
        return False
    return True
