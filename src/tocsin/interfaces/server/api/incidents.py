"""Incidents: what is wrong, who looks at it, what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, Path, Query

from tocsin.interfaces.server.api import shapes
from tocsin.interfaces.server.guard import Caller

if TYPE_CHECKING:
    from tocsin.interfaces.server.desk.desk import Desk
    from tocsin.interfaces.server.guard import Guard

Id = Annotated[int, Path(ge=0, lt=2**53)]
Model = Annotated[str | None, Query(max_length=100)]
_NOTHING = Body(default_factory=shapes.Note)
State = Literal["open", "acknowledged", "resolved", "unresolved"]


def router(desk: Desk, guard: Guard) -> APIRouter:
    """The addresses under ``/incidents``."""
    routes = APIRouter(prefix="/api/v1/incidents", tags=["incidents"])
    read, manage = Depends(guard.needs("score")), Depends(guard.needs("manage"))

    @routes.get("", summary="Incidents, open ones first", response_model=list[shapes.Incident])
    def incidents(state: State | None = None, model: Model = None, caller: Caller = read) -> list[dict[str, Any]]:
        return desk.incidents(state, model)

    @routes.get("/{id}", summary="One incident with its timeline and its rows", response_model=shapes.Incident)
    def incident(id: Id, caller: Caller = read) -> dict[str, Any]:
        return desk.incident(id)

    @routes.post("/{id}/acknowledge", summary="Somebody looks at it", response_model=shapes.Incident)
    def acknowledge(id: Id, body: shapes.Note = _NOTHING, caller: Caller = manage) -> dict[str, Any]:
        return desk.acknowledge(id, by=caller.name, note=body.note)

    @routes.post("/{id}/assign", summary="Give it to somebody", response_model=shapes.Incident)
    def assign(id: Id, body: shapes.Assign, caller: Caller = manage) -> dict[str, Any]:
        return desk.assign(id, body.owner, by=caller.name, note=body.note)

    @routes.post("/{id}/resolve", summary="It is over", response_model=shapes.Incident)
    def resolve(id: Id, body: shapes.Note = _NOTHING, caller: Caller = manage) -> dict[str, Any]:
        return desk.resolve(id, by=caller.name, note=body.note)

    @routes.post("/{id}/note", summary="Add a line to its timeline", response_model=shapes.Incident)
    def note(id: Id, body: shapes.Said, caller: Caller = manage) -> dict[str, Any]:
        return desk.note(id, by=caller.name, note=body.note)

    @routes.post("/{id}/mute", summary="Keep its rule silent for some hours", response_model=shapes.Incident)
    def mute(id: Id, body: shapes.Mute, caller: Caller = manage) -> dict[str, Any]:
        return desk.mute(id, hours=body.hours, by=caller.name, why=body.why, whole=body.whole)

    return routes
