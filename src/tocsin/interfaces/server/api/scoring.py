"""``POST …/score`` and ``…/explain``: the way that is walked most, so it is short.

A small body is read where it arrives, its rows go straight into the model's lane, and the answer leaves from the event loop; only large
bodies, rows that need reading, and reasons take a thread.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tocsin.core.errors import DataError, ServiceError
from tocsin.interfaces.server.api import shapes
from tocsin.interfaces.server.desk.bodies import bounded, dumped, parsed, rows_of
from tocsin.interfaces.server.guard import Caller

if TYPE_CHECKING:
    from tocsin.interfaces.server.desk.desk import Desk
    from tocsin.interfaces.server.desk.shelf import Held
    from tocsin.interfaces.server.guard import Guard
    from tocsin.interfaces.server.limits import Limits

_SMALL = 16 << 10  # bytes of a body that is read on the event loop
_YES, _NO = ("1", "true", "yes"), ("", "0", "false", "no")
_FEW = 100  # rows whose answer is written there
_JSON, _CSV = "application/json", "text/csv"
_EXAMPLES = shapes.Rows.model_json_schema()["examples"]
_BODY = {"requestBody": {"required": True, "content": {
    _JSON: {"schema": shapes.Rows.model_json_schema(ref_template="#/components/schemas/{model}"),
            "examples": {name: {"value": one} for name, one in zip(("rows", "columns"), _EXAMPLES)}},
    _CSV: {"schema": {"type": "string"}, "example": "flow (l/s),state\n3.1,on\n8.0,idle\n"}}}}


def router(desk: Desk, guard: Guard) -> APIRouter:
    """The two addresses."""
    routes = APIRouter(prefix="/api/v1", tags=["scoring"])
    allowed = guard.needs("score")
    may_score = Depends(allowed)

    async def at_once(request: Request) -> Response:
        request.scope["route"] = short  # its name in the figures
        await allowed(request)
        return await _score(desk, request.path_params["name"], request)

    # The plain route answers: working out dependencies costs as much as everything else here. The one below it is its description.
    short = Route("/api/v1/detectors/{name}/score", at_once, methods=["POST"], include_in_schema=False)
    routes.routes.append(short)

    @routes.post("/detectors/{name}/score", summary="Judge rows or a series", response_class=Response, openapi_extra=_BODY,
                 responses={200: {"model": shapes.Scores}})
    async def score(name: str, request: Request, caller: Caller = may_score) -> Response:
        return await _score(desk, name, request)

    @routes.post("/detectors/{name}/explain", summary="Why rows score as they do", response_class=Response, openapi_extra=_BODY,
                 responses={200: {"model": shapes.Reasons}})
    async def explain(name: str, request: Request, caller: Caller = may_score) -> Response:
        body = await request.body()

        def work() -> bytes:
            said, rows = _read(body, request, desk.limits)
            return dumped(desk.explain(name, rows, by=caller.name, which=said.get("version")))

        return Response(await run_in_threadpool(work), media_type=_JSON)

    return routes


async def _score(desk: Desk, name: str, request: Request) -> Response:
    body = await request.body()
    said, rows = await _small_or_not(len(body), _read, body, request, desk.limits)
    which, explain = said.get("version"), said.get("explain", False)
    held: Held | None = desk.shelf.at_hand(name) if which is None else None
    if held is None:
        held = await run_in_threadpool(desk.held, name, which)
    plain = held.judge.columns(rows) if isinstance(rows, list) and len(body) <= _SMALL else None
    if plain is None:
        plain = await run_in_threadpool(desk.rows, held, rows)
    judged = await asyncio.wrap_future(desk.submit(held, plain))
    if explain or len(judged.found) > _FEW:
        return Response(await run_in_threadpool(lambda: dumped(desk.answer(held, judged, explain=explain))), media_type=_JSON)
    return Response(dumped(desk.answer(held, judged)), media_type=_JSON)


async def _small_or_not(size: int, work: Any, *given: Any) -> Any:
    return work(*given) if size <= _SMALL else await run_in_threadpool(work, *given)


def _read(body: bytes, request: Request, limits: Limits) -> tuple[dict[str, Any], Any]:
    """(what was said beside the rows, the rows: a list of objects, or csv bytes)."""
    kind = request.headers.get("content-type", _JSON).partition(";")[0].strip().lower()
    if kind == _CSV:
        return _asked(request), body
    if kind != _JSON and not kind.endswith("+json"):
        raise ServiceError("TOC-605", "this form of body is not taken", came=kind[:80], todo=f"send {_JSON} or {_CSV}")
    if len(body) > limits.json:
        raise ServiceError("TOC-603", "the JSON body is too large", came=f"{len(body):,} bytes",
                           todo=f"send at most {limits.json:,} bytes at a time, or upload the rows as a file and have it judged")
    if len(body) > _SMALL:
        bounded(body, limits.rows)
    said = parsed(body)
    return said, rows_of(said, limits.rows)


def _asked(request: Request) -> dict[str, Any]:
    """A csv has no place for settings: they stand in the address."""
    version = request.query_params.get("version")
    if version is not None and not (version.isascii() and version.isdigit() and len(version) < 10):
        raise DataError("TOC-191", "the version is a number", came=repr(version)[:40], todo="write ?version=2")
    explain = request.query_params.get("explain", "false").lower()
    if explain not in _YES and explain not in _NO:
        raise DataError("TOC-191", "explain is true or false", came=repr(explain)[:40], todo="write ?explain=true")
    return {"explain": explain in _YES, "version": None if version is None else int(version)}
