"""Detectors: make, list, look, judge files, label, move thresholds and versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Query
from starlette.responses import Response

from tocsin.interfaces.server.api import shapes
from tocsin.interfaces.server.guard import Caller

if TYPE_CHECKING:
    from tocsin.interfaces.server.desk.desk import Desk
    from tocsin.interfaces.server.guard import Guard

Number = Annotated[int, Path(ge=0, lt=2**31)]
_NOTHING = Body(default_factory=shapes.Why)


def router(desk: Desk, guard: Guard) -> APIRouter:
    """The addresses under ``/detectors``, and home."""
    routes = APIRouter(prefix="/api/v1", tags=["detectors"])
    read, say, manage = (Depends(guard.needs(scope)) for scope in ("score", "label", "manage"))

    @routes.get("/home", summary="What is wrong now, and what there is", response_model=shapes.Home)
    def home(caller: Caller = read) -> dict[str, Any]:
        return desk.home()

    @routes.post("/detectors", status_code=202, summary="Make a detector from an upload", response_model=shapes.Job)
    def create(body: shapes.Create, response: Response, caller: Caller = manage) -> dict[str, Any]:
        return _begun(response, desk.create(body.model_dump(), caller.name))

    @routes.get("/detectors", summary="All detectors, those in trouble first", response_model=list[shapes.Brief])
    def detectors(caller: Caller = read) -> list[dict[str, Any]]:
        return desk.briefs()

    @routes.get("/detectors/{name}", summary="One detector with all that its page shows")
    def detector(name: str, caller: Caller = read) -> dict[str, Any]:
        return desk.model(name)

    @routes.post("/detectors/{name}/judge", status_code=202, summary="Judge a whole upload", response_model=shapes.Job)
    def judge(name: str, body: shapes.Upload, response: Response, caller: Caller = manage) -> dict[str, Any]:
        return _begun(response, desk.judge_upload(name, body.upload, caller.name))

    @routes.get("/detectors/{name}/detections", summary="Flagged rows, the newest first")
    def detections(name: str, limit: int = Query(100, ge=1, le=1000), before: int | None = Query(None, ge=0, lt=2**53),
                   batch: str | None = Query(None, max_length=32), caller: Caller = read) -> list[dict[str, Any]]:
        return desk.detections(name, limit=limit, before=before, batch=batch)

    @routes.post("/detectors/{name}/labels", status_code=201, summary="Say whether an alarm was right")
    def label(name: str, body: shapes.Label, caller: Caller = say) -> dict[str, Any]:
        return desk.label(name, body.is_anomaly, detection=body.detection, cells=body.cells, row_time=body.time, by=caller.name,
                          why=body.why)

    @routes.get("/detectors/{name}/labels", summary="All that people said, the newest first")
    def labels(name: str, caller: Caller = read) -> list[dict[str, Any]]:
        return desk.labels(name)

    @routes.post("/detectors/{name}/threshold", summary="Decide by another rule: a new live version", response_model=shapes.Moved)
    def threshold(name: str, body: shapes.Threshold, caller: Caller = manage) -> dict[str, Any]:
        return desk.rethreshold(name, body.threshold, by=caller.name, why=body.why)

    @routes.post("/detectors/{name}/retrain", status_code=202, summary="Learn again with what people said: a candidate",
                 response_model=shapes.Job)
    def retrain(name: str, response: Response, body: shapes.Why = _NOTHING, caller: Caller = manage) -> dict[str, Any]:
        return _begun(response, desk.retrain(name, caller.name, body.why))

    @routes.post("/detectors/{name}/rollback", summary="Make live what was live before", response_model=shapes.Moved)
    def rollback(name: str, body: shapes.Why = _NOTHING, caller: Caller = manage) -> dict[str, Any]:
        return desk.rollback(name, by=caller.name, why=body.why, expect=body.expect)

    @routes.post("/detectors/{name}/versions", status_code=202, summary="Learn a further version from an upload: a candidate",
                 response_model=shapes.Job)
    def learn(name: str, body: shapes.Learn, response: Response, caller: Caller = manage) -> dict[str, Any]:
        return _begun(response, desk.learn(name, body.model_dump(), caller.name))

    @routes.get("/detectors/{name}/versions", summary="Versions, the newest first, and every move")
    def versions(name: str, caller: Caller = read) -> dict[str, Any]:
        return desk.versions(name)

    @routes.post("/detectors/{name}/versions/{number}/promote", summary="Make a version live", response_model=shapes.Moved)
    def promote(name: str, number: Number, body: shapes.Why = _NOTHING, caller: Caller = manage) -> dict[str, Any]:
        return desk.promote(name, number, by=caller.name, why=body.why, expect=body.expect)

    @routes.get("/detectors/{name}/versions/{a}/compare/{b}", summary="Two versions side by side")
    def compare(name: str, a: Number, b: Number, caller: Caller = read) -> dict[str, Any]:
        return desk.compare(name, a, b)

    return routes


def _begun(response: Response, job: dict[str, Any]) -> dict[str, Any]:
    response.headers["Location"] = f"/api/v1/jobs/{job['id']}"
    return job
