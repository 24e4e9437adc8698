"""From an upload to a detector, its labels, its versions and its incidents, over HTTP; each address good and bad."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

WILD = {"amount": 500.0, "weight": 4.0, "city": "Oslo", "express": True}


@pytest.fixture(scope="module")
def made(service: Any) -> str:
    """A detector that was made over HTTP from a csv with an odd row; its name."""
    lines = ["amount,weight", *(f"{50 + i % 13},{4 + i % 7 / 10}" for i in range(150)), "900,4"]
    seen = service.http.post("/uploads", files={"file": ("made.csv", "\n".join(lines))}).json()
    job = service.http.post("/detectors", json={"name": "made", "upload": seen["digest"], "detector": "gaussian"})
    assert job.status_code == 202 and job.headers["location"] == f"/api/v1/jobs/{job.json()['id']}"
    assert service.ended(job.json()["id"])["state"] == "done"
    return "made"


def test_a_detector_has_a_brief_and_a_whole_view(service: Any, made: str) -> None:
    (brief,) = [one for one in service.http.get("/detectors").json() if one["name"] == made]
    assert (brief["live"], brief["versions"], brief["detector"], brief["kind"]) == (1, 1, "gaussian", "table")
    view = service.http.get(f"/detectors/{made}").json()
    assert view["brief"] == brief and view["live"]["number"] == 1 and view["settings"]["filename"] == "made.csv"
    assert len(view["trace"]["score"]) == 151 and view["trace"]["step"] == 1.0
    alarms = [one["alarms"] for one in view["threshold"]["alarms"]]
    assert view["threshold"]["text"] == "false_alarm_rate=0.01" and alarms == sorted(alarms) and alarms[-1] > 10
    (now,) = [one["alarms"] for one in view["threshold"]["alarms"] if one["value"] == 0.01]
    assert now == len(view["recent"])
    assert made in [one["name"] for one in service.http.get("/home").json()["models"]]


def test_the_threshold_moves_and_goes_back(service: Any, made: str) -> None:
    moved = service.http.post(f"/detectors/{made}/threshold", json={"threshold": "false_alarm_rate=0.2", "why": "see more"}).json()
    assert set(moved) == {"live", "previous"} and (moved["live"]["number"], moved["live"]["live"], moved["previous"]) == (2, True, 1)
    assert service.http.get(f"/detectors/{made}").json()["threshold"]["value"] == 0.2
    compared = service.http.get(f"/detectors/{made}/versions/1/compare/2").json()
    assert compared["facts"]["threshold.rate"] == [0.01, 0.2]
    back = service.http.post(f"/detectors/{made}/rollback").json()
    assert (back["live"]["number"], back["previous"]) == (1, 2)
    assert service.http.get(f"/detectors/{made}/versions").json()["moves"][0]["kind"] == "rollback"
    for wrong, code in (("nonsense", "TOC-242"), ("false_alarm_rate=7", "TOC-241")):
        answer = service.http.post(f"/detectors/{made}/threshold", json={"threshold": wrong})
        assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_a_label_is_kept_with_who_said_it(service: Any, made: str) -> None:
    odd = service.http.get(f"/detectors/{made}/detections").json()[-1]
    answer = httpx.post(
        f"{service.address}/api/v1/detectors/{made}/labels",
        headers=service.key("label"),
        json={"detection": odd["id"], "is_anomaly": False, "why": "cleaning day"},
    )
    assert answer.status_code == 201 and answer.json()["by"] == "line 3"
    again = [one for one in service.http.get(f"/detectors/{made}/detections").json() if one["id"] == odd["id"]]
    assert again[0]["label"] is False
    given = service.http.post(f"/detectors/{made}/labels", json={"cells": {"amount": 1.5, "weight": None}, "is_anomaly": True})
    assert given.status_code == 201 and [one["is_anomaly"] for one in service.http.get(f"/detectors/{made}/labels").json()] == [True, False]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"is_anomaly": True}, 422),
        ({"is_anomaly": True, "detection": 10**6}, 404),
        ({"is_anomaly": "maybe", "detection": 1}, 422),
        ({"is_anomaly": True, "detection": -1}, 422),
        ({"is_anomaly": True, "cells": {"a": [1]}}, 422),
        ({"detection": 1}, 422),
    ],
)
def test_labels_that_name_no_row_are_refused(service: Any, made: str, body: dict[str, Any], status: int) -> None:
    assert service.http.post(f"/detectors/{made}/labels", json=body).status_code == status


@pytest.mark.parametrize("cells", [{"zzz": 1}, {"amount": "garbage", "weight": 1.0}, {"amount": 10**400, "weight": 1.0}])
def test_a_told_row_that_does_not_fit_is_refused_before_it_is_learned_from(service: Any, made: str, cells: dict[str, Any]) -> None:
    answer = service.http.post(f"/detectors/{made}/labels", json={"cells": cells, "is_anomaly": True})
    assert answer.status_code == 422 and answer.json()["code"] == "TOC-195"


def test_a_detection_belongs_to_its_detector(service: Any, made: str) -> None:
    odd = service.http.get(f"/detectors/{made}/detections").json()[0]
    assert service.http.post("/detectors/orders/labels", json={"detection": odd["id"], "is_anomaly": True}).status_code == 404


def test_learning_again_makes_a_candidate(service: Any, made: str) -> None:
    job = service.http.post(f"/detectors/{made}/retrain", json={"why": "after the audit"})
    assert job.status_code == 202 and service.ended(job.json()["id"])["state"] == "done"
    newest = service.http.get(f"/detectors/{made}/versions").json()["versions"][0]
    assert not newest["live"] and newest["facts"]["learned"]
    assert service.http.post(f"/detectors/{made}/versions/{newest['number']}/promote").status_code == 200


def test_a_further_version_is_learned_from_a_new_file_and_keeps_the_live_threshold(service: Any, made: str) -> None:
    live = service.http.get(f"/detectors/{made}").json()["live"]
    service.http.post(f"/detectors/{made}/threshold", json={"threshold": "false_alarm_rate=0.07"})
    march = "amount,weight\n" + "".join(f"{51 + i % 11},{4 + i % 9 / 10}\n" for i in range(150))
    upload = service.http.post("/uploads", files={"file": ("march.csv", march)}).json()["digest"]
    answer = service.http.post(f"/detectors/{made}/versions", json={"upload": upload, "why": "march"})
    assert answer.status_code == 202 and answer.headers["location"].endswith(answer.json()["id"])
    done = service.ended(answer.json()["id"])
    versions = service.http.get(f"/detectors/{made}/versions").json()["versions"]
    new = next(one for one in versions if one["number"] == done["result"]["number"])
    assert not new["live"] and new["data"] == upload and new["why"].startswith("march") and new["facts"]["threshold"]["rate"] == 0.07
    assert new["detector"] == live["detector"] and new["facts"]["n_train"] == 150
    other = service.http.post("/uploads", files={"file": ("other.csv", b"x,y\n" + b"1,2\n3,5\n2,2.5\n" * 20)}).json()["digest"]
    failed = service.ended(service.http.post(f"/detectors/{made}/versions", json={"upload": other}).json()["id"])
    assert failed["state"] == "failed" and failed["error"]["code"] == "TOC-626" and "'amount'" in failed["error"]["came"]
    assert service.http.post(f"/detectors/{made}/versions", json={"upload": "nosuch"}).status_code == 404
    service.http.post(f"/detectors/{made}/rollback")


def test_without_its_rows_nothing_is_learned_again(service: Any) -> None:
    refused = service.http.post("/detectors/orders/retrain")
    assert (refused.status_code, refused.json()["code"]) == (409, "TOC-351")
    assert "POST /api/v1/detectors/orders/versions" in refused.json()["todo"]


def test_a_whole_file_is_judged(service: Any, made: str) -> None:
    digest = service.http.post("/uploads", files={"file": ("march.csv", b"amount,weight\n50,4\n700,4\n51,4\n")}).json()["digest"]
    job = service.http.post(f"/detectors/{made}/judge", json={"upload": digest})
    found = service.ended(job.json()["id"])
    assert job.status_code == 202 and found["state"] == "done" and found["result"]["rows"] == 3 and found["result"]["alarms"] >= 1
    batch = service.http.get(f"/detectors/{made}/detections", params={"batch": found["result"]["batch"]}).json()
    assert 1 in [one["row"] for one in batch]
    assert service.http.post(f"/detectors/{made}/judge", json={"upload": "0" * 64}).json()["code"] == "TOC-642"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"upload": "0" * 64, "name": "new"}, 404, "TOC-642"),
        ({"name": "new"}, 422, "TOC-255"),
        ({"upload": "../../etc/passwd", "name": "new"}, 404, "TOC-642"),
        ({"name": "No Name!"}, 422, "TOC-251"),
        ({"name": "made"}, 409, "TOC-620"),
        ({"name": "new", "detector": "nosuch"}, 422, "TOC-203"),
        ({"name": "new", "threshold": "maybe"}, 422, "TOC-242"),
        ({"name": "new", "kind": "images"}, 422, "TOC-255"),
        ({"name": "new", "evil": 1}, 422, "TOC-255"),
        ({"name": "x" * 64}, 422, "TOC-202"),
        ({"name": ""}, 422, "TOC-202"),
    ],
)
def test_wishes_that_cannot_be_met_are_refused(service: Any, made: str, body: dict[str, Any], status: int, code: str) -> None:
    seen = service.http.post("/uploads", files={"file": ("a.csv", b"a,b\n1,2\n3,4\n")}).json()
    full = body if (code in ("TOC-642", "TOC-255") and "upload" in body) or body == {"name": "new"} else {"upload": seen["digest"], **body}
    answer = service.http.post("/detectors", json=full)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "new" not in [one["name"] for one in service.http.get("/detectors").json()]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/detectors/nosuch"),
        ("GET", "/detectors/nosuch/versions"),
        ("GET", "/detectors/nosuch/detections"),
        ("GET", "/detectors/nosuch/labels"),
        ("GET", "/detectors/orders/versions/1/compare/99"),
        ("POST", "/detectors/nosuch/retrain"),
        ("POST", "/detectors/nosuch/rollback"),
        ("POST", "/detectors/orders/versions/99/promote"),
        ("GET", "/jobs/nosuch"),
        ("GET", "/jobs/nosuch/events"),
        ("POST", "/jobs/nosuch/cancel"),
        ("GET", "/incidents/99999"),
        ("POST", "/incidents/99999/acknowledge"),
        ("POST", "/incidents/99999/resolve"),
        ("GET", "/uploads/nosuch"),
        ("GET", "/nosuch"),
    ],
)
def test_things_that_are_not_there_are_not_found(service: Any, method: str, path: str) -> None:
    answer = service.http.request(method, path)
    assert answer.status_code == 404 and answer.headers["content-type"] == "application/problem+json" and answer.json()["todo"]


@pytest.mark.parametrize(
    "path",
    [
        "/detectors/orders/versions/x/compare/1",
        "/detectors/orders/detections?limit=0",
        "/detectors/orders/detections?before=x",
        "/incidents/x",
        "/incidents?state=sad",
        "/incidents/99999999999999999999",
    ],
)
def test_addresses_that_make_no_sense_are_refused(service: Any, path: str) -> None:
    assert service.http.get(path).json()["code"] == "TOC-255"


def test_an_incident_is_worked_on_to_its_end(service: Any) -> None:
    raised = service.place.incidents.raise_("orders", "quality", "quality:amount", "Half of 'amount' is missing", "high", {})
    id = raised["id"]
    assert id in [one["id"] for one in service.http.get("/incidents", params={"state": "unresolved", "model": "orders"}).json()]
    assert service.http.post(f"/incidents/{id}/acknowledge", json={"note": "looking"}).json()["state"] == "acknowledged"
    assert service.http.post(f"/incidents/{id}/assign", json={"owner": "ada"}).json()["owner"] == "ada"
    assert service.http.post(f"/incidents/{id}/note", json={"note": "a cable"}).status_code == 200
    assert service.http.post(f"/incidents/{id}/mute", json={"hours": 2}).json()["muted"] > raised["opened"]
    assert service.place.incidents.muted("orders", "quality:amount") and not service.place.incidents.muted("orders")
    done = service.http.post(f"/incidents/{id}/resolve", json={"note": "mended"}).json()
    assert done["state"] == "resolved" and {"acknowledged", "assigned", "noted", "muted", "resolved"} <= {
        one["what"] for one in done["timeline"]
    }
    assert [one["by"] for one in done["timeline"] if one["what"] == "resolved"] == ["boss"]
    again = service.http.post(f"/incidents/{id}/acknowledge")
    assert (again.status_code, again.json()["code"]) == (409, "TOC-350")
    for path, body in (("mute", {"hours": -1}), ("mute", {}), ("note", {}), ("note", {"note": ""})):
        assert service.http.post(f"/incidents/{id}/{path}", json=body).status_code == 422, (path, body)
    assert service.http.post(f"/incidents/{id}/assign", json={}).status_code == 422


def test_the_webhook_is_set_and_its_secret_is_not_shown(service: Any) -> None:
    answer = service.http.put("/settings/webhook", json={"url": "https://example.org/hook", "secret": "s3cret"})
    assert answer.json() == {"url": "https://example.org/hook", "signed": True} and "s3cret" not in answer.text
    shown = service.http.get("/settings/webhook")
    assert shown.json() == {"url": "https://example.org/hook", "signed": True} and "s3cret" not in shown.text
    assert service.http.put("/settings/webhook", json={"url": ""}).json() == {"url": "", "signed": False}
    for url in ("ftp://example.org", "javascript:alert(1)", "file:///etc/passwd", "http://", "https://a b"):
        assert service.http.put("/settings/webhook", json={"url": url}).json()["code"] == "TOC-193", url


def test_each_deed_needs_its_scope(service: Any) -> None:
    score, label = (httpx.Client(base_url=f"{service.address}/api/v1", headers=service.key(scope)) for scope in ("score", "label"))
    with score, label:
        assert score.get("/detectors").status_code == 200 and label.get("/detectors").status_code == 403
        for path in (
            "/detectors",
            "/detectors/orders/threshold",
            "/detectors/orders/retrain",
            "/detectors/orders/rollback",
            "/detectors/orders/versions/1/promote",
            "/detectors/orders/judge",
            "/jobs/x/cancel",
            "/incidents/1/resolve",
        ):
            assert score.post(path, json={}).status_code == 403 and label.post(path, json={}).status_code == 403, path
        assert score.put("/settings/webhook", json={"url": ""}).status_code == 403
        assert score.post("/uploads", files={"file": ("a.csv", b"a\n1\n")}).status_code == 403
        assert score.post("/detectors/orders/labels", json={"is_anomaly": True}).status_code == 403


def test_the_description_holds_every_address_with_examples(service: Any) -> None:
    told = httpx.get(f"{service.address}/openapi.json").json()
    paths = {path.removeprefix("/api/v1") for path in told["paths"] if path.startswith("/api/v1")}
    assert {
        "/uploads",
        "/detectors",
        "/detectors/{name}",
        "/detectors/{name}/score",
        "/detectors/{name}/explain",
        "/detectors/{name}/judge",
        "/detectors/{name}/labels",
        "/detectors/{name}/threshold",
        "/detectors/{name}/retrain",
        "/detectors/{name}/rollback",
        "/detectors/{name}/versions",
        "/detectors/{name}/versions/{number}/promote",
        "/detectors/{name}/versions/{a}/compare/{b}",
        "/detectors/{name}/detections",
        "/jobs/{id}",
        "/jobs/{id}/events",
        "/jobs/{id}/cancel",
        "/incidents",
        "/incidents/{id}",
        "/incidents/{id}/acknowledge",
        "/incidents/{id}/assign",
        "/incidents/{id}/resolve",
        "/incidents/{id}/note",
        "/incidents/{id}/mute",
        "/settings/webhook",
        "/home",
    } <= paths
    score = told["paths"]["/api/v1/detectors/{name}/score"]["post"]
    assert set(score["requestBody"]["content"]) == {"application/json", "text/csv"} and score["responses"]["200"]["content"]
    assert told["components"]["schemas"]["Create"]["examples"] and "rows" in score["requestBody"]["content"]["application/json"]["examples"]
