"""A real `tocsin serve` and a real Chromium, with an eye on what the browser says and whom it asks."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
if _CHROMIUM is None:
    pytest.skip("no Chromium on this machine", allow_module_level=True)
for _package in ("playwright", "fastapi", "uvicorn", "multipart", "alembic", "cryptography"):
    pytest.importorskip(_package, reason="needs the extras 'serve' and 'dev'")

import numpy as np  # noqa: E402
from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402

HOSTILE = "<script>document.title='owned'</script>"
_STARTS = 90.0  # seconds that a start may take on a busy machine


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """{address, link, data}: a running service over an empty folder, and the link that it printed."""
    folder = tmp_path_factory.mktemp("served")
    log = folder / "log.txt"
    with log.open("w") as out:
        words = [sys.executable, "-m", "tocsin", "serve", "--data-dir", str(folder / "data"), "--port", "0"]
        process = subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, "OMP_NUM_THREADS": "1"})
    try:
        link = _link(process, log)
        yield {"address": link.partition("/login")[0], "link": link, "data": folder / "data"}
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def cookies(server: dict[str, Any], chromium: Browser) -> Any:
    """A browser that is signed in, by a fresh link: each works once."""
    words = [sys.executable, "-m", "tocsin", "keys", "page-link", "--data-dir", str(server["data"])]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    found = re.search(r"token=(\S+)", told)
    assert found is not None, told
    context = chromium.new_context()
    context.new_page().goto(f"{server['address']}/login?token={found[1]}")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Watched:
    """Opens pages and remembers everything that should not have happened."""

    def __init__(self, browser: Browser, address: str) -> None:
        self.browser, self.address = browser, address
        self.wrong: list[str] = []

    @contextmanager
    def page(self, **how: Any) -> Iterator[Page]:
        """A page of its own; afterwards nothing may have gone wrong: no error on the console, nobody else asked, no policy broken."""
        context = self.browser.new_context(viewport={"width": 1280, "height": 900}, **how)
        context.set_default_timeout(30_000)
        page = context.new_page()
        page.on("console", lambda told: self.wrong.append(f"console: {told.text}") if told.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.wrong.append(f"script: {error}"))
        page.on(
            "request", lambda asked: None if asked.url.startswith((self.address + "/", "data:", "blob:")) else self.wrong.append(asked.url)
        )
        page.on("response", lambda answer: self.wrong.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None)
        try:
            yield page
            assert self.wrong == []
        finally:
            context.close()


@pytest.fixture
def watched(chromium: Browser, server: dict[str, Any]) -> Watched:
    return Watched(chromium, server["address"])


@pytest.fixture(scope="module")
def pump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A series with a cycle of 24 steps and one burst; its column's name is hostile."""
    rng, t = np.random.default_rng(1), np.arange(1200)
    flow = 8 + 2 * np.sin(t * 2 * np.pi / 24) + 0.1 * rng.normal(size=len(t))
    flow[900:906] += 9
    stamps = np.datetime_as_string(np.datetime64("2026-01-01T00:00") + t * np.timedelta64(1, "m"), unit="m").tolist()
    path = tmp_path_factory.mktemp("files") / "pump & co.csv"
    path.write_text(f"time,flow {HOSTILE}\n" + "".join(f"{at},{value:.3f}\n" for at, value in zip(stamps, flow.tolist())))
    return path


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table with a few wild rows and a hostile cell."""
    rng = np.random.default_rng(2)
    rows = [[f"A{i}", *np.round(rng.normal([50, 4], [5, 0.5]), 2).tolist(), str(rng.choice(["Oslo", "Rome"]))] for i in range(800)]
    rows[123][1], rows[456][3], rows[700][2] = 900.0, HOSTILE, 60.0
    path = tmp_path_factory.mktemp("files") / "orders.csv"
    path.write_text("order,amount,weight,city\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))
    return path


def _link(process: subprocess.Popen[bytes], log: Path) -> str:
    ends = time.monotonic() + _STARTS
    while time.monotonic() < ends and process.poll() is None:
        found = re.search(r"http://127\.0\.0\.1:\d+/login\?token=\S+", log.read_text())
        if found is not None:
            return found[0]
        time.sleep(0.1)
    raise AssertionError(f"the service did not start: {log.read_text()}")
