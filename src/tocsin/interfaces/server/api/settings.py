"""Settings of the whole place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends

from tocsin.interfaces.server.api import shapes
from tocsin.interfaces.server.guard import Caller

if TYPE_CHECKING:
    from tocsin.interfaces.server.desk.desk import Desk
    from tocsin.interfaces.server.guard import Guard


def router(desk: Desk, guard: Guard) -> APIRouter:
    """The addresses under ``/settings``."""
    routes = APIRouter(prefix="/api/v1/settings", tags=["settings"])
    manage = Depends(guard.needs("manage"))

    @routes.get("/webhook", summary="Where incidents are told; the secret is never shown", response_model=shapes.Hooked)
    def hooked(caller: Caller = manage) -> dict[str, Any]:
        return desk.webhook()

    @routes.put("/webhook", summary="Where incidents are told", response_model=shapes.Hooked)
    def webhook(body: shapes.Webhook, caller: Caller = manage) -> dict[str, Any]:
        return desk.set_webhook(body.url, body.secret, by=caller.name)

    return routes
