"""``/healthz``: 200 when requests can be answered and jobs worked on, else 503 with what is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from sqlalchemy import text
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from tocsin.core.errors import ServiceError, TocsinError
from tocsin.interfaces.server.problem import response
from tocsin.store.engine import Store

Check = Callable[[], str]  # "" when all is well, else what is wrong


def database(store: Store) -> Check:
    """Whether the database answers."""

    def look() -> str:
        try:
            with store.read() as base:
                base.execute(text("select 1"))
        except TocsinError as error:
            return error.what
        return ""

    return look


def router(checks: dict[str, Check], version: str) -> APIRouter:
    """``GET /healthz``, open to all: it names parts, never details."""
    routes = APIRouter()

    @routes.get("/healthz", tags=["service"], summary="Whether the service is ready", response_model=None)
    async def healthz() -> Response:
        found: dict[str, Any] = {name: await run_in_threadpool(check) for name, check in checks.items()}
        wrong = {name: what for name, what in found.items() if what}
        states = {name: what or "ok" for name, what in found.items()}
        if not wrong:
            return JSONResponse({"status": "ready", "checks": states, "version": version})
        error = ServiceError("TOC-604", "the service is not ready", came="; ".join(f"{name}: {what}" for name, what in wrong.items()),
                             todo="wait; if it stays so, read the service's log")
        return response(error, 503, headers={"Retry-After": "2"}, checks=states)

    return routes
