"""Ready or not, and why."""

from __future__ import annotations

import pytest

from tocsin.core.errors import ServiceError


def test_ready(served):
    response = served.client().get("/healthz")
    assert response.status_code == 200
    assert response.json()["status"] == "ready"
    assert response.json()["checks"] == {"database": "ok", "worker": "ok"}


def test_not_ready_until_the_worker_lives(start):
    with start(alive=False) as served, served.client() as client:
        response = client.get("/healthz")
        told = response.json()
        assert (response.status_code, told["status"], told["code"]) == (503, 503, "TOC-604")
        assert response.headers["content-type"] == "application/problem+json"
        assert response.headers["retry-after"]
        assert told["checks"] == {"database": "ok", "worker": "no process takes jobs"}
        served.worker.live = True
        assert client.get("/healthz").status_code == 200


def test_a_database_that_does_not_answer_is_told_without_its_address(start, monkeypatch):
    with start() as served, served.client(served.keys.create(["score"])) as client:
        def away(self):
            raise ServiceError("TOC-611", "the database does not answer", came="connection to secret.internal failed")

        monkeypatch.setattr(type(served.place.store), "read", away)
        response = client.get("/healthz")
        assert response.status_code == 503
        assert response.json()["checks"]["database"] == "the database does not answer"
        assert "secret.internal" not in response.text
        refused = client.get("/api/v1/ping")
        assert (refused.status_code, refused.json()["code"], refused.json()["came"]) == (503, "TOC-611", "")


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_health_is_only_read(served, method):
    assert served.client().request(method, "/healthz").status_code == 405
