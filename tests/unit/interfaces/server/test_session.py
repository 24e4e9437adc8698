"""The way to the page: a link that works once, a cookie that scripts and other sites do not get."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from tocsin.core.errors import ServiceError
from tocsin.interfaces.server import session as module
from tocsin.interfaces.server.session import COOKIE, Sessions
from tocsin.store import tables
from tocsin.store.engine import Store
from tocsin.store.moment import now


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "data") as store:
        yield store


def refused(call):
    with pytest.raises(ServiceError) as error:
        call()
    return error.value.code == "TOC-601"


def test_a_link_works_once(store):
    sessions = Sessions(store)
    token = sessions.token()
    assert sessions.find(sessions.exchange(token)).name == "page"
    assert refused(lambda: sessions.exchange(token))


def test_a_new_link_ends_the_one_before(store):
    sessions = Sessions(store)
    first, second = sessions.token(), sessions.token()
    assert refused(lambda: sessions.exchange(first))
    assert sessions.exchange(second)


@pytest.mark.parametrize("token", ["", "0" * 64, "é\udcff"])
def test_a_wrong_token_is_refused_and_uses_nothing_up(store, token):
    sessions = Sessions(store)
    right = sessions.token()
    assert refused(lambda: sessions.exchange(token))
    assert sessions.exchange(right)


def test_an_old_link_is_refused(store):
    sessions = Sessions(store)
    token = sessions.token()
    with store.begin() as base:
        value = base.execute(select(tables.setting.c.value)).scalar_one()
        base.execute(update(tables.setting).values(value=value | {"until": now(ahead=-1)}))
    assert refused(lambda: sessions.exchange(token))


def test_neither_token_nor_cookie_is_stored(store):
    sessions = Sessions(store)
    cookie = sessions.exchange(used := sessions.token())
    waiting = sessions.token()
    for path in store.folder.rglob("*"):
        if path.is_file():
            assert not any(secret.encode() in path.read_bytes() for secret in (used, waiting, cookie)), path


def test_a_session_ends_after_twelve_hours(store):
    sessions = Sessions(store)
    cookie = sessions.exchange(sessions.token())
    until = sessions.find(cookie).until
    assert now(ahead=11.9 * 3600) < until < now(ahead=12.1 * 3600)
    with store.begin() as base:
        base.execute(update(tables.session).values(until=now(ahead=-1)))
    assert Sessions(store).find(cookie) is None
    Sessions(store).exchange(Sessions(store).token())  # cleans up behind old sessions
    with store.read() as base:
        assert len(base.execute(select(tables.session)).all()) == 1


def test_a_look_up_is_remembered_for_seconds_and_logging_out_holds_at_once(store, monkeypatch):
    sessions, clock = Sessions(store), [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    cookie = sessions.exchange(sessions.token())
    assert sessions.remembered(cookie) == (False, None)
    sessions.find(cookie)
    assert sessions.remembered(cookie)[1] is not None
    sessions.end(cookie)
    assert sessions.remembered(cookie) == (False, None)
    assert sessions.find(cookie) is None


def test_the_link_leads_to_where_the_service_was_started(store):
    assert Sessions(store).link().startswith("http://127.0.0.1:8000/login?token=")
    Sessions(store).moved("http://localhost:8123")
    assert Sessions(store).link().startswith("http://localhost:8123/login?token=")


def test_the_browser_gets_a_cookie_that_only_we_read(served):
    token = served.sessions.token()
    with served.client() as client:
        answer = client.get("/login", params={"token": token})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        cookie = answer.headers["set-cookie"].lower()
        assert all(word in cookie for word in ("httponly", "samesite=strict", "path=/", f"max-age={12 * 3600}")), cookie
        assert "secure" not in cookie  # plain http on this machine: browsers would drop it
        assert client.get("/api/v1/ping").json()["via"] == "session"
        assert client.get("/login", params={"token": token}).status_code == 401


def test_behind_https_the_cookie_is_secure(served):
    answer = served.client().get("/login", params={"token": served.sessions.token()}, headers={"X-Forwarded-Proto": "https"})
    assert "secure" in answer.headers["set-cookie"].lower()


def test_a_browser_without_a_session_is_led_to_the_login(served):
    with served.client(headers={"Accept": "text/html,*/*"}) as browser:
        answer = browser.get("/")
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        assert browser.get("/api/v1/ping").headers["content-type"] == "application/problem+json"  # a program's address


def test_the_cookies_name_is_ours(served):
    client, _ = served.signed_in()
    assert COOKIE in client.cookies
