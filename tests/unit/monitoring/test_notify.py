"""Webhooks against a real server that fails, is slow, redirects and recovers."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from tocsin.core.errors import ConfigError
from tocsin.monitoring import notify
from tocsin.monitoring.incident import Incidents
from tocsin.monitoring.notify import Courier, set_webhook
from tocsin.store import moment, tables
from tocsin.store.engine import Store


class Receiver:
    """What came, and what is answered: a status, or "slow"."""

    def __init__(self) -> None:
        self.came: list[tuple[dict[str, str], bytes, str]] = []
        self.answer: int | str = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.came.append((dict(self.headers), body, self.path))
                if outer.answer == "slow":
                    time.sleep(0.5)
                    return
                self.send_response(int(outer.answer))
                if outer.answer == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def told(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body, _ in self.came]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.thread.join()
    made.server.server_close()


@pytest.fixture
def place(tmp_path: Path, receiver: Receiver) -> Iterator[Store]:
    with Store(tmp_path / "place") as opened:
        set_webhook(opened, receiver.url, "s3cret")
        yield opened


def fire(store: Store, key: str = "quality:flow") -> int:
    made = Incidents(store).raise_("pump", "quality", key, "Half of it is missing", "low", {"rows": 3})
    assert made is not None
    return int(made["id"])


def later(store: Store) -> None:
    """As if all waits were over."""
    with store.begin() as base:
        base.execute(update(tables.notice).where(tables.notice.c.state == "waiting").values(due=moment.now(ahead=-1)))


def states(store: Store) -> list[tuple[str, int]]:
    return [(one["state"], one["tries"]) for one in reversed(Courier(store).notices())]


def test_each_state_is_told_once_and_signed(place: Store, receiver: Receiver) -> None:
    id = fire(place)
    fire(place)  # the same incident again
    assert Courier(place).send_due() == {"sent": 1, "failed": 0, "again": 0, "held": 0}
    assert Courier(place).send_due()["sent"] == 0
    Incidents(place).acknowledge(id, by="ann")
    Incidents(place).resolve(id, by="ann")
    Courier(place).send_due()
    assert [told["incident"]["state"] for told in receiver.told()] == ["open", "acknowledged", "resolved"]
    headers, body, path = receiver.came[0]
    at, _, sent = headers["Tocsin-Signature"].removeprefix("t=").partition(",v1=")
    assert hmac.new(b"s3cret", f"{at}.".encode() + body, hashlib.sha256).hexdigest() == sent and abs(int(at) - time.time()) < 60
    assert headers["Tocsin-Notice"] == f"{id}:open:low" and headers["Content-Type"] == "application/json" and path == "/hook"
    assert receiver.told()[0] == {"kind": "incident", "incident": receiver.told()[0]["incident"]}
    assert receiver.told()[0]["incident"]["title"] == "Half of it is missing"


def test_a_failing_server_is_tried_again_later_and_recovers(place: Store, receiver: Receiver) -> None:
    fire(place)
    receiver.answer = 500
    assert Courier(place).send_due()["again"] == 1
    notice = Courier(place).notices()[0]
    assert (notice["state"], notice["tries"], notice["error"]) == ("waiting", 1, "the server answered 500")
    assert 5 < moment.seconds_between(moment.now(), notice["due"]) <= 10
    assert Courier(place).send_due() == {"sent": 0, "failed": 0, "again": 0, "held": 0}  # not yet
    later(place)
    receiver.answer = 204
    assert Courier(place).send_due()["sent"] == 1 and states(place) == [("sent", 2)] and len(receiver.came) == 2


def test_waits_grow_and_after_six_tries_it_has_failed(place: Store, receiver: Receiver) -> None:
    fire(place)
    receiver.answer = 503
    waits = []
    for _ in range(7):
        Courier(place).send_due()
        waits.append(moment.seconds_between(moment.now(), Courier(place).notices()[0]["due"]))
        later(place)
    assert states(place) == [("failed", 6)] and len(receiver.came) == 6
    assert all(abs(wait - wanted) < 5 for wait, wanted in zip(waits, notify.WAITS))
    assert Courier(place).notices(state="failed")[0]["error"] == "the server answered 503"


def test_a_slow_server_a_dead_one_and_a_redirect_are_failures(place: Store, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "_TIMEOUT", 0.1)
    fire(place)
    for answer, words in (("slow", "ReadTimeout"), (302, "the server answered 302")):
        receiver.answer = answer
        Courier(place).send_due()
        assert words in Courier(place).notices()[0]["error"]
        later(place)
    assert {path for _, _, path in receiver.came} == {"/hook"}  # the redirect was not followed
    set_webhook(place, "http://127.0.0.1:9/")
    fire(place, "other")
    Courier(place).send_due()
    assert "ConnectError" in Courier(place).notices(state="waiting")[0]["error"]
    assert Courier(place).notices(state="dropped")[0]["error"] == "another address was set"


def test_a_flood_becomes_one_digest_and_then_a_pause(place: Store, receiver: Receiver) -> None:
    for i in range(30):
        fire(place, f"key {i}")
    assert Courier(place).send_due()["sent"] == 30
    told = receiver.told()
    assert [one["kind"] for one in told] == ["incident"] * 9 + ["digest"] and len(told[-1]["incidents"]) == 21
    fire(place, "one more")
    assert Courier(place).send_due() == {"sent": 0, "failed": 0, "again": 0, "held": 1} and len(receiver.came) == 10
    with place.begin() as base:  # a minute later
        base.execute(update(tables.notice).where(tables.notice.c.state == "sent").values(due=moment.now(ahead=-61)))
    assert Courier(place).send_due()["sent"] == 1 and receiver.told()[-1]["kind"] == "incident"


def test_tries_that_failed_count_against_the_rate(place: Store, receiver: Receiver) -> None:
    set_webhook(place, "http://127.0.0.1:9/")
    for i in range(8):
        fire(place, f"key {i}")
    assert Courier(place).send_due()["again"] == 8
    for i in range(8, 16):
        fire(place, f"key {i}")
    assert Courier(place).send_due()["again"] == 8  # one alone and seven in a digest: two requests are left of ten
    fire(place, "one more")
    assert Courier(place).send_due()["held"] == 1


def test_a_server_that_answers_drop_by_drop_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    assert notify._within(0.05, lambda: str(ended.wait(20))) == "no answer within 0 s"
    ended.set()


@pytest.mark.parametrize("url", ["http://u:p@h/", "http://h:0/", "http://h:abc/", "http://h:99999999/", "http://\0x/", "http://[", "ftp://h/"])
def test_an_address_that_nothing_can_be_sent_to_is_refused(place: Store, url: str) -> None:
    with pytest.raises(ConfigError, match="TOC-289"):
        set_webhook(place, url)


def test_two_couriers_do_not_send_twice(place: Store, receiver: Receiver) -> None:
    for i in range(8):
        fire(place, f"key {i}")
    ready = threading.Barrier(3)

    def run() -> None:
        ready.wait()
        Courier(place).send_due()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keys = [headers["Tocsin-Notice"] for headers, _, _ in receiver.came]
    assert sum(1 + int(key.partition("+")[2] or 0) for key in keys) == 8 and len(set(keys)) == len(keys)


def test_without_an_address_nothing_is_written(tmp_path: Path) -> None:
    with Store(tmp_path / "place") as store:
        fire(store)
        set_webhook(store, None)
        fire(store, "b")
        assert Courier(store).notices() == [] and Courier(store).send_due()["sent"] == 0


def test_a_rolled_back_incident_leaves_no_notice(place: Store) -> None:
    with pytest.raises(ZeroDivisionError), place.begin() as base:
        Incidents(place).raise_("pump", "quality", "k", "t", "low", {}, base=base)
        raise ZeroDivisionError
    with place.read() as base:
        assert base.execute(select(tables.notice)).first() is None and base.execute(select(tables.incident)).first() is None


@pytest.mark.parametrize("url", ["ftp://a/b", "file:///etc/passwd", "http://", "javascript:alert(1)", "http://u:p@host/", "http://a b/", "",
                                 "http://host:99999/"])
def test_only_web_addresses(place: Store, url: str) -> None:
    with pytest.raises(ConfigError, match="TOC-289"):
        set_webhook(place, url)


def test_a_bad_address_in_the_settings_is_a_failed_notice_not_a_crash(place: Store) -> None:
    with place.begin() as base:
        base.execute(update(tables.setting).values(value={"url": "file:///etc/passwd"}))
    fire(place)
    assert Courier(place).send_due()["again"] == 1 and "TOC-289" in Courier(place).notices()[0]["error"]
