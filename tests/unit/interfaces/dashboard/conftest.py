"""A desk that answers from plain dictionaries, and a browser's view of the pages over it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

for _package in ("fastapi", "httpx", "multipart"):
    pytest.importorskip(_package, reason="the extra 'serve' is not installed")

import httpx  # noqa: E402
from fastapi import FastAPI, Request  # noqa: E402
from fastapi.responses import Response  # noqa: E402

from tocsin.core.errors import ServiceError, TocsinError  # noqa: E402
from tocsin.interfaces.dashboard import routes  # noqa: E402

EVIL = "<script>alert('x')</script>"
AT = "2026-01-02T10:00:00.000000Z"


def detection(id: int, **more: Any) -> dict[str, Any]:
    return {
        "id": id,
        "batch": "b" * 32,
        "model": "pump",
        "number": 1,
        "at": AT,
        "row": id,
        "row_id": str(id),
        "time": f"2026-01-01T00:{id:02}:00",
        "score": 2.0 + id,
        "p_value": 0.001,
        "is_anomaly": True,
        "event": None,
        "cells": {EVIL: 3.1, "flow": EVIL},
        "label": None,
        "reason": {
            "sentence": f"`{EVIL}` is 3.1 where 7.9 was expected; 1 in 1,000 normal rows is this odd",
            "shares": {EVIL: 0.9, "flow": 0.1},
            "expected": {EVIL: 7.9},
        },
    } | more


def incident(**more: Any) -> dict[str, Any]:
    return {
        "id": 3,
        "model": "pump",
        "rule": "input_drift",
        "key": "k",
        "title": f"`flow` changed {EVIL}",
        "severity": "high",
        "state": "open",
        "owner": "",
        "opened": AT,
        "changed": AT,
        "count": 2,
        "detail": {"note": EVIL},
    } | more


class Desk:
    """Holds one detector called pump, one upload, three jobs and one incident; remembers what it was told to do."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []
        self.brief: dict[str, Any] = {
            "name": "pump",
            "kind": "series",
            "live": 1,
            "versions": 2,
            "trained": AT,
            "detector": "knn",
            "rows_24h": 400,
            "alarms_24h": 3,
            "open_incidents": 1,
            "state": "trouble",
        }
        self.models, self.incident_list = [self.brief], [incident()]
        self.muted: dict[str, str] = {}
        self.batches = [self.batch()]
        self.place = SimpleNamespace(
            incidents=SimpleNamespace(
                mute=self._did("mute_all"),
                unmute=self._did("unmute"),
                note=self._did("incident_note"),
                muted=lambda model, key="": self.muted.get(key) or self.muted.get(""),
            ),
            journal=SimpleNamespace(batches=lambda name, limit: self.batches, trace=lambda name, batch=None: self.model("pump")["trace"]),
            registry=SimpleNamespace(model=lambda name: {"settings": {"upload": "in work"}}),
        )

    def batch(self, **more: Any) -> dict[str, Any]:
        return {
            "id": "b" * 32,
            "number": 1,
            "at": AT,
            "rows": 3,
            "alarms": 1,
            "source": f"pump {EVIL}.csv",
            "digest": "0123",
            "trace": "t",
        } | more

    def home(self) -> dict[str, Any]:
        return {
            "incidents": self.incident_list,
            "models": self.models,
            "jobs": [self.job("r" * 32), self.job("d" * 32)] if self.models else [],
        }

    def model(self, name: str) -> dict[str, Any]:
        if name != "pump":
            raise ServiceError("TOC-621", "there is no detector of this name", came=name, todo="look at the first page")
        trace = {
            "kind": "series",
            "ids": [0, 1, 2],
            "time": ["2026-01-01T00:00:00"] * 3,
            "score": [1.0, 2.0, 9.0],
            "p_value": [0.5, 0.02, 0.001],
            "is_anomaly": [False, False, True],
            "columns": [{"name": EVIL, "values": [1, 2, None], "expected": None, "low": None, "high": None}],
            "threshold": {"rule": "false_alarm_rate", "value": 0.01, "cut": 0.01},
            "events": [{"start": 2, "end": 2, "peak": 2}],
            "step": 1.0,
        }
        slider = {
            "rule": "false_alarm_rate",
            "value": 0.01,
            "cut": 0.01,
            "alarms": [{"value": 0.001, "alarms": 0}, {"value": 0.01, "alarms": 1}, {"value": 0.05, "alarms": 2}],
        }
        return {
            "brief": self.brief,
            "settings": {},
            "live": self._version(1),
            "versions": [self._version(2), self._version(1)],
            "recent": [detection(2)],
            "trace": trace,
            "threshold": slider,
            "incidents": self.incident_list,
            "muted": self.muted.get(""),
            "quality": None,
            "jobs": [],
            "signals": [{"what": "input_drift", "column": EVIL, "value": 0.4, "p_value": 1e-7, "fired": True, "detail": {}}],
        }

    def detections(self, name: str, **_: Any) -> list[dict[str, Any]]:
        return [detection(2), detection(1, reason=None, label=True)]

    def labels(self, name: str) -> list[dict[str, Any]]:
        return [{"at": AT, "holds": True}, {"at": AT, "holds": False}]

    def versions(self, name: str) -> dict[str, Any]:
        return {
            "model": self.brief,
            "versions": [self._version(3), self._version(2), self._version(1)],
            "moves": [{"at": AT, "by": EVIL, "why": EVIL, "source": 2, "target": 1, "kind": "rollback"}],
        }

    def compare(self, name: str, a: int, b: int) -> dict[str, Any]:
        return {
            "bytes": [10, 20_000],
            "n_train": [5, 9],
            "detector": ["knn", "knn"],
            "threshold": [None, None],
            "facts": {f"params.{EVIL}": [1, EVIL]},
        }

    def job(self, id: str) -> dict[str, Any]:
        states = {"r": "running", "d": "done", "f": "failed"}
        if id[0] not in states:
            raise ServiceError("TOC-640", "there is no such job", came=id, todo="list the jobs on the home page")
        error = {"code": "TOC-112", "what": "there are no rows", "came": EVIL, "todo": "choose another file"}
        return {
            "id": id,
            "kind": "fit",
            "model": "pump",
            "state": states[id[0]],
            "progress": 0.4,
            "message": f"Learning {EVIL}",
            "at": AT,
            "started": AT,
            "ended": None,
            "by": EVIL,
            "error": error if id[0] == "f" else None,
            "result": {"number": 1, "rows": 10_000, "alarms": 12, "batch": "b" * 32} if id[0] == "d" else None,
        }

    def incidents(self, state: str | None = None, model: str | None = None) -> list[dict[str, Any]]:
        return self.incident_list if state != "resolved" else []

    def incident(self, id: int) -> dict[str, Any]:
        return incident() | {"timeline": [{"at": AT, "by": EVIL, "what": "opened", "note": EVIL}], "detections": [detection(2)]}

    def seen(self, digest: str) -> dict[str, Any]:
        return {
            "digest": digest,
            "name": f"{EVIL}.csv",
            "bytes": 9,
            "rows": 10,
            "kind": "table",
            "time": None,
            "label": None,
            "group": None,
            "id": None,
            "columns": [
                {"name": EVIL, "kind": "category", "missing": 1, "example": EVIL, "low": None, "high": None, "levels": [EVIL, "b"]}
            ],
            "findings": [{"what": "missing", "level": "warning", "message": f"`{EVIL}` has gaps", "column": EVIL}],
            "question": {
                "text": "Normal, or odd ones among them?",
                "choices": [{"value": "true", "text": "normal"}, {"value": "false", "text": "odd"}],
            },
        }

    def upload(self, name: str, parts: Iterator[bytes], by: str) -> dict[str, Any]:
        self.done.append(("upload", name, b"".join(parts), by))
        return self.seen("0123")

    def create(self, body: dict[str, Any], by: str) -> dict[str, Any]:
        self.done.append(("create", body, by))
        return self.job("r" * 32)

    def judge_upload(self, name: str, upload: str, by: str) -> dict[str, Any]:
        self.done.append(("judge", name, upload))
        return self.job("r" * 32)

    def retrain(self, name: str, by: str, why: str = "") -> dict[str, Any]:
        self.done.append(("retrain", name, why))
        return self.job("r" * 32)

    def rollback(self, name: str, **words: Any) -> dict[str, Any]:
        self.done.append(("rollback", name, words["why"]))
        return self.versions(name)

    def __getattr__(self, verb: str) -> Any:
        if verb.startswith("_"):
            raise AttributeError(verb)
        return self._did(verb)

    def _did(self, verb: str) -> Any:
        return lambda *given, **words: self.done.append((verb, *given, words))

    def _version(self, number: int) -> dict[str, Any]:
        return {
            "number": number,
            "live": number == 1,
            "previous": number == 2,
            "digest": "d",
            "bytes": 2048,
            "at": AT,
            "by": EVIL,
            "why": EVIL,
            "detector": "knn",
            "n_train": 400,
            "facts": {"threshold": {"rule": "false_alarm_rate", "rate": 0.01}},
            "signer": None,
            "data": None,
        }


