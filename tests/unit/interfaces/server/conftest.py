"""The frame of the service over a fresh data folder, on a real port, with small routes in place of the service's own."""

from __future__ import annotations

import asyncio
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
import uvicorn
from fastapi import APIRouter, Body, Depends, Request
from starlette.responses import HTMLResponse, StreamingResponse

from tocsin.core.errors import ArtifactError, DataError, MissingExtra, StateError
from tocsin.interfaces.server.app import Parts, create_app
from tocsin.interfaces.server.guard import Caller, Guard
from tocsin.interfaces.server.keys import Keys
from tocsin.interfaces.server.log import make
from tocsin.interfaces.server.place import Place
from tocsin.interfaces.server.session import COOKIE, Sessions
from tocsin.interfaces.server.wire import Wire


def faces(guard: Guard) -> list[APIRouter]:
    """One route for each thing that can happen."""
    routes = APIRouter(prefix="/api/v1")
    score, label, manage = (Depends(guard.needs(scope)) for scope in ("score", "label", "manage"))

    @routes.get("/ping")
    async def ping(caller: Caller = score) -> dict[str, Any]:
        return {"who": caller.name, "via": caller.via, "id": caller.id}

    @routes.post("/things/{name}")
    async def change(name: str, request: Request, caller: Caller = label) -> dict[str, Any]:
        return {"bytes": len(await request.body()), "who": caller.name}

    @routes.post("/rows")
    def rows(rows: Annotated[list[int], Body(embed=True)], caller: Caller = score) -> dict[str, Any]:
        return {"sum": sum(rows)}

    @routes.post("/form")
    async def form(request: Request, caller: Caller = manage) -> dict[str, Any]:
        return {"fields": sorted((await request.form()).keys())}

    @routes.post("/unread")
    async def unread(caller: Caller = score) -> dict[str, Any]:
        return {"read": False}

    @routes.get("/wrong/{kind}")
    def wrong(kind: str) -> None:
        raise {
            "data": DataError("TOC-112", "there are no rows", came="shape (0, 3)", todo="pass at least one row"),
            "state": StateError("TOC-301", "not fitted", came="x", todo="fit"),
            "model": ArtifactError("TOC-405", "the saved model is damaged", came="/srv/secret/path", todo="copy it again"),
            "extra": MissingExtra("TOC-501", "needs torch", came="x", todo="pip install 'tocsin[deep]'"),
            "bug": RuntimeError("the password is swordfish"),
        }[kind]

    @routes.get("/slow/{seconds}")
    def slow(seconds: float) -> dict[str, Any]:
        time.sleep(seconds)
        return {"slept": seconds}

    @routes.get("/stream")
    async def stream() -> StreamingResponse:
        async def parts() -> Any:
            for i in range(4):
                yield f"{i}\n"
                await asyncio.sleep(0.15)

        return StreamingResponse(parts(), media_type="text/event-stream")

    @routes.get("/torn")
    async def torn() -> StreamingResponse:
        async def parts() -> Any:
            yield "half"
            raise RuntimeError("half way")

        return StreamingResponse(parts())

    async def plain(request: Request) -> HTMLResponse:
        return HTMLResponse("plain")

    routes.add_route("/api/v1/plain/{name}/at", plain)
    page = APIRouter()

    @page.get("/")
    async def home(request: Request, caller: Caller = score) -> HTMLResponse:
        return HTMLResponse(f"<script nonce='{request.state.nonce}'></script>{caller.csrf}")

    @page.get("/login")
    def login(request: Request, token: str = "") -> Any:
        return guard.sessions.enter(request, token) if token else HTMLResponse("sign in")

    return [routes, page]


class Hands:
    """A worker that does nothing."""

    def __init__(self, *, alive: bool = True) -> None:
        self.live, self.was = alive, []

    def start(self) -> None:
        self.was.append("started")

    def stop(self) -> None:
        self.was.append("stopped")

    def lacking(self) -> str:
        return "" if self.live else "no process takes jobs"


@dataclass
class Serving:
    """A running service: where, over what, and what it logged."""

    address: str
    place: Place
    keys: Keys
    sessions: Sessions
    log: io.StringIO
    worker: Hands
    port: int
    clients: list[httpx.Client] = field(default_factory=list)

    def client(self, key: str | None = None, **more: Any) -> httpx.Client:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        client = httpx.Client(base_url=self.address, headers=headers | more.pop("headers", {}), timeout=20, trust_env=False, **more)
        self.clients.append(client)
        return client

    def signed_in(self) -> tuple[httpx.Client, str]:
        """A browser with a session, and the word that its forms carry."""
        cookie = self.sessions.exchange(self.sessions.token())
        found = self.sessions.find(cookie)
        assert found is not None
        return self.client(cookies={COOKIE: cookie}), found.csrf

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    def line(self, **named: Any) -> dict[str, Any]:
        """The newest log line with these values; it may come a moment after the response."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            for line in reversed(self.lines()):
                if named.items() <= line.items():
                    return line
            time.sleep(0.01)
        raise AssertionError(f"no line with {named}")


Start = Callable[..., Any]


@contextmanager
def running(folder: Path, *, patience: float = 10.0, hosts: tuple[str, ...] = (), alive: bool = True, **limits: Any) -> Iterator[Serving]:
    log, worker = io.StringIO(), Hands(alive=alive)
    with Place.open(folder, hosts=hosts, **limits) as place:
        app = create_app(place, parts=Parts(faces, worker, close=lambda: worker.was.append("closed")), log=make("json", log))
        wire = type("Impatient", (Wire,), {"patience": patience})
        server = uvicorn.Server(uvicorn.Config(app, port=0, http=wire, log_config=None, access_log=False, lifespan="on", ws="none",
                                               timeout_graceful_shutdown=5))
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        found = Serving(f"http://127.0.0.1:{port}", place, Keys(place.store), Sessions(place.store), log, worker, port)
        try:
            yield found
        finally:
            for client in found.clients:
                client.close()
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Starts a service of its own: ``with start(rows=3) as served``."""
    return lambda **more: running(tmp_path / "data", **more)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One service for the tests of a file."""
    with running(tmp_path_factory.mktemp("served") / "data", body=1 << 20, hosts=("tocsin.example.org",)) as found:
        yield found


@pytest.fixture(scope="module")
def key(served: Serving) -> str:
    """A key that may score."""
    return served.keys.create(["score"], name="line 3")


@pytest.fixture(scope="module")
def boss(served: Serving) -> str:
    """A key that may do everything."""
    return served.keys.create(["manage"], name="boss")
