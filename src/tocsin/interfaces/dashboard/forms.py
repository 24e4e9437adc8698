"""The forms that pages send. Each is one verb of the desk, and then the way back to a page: nothing here needs a script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Depends
from starlette.datastructures import FormData
from starlette.responses import Response

from tocsin.core.errors import DataError
from tocsin.interfaces.dashboard import history, plain
from tocsin.interfaces.dashboard.fields import file, form, kept, local, onwards, text, truth, whole

_LISTED = 1000  # columns from which on the desk no longer lists them all


def router(desk: Any, guard: Any) -> APIRouter:
    """``POST`` of everything that the pages offer; changes and files need the scope "manage", answers "label", as at the programs' face.

    The caller comes before the form: a stranger's body is not read."""
    made = APIRouter(include_in_schema=False)
    _detectors(made, desk, guard)
    _versions(made, desk, guard)
    _incidents(made, desk, guard)
    _incident_verbs(made, desk, guard.needs("manage"))
    return made


def _detectors(made: APIRouter, desk: Any, guard: Any) -> None:
    @made.post("/detectors/{name}/judge")
    def judge(name: str, caller: Any = Depends(guard.needs("manage")), sent: FormData = Depends(form)) -> Response:  # noqa: B008
        seen = kept(desk, file(sent), caller)
        _fits(desk, name, seen)
        return onwards(f"/jobs/{desk.judge_upload(name, seen['digest'], by=caller.name)['id']}")

    @made.post("/detectors/{name}/again")
    def again(name: str, caller: Any = Depends(guard.needs("manage")), sent: FormData = Depends(form)) -> Response:  # noqa: B008
        return onwards(f"/jobs/{desk.judge_upload(name, text(sent, 'upload'), by=caller.name)['id']}")

    @made.post("/jobs/{id}/cancel")
    def cancel(id: str, _: Any = Depends(guard.needs("manage"))) -> Response:  # noqa: B008
        desk.cancel(id)
        return onwards(f"/jobs/{quote(id)}")

    @made.post("/detectors/{name}/label")
    def label(name: str, caller: Any = Depends(guard.needs("label")), sent: FormData = Depends(form)) -> Response:  # noqa: B008
        desk.label(name, truth(sent, "is_anomaly"), detection=whole(sent, "detection"), by=caller.name, why=text(sent, "why"))
        back = text(sent, "back")
        return onwards(local(back, _detector(name)) if not back.startswith("#") else _detector(name) + "?told=labelled" + back)

    @made.post("/detectors/{name}/threshold")
    def threshold(name: str, caller: Any = Depends(guard.needs("manage")), sent: FormData = Depends(form)) -> Response:  # noqa: B008
        desk.rethreshold(name, text(sent, "threshold"), by=caller.name, why=text(sent, "why"))
        return onwards(_detector(name) + "?told=threshold")

    @made.post("/detectors/{name}/retrain")
    def retrain(name: str, caller: Any = Depends(guard.needs("manage"))) -> Response:  # noqa: B008
        return onwards(f"/jobs/{desk.retrain(name, by=caller.name)['id']}")

    @made.post("/detectors/{name}/mute")
    def mute(name: str, caller: Any = Depends(guard.needs("manage")), sent: FormData = Depends(form)) -> Response:  # noqa: B008
        desk.model(name)
        desk.place.incidents.mute(name, "", float(whole(sent, "hours")), by=caller.name, why=text(sent, "why"))
        return onwards(_detector(name) + "?told=muted")

    @made.post("/detectors/{name}/unmute")
    def unmute(name: str, caller: Any = Depends(guard.needs("manage"))) -> Response:  # noqa: B008
        desk.place.incidents.unmute(name, "", by=caller.name)
        return onwards(_detector(name) + "?told=unmuted")


def _versions(made: APIRouter, desk: Any, guard: Any) -> None:
    @made.post("/detectors/{name}/rollback")
    def rollback(name: str, caller: Any = Depends(guard.needs("manage")), sent: FormData = Depends(form)) -> Response:  # noqa: B008
        desk.rollback(name, by=caller.name, why=text(sent, "why"))
        return onwards(_detector(name) + "/versions?told=back")

    @made.post("/detectors/{name}/versions/{number}/promote")
    def promote(name: str, number: int, caller: Any = Depends(guard.needs("manage")), sent: FormData = Depends(form)) -> Response:  # noqa: B008
        desk.promote(name, number, by=caller.name, why=text(sent, "why"))
        return onwards(_detector(name) + "/versions?told=promoted")


