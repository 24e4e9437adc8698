"""``tocsin serve`` as a process of its own: says where it is, answers, refuses at the start what cannot work, and leaves in order."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import httpx
import pytest

from tocsin.core.errors import ServiceError
from tocsin.interfaces.cli import serve


@contextmanager
def served(folder, *words):
    """(process, address, lines of its standard error), once it is ready."""
    process = subprocess.Popen([sys.executable, "-m", "tocsin", "serve", "--data-dir", str(folder), "--port", "0", *words],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(iter(process.stderr.readline, "")))
    reader.start()
    try:
        address = None
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            address = address or next((found[1] for line in list(lines) if (found := re.match(r"Tocsin listens on (\S+)$", line))), None)
            try:
                if address and httpx.get(f"{address}/healthz", trust_env=False).status_code == 200:
                    break
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        else:
            raise AssertionError("".join(lines))
        yield process, address, lines
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        reader.join()
        process.stdout.close()
        process.stderr.close()


def test_a_whole_life(tmp_path):
    folder = tmp_path / "data"
    with served(folder, "--log", "json") as (process, address, lines):
        assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d*", address)
        link = next(re.search(r"\S+/login\?token=\S+", line)[0] for line in lines if "token=" in line)
        assert link.startswith(address)
        made = subprocess.run([sys.executable, "-m", "tocsin", "keys", "create", "--data-dir", str(folder), "--scope", "score"],
                              capture_output=True, text=True, check=True)
        with httpx.Client(base_url=address, trust_env=False) as client:
            assert client.get("/api/v1/home").status_code == 401
            assert client.get("/api/v1/home", headers={"X-API-Key": made.stdout.strip()}).status_code == 200
            assert client.get(link, follow_redirects=True).status_code == 200
            assert client.get("/").headers["content-type"].startswith("text/html")
            assert client.get("/anomalydetector/v1.1/nowhere").status_code == 404
            assert "tocsin_requests_total" in client.get("/metrics").text
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert process.stdout.read() == ""
    assert not any("Traceback" in line for line in lines), "".join(lines)
    requests = [json.loads(line) for line in lines if line.startswith("{")]
    assert {line["route"] for line in requests if line["event"] == "request"} >= {"/healthz", "/api/v1/home", "/login", "/metrics"}
    text = "".join(line for line in lines if line.startswith("{"))
    assert made.stdout.strip().split("_")[2] not in text
    assert link.partition("token=")[2] not in text


def test_ctrl_c_lets_requests_finish(tmp_path):
    with served(tmp_path / "data") as (process, address, _):
        port = int(address.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
            line.sendall(b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                         b"Content-Length: 8\r\n\r\ntok")
            time.sleep(0.3)
            process.send_signal(signal.SIGINT)
            time.sleep(0.3)
            line.sendall(b"en=ab")
            answer = b""
            while part := line.recv(65536):
                answer += part
        assert answer.startswith(b"HTTP/1.1 401")  # the answer of the page, not a cut line
        assert process.wait(30) == 0


def test_a_port_in_use_is_told_at_the_start(tocsin, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        ran = tocsin("serve", "--data-dir", tmp_path / "data", "--port", other.getsockname()[1])
    assert ran.code == 1
    assert "TOC-257" in ran.err
    assert "--port" in ran.err
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("words", "code"), [
    (["--host", "0.0.0.0"], "TOC-258"), (["--host", "192.0.2.1"], "TOC-258"), (["--host", "::"], "TOC-258"),
    (["--allow-host", "http://x"], "TOC-258"), (["--allow-host", "*"], "TOC-258"),
    (["--host", "192.0.2.1", "--allow-host", "x.org"], "TOC-257"), (["--host", "no.such.host.invalid", "--allow-host", "x.org"], "TOC-257"),
    (["--database", "mysql://x/y"], "TOC-250")])
def test_what_cannot_work_is_told_at_the_start(tocsin, tmp_path, words, code):
    ran = tocsin("serve", "--data-dir", tmp_path / "data", "--port", 0, *words)
    assert (ran.code, ran.out) == (1, "")
    assert code in ran.err


def test_a_data_folder_that_cannot_be_is_told_at_the_start(tocsin, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert "TOC-250" in tocsin("serve", "--data-dir", tmp_path / "file" / "data", "--port", 0).err


@pytest.mark.parametrize("words", [["--timeout", "0"], ["--timeout", "nan"], ["--max-rows", "0"], ["--max-body-mb", "0"],
                                   ["--port", "70000"], ["--log", "xml"]])
def test_wrong_usage(tocsin, tmp_path, words):
    assert tocsin("serve", "--data-dir", tmp_path / "data", *words).code == 2


@pytest.mark.parametrize("package", ["uvicorn", "python_multipart", "structlog"])
def test_a_missing_package_is_told_with_the_line_that_installs_it(tocsin, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    ran = tocsin("serve", "--data-dir", tmp_path / "data", "--port", 0)
    assert ran.code == 1
    assert "TOC-501" in ran.err
    assert "pip install 'tocsin[serve]'" in ran.err


def test_a_start_that_fails_is_a_stated_error(monkeypatch):
    import uvicorn

    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: sys.exit(3))
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT), logging.getLogger("uvicorn.error").handlers[:]
    with pytest.raises(ServiceError) as told:
        serve._run(None, None, None, None)
    assert told.value.code == "TOC-604"
    assert before == (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT), logging.getLogger("uvicorn.error").handlers[:])


def test_a_port_in_use_is_told_before_anything_heavy_is_loaded(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        words = ["serve", "--data-dir", str(tmp_path), "--port", str(taken.getsockname()[1])]
        code = f"import sys\nfrom tocsin.interfaces.cli.app import main\nsys.argv = ['tocsin', *{words!r}]\ntry:\n    main()\nfinally:\n" \
               "    print(sorted({'fastapi', 'torch', 'sqlalchemy', 'uvicorn'} & set(sys.modules)))"
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "TOC-257" in told.stderr and told.stdout.strip() == "[]"
