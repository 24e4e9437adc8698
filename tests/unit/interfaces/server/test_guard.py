"""Who may do what, over real HTTP: keys, scopes, sessions, forged forms, foreign names."""

from __future__ import annotations

import pytest

from tocsin.core.errors import ServiceError
from tocsin.interfaces.server.guard import Guard
from tocsin.interfaces.server.session import COOKIE

_WRONG = "tk_" + "0" * 12 + "_" + "1" * 64


def told(response, status, code):
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    return response


def test_without_a_key_nothing_is_told(served):
    response = told(served.client().get("/api/v1/ping"), 401, "TOC-601")
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert "needs a key" in response.json()["detail"]


@pytest.mark.parametrize("key", [_WRONG, "", "nonsense", "tk__", "tk_" + "0" * 12 + "_é", "x" * 5000])
def test_a_wrong_key_is_refused(served, key):
    with served.client() as client:
        told(client.get("/api/v1/ping", headers={"X-API-Key": key.encode("latin-1")}), 401, "TOC-601")
        told(client.get("/api/v1/ping", headers={"Authorization": f"Bearer {key}".strip().encode("latin-1")}), 401, "TOC-601")


def test_the_right_id_with_another_secret_is_refused(served, key):
    with served.client(key) as client:
        assert client.get("/api/v1/ping").status_code == 200
        forged = key[:-1] + ("0" if key[-1] != "0" else "1")
        told(client.get("/api/v1/ping", headers={"Authorization": f"Bearer {forged}"}), 401, "TOC-601")


@pytest.mark.parametrize("form", ["Authorization: Bearer", "authorization: bearer", "X-API-Key:"])
def test_a_key_comes_in_either_header(served, key, form):
    name, _, scheme = form.partition(":")
    found = served.client().get("/api/v1/ping", headers={name: f"{scheme.strip()} {key}".strip()})
    assert found.json() == {"who": "line 3", "via": "key", "id": "tk_" + key.split("_")[1]}


def test_a_scope_that_is_missing_is_403_and_named(served, key):
    response = told(served.client(key).post("/api/v1/things/a"), 403, "TOC-602")
    assert "label" in response.json()["todo"]


def test_manage_includes_the_others(served, boss):
    with served.client(boss) as client:
        assert client.get("/api/v1/ping").status_code == client.post("/api/v1/things/a").status_code == 200


def test_a_revoked_key_stops_working_within_seconds(served, monkeypatch):
    key = served.keys.create(["score"])
    with served.client(key) as client:
        assert client.get("/api/v1/ping").status_code == 200
        served.keys.revoke(key)
        monkeypatch.setattr("tocsin.interfaces.server.keys._FRESH", 0.0)  # instead of waiting
        told(client.get("/api/v1/ping"), 401, "TOC-601")


def test_a_wrong_key_is_not_rescued_by_a_session(served):
    client, _ = served.signed_in()
    assert client.get("/api/v1/ping").json()["via"] == "session"
    told(client.get("/api/v1/ping", headers={"X-API-Key": _WRONG}), 401, "TOC-601")


def test_a_wrong_cookie_is_nobody(served):
    told(served.client(cookies={COOKIE: "0" * 64}).get("/api/v1/ping"), 401, "TOC-601")


def test_a_session_reads_freely_and_changes_only_with_its_word(served):
    client, csrf = served.signed_in()
    assert client.get("/api/v1/ping").status_code == 200
    told(client.post("/api/v1/things/a"), 403, "TOC-602")
    told(client.post("/api/v1/things/a", headers={"X-CSRF-Token": "0" * 64}), 403, "TOC-602")
    told(client.post("/api/v1/things/a", headers={"X-CSRF-Token": "é".encode("latin-1")}), 403, "TOC-602")
    assert client.post("/api/v1/things/a", headers={"X-CSRF-Token": csrf}).json()["who"] == "page"


def test_the_word_of_another_session_does_not_help(served):
    client, _ = served.signed_in()
    _, other = served.signed_in()
    told(client.post("/api/v1/things/a", headers={"X-CSRF-Token": other}), 403, "TOC-602")


def test_a_form_carries_the_word_as_a_field(served):
    client, csrf = served.signed_in()
    assert client.post("/api/v1/form", data={"csrf_token": csrf, "a": "1"}).json() == {"fields": ["a", "csrf_token"]}
    assert client.post("/api/v1/form", data={"csrf_token": csrf}, files={"file": b"x"}).json() == {"fields": ["csrf_token", "file"]}
    told(client.post("/api/v1/form", data={"csrf_token": "0", "a": "1"}), 403, "TOC-602")
    told(client.post("/api/v1/form", files={"csrf_token": csrf.encode()}), 403, "TOC-602")


def test_a_key_needs_no_word(served, boss):
    assert served.client(boss).post("/api/v1/form", data={"a": "1"}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8000", "", "[::2]", "10.0.0.1"])
def test_a_foreign_host_is_turned_away(served, key, host):
    told(served.client(key).get("/api/v1/ping", headers={"Host": host}), 421, "TOC-607")
    told(served.client().get("/healthz", headers={"Host": host}), 421, "TOC-607")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9", "127.0.0.1", "127.1.2.3:80", "[::1]:8000", "tocsin.example.org",
                                  "Tocsin.Example.ORG:443"])
def test_its_own_names_are_let_in(served, key, host):
    assert served.client(key).get("/api/v1/ping", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1", "http://127.0.0.1",
                                    "https://tocsin.example.org.evil.example", "http://["])
def test_a_foreign_origin_may_not_change_anything(served, origin):
    client, csrf = served.signed_in()
    told(client.post("/api/v1/things/a", headers={"X-CSRF-Token": csrf, "Origin": origin}), 403, "TOC-602")
    assert client.get("/api/v1/ping", headers={"Origin": origin}).status_code == 200


def test_its_own_origin_may(served):
    client, csrf = served.signed_in()
    for origin in (served.address, "https://tocsin.example.org"):
        assert client.post("/api/v1/things/a", headers={"X-CSRF-Token": csrf, "Origin": origin}).status_code == 200


def test_verify_is_for_faces_with_headers_of_their_own(served, key):
    guard = Guard(served.place)
    assert guard.verify(key).name == "line 3"
    for given, scope, code in ((None, "score", "TOC-601"), (_WRONG, "score", "TOC-601"), (key, "manage", "TOC-602")):
        with pytest.raises(ServiceError) as refused:
            guard.verify(given, scope)
        assert refused.value.code == code


def test_a_route_cannot_ask_for_a_scope_that_does_not_exist(served):
    with pytest.raises(ValueError, match="scope"):
        Guard(served.place).needs("everything")
