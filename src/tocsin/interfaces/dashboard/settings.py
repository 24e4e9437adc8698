"""What holds for the whole place: where incidents are told."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends
from sqlalchemy import select
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from tocsin.interfaces.dashboard.fields import form, onwards, text
from tocsin.interfaces.dashboard.view import View
from tocsin.store.tables import setting


def router(desk: Any, guard: Any, view: View) -> APIRouter:
    """``GET /settings`` and ``POST /settings/webhook``; both need the scope "manage"."""
    made = APIRouter(include_in_schema=False)
    manage = guard.needs("manage")

    @made.get("/settings")
    def settings(request: Request, caller: Any = Depends(manage)) -> Response:  # noqa: B008
        now = _webhook(desk)
        return view.page(
            request, "settings.html", csrf=caller.csrf, title="Settings", address=now.get("url") or "", signed=bool(now.get("secret"))
        )

    @made.post("/settings/webhook")
    def webhook(sent: FormData = Depends(form), caller: Any = Depends(manage)) -> Response:  # noqa: B008
        desk.set_webhook(text(sent, "url"), text(sent, "secret") or None, by=caller.name)
        return onwards("/settings?told=webhook")

    return made


def _webhook(desk: Any) -> dict[str, Any]:
    with desk.place.store.read() as base:
        return dict(base.execute(select(setting.c.value).where(setting.c.name == "webhook")).scalar() or {})
