"""Jobs: how far, what came of it, and how to end one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends
from starlette.responses import StreamingResponse

from tocsin.interfaces.server.api import shapes
from tocsin.interfaces.server.guard import Caller
from tocsin.interfaces.server.jobs import events
from tocsin.store import moment

if TYPE_CHECKING:
    from tocsin.interfaces.server.desk.desk import Desk
    from tocsin.interfaces.server.guard import Guard

_EVENTS = {200: {"description": "event: progress | done | failed | cancelled; data: the job", "content": {events.MEDIA: {
    "schema": {"type": "string"}, "example": "event: progress\ndata: {\"id\": \"0d1c…\", \"progress\": 0.1, …}\n\n"}}}}


def router(desk: Desk, guard: Guard) -> APIRouter:
    """The addresses under ``/jobs``."""
    routes = APIRouter(prefix="/api/v1", tags=["jobs"])
    read, manage = Depends(guard.needs("score")), Depends(guard.needs("manage"))
    looks = events.Looks(desk.queue)

    @routes.get("/jobs", summary="Jobs that run, and those of the last day", response_model=list[shapes.Job])
    def jobs(caller: Caller = read) -> list[dict[str, Any]]:
        return desk.queue.recent(since=moment.now(ahead=-86_400))

    @routes.get("/jobs/{id}", summary="One job", response_model=shapes.Job)
    def job(id: str, caller: Caller = read) -> dict[str, Any]:
        return desk.job(id)

    @routes.get("/jobs/{id}/events", summary="A job's progress as server-sent events", response_class=StreamingResponse, responses=_EVENTS)  # type: ignore[arg-type]
    async def follow(id: str, caller: Caller = read) -> StreamingResponse:
        await looks.job(id)  # an unknown job is a 404, not a stream
        return StreamingResponse(events.events(looks, id, desk.stopping), media_type=events.MEDIA, headers=events.HEADERS)

    @routes.post("/jobs/{id}/cancel", summary="Ask a job to end", response_model=shapes.Job)
    def cancel(id: str, caller: Caller = manage) -> dict[str, Any]:
        return desk.cancel(id)

    return routes
