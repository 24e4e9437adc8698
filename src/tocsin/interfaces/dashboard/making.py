"""From a dropped file to a job that learns: the page that asks, and its form, which comes back as it was sent when it is refused."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Depends
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from tocsin.core.errors import ConfigError, ServiceError
from tocsin.interfaces.dashboard import history, seen
from tocsin.interfaces.dashboard.fields import file, form, kept, onwards, text, truth
from tocsin.interfaces.dashboard.view import View

_WISHES = ("name", "clean", "kind", "time", "label", "group", "id", "threshold")


def router(desk: Any, guard: Any, view: View) -> APIRouter:
    """``GET`` and ``POST`` of /new and /new/{upload}."""
    made = APIRouter(include_in_schema=False)
    known, manage = guard.needs("score"), guard.needs("manage")

    @made.get("/new")
    def new(request: Request, caller: Any = Depends(known)) -> Response:  # noqa: B008
        return view.page(request, "new.html", csrf=caller.csrf, title="New detector", here="new")

    @made.post("/new")
    def upload(caller: Any = Depends(manage), sent: FormData = Depends(form)) -> Response:  # noqa: B008
        return onwards(f"/new/{quote(kept(desk, file(sent), caller)['digest'])}")

    @made.get("/new/{upload}")
    def dropped(request: Request, upload: str, caller: Any = Depends(known)) -> Response:  # noqa: B008
        return _asked(desk, view, request, caller, upload)

    @made.post("/new/{upload}")
    def create(request: Request, upload: str, caller: Any = Depends(manage), sent: FormData = Depends(form)) -> Response:  # noqa: B008
        clean = truth(sent, "clean")
        wish = {name: text(sent, name) for name in _WISHES} | {"name": seen.plain_name(text(sent, "name"))}
        begun = history.running(desk, upload)
        if begun is not None:
            return onwards(f"/jobs/{quote(begun['id'])}")
        refused = seen.wrong_name(wish["name"], text(sent, "name"))
        if refused:
            return _asked(desk, view, request, caller, upload, sent=wish | {"clean": str(clean).lower()}, refused=refused, status=422)
        body = {name: value for name, value in (wish | {"clean": clean, "upload": upload}).items() if value != ""}
        try:
            return onwards(f"/jobs/{desk.create(body, by=caller.name)['id']}")
        except (ServiceError, ConfigError) as error:
            if error.code not in ("TOC-620", "TOC-250"):
                raise
            refused = f"There is a detector called {wish['name']} already. Choose another name."
            status = 409 if error.code == "TOC-620" else 422
            told = refused if status == 409 else f"{error.what}. {error.todo}."
            return _asked(desk, view, request, caller, upload, sent=wish | {"clean": str(clean).lower()}, refused=told, status=status)

    return made


def _asked(
    desk: Any,
    view: View,
    request: Request,
    caller: Any,
    upload: str,
    *,
    sent: dict[str, str] | None = None,
    refused: str = "",
    status: int = 200,
) -> Response:
    """The page that asks; ``sent`` is what the form held when it was refused."""
    what = desk.seen(upload)
    findings = seen.findings(what["findings"])
    taken = {model["name"] for model in desk.home()["models"]}
    held = sent or {}
    chosen = seen.roles(what)
    return view.page(
        request,
        "seen.html",
        csrf=caller.csrf,
        title=what["name"],
        here="new",
        twin=f"/api/v1/uploads/{quote(upload)}",
        status=status,
        seen=what,
        question=seen.question(what["question"]),
        name=held.get("name") or seen.free_name(what["name"], taken),
        findings=findings,
        stops=[one["message"] for one in findings if one["level"] == "error"],
        roles=seen.ROLES,
        chosen=chosen if sent is None else {role: sent.get(role) or None for role in chosen},
        clean=held.get("clean", "false"),
        kind=held.get("kind") or what["kind"],
        threshold=held.get("threshold", ""),
        refused=refused,
    )