class Guard:
    """Lets everybody in, and notes what they had to be allowed."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.sessions = SimpleNamespace(enter=self._enter)

    def needs(self, scope: str) -> Any:
        def caller() -> Any:
            self.asked.append(scope)
            return SimpleNamespace(name="page", csrf="the-word", via="session")

        return caller

    def _enter(self, request: Request, token: str, *, to: str = "/") -> Response:
        if token != "good":
            raise ServiceError("TOC-601", "this link has been used", todo="make a new one")
        return Response(status_code=303, headers={"location": to})


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def guard() -> Guard:
    return Guard()


class Browser:
    """Asks the app in this process; follows no redirects."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app

    def get(self, address: str, **more: Any) -> httpx.Response:
        return self._ask("GET", address, **more)

    def post(self, address: str, **more: Any) -> httpx.Response:
        return self._ask("POST", address, **more)

    def _ask(self, method: str, address: str, **more: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with (
                self.app.router.lifespan_context(self.app),
                httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://127.0.0.1") as client,
            ):
                return await client.request(method, address, **more)

        return asyncio.run(ask())


@pytest.fixture
def page(desk: Desk, guard: Guard) -> Browser:
    app = FastAPI()
    app.include_router(routes.router(desk, guard))

    @app.exception_handler(TocsinError)
    async def told(request: Request, error: TocsinError) -> Response:
        status = 404 if isinstance(error, ServiceError) else 422
        made: Response = app.state.error_page(
            request, {"status": status, "title": "No", "detail": error.what, "came": error.came, "todo": error.todo, "code": error.code}
        )
        return made

    return Browser(app)
