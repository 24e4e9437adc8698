"""Bounds on size, time and number, held against clients that do not tell the truth."""

from __future__ import annotations

import socket
import threading
import time

import httpx
import pytest

from tocsin.interfaces.server.wire import Wire


def told(response, status, code):
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    return response


def raw(served, data, *, then=b"", pause=0.0):
    """What the service answers to these bytes, until it closes the connection."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as line:
        line.sendall(data)
        if then:
            time.sleep(pause)
            line.sendall(then)
        answer = b""
        while part := line.recv(65536):
            answer += part
    return answer


def test_a_body_as_large_as_allowed_is_taken(served, boss):
    assert served.client(boss).post("/api/v1/things/a", content=b"x" * (1 << 20)).json()["bytes"] == 1 << 20


def test_a_stated_length_is_refused_before_a_byte_is_read(served, boss):
    head = (f"POST /api/v1/things/a HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {boss}\r\nContent-Length: {1 << 40}\r\n"
            "Expect: 100-continue\r\n\r\n").encode()
    answer = raw(served, head)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"TOC-603" in answer
    assert b"100 Continue" not in answer


def test_a_body_without_a_length_is_counted_as_it_comes(served, boss):
    sent = []

    def parts():
        for _ in range(200):
            sent.append(1)
            yield b"x" * 16_384

    told(served.client(boss).post("/api/v1/things/a", content=parts()), 413, "TOC-603")
    assert len(sent) > 1 << 20 >> 14  # it was let in up to the bound


def test_an_endless_body_is_cut_off(served, boss):
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as line:
        line.sendall(f"POST /api/v1/things/a HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {boss}\r\n".encode())
        line.sendall(b"Transfer-Encoding: chunked\r\n\r\n")
        with pytest.raises(OSError, match=r"reset|[Bb]roken|pipe"):
            for _ in range(100_000):
                line.sendall(chunk)


def test_a_form_that_is_too_large_is_refused_too(served, boss):
    told(served.client(boss).post("/api/v1/form", files={"file": b"x" * (2 << 20)}), 413, "TOC-603")


def test_a_body_that_nobody_reads_is_bounded_by_its_stated_length(served, key):
    told(served.client(key).post("/api/v1/unread", content=b"x" * (2 << 20)), 413, "TOC-603")
    assert served.client(key).post("/api/v1/unread", content=b"x").json() == {"read": False}


def test_a_stranger_may_send_little(served):
    with served.client() as client:
        told(client.post("/api/v1/things/a", content=b"x" * 70_000), 401, "TOC-601")
        told(client.post("/api/v1/things/a", content=iter([b"x" * 70_000])), 401, "TOC-601")
        told(client.post("/api/v1/things/a", content=b"x"), 401, "TOC-601")


def test_after_a_refusal_the_service_goes_on(served, boss):
    with served.client(boss) as client:
        for _ in range(3):
            told(client.post("/api/v1/things/a", content=b"x" * (2 << 20)), 413, "TOC-603")
            assert client.get("/api/v1/ping").status_code == 200


def test_an_answer_that_takes_too_long_is_given_up(start):
    with start(seconds=0.3) as served, served.client() as client:
        response = told(client.get("/api/v1/slow/1.2"), 503, "TOC-604")
        assert response.headers["retry-after"]
        assert response.headers["x-content-type-options"] == "nosniff"
        assert client.get("/api/v1/slow/0").json() == {"slept": 0}
        assert client.get("/healthz").status_code == 200


def test_a_body_that_stops_coming_is_given_up(start):
    with start(seconds=0.3) as served:
        key = served.keys.create(["label"])
        head = f"POST /api/v1/things/a HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\nContent-Length: 100\r\n\r\nabc".encode()
        answer = raw(served, head)
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"TOC-604" in answer


def test_a_body_that_keeps_coming_gets_more_time(start):
    with start(seconds=0.3) as served:
        def parts():
            for _ in range(6):
                yield b"x" * 32_768
                time.sleep(0.1)

        client = served.client(served.keys.create(["label"]))
        assert client.post("/api/v1/things/a", content=parts()).json()["bytes"] == 6 * 32_768


def test_an_answer_that_has_begun_may_go_on(start):
    with start(seconds=0.2) as served:
        assert served.client().get("/api/v1/stream").text == "0\n1\n2\n3\n"


def test_too_many_at_a_time_are_asked_to_come_back(start):
    with start(at_once=2) as served, served.client() as client:
        def hold():
            with httpx.Client(base_url=served.address, trust_env=False, timeout=20) as holder:
                while holder.get("/api/v1/slow/0.8").status_code != 200:  # the question below may have taken the place
                    time.sleep(0.01)

        busy = [threading.Thread(target=hold) for _ in range(2)]
        for thread in busy:
            thread.start()
        deadline = time.monotonic() + 10
        while (response := client.get("/api/v1/ping")).status_code != 429 and time.monotonic() < deadline:
            time.sleep(0.02)
        told(response, 429, "TOC-606")
        assert response.headers["retry-after"] == "1"
        assert client.get("/healthz").status_code == 200  # busy is not ill
        for thread in busy:
            thread.join()
        assert client.get("/api/v1/ping").status_code == 401


@pytest.mark.parametrize("head", [b"", b"GET /healthz HTTP/1.1\r\nHost: loc"])
def test_who_opens_a_connection_and_sends_no_head_is_let_go(start, head):
    with start(patience=0.2) as served:
        assert raw(served, head) == b""


def test_dripping_a_head_does_not_buy_time(start):
    with start(patience=0.3) as served, socket.create_connection(("127.0.0.1", served.port), timeout=20) as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\n")
        with pytest.raises(OSError, match=r"reset|[Bb]roken|pipe"):
            for i in range(400):
                line.sendall(f"X-{i}: drip\r\n".encode())
                time.sleep(0.02)


def test_the_second_head_of_a_connection_must_come_soon_too(start):
    whole = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with start(patience=0.3) as served:
        answer = raw(served, whole, then=b"GET /heal", pause=0.1)
        assert answer.count(b"HTTP/1.1 200") == 1


def test_waiting_for_a_slow_answer_is_not_mistaken_for_a_missing_head(start):
    with start(patience=0.2) as served:
        assert served.client().get("/api/v1/slow/0.8").json() == {"slept": 0.8}
        client = served.client(served.keys.create(["label"]))

        def parts():
            for _ in range(5):
                yield b"x"
                time.sleep(0.1)

        assert client.post("/api/v1/things/a", content=parts()).json()["bytes"] == 5


def test_patience_has_an_end_by_default():
    assert 0 < Wire.patience <= 30
