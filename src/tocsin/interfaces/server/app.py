"""The service, put together: middlewares, faces, and what lives as long as it does (the worker for jobs, the timer)."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

import tocsin
from tocsin.core.errors import TocsinError
from tocsin.interfaces.server import health, metrics, problem
from tocsin.interfaces.server import log as logs
from tocsin.interfaces.server.account import Account
from tocsin.interfaces.server.guard import Gate, Guard
from tocsin.interfaces.server.headers import Headers
from tocsin.interfaces.server.limits import Bounds
from tocsin.interfaces.server.place import Place
from tocsin.interfaces.server.timer import Timer


class Worker(Protocol):
    """Whatever takes the jobs: started and stopped with the service."""

    def start(self) -> None:
        """Begin to take jobs."""

    def stop(self) -> None:
        """End; a running job is left to be taken again."""

    def lacking(self) -> str:
        """What is missing for jobs to be taken; "" when nothing is."""


Faces = Callable[[Guard], Sequence[APIRouter]]
Task = Callable[[], object]


@dataclass(frozen=True)
class Parts:
    """What stands on the frame.

    faces       makes the routers, given the guard
    worker      takes jobs
    tasks       called every few seconds, by name
    checks      asked by /healthz, by name; "" when all is well
    error_page  draws a problem for a person: ``(request, problem document) -> response``
    begin       called once, on a thread of its own, when the service has started
    close       called at the end, when no request runs any more
    """

    faces: Faces
    worker: Worker | None = None
    tasks: Mapping[str, Task] = field(default_factory=dict)
    checks: Mapping[str, health.Check] = field(default_factory=dict)
    error_page: Callable[[Request, dict[str, Any]], Response] | None = None
    close: Task | None = None
    begin: Task | None = None


def create_app(place: Place, *, parts: Parts | None = None, log: Any = None, form: str = "plain") -> FastAPI:
    """The ASGI application over an open place; the caller closes the place afterwards.

    parts    in place of the service's own (for tests)
    log      a logger from :func:`tocsin.interfaces.server.log.make`
    form     its form, plain or json, which the worker's own lines take, too
    """
    log = log if log is not None else logs.make(form)
    parts = parts if parts is not None else own_parts(place, log, form)
    guard, figures = Guard(place), metrics.Metrics(place.store)
    middleware = [Middleware(Headers), Middleware(Account, figures, log), Middleware(Gate, guard, place.hosts),
                  Middleware(Bounds, place.limits)]
    app = FastAPI(title="Tocsin", version=tocsin.__version__, docs_url=None, redoc_url=None, openapi_url="/openapi.json",
                  middleware=middleware, lifespan=_lifespan(place, parts, log),
                  telemetry={"tracing": False, "metrics": False, "logs": False},  # nothing leaves, whatever the environment says
                  description="Anomaly detection: create detectors, score rows, follow incidents. Errors are application/problem+json.")
    app.state.place, app.state.guard, app.state.metrics, app.state.error_page = place, guard, figures, parts.error_page
    checks = {"database": health.database(place.store), **parts.checks}
    if parts.worker is not None:
        checks["worker"] = _worker(parts.worker)
    for router in (health.router(checks, tocsin.__version__), metrics.router(figures, guard), *parts.faces(guard)):
        app.include_router(router)
    _tell_problems(app, log)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def own_parts(place: Place, log: Any = None, form: str = "plain") -> Parts:
    """The service's own: one desk, which the programs' face and the page share, so that both do the same things."""
    from tocsin.interfaces.dashboard import routes as page
    from tocsin.interfaces.server import api
    from tocsin.interfaces.server.azure import routes as azure
    from tocsin.interfaces.server.desk.desk import Desk
    from tocsin.interfaces.server.jobs.worker_process import WorkerProcess
    from tocsin.monitoring.notify import Courier

    desk = Desk(place)

    def faces(guard: Guard) -> Sequence[APIRouter]:
        def verify(key: str | None) -> None:
            guard.verify(key, "score")

        return [*api.routers(desk, guard), azure.router(verify), page.router(desk, guard)]

    log = log if log is not None else logs.make(form)
    return Parts(faces, WorkerProcess(place, log=log, form=form), {"notices": Courier(place.store).send_due, "models": desk.tick},
                 {"desk": desk.trouble}, page.error_page, desk.close, lambda: desk.preload(log))


def _worker(worker: Worker) -> health.Check:
    return lambda: worker.lacking()


Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def _lifespan(place: Place, parts: Parts, log: Any) -> Lifespan:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        timer = Timer(parts.tasks, log)
        if parts.worker is not None:
            await run_in_threadpool(parts.worker.start)
        timer.start()
        if parts.begin is not None:
            threading.Thread(target=parts.begin, name="tocsin-begin", daemon=True).start()
        try:
            yield
        finally:
            place.stopping.set()
            ends: list[Task | None] = [timer.stop, parts.worker.stop if parts.worker is not None else None, parts.close]
            for end in ends:
                if end is not None:
                    await run_in_threadpool(end)

    return lifespan


def _tell_problems(app: FastAPI, log: Any) -> None:
    """Everything that is raised below leaves as a problem document, or as a page for a person."""

    @app.exception_handler(TocsinError)
    async def stated(request: Request, error: TocsinError) -> Response:
        if problem.status_of(error) >= 500:  # ours: the client is not told what came, whoever looks after the service is
            log.error("refused", **error.to_dict())
        return problem.shown(request, error)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        return problem.shown(request, problem.from_http(error, request), error.status_code, headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def misshapen(request: Request, error: RequestValidationError) -> Response:
        told, where = problem.from_validation(error)
        return problem.shown(request, told, errors=where)


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The description of the addresses, with what the framework cannot know: how callers show themselves, what an error looks like."""
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        parts = made.setdefault("components", {})
        parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "description": "tk_…, of `tocsin keys create`"},
                                    "key_header": {"type": "apiKey", "in": "header", "name": "X-API-Key"}}
        schemas = parts.setdefault("schemas", {})
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        text = {"type": "string"}
        schemas["Problem"] = {"type": "object", "required": ["type", "title", "status", "detail", "code"],
                              "properties": {name: text for name in ("type", "title", "detail", "code", "came", "todo")}
                              | {"status": {"type": "integer"}}}
        told = {"description": "A problem", "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
        made["security"] = [{"key": []}, {"key_header": []}]
        for path in made["paths"].values():
            for verb in path.values():
                verb["responses"].pop("422", None)
                verb["responses"].setdefault("default", told)
        app.openapi_schema = made
    return app.openapi_schema
