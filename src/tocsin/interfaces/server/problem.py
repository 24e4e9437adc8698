"""Errors as HTTP tells them: ``application/problem+json`` (RFC 9457, 2023) with our code, what came and what to do."""

from __future__ import annotations

import html
import json
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from tocsin.core.errors import ArtifactError, ConfigError, DataError, MissingExtra, ServiceError, StateError, TocsinError

_BY_CODE = {"TOC-256": 400, "TOC-601": 401, "TOC-602": 403, "TOC-603": 413, "TOC-604": 503, "TOC-605": 415, "TOC-606": 429, "TOC-607": 421,
            "TOC-608": 404, "TOC-609": 500, "TOC-610": 500, "TOC-611": 503, "TOC-612": 500, "TOC-613": 507, "TOC-614": 422,
            "TOC-620": 409, "TOC-623": 409, "TOC-624": 409, "TOC-625": 409, "TOC-626": 409,
            "TOC-645": 409}
_BY_KIND = {DataError: 422, ConfigError: 422, StateError: 409, ArtifactError: 500, MissingExtra: 501}
_MACHINES = ("/api/", "/anomalydetector/", "/healthz", "/metrics", "/openapi.json", "/static/")  # a browser's page is elsewhere


def status_of(error: TocsinError) -> int:
    """The HTTP status of a stated error: by its code, else by its kind; other codes from 620 to 669 say that something is not there.

    >>> status_of(ServiceError("TOC-621", "there is no model of this name")), status_of(DataError("TOC-112", "there are no rows"))
    (404, 422)
    """
    if error.code in _BY_CODE:
        return _BY_CODE[error.code]
    for kind, status in _BY_KIND.items():
        if isinstance(error, kind):
            return status
    return 404 if error.code[4:6] in ("62", "63", "64", "65", "66") else 400


def document(error: TocsinError, status: int | None = None, **more: Any) -> dict[str, Any]:
    """The problem document. Of an error on our side (5xx) what came stays in the log: it may name paths and addresses."""
    status = status or status_of(error)
    told: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": error.what,
                            "code": error.code, "came": error.came if status < 500 else "", "todo": error.todo}
    return told | more


def response(error: TocsinError, status: int | None = None, *, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """The problem document as a response."""
    told = document(error, status, **more)
    extra = dict(headers or {})
    if told["status"] == 401:
        extra.setdefault("WWW-Authenticate", 'Bearer realm="tocsin"')
    content = json.dumps(told, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    return Response(content, told["status"], extra, media_type="application/problem+json")


async def answer(scope: Scope, receive: Receive, send: Send, error: TocsinError, status: int | None = None, *,
                 headers: Mapping[str, str] | None = None, **more: Any) -> None:
    """Send a problem from outside of the app, in the form that the client wants."""
    await shown(Request(scope, receive), error, status, headers=headers, **more)(scope, receive, send)


def shown(request: Request, error: TocsinError, status: int | None = None, *, headers: Mapping[str, str] | None = None,
          **more: Any) -> Response:
    """A problem document; for a person at a browser a page instead, and the way to the login when that is what is missing."""
    if not wants_page(request):
        return response(error, status, headers=headers, **more)
    told = document(error, status, **more)
    if told["status"] == 401 and request.method == "GET" and request.url.path != "/login":
        return RedirectResponse("/login", 303)
    page = getattr(request.scope.get("app"), "state", None)
    drawn = getattr(page, "error_page", None)
    made: Response = drawn(request, told) if drawn is not None else HTMLResponse(_page(told), told["status"])
    made.headers.update(headers or {})
    return made


def wants_page(request: Request) -> bool:
    """Whether a browser's page asks, and not a program."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(_MACHINES)


def from_http(error: HTTPException, request: Request) -> TocsinError:
    """The framework's own refusals in our words."""
    came = f"{request.method} {request.url.path}"[:200]
    if error.status_code in (404, 405):
        what = "there is nothing at this address" if error.status_code == 404 else "this address does not take this method"
        return ServiceError("TOC-608", what, came=came, todo="/openapi.json lists the addresses")
    codes = {401: "TOC-601", 403: "TOC-602", 408: "TOC-604", 413: "TOC-603", 415: "TOC-605", 421: "TOC-607", 429: "TOC-606"}
    if error.status_code in codes:
        return ServiceError(codes[error.status_code], str(error.detail), came=came)
    if error.status_code < 500:
        return ConfigError("TOC-256", "the request cannot be read", came=str(error.detail)[:200],
                           todo="send JSON, a form or a file as /openapi.json says")
    return unexpected()[0]


def from_validation(error: RequestValidationError) -> tuple[TocsinError, list[dict[str, str]]]:
    """What is wrong with a body or a parameter, and where; never the values themselves."""
    found = [{"where": ".".join(str(part) for part in one["loc"]), "what": str(one["msg"])} for one in error.errors()]
    if any(one["type"] == "json_invalid" for one in error.errors()):
        return ConfigError("TOC-256", "the request cannot be read", came="no valid JSON", todo="send JSON in UTF-8"), found
    came = "; ".join(f"{one['where']}: {one['what']}" for one in found[:3])
    return ConfigError("TOC-255", "the request does not have the expected form", came=came, todo="/openapi.json describes it"), found


def unexpected() -> tuple[ServiceError, str]:
    """What a client hears of a failure nobody foresaw, and the mark under which the log has the rest."""
    mark = secrets.token_hex(4)
    return ServiceError("TOC-609", "something failed here that nobody foresaw", todo=f"look for {mark} in the service's log"), mark


def _page(told: dict[str, Any]) -> str:
    lines = "".join(f"<p>{html.escape(str(told[name]))}</p>" for name in ("came", "todo") if told[name])
    return (f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title>{html.escape(told['title'])}</title><body><h1>{html.escape(told['detail'])}</h1>{lines}"
            f"<p>{html.escape(told['code'])}</p><p><a href='/'>Home</a></p>")