def _incidents(made: APIRouter, desk: Any, guard: Any) -> None:
    @made.post("/incidents/{id}/retrain")
    def retrain(id: int, caller: Any = Depends(guard.needs("manage"))) -> Response:  # noqa: B008
        job = desk.retrain(desk.incident(id)["model"], by=caller.name, why=f"incident {id}")
        desk.place.incidents.note(id, by=caller.name, what="retrained", note="A candidate is being learned.")
        return onwards(f"/jobs/{job['id']}")

    @made.post("/incidents/{id}/rollback")
    def rollback(id: int, caller: Any = Depends(guard.needs("manage")), sent: FormData = Depends(form)) -> Response:  # noqa: B008
        name = desk.incident(id)["model"]
        live = desk.rollback(name, by=caller.name, why=_why(id, sent))["model"]["live"]
        desk.place.incidents.note(id, by=caller.name, what="rolled_back", note=f"Version {live} is live again.")
        return onwards(f"/incidents/{id}?told=back")


def _incident_verbs(made: APIRouter, desk: Any, manage: Callable[..., Any]) -> None:
    @made.post("/incidents/{id}/acknowledge")
    def acknowledge(id: int, caller: Any = Depends(manage)) -> Response:  # noqa: B008
        desk.acknowledge(id, by=caller.name)
        return onwards(f"/incidents/{id}?told=acknowledged")

    @made.post("/incidents/{id}/assign")
    def assign(id: int, caller: Any = Depends(manage), sent: FormData = Depends(form)) -> Response:  # noqa: B008
        desk.assign(id, text(sent, "owner", caller.name)[:100], by=caller.name)
        return onwards(f"/incidents/{id}?told=assigned")

    @made.post("/incidents/{id}/mute")
    def mute(id: int, caller: Any = Depends(manage), sent: FormData = Depends(form)) -> Response:  # noqa: B008
        desk.mute(id, hours=float(whole(sent, "hours")), by=caller.name, why=text(sent, "why"))
        return onwards(f"/incidents/{id}?told=muted")

    @made.post("/incidents/{id}/unmute")
    def unmute(id: int, caller: Any = Depends(manage)) -> Response:  # noqa: B008
        what = desk.incident(id)
        whole_detector = desk.place.incidents.muted(what["model"]) is not None
        for key in [what["key"], *([""] if whole_detector else [])]:
            desk.place.incidents.unmute(what["model"], key, by=caller.name)
        return onwards(f"/incidents/{id}?told=unmuted")

    @made.post("/incidents/{id}/resolve")
    def resolve(id: int, caller: Any = Depends(manage), sent: FormData = Depends(form)) -> Response:  # noqa: B008
        desk.resolve(id, by=caller.name, note=text(sent, "note"))
        return onwards(f"/incidents/{id}?told=resolved")

    @made.post("/incidents/{id}/note")
    def note(id: int, caller: Any = Depends(manage), sent: FormData = Depends(form)) -> Response:  # noqa: B008
        desk.note(id, by=caller.name, note=text(sent, "note"))
        return onwards(f"/incidents/{id}?told=noted")


def _detector(name: str) -> str:
    return f"/detectors/{quote(name, safe='')}"


def _why(id: int, sent: FormData) -> str:
    said = text(sent, "why")
    return f"incident {id}: {said}" if said else f"incident {id}"


def _fits(desk: Any, name: str, seen: dict[str, Any]) -> None:
    """Refuse a file without the columns that the live version needs. Raises DataError TOC-133, before a job is made of it."""
    live = next((version for version in desk.versions(name)["versions"] if version["live"]), None)
    needs, has = history.columns(live), [str(column["name"]) for column in seen["columns"]]
    has += [seen[role] for role in ("time", "label", "group", "id") if seen.get(role) and seen[role] not in has]
    missing = [column for column in needs if column not in has]
    if missing and 0 < len(seen["columns"]) < _LISTED:
        told = plain.error({"code": "TOC-133"}, needs, has)
        raise DataError("TOC-133", told["what"], todo=told["todo"])
