"""A server of the Azure-shaped routes on a free port of 127.0.0.1, with a fake check of keys."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from tocsin.core.errors import ServiceError

KEY = "0123456789abcdef"


def verify(key: str | None) -> None:
    """Knows one good key and one without the scope."""
    if key == "reader":
        raise ServiceError("TOC-602", "the key does not allow this")
    if key != KEY:
        raise ServiceError("TOC-601", "there is no such key")


@pytest.fixture(scope="package")
def endpoint() -> Iterator[str]:
    fastapi = pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")
    uvicorn = pytest.importorskip("uvicorn", reason="the extra 'serve' is not installed")
    from tocsin.interfaces.server.azure.routes import router

    app = fastapi.FastAPI()
    app.include_router(router(verify))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", ws="none", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    for _ in range(500):
        if server.started:
            break
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
