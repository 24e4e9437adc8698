"""The forms that pages send. Each is one verb of the desk, and then the way back to a page: nothing here needs a script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Depends
from starlette.datastructures import FormData, UploadFile
from starlette.responses import RedirectResponse, Response

from tocsin.interfaces.dashboard.fields import file, form, local, text, truth, whole

_PIECE = 1 << 20
_WISHES = ("name", "clean", "kind", "time", "label", "group", "id", "threshold")


def router(desk: Any, guard: Any) -> APIRouter:
    """``POST`` of everything that the pages offer; changes need the scope "manage", answers "label", judging "score"."""
    made = APIRouter(include_in_schema=False)
    _making(made, desk, guard)
    _detectors(made, desk, guard)
    _versions(made, desk, guard)
    _incidents(made, desk, guard)
    _incident_verbs(made, desk, guard.needs("manage"))
    return made


def _making(made: APIRouter, desk: Any, guard: Any) -> None:
    @made.post("/new")
    def upload(sent: FormData = Depends(form), caller: Any = Depends(guard.needs("manage"))) -> Response:  # noqa: B008
        return _to(f"/new/{quote(_kept(desk, file(sent), caller)['digest'])}")

    @made.post("/new/{digest}")
    def create(digest: str, sent: FormData = Depends(form), caller: Any = Depends(guard.needs("manage"))) -> Response:  # noqa: B008
        wish = {name: text(sent, name) for name in _WISHES} | {"clean": truth(sent, "clean"), "upload": digest}
        return _to(f"/jobs/{desk.create({name: value for name, value in wish.items() if value != ''}, by=caller.name)['id']}")

    @made.post("/jobs/{id}/cancel")
    def cancel(id: str, _: Any = Depends(guard.needs("manage"))) -> Response:  # noqa: B008
        desk.cancel(id)
        return _to(f"/jobs/{quote(id)}")


def _detectors(made: APIRouter, desk: Any, guard: Any) -> None:
    @made.post("/detectors/{name}/judge")
    def judge(name: str, sent: FormData = Depends(form), caller: Any = Depends(guard.needs("score"))) -> Response:  # noqa: B008
        seen = _kept(desk, file(sent), caller)
        return _to(f"/jobs/{desk.judge_upload(name, seen['digest'], by=caller.name)['id']}")

    @made.post("/detectors/{name}/label")
    def label(name: str, sent: FormData = Depends(form), caller: Any = Depends(guard.needs("label"))) -> Response:  # noqa: B008
        desk.label(name, truth(sent, "is_anomaly"), detection=whole(sent, "detection"), by=caller.name, why=text(sent, "why"))
        back = text(sent, "back")
        return _to(local(back, _detector(name)) if not back.startswith("#") else _detector(name) + "?told=labelled" + back)

    @made.post("/detectors/{name}/threshold")
    def threshold(name: str, sent: FormData = Depends(form), caller: Any = Depends(guard.needs("manage"))) -> Response:  # noqa: B008
        desk.rethreshold(name, text(sent, "threshold"), by=caller.name, why=text(sent, "why"))
        return _to(_detector(name) + "?told=threshold")

    @made.post("/detectors/{name}/retrain")
    def retrain(name: str, caller: Any = Depends(guard.needs("manage"))) -> Response:  # noqa: B008
        return _to(f"/jobs/{desk.retrain(name, by=caller.name)['id']}")

    @made.post("/detectors/{name}/mute")
    def mute(name: str, sent: FormData = Depends(form), caller: Any = Depends(guard.needs("manage"))) -> Response:  # noqa: B008
        desk.model(name)
        desk.place.incidents.mute(name, "", float(whole(sent, "hours")), by=caller.name, why=text(sent, "why"))
        return _to(_detector(name) + "?told=muted")


def _versions(made: APIRouter, desk: Any, guard: Any) -> None:
    @made.post("/detectors/{name}/rollback")
    def rollback(name: str, sent: FormData = Depends(form), caller: Any = Depends(guard.needs("manage"))) -> Response:  # noqa: B008
        desk.rollback(name, by=caller.name, why=text(sent, "why"))
        return _to(_detector(name) + "/versions?told=back")

    @made.post("/detectors/{name}/versions/{number}/promote")
    def promote(name: str, number: int, sent: FormData = Depends(form), caller: Any = Depends(guard.needs("manage"))) -> Response:  # noqa: B008
        desk.promote(name, number, by=caller.name, why=text(sent, "why"))
        return _to(_detector(name) + "/versions?told=promoted")


def _incidents(made: APIRouter, desk: Any, guard: Any) -> None:
    @made.post("/incidents/{id}/retrain")
    def retrain(id: int, caller: Any = Depends(guard.needs("manage"))) -> Response:  # noqa: B008
        job = desk.retrain(desk.incident(id)["model"], by=caller.name, why=f"incident {id}")
        desk.place.incidents.note(id, by=caller.name, what="retrained", note="A candidate is being learned.")
        return _to(f"/jobs/{job['id']}")

    @made.post("/incidents/{id}/rollback")
    def rollback(id: int, caller: Any = Depends(guard.needs("manage"))) -> Response:  # noqa: B008
        name = desk.incident(id)["model"]
        live = desk.rollback(name, by=caller.name, why=f"incident {id}")["model"]["live"]
        desk.place.incidents.note(id, by=caller.name, what="rolled_back", note=f"Version {live} is live again.")
        return _to(f"/incidents/{id}?told=back")


def _incident_verbs(made: APIRouter, desk: Any, manage: Callable[..., Any]) -> None:
    @made.post("/incidents/{id}/acknowledge")
    def acknowledge(id: int, caller: Any = Depends(manage)) -> Response:  # noqa: B008
        desk.acknowledge(id, by=caller.name)
        return _to(f"/incidents/{id}?told=acknowledged")

    @made.post("/incidents/{id}/assign")
    def assign(id: int, sent: FormData = Depends(form), caller: Any = Depends(manage)) -> Response:  # noqa: B008
        desk.assign(id, text(sent, "owner", caller.name)[:100], by=caller.name)
        return _to(f"/incidents/{id}?told=assigned")

    @made.post("/incidents/{id}/mute")
    def mute(id: int, sent: FormData = Depends(form), caller: Any = Depends(manage)) -> Response:  # noqa: B008
        desk.mute(id, hours=float(whole(sent, "hours")), by=caller.name, why=text(sent, "why"))
        return _to(f"/incidents/{id}?told=muted")

    @made.post("/incidents/{id}/resolve")
    def resolve(id: int, sent: FormData = Depends(form), caller: Any = Depends(manage)) -> Response:  # noqa: B008
        desk.resolve(id, by=caller.name, note=text(sent, "note"))
        return _to(f"/incidents/{id}?told=resolved")

    @made.post("/incidents/{id}/note")
    def note(id: int, sent: FormData = Depends(form), caller: Any = Depends(manage)) -> Response:  # noqa: B008
        desk.note(id, by=caller.name, note=text(sent, "note"))
        return _to(f"/incidents/{id}?told=noted")


def _kept(desk: Any, sent: UploadFile, caller: Any) -> dict[str, Any]:
    kept: dict[str, Any] = desk.upload(sent.filename or "", iter(lambda: sent.file.read(_PIECE), b""), by=caller.name)
    return kept


def _detector(name: str) -> str:
    return f"/detectors/{quote(name, safe='')}"


def _to(address: str) -> Response:
    """On to a page, which is then asked for with GET: loading it again sends nothing twice."""
    return RedirectResponse(address, 303)
