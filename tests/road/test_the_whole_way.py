"""The whole road, walked once with a table and once with a series, through the command, real servers and real HTTP:

raw file → trained → signed → versions → ONNX that stands alone → service → stored detections → drift → incident → webhook → label →
retrain → promote → rollback.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

for _package in ("fastapi", "uvicorn", "alembic", "cryptography", "httpx", "onnxruntime"):
    pytest.importorskip(_package, reason="needs the extras 'serve' and 'export'")

import httpx  # noqa: E402
import onnxruntime  # noqa: E402

import tocsin  # noqa: E402
from tocsin.delivery.registry import Registry  # noqa: E402
from tocsin.delivery.sign import PublicKey  # noqa: E402
from tocsin.store.engine import Store  # noqa: E402

_ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
_PATIENCE = 120.0  # seconds; a busy machine is no failure


def _command(*words: str) -> str:
    ran = subprocess.run([sys.executable, "-m", "tocsin", *words], capture_output=True, text=True, env=_ENVIRONMENT)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


class Service:
    """A running ``tocsin serve`` over a folder, with a key that may do everything."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder.with_suffix(".log")
        words = [sys.executable, "-m", "tocsin", "serve", "--data-dir", str(folder), "--port", "0"]
        with self.log.open("w") as out:
            self.process = subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT, env=_ENVIRONMENT)
        address = until(lambda: re.search(r"http://127\.0\.0\.1:\d+", self.log.read_text()), "the service starts")[0]
        key = _command("keys", "create", "--data-dir", str(folder), "--scope", "manage", "--name", "road").strip()
        self.http = httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=60, trust_env=False)
        until(lambda: self.http.get("/healthz").status_code == 200, "the service is ready")

    def get(self, path: str) -> Any:
        answer = self.http.get(f"/api/v1{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = self.http.post(f"/api/v1{path}", json=body or {})
        assert answer.status_code in (200, 201, 202), answer.text
        return answer.json()

    def upload(self, path: Path) -> Any:
        answer = self.http.post("/api/v1/uploads", files={"file": (path.name, path.read_bytes())})
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def done(self, job: dict[str, Any]) -> dict[str, Any]:
        """The job when it has ended well."""
        ended = until(lambda: (now := self.get(f"/jobs/{job['id']}"))["ended"] and now, f"{job['kind']} ends")
        assert ended["state"] == "done", ended
        return dict(ended)

    def stop(self) -> None:
        self.http.close()
        self.process.terminate()
        assert self.process.wait(40) == 0, self.log.read_text()[-2000:]


def until(found: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        got = found()
        if got:
            return got
        time.sleep(0.1)
    raise AssertionError(f"not within {_PATIENCE:.0f} s: {what}")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    running = Service(tmp_path / "watch")
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.stop()


@pytest.fixture
def hook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An address that webhooks can be sent to, and what came."""
    came: list[dict[str, Any]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/hook", came
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _orders(n: int, seed: int, *, amount: float = 50.0) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    items = rng.integers(1, 6, n)
    return [{"amount": round(float(amount + 3 * k + rng.normal(0, 4)), 2), "items": int(k), "country": str(rng.choice(["DE", "FR", "NL"]))}
            for k in items]


def _csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join([",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]) + "\n")
    return path


def test_a_table_walks_the_whole_road(service: Service, hook: tuple[str, list[dict[str, Any]]], tmp_path: Path) -> None:
    # raw file → trained pipeline → version 1, live
    seen = service.upload(_csv(tmp_path / "orders.csv", _orders(600, 0)))
    assert seen["kind"] == "table" and {column["name"] for column in seen["columns"]} == {"amount", "items", "country"}
    service.done(service.post("/detectors", {"name": "orders", "upload": seen["digest"], "clean": True}))
    assert [(version["number"], version["live"]) for version in service.get("/detectors/orders/versions")["versions"]] == [(1, True)]

    # signed artefact: the service's own key, and no other, opens it; and the file alone gives the same judgement
    strange, usual = {"amount": 500.0, "items": 1, "country": "DE"}, {"amount": 59.0, "items": 3, "country": "FR"}
    told = service.post("/detectors/orders/score", {"rows": [usual, strange], "explain": True})
    assert [row["is_anomaly"] for row in told["rows"]] == [False, True] and "amount" in told["rows"][1]["reason"]["sentence"]
    with Store(service.folder) as store:
        artefact = store.files.path(Registry(store).version("orders").digest, check=True)
        public = PublicKey.read(_command("models", "key", "--data-dir", str(service.folder)).encode())
    model = tocsin.load(artefact, require_signature=public)
    rows = [usual, strange, *_orders(5, 9)]
    found = model.detect({name: [row[name] for row in rows] for name in usual})
    assert found.score[:2] == pytest.approx([row["score"] for row in told["rows"]], rel=1e-9)

    # ONNX that stands alone
    tocsin.export(model, tmp_path / "orders.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "orders.onnx", _quiet())
    feeds = {"amount": np.array([[row["amount"]] for row in rows]), "items": np.array([[row["items"]] for row in rows], dtype=float),
             "country": np.array([[row["country"]] for row in rows], dtype=object)}
    score, p_value, odd = session.run(["score", "p_value", "is_anomaly"], feeds)
    assert score == pytest.approx(found.score, rel=1e-9) and p_value == pytest.approx(found.p_value, rel=1e-6)
    assert odd.tolist() == found.is_anomaly.tolist()

    # stored detections → an incident → a webhook
    address, came = hook
    assert service.http.put("/api/v1/settings/webhook", json={"url": address}).status_code == 200
    assert until(lambda: service.get("/detectors/orders/detections"), "the odd row is stored")[0]["cells"]["amount"] == 500.0

    # drift → incident
    for part in range(6):
        service.post("/detectors/orders/score", {"rows": _orders(150, 100 + part, amount=54.0)})
    incident = until(lambda: [one for one in service.get("/incidents") if one["rule"] == "input_drift"], "drift is noticed")[0]
    assert incident["model"] == "orders" and "amount" in json.dumps(incident["detail"]) + incident["title"]
    until(lambda: [one for one in came if "drift" in json.dumps(one)], "the webhook is told")
    service.post(f"/incidents/{incident['id']}/assign", {"owner": "ada"})

    # label → retrain → a candidate, which nobody uses → promote → rollback
    rare = {"amount": 95.0, "items": 5, "country": "NL"}

    def flagged() -> bool:
        return bool(service.post("/detectors/orders/score", {"rows": [rare]})["rows"][0]["is_anomaly"])

    assert flagged()
    stored = until(lambda: [one for one in service.get("/detectors/orders/detections") if one["cells"]["amount"] == 95.0], "it is stored")
    service.post("/detectors/orders/labels", {"detection": stored[0]["id"], "is_anomaly": False, "why": "a wholesale customer"})
    until(lambda: not flagged(), "the word counts from the next batch on")
    service.done(service.post("/detectors/orders/retrain", {"why": "wholesale is fine"}))
    versions = service.get("/detectors/orders/versions")["versions"]
    assert [(version["number"], version["live"]) for version in versions] == [(2, False), (1, True)]
    service.post("/detectors/orders/versions/2/promote", {"why": "knows wholesale", "expect": 1})
    assert not flagged()
    service.post("/detectors/orders/rollback", {"why": "not agreed yet", "expect": 2})
    assert not flagged()  # what was said holds, whichever version judges
    resolved = service.post(f"/incidents/{incident['id']}/resolve", {"note": "prices went up"})
    assert resolved["timeline"][0]["what"] == "opened" and resolved["state"] == "resolved"
    assert [(move["kind"], move["target"]) for move in service.get("/detectors/orders/versions")["moves"]][:2] == [
        ("rollback", 1), ("promote", 2)]

    # and after a restart, everything is still there
    service.stop()
    again = Service(service.folder)
    try:
        assert again.get("/detectors/orders/versions")["versions"][1]["live"]
        assert again.get(f"/incidents/{incident['id']}")["owner"] == "ada"
        assert len(again.get("/detectors/orders/labels")) == 1
    finally:
        again.stop()


def _pump(n: int, seed: int, *, start: int = 0) -> list[dict[str, Any]]:
    at, rng = np.arange(start, start + n), np.random.default_rng(seed)
    flow = 10 + 3 * np.sin(2 * np.pi * at / 24) + rng.normal(0, 0.3, n)
    stamps = np.datetime64("2026-01-01T00:00:00") + at * np.timedelta64(1, "h")
    return [{"time": str(stamp), "flow": round(float(value), 4)} for stamp, value in zip(stamps, flow)]


def test_a_series_walks_the_whole_road(service: Service, tmp_path: Path) -> None:
    rows = _pump(1000, 0)
    for broken in range(700, 706):
        rows[broken]["flow"] = 25.0
    seen = service.upload(_csv(tmp_path / "pump.csv", rows))
    assert seen["kind"] == "series" and seen["time"] == "time"
    service.done(service.post("/detectors", {"name": "pump", "upload": seen["digest"], "clean": False, "detector": "windows"}))
    page = service.get("/detectors/pump")
    flagged = {row["time"] for row in page["recent"]}
    assert any(rows[702]["time"][:13] in when for when in flagged)
    band = page["trace"]["columns"][0]
    assert band["name"] == "flow" and len(band["values"]) == len(band["expected"]) == len(page["trace"]["score"])

    # a window of the exported graph is judged as the service judges it
    with Store(service.folder) as store:
        model = Registry(store).load("pump")
    tocsin.export(model, tmp_path / "pump.onnx")
    today = _pump(96, 5, start=2400)
    today[50]["flow"] = 30.0
    told = service.post("/detectors/pump/score", {"rows": today})
    session = onnxruntime.InferenceSession(tmp_path / "pump.onnx", _quiet())
    window = np.array([[[row["flow"]] for row in today]])
    score, _, odd = session.run(["score", "p_value", "is_anomaly"], {"window": window})
    assert score[0] == pytest.approx([row["score"] for row in told["rows"]], rel=1e-4)
    assert odd[0].tolist() == [row["is_anomaly"] for row in told["rows"]] and odd[0, 50]

    # a burst is one incident, with the rows in it; a moved threshold is a version and can be taken back
    incident = until(lambda: [one for one in service.get("/incidents") if one["rule"] == "anomaly"], "the burst is an incident")
    assert len([one for one in incident if one["model"] == "pump"]) == 1
    count = len(service.get("/detectors/pump/versions")["versions"])
    service.post("/detectors/pump/threshold", {"threshold": "false_alarm_rate=0.0001"})
    assert len(service.get("/detectors/pump/versions")["versions"]) == count + 1
    service.post("/detectors/pump/rollback", {})
    assert service.get("/detectors/pump/versions")["versions"][-1]["live"]


def _quiet() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return options
