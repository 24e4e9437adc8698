"""The page's addresses, put together: pages to read, forms to send, the way in, and the files that pages load."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tocsin.interfaces.dashboard import entry, forms, making, pages, settings, static
from tocsin.interfaces.dashboard.view import View


def router(desk: Any, guard: Any) -> APIRouter:
    """Everything a browser asks for. ``desk`` gives the views and takes the verbs, ``guard`` says who asks and may they.

    Raises nothing itself; what a request raises is told by ``error_page``.
    """
    made, view = APIRouter(include_in_schema=False, lifespan=_dressed), View()
    for part in (
        static.router(),
        entry.router(guard, view),
        making.router(desk, guard, view),
        pages.router(desk, guard, view),
        forms.router(desk, guard),
        settings.router(desk, guard, view),
    ):
        made.include_router(part)
    return made


@asynccontextmanager
async def _dressed(app: Any) -> AsyncIterator[None]:
    """While the service runs, errors are told to people in the page's own dress."""
    app.state.error_page = error_page
    yield


def error_page(request: Request, told: dict[str, Any]) -> Response:
    """A problem document as a page, for ``app.state.error_page``."""
    return View().trouble(request, told)
