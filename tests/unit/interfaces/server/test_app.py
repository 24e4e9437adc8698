"""The service as a whole: what every response carries, what is logged, how it starts and ends."""

from __future__ import annotations

import re
import threading

import pytest

from tocsin.interfaces.server.timer import Timer


def test_every_response_carries_the_headers(served, key):
    with served.client(key) as client:
        for path in ("/api/v1/ping", "/nowhere", "/healthz", "/metrics", "/openapi.json", "/api/v1/wrong/bug", "/"):
            headers = client.get(path).headers
            assert headers["x-content-type-options"] == "nosniff", path
            assert headers["x-frame-options"] == "DENY", path
            assert headers["cache-control"] == "no-store", path
            assert "frame-ancestors 'none'" in headers["content-security-policy"], path
            assert "default-src 'none'" in headers["content-security-policy"] or path == "/"


def test_a_page_runs_its_own_scripts_and_those_with_the_nonce(served):
    client, _ = served.signed_in()
    first, second = client.get("/"), client.get("/")
    policy = first.headers["content-security-policy"]
    nonce = re.search(r"script-src 'self' 'nonce-([^']+)'", policy)[1]
    assert f"nonce='{nonce}'" in first.text
    assert nonce not in second.headers["content-security-policy"]
    script = policy.split("script-src")[1].split(";")[0]
    assert "unsafe" not in script
    assert "http" not in policy
    assert re.search(r"default-src 'self'.*object-src 'none'.*base-uri 'none'.*form-action 'self'", policy)


def test_the_description_is_there_and_says_how_to_come_in(served):
    told = served.client().get("/openapi.json").json()
    assert told["openapi"].startswith("3.")
    assert {"/healthz", "/metrics", "/api/v1/ping"} <= set(told["paths"])
    assert set(told["components"]["securitySchemes"]) == {"key", "key_header"}
    ping = told["paths"]["/api/v1/ping"]["get"]["responses"]
    assert ping["default"]["content"]["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}
    assert "422" not in told["paths"]["/api/v1/rows"]["post"]["responses"]
    assert set(re.findall(r"#/components/schemas/(\w+)", str(told))) <= set(told["components"]["schemas"])


def test_no_page_needs_another_network(served):
    for path in ("/docs", "/redoc"):
        assert served.client().get(path).status_code == 404


def test_a_line_for_each_request_without_anything_secret(served, key):
    with served.client(key) as client:
        client.post("/api/v1/things/private-name?token=secret-query", content=b"secret-body")
    line = served.line(route="/api/v1/things/{name}")
    assert (line["method"], line["status"], line["caller"], line["level"]) == ("POST", 403, "tk_" + key.split("_")[1], "info")
    assert line["ms"] >= 0
    text = served.log.getvalue()
    assert not any(word in text for word in ("private-name", "secret-query", "secret-body", key.split("_")[2]))


def test_worker_and_timer_live_as_long_as_the_service(start):
    with start() as served:
        assert served.worker.was == ["started"]
        worker = served.worker
    assert worker.was == ["started", "stopped", "closed"]
    assert served.place.stopping.is_set()


def test_a_task_that_fails_is_logged_and_called_again():
    called, again, logged = [], threading.Event(), []

    def fail():
        called.append(1)
        if len(called) == 3:
            again.set()
        raise RuntimeError("no network")

    class Log:
        def exception(self, event, **more):
            logged.append((event, more))

    timer = Timer({"notices": fail}, Log(), every=0.01)
    timer.start()
    assert again.wait(10)
    timer.stop()
    assert logged[0] == ("timer", {"task": "notices"})


@pytest.mark.parametrize("path", ["/", "/api/v1/ping"])
def test_head_answers_like_get_or_says_what_is_allowed(served, path):
    assert served.client().head(path).status_code in (401, 405)
