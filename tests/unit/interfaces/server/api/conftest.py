"""The programs' face on a real port, over a fresh data folder, with a worker of its own."""

from __future__ import annotations

import csv
import io
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn

from tocsin.core.types import Dataset
from tocsin.flows.train import fit
from tocsin.interfaces.server import api
from tocsin.interfaces.server.app import Parts, create_app
from tocsin.interfaces.server.desk.desk import Desk
from tocsin.interfaces.server.jobs.worker_process import WorkerProcess
from tocsin.interfaces.server.keys import Keys
from tocsin.interfaces.server.log import make
from tocsin.interfaces.server.place import Place
from tocsin.interfaces.server.wire import Wire
from tocsin.pipeline.pipeline import Pipeline


@dataclass
class Service:
    """A running service and a caller who may do everything."""

    address: str
    place: Place
    desk: Desk
    http: httpx.Client
    stop: Callable[[], None]

    def key(self, *scopes: str) -> dict[str, str]:
        """Headers of a caller with these scopes."""
        return {"Authorization": f"Bearer {Keys(self.place.store).create(list(scopes), name='line 3')}"}

    def ended(self, job: str, seconds: float = 60) -> dict[str, Any]:
        """The job once it is over."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found: dict[str, Any] = self.http.get(f"/jobs/{job}").json()
            if found["state"] in ("done", "failed", "cancelled"):
                return found
            time.sleep(0.05)
        raise AssertionError(f"the job is not over: {found}")


def _stacks() -> str:
    """Where every thread stands."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return "\n".join(f"{names.get(id, id)}\n{''.join(traceback.format_stack(frame)[-8:])}" for id, frame in sys._current_frames().items())


@contextmanager
def serving(folder: Path, *, worker: bool = True, **limits: Any) -> Iterator[Service]:
    with Place.open(folder, **limits) as place:
        desk = Desk(place)
        parts = Parts(
            lambda guard: api.routers(desk, guard),
            WorkerProcess(place) if worker else None,
            checks={"desk": desk.trouble},
            close=desk.close,
        )
        app = create_app(place, parts=parts, log=make("json", io.StringIO()))
        server = uvicorn.Server(
            uvicorn.Config(app, port=0, http=Wire, log_config=None, access_log=False, lifespan="on", ws="none", timeout_graceful_shutdown=5)
        )
        thread = threading.Thread(target=server.run, daemon=True)  # one that does not end fails its test and holds nobody up
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.005)
        address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        key = Keys(place.store).create(["manage"], name="boss")

        def stop() -> None:
            place.stopping.set()
            server.should_exit = True
            thread.join(60)
            assert not thread.is_alive(), _stacks()

        with httpx.Client(base_url=f"{address}/api/v1", headers={"Authorization": f"Bearer {key}"}, timeout=60, trust_env=False) as http:
            try:
                yield Service(address, place, desk, http, stop)
            finally:
                stop()


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, fitted: Pipeline, pump: Pipeline) -> Iterator[Service]:
    """One service for all: "orders" is a table with two versions, "flow" a series; both are live."""
    with serving(tmp_path_factory.mktemp("service") / "data", rows=500) as found:
        registry = found.place.registry
        registry.create("orders", "table", {"upload": None}, by="boss")
        registry.add("orders", fitted, by="boss")
        registry.add("orders", fitted.with_threshold("false_alarm_rate=0.2"), by="boss")
        registry.promote("orders", 1, by="boss")
        registry.create("flow", "series", {}, by="boss")
        registry.add("flow", pump, by="boss")
        registry.promote("flow", 1, by="boss")
        yield found


@pytest.fixture(scope="session")
def fitted() -> Pipeline:
    """A table model: amount and weight are numbers, city is one of three, express is yes or no."""
    return fit(table(200), detector="gaussian")


@pytest.fixture(scope="session")
def pump() -> Pipeline:
    """A series model."""
    t = np.arange(300)
    flow = 10 + 3 * np.sin(t * 2 * np.pi / 24) + np.random.default_rng(0).normal(size=300) * 0.1
    data = Dataset.of(flow, kind="series", names=["flow"], time=np.datetime64("2026-01-01", "s") + t * np.timedelta64(1, "h"))
    return fit({"stamp": data.time, "flow": flow}, detector="gaussian", time="stamp")


def table(n: int, seed: int = 0) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    return [
        {
            "amount": round(float(rng.normal(50, 5)), 3),
            "weight": round(float(rng.normal(4, 1)), 3),
            "city": str(rng.choice(["Oslo", "Rome", "Kyiv"])),
            "express": bool(rng.random() < 0.5),
        }
        for _ in range(n)
    ]


@pytest.fixture
def rows() -> Callable[..., list[dict[str, Any]]]:
    """``rows(n, seed)`` of the table."""
    return table


@pytest.fixture
def as_csv() -> Callable[[list[dict[str, Any]]], bytes]:
    """Rows as the bytes of a csv."""

    def write(rows: list[dict[str, Any]]) -> bytes:
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue().encode()

    return write


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., Any]:
    """A service of one's own: ``with start() as service``; the same folder each time."""
    return lambda **more: serving(tmp_path / "data", **more)
