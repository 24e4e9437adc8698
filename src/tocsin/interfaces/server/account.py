"""One line in the log and one count in the figures for every request, whatever becomes of it; and the net under what nobody foresaw."""

from __future__ import annotations

import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tocsin.interfaces.server.metrics import Metrics
from tocsin.interfaces.server.problem import answer, unexpected

_NOWHERE = "(none)"  # one name for all addresses that do not exist: strangers cannot fill the figures with names


class Account:
    """The middleware around all that can refuse or fail."""

    def __init__(self, app: ASGIApp, metrics: Metrics, log: Any) -> None:
        self.app, self.metrics, self.log = app, metrics, log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on and write down how it went."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noted)
        except Exception:
            error, mark = unexpected()
            self.log.exception("failed", incident=mark, method=scope["method"], route=route_of(scope))
            if status:
                raise  # half a response is out: the server cuts the connection, so that nobody takes it for whole
            await answer(scope, receive, noted, error, headers={"Connection": "close"}, incident=mark)
        finally:
            self._write(scope, status, time.perf_counter() - began)

    def _write(self, scope: Scope, status: int, seconds: float) -> None:
        route = route_of(scope)
        self.metrics.request(scope["method"], route, status, seconds)
        caller = scope.get("state", {}).get("caller")
        self.log.info("request", method=scope["method"], route=route, status=status, ms=round(seconds * 1000, 2),
                      caller=caller.id if caller is not None else "")


def route_of(scope: Scope) -> str:
    """The template of the route that a request took: ``/api/v1/jobs/{id}``.

    >>> route_of({"path": "/jobs/7/events", "endpoint": print, "path_params": {"id": "7"}})
    '/jobs/{id}/events'
    """
    included = scope.get("fastapi", {}).get("effective_route_context")
    for route in (included, scope.get("route")):
        path = getattr(route, "path", None)
        if path:
            return str(path)
    if "endpoint" not in scope:
        return _NOWHERE
    names = {str(value): "{" + name + "}" for name, value in scope.get("path_params", {}).items()}  # a route that leaves no other trace
    return "/".join(names.get(part, part) for part in scope["path"].split("/"))
