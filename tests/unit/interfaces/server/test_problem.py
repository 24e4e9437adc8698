"""Every error is a problem document with a code that the docs explain."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import httpx
import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from tocsin.core import errors
from tocsin.interfaces.server import problem

_PAGE = (Path(__file__).parents[4] / "docs" / "errors.md").read_text(encoding="utf-8")
_CODES = set(re.findall(r"^### (TOC-\d+)$", _PAGE, flags=re.MULTILINE))
_FIELDS = {"type", "title", "status", "detail", "code", "came", "todo"}


def check(response, status, code):
    told = response.json()
    assert (response.status_code, told["status"], told["code"]) == (status, status, code), response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert set(told) >= _FIELDS
    assert told["code"] in _CODES
    return told


@pytest.mark.parametrize(("method", "path", "status", "code"), [
    ("GET", "/nowhere", 404, "TOC-608"), ("GET", "/api/v1/<script>", 404, "TOC-608"), ("DELETE", "/api/v1/ping", 405, "TOC-608"),
    ("GET", "/docs", 404, "TOC-608"), ("GET", "/redoc", 404, "TOC-608"), ("GET", "/api/v1/wrong/data", 422, "TOC-112"),
    ("GET", "/api/v1/wrong/state", 409, "TOC-301"),
    ("GET", "/api/v1/wrong/extra", 501, "TOC-501"), ("GET", "/api/v1/ping", 401, "TOC-601")])
def test_errors_are_problem_documents(served, method, path, status, code):
    check(served.client().request(method, path), status, code)


def test_the_four_parts_arrive(served):
    told = check(served.client().get("/api/v1/wrong/data"), 422, "TOC-112")
    assert (told["detail"], told["came"], told["todo"]) == ("there are no rows", "shape (0, 3)", "pass at least one row")


def test_405_keeps_the_methods_that_are_allowed(served):
    assert served.client().delete("/api/v1/ping").headers["allow"] == "GET"


def test_a_body_of_another_shape_says_where(served, key):
    with served.client(key) as client:
        told = check(client.post("/api/v1/rows", json={"rows": [1, "hidden", 3]}), 422, "TOC-255")
        assert told["errors"][0]["where"] == "body.rows.1"
        assert "hidden" not in str(told)
        check(client.post("/api/v1/rows", json={}), 422, "TOC-255")
        check(client.post("/api/v1/rows", content=b"{", headers={"Content-Type": "application/json"}), 400, "TOC-256")
        check(client.post("/api/v1/rows", content=b"\xff\xfe", headers={"Content-Type": "application/json"}), 400, "TOC-256")
        check(client.get("/api/v1/slow/soon"), 422, "TOC-255")


def test_a_broken_form_is_unreadable(served, boss):
    response = served.client(boss).post("/api/v1/form", content=b"nonsense", headers={"Content-Type": "multipart/form-data; boundary=x"})
    check(response, 400, "TOC-256")


def test_what_nobody_foresaw_is_told_without_a_trace_and_logged_with_one(served):
    response = served.client().get("/api/v1/wrong/bug")
    told = check(response, 500, "TOC-609")
    assert "swordfish" not in response.text
    assert "Traceback" not in response.text
    (line,) = [line for line in served.lines() if line.get("incident") == told["incident"]]
    assert "swordfish" in line["exception"]
    assert told["incident"] in told["todo"]
    assert "content-security-policy" in response.headers


def test_an_error_on_our_side_keeps_its_paths_to_itself(served):
    assert check(served.client().get("/api/v1/wrong/model"), 500, "TOC-405")["came"] == ""


def test_half_a_response_is_not_passed_off_as_a_whole(served):
    with pytest.raises(httpx.RemoteProtocolError):
        served.client().get("/api/v1/torn")
    assert served.line(event="failed", route="/api/v1/torn")["exception"].endswith("RuntimeError: half way")


def test_what_is_no_http_is_told_so_in_the_same_form(served):
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as line:
        line.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        answer = b""
        while part := line.recv(4096):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert b"application/problem+json" in head
    assert b"TOC-256" in body


def test_a_person_sees_a_page_that_runs_nothing(served):
    response = served.client().get("/<script>alert(1)</script>", headers={"Accept": "text/html"})
    assert response.status_code == 404
    assert response.headers["content-type"].startswith("text/html")
    assert "<script>" not in response.text
    assert "TOC-608" in response.text


@pytest.mark.parametrize("code", sorted(_CODES))
def test_every_code_has_a_status(code):
    kind = {"1": errors.DataError, "2": errors.ConfigError, "3": errors.StateError, "4": errors.ArtifactError, "5": errors.MissingExtra,
            "6": errors.ServiceError}[code[4]]
    told = problem.document(kind(code, "x"))
    assert 400 <= told["status"] <= 599
    assert told["title"]


def test_the_statuses_that_are_promised():
    promised = {"TOC-601": 401, "TOC-602": 403, "TOC-603": 413, "TOC-604": 503, "TOC-605": 415, "TOC-606": 429, "TOC-621": 404,
                "TOC-630": 404, "TOC-640": 404, "TOC-620": 409, "TOC-624": 409}
    assert {code: problem.status_of(errors.ServiceError(code, "x")) for code in promised} == promised


@pytest.mark.parametrize(("status", "code"), [(401, "TOC-601"), (403, "TOC-602"), (413, "TOC-603"), (415, "TOC-605"), (429, "TOC-606"),
                                              (400, "TOC-256"), (418, "TOC-256"), (503, "TOC-609")])
def test_the_frameworks_own_refusals_get_codes(status, code):
    scope = {"type": "http", "method": "GET", "path": "/x", "headers": [], "query_string": b"", "server": ("a", 1), "scheme": "http"}
    request = Request(scope)
    assert problem.from_http(HTTPException(status, "words"), request).code == code


def test_what_came_in_an_error_on_our_side_is_in_the_log_alone(served):
    got = served.client().get("/api/v1/wrong/model")
    assert got.status_code == 500 and "/srv/secret/path" not in got.text
    assert served.line(event="refused", code="TOC-405")["came"] == "/srv/secret/path"
