"""The way in: the link that the server prints becomes a session."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.core.errors import ServiceError
from tocsin.interfaces.dashboard.fields import form, text
from tocsin.interfaces.dashboard.view import View


def router(guard: Any, view: View) -> APIRouter:
    """``GET /login?token=…`` from the printed link, ``POST /login`` from the form, ``POST /logout``."""
    made = APIRouter(include_in_schema=False)

    def enter(request: Request, token: str) -> Response:
        try:
            answer: Response = guard.sessions.enter(request, token)
        except ServiceError as error:
            if error.code != "TOC-601":
                raise
            return view.page(
                request, "login.html", csrf="", title="Sign in", status=401, refused=f"{error.what.capitalize()}. {error.todo}"
            )
        return answer

    @made.get("/login")
    def login(request: Request, token: str = "") -> Response:
        caller = getattr(request.state, "caller", None)
        if caller is not None and caller.via == "session":  # the link again, from the browser that used it
            return RedirectResponse("/", 303)
        return enter(request, token) if token else view.page(request, "login.html", csrf="", title="Sign in", refused="")

    @made.post("/login")
    def paste(request: Request, sent: FormData = Depends(form)) -> Response:  # noqa: B008
        return enter(request, text(sent, "token").strip().rpartition("token=")[2])

    @made.post("/logout")
    def logout(request: Request, _: Any = Depends(guard.needs("score"))) -> Response:  # noqa: B008
        answer: Response = guard.sessions.leave(request)
        return answer

    return made
