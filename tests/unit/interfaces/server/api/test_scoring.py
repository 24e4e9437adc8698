"""Score and explain over HTTP: every form of body, strict JSON, limits, and a promoted version at the very next call."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest

ROW = {"amount": 50.0, "weight": 4.0, "city": "Oslo", "express": True}
WILD = {"amount": 500.0, "weight": 4.0, "city": "Oslo", "express": True}


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


def test_rows_are_judged_as_the_model_judges_them(service: Any, fitted: Any, rows: Any) -> None:
    asked = [*rows(3, 5), WILD]
    found = service.http.post("/detectors/orders/score", json={"rows": asked}).json()
    expected = fitted.detect(asked)
    assert (found["model"], found["version"], found["threshold"]) == ("orders", 1, pytest.approx(expected.threshold, rel=1e-12))
    for name in ("score", "p_value", "is_anomaly"):
        np.testing.assert_allclose([row[name] for row in found["rows"]], getattr(expected, name), rtol=1e-12)
    assert [row["id"] for row in found["rows"]] == [0, 1, 2, 3] and found["rows"][3]["is_anomaly"] is True
    assert len(found["batch"]) == 32 and "events" not in found and "reason" not in found["rows"][3]


def test_columns_and_csv_say_the_same_as_rows(service: Any, rows: Any, as_csv: Any) -> None:
    asked = rows(4, 6)
    by_rows = service.http.post("/detectors/orders/score", json={"rows": asked}).json()["rows"]
    columns = {name: [row[name] for row in asked] for name in asked[0]}
    assert service.http.post("/detectors/orders/score", json={"columns": columns}).json()["rows"] == by_rows
    answer = service.http.post("/detectors/orders/score", content=as_csv(asked), headers={"content-type": "text/csv; charset=utf-8"})
    assert [row["score"] for row in answer.json()["rows"]] == pytest.approx([row["score"] for row in by_rows], rel=1e-12)


def test_many_callers_at_once_get_their_own_rows(service: Any, fitted: Any, rows: Any) -> None:
    asked = [rows(1 + seed % 3, seed) for seed in range(24)]
    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda one: service.http.post("/detectors/orders/score", json={"rows": one}).json(), asked))
    for one, answer in zip(asked, answers):
        assert [row["score"] for row in answer["rows"]] == pytest.approx(fitted.detect(one).score.tolist(), rel=1e-12)


def test_flagged_rows_get_a_reason_when_asked(service: Any) -> None:
    found = service.http.post("/detectors/orders/score", json={"rows": [ROW, WILD], "explain": True}).json()["rows"]
    assert "reason" not in found[0] and found[1]["reason"]["sentence"].startswith("`amount` is 500")
    assert (
        found[1]["reason"]["observed"]["amount"] == 500.0
        and max(found[1]["reason"]["shares"], key=found[1]["reason"]["shares"].get) == "amount"
    )
    answer = service.http.post(
        "/detectors/orders/score?explain=true&version=2",
        content="amount,weight,city,express\n500,4,Oslo,true\n",
        headers={"content-type": "text/csv"},
    ).json()
    assert answer["version"] == 2 and "reason" in answer["rows"][0]


def test_explain_tells_of_every_row(service: Any) -> None:
    found = service.http.post("/detectors/orders/explain", json={"rows": [ROW, WILD]}).json()
    assert [set(row["reason"]) for row in found["rows"]] == [{"sentence", "shares", "observed", "expected"}] * 2
    assert found["version"] == 1 and "batch" not in found


def test_a_series_is_judged_in_time_with_its_events(service: Any) -> None:
    stamps = (np.datetime64("2026-02-01T00:00:00") + np.arange(60) * np.timedelta64(1, "h")).astype(str).tolist()
    flow = (10 + 3 * np.sin(np.arange(60) * 2 * np.pi / 24)).round(3)
    flow[40:43] += 9
    found = service.http.post("/detectors/flow/score", json={"columns": {"stamp": stamps, "flow": flow.tolist()}, "explain": True}).json()
    assert [row["time"] for row in found["rows"]] == stamps
    assert found["events"] and found["events"][0]["start_time"] <= "2026-02-02T16:00:00" <= found["events"][-1]["end_time"]
    assert all("reason" in row for row in found["rows"] if row["is_anomaly"])


def test_a_series_is_answered_in_the_order_that_was_sent(service: Any) -> None:
    stamps = (np.datetime64("2026-02-01T00:00:00") + np.arange(60) * np.timedelta64(1, "h")).astype(str)
    flow = (10 + 3 * np.sin(np.arange(60) * 2 * np.pi / 24)).round(3)
    flow[40:43] += 9
    order = np.random.default_rng(0).permutation(60)
    sorted_ = service.http.post("/detectors/flow/score", json={"columns": {"stamp": stamps.tolist(), "flow": flow.tolist()}}).json()
    sent = {"stamp": stamps[order].tolist(), "flow": flow[order].tolist()}
    found = service.http.post("/detectors/flow/score", json={"columns": sent}).json()
    assert "notes" not in sorted_ and "not in time order" in found["notes"][0]
    assert [row["time"] for row in found["rows"]] == sent["stamp"] and [row["id"] for row in found["rows"]] == list(range(60))
    assert [row["score"] for row in found["rows"]] == pytest.approx([sorted_["rows"][i]["score"] for i in order])
    peak = found["events"][0]["peak"]
    assert order[peak] == sorted_["events"][0]["peak"] and found["rows"][peak]["is_anomaly"]


def test_what_is_odd_about_the_rows_is_noted(service: Any) -> None:
    def notes(name: str, *rows: dict[str, Any]) -> list[str]:
        return list(service.http.post(f"/detectors/{name}/score", json={"rows": rows}).json().get("notes", []))

    assert notes("orders", ROW, WILD) == []
    assert notes("orders", {**ROW, "colour": "red"}) == ["1 columns are not known to the model and are left out: 'colour'"]
    unread = notes("orders", {**ROW, "amount": "many", "colour": "red"}, ROW)
    assert len(unread) == 2 and "'colour'" in unread[0] and unread[1] == "'many' read as missing in 'amount'"
    assert "shorter than the" in notes("flow", {"stamp": "2026-02-01T00:00:00", "flow": 10.0})[0]


def test_a_version_can_be_named(service: Any) -> None:
    assert service.http.post("/detectors/orders/score", json={"rows": [ROW], "version": 2}).json()["version"] == 2
    assert problem(service.http.post("/detectors/orders/score", json={"rows": [ROW], "version": 9})) == (404, "TOC-622")


def test_promote_and_roll_back_hold_from_the_next_call(service: Any) -> None:
    def version() -> int:
        return int(service.http.post("/detectors/orders/score", json={"rows": [ROW]}).json()["version"])

    assert version() == 1
    promoted = service.http.post("/detectors/orders/versions/2/promote", json={"why": "stricter"})
    assert (promoted.json()["live"]["number"], promoted.json()["previous"]) == (2, 1) and version() == 2
    assert problem(service.http.post("/detectors/orders/rollback", json={"expect": 1}))[1] == "TOC-625" and version() == 2
    assert service.http.post("/detectors/orders/rollback", json={"why": "too strict", "expect": 2}).status_code == 200 and version() == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ('{"rows": [{"amount": NaN}]}', "TOC-192"),
        ('{"rows": [{"amount": Infinity}]}', "TOC-192"),
        ('{"rows": [{"amount": -1e999}]}', "TOC-192"),
        ('{"rows": [{"other": NaN, "amount": 1}]}', "TOC-192"),
        ('{"columns": {"amount": [1, NaN]}}', "TOC-192"),
        ('{"rows": [{"amount": [1, {"a": NaN}]}]}', "TOC-192"),
        ('{"rows": [', "TOC-191"),
        ("", "TOC-191"),
        ("[1]", "TOC-191"),
        ("null", "TOC-191"),
        ('{"rows": [1, 2]}', "TOC-191"),
        ('{"rows": [{}]}', "TOC-191"),
        ('{"rows": []}', "TOC-112"),
        ('{"rows": {"a": 1}}', "TOC-112"),
        ('{"rows": null}', "TOC-112"),
        ('{"columns": {"a": [1], "b": [1, 2]}}', "TOC-101"),
        ('{"columns": {"a": 1}}', "TOC-191"),
        ('{"rows": [{"amount": 1}], "columns": {"amount": [1]}}', "TOC-191"),
        ('{"rows": [{"amount": 1}], "explain": "yes"}', "TOC-191"),
        ('{"rows": [{"amount": 1}], "version": "2"}', "TOC-191"),
        ('{"rows": [{"amount": 1}], "evil": 1}', "TOC-191"),
        ('{"rows": [{"amount": 1}]}', "TOC-133"),
        ("[" * 5000, "TOC-191"),
        ('{"rows": [{"a": "\\ud800"}]}', "TOC-191"),
    ],
)
def test_bodies_that_cannot_be_judged_are_refused_with_words(service: Any, body: str, code: str) -> None:
    answer = service.http.post("/detectors/orders/score", content=body, headers={"content-type": "application/json"})
    assert problem(answer) == (422, code) and "Traceback" not in answer.text and str(service.place.store.folder) not in answer.text


def test_bytes_that_are_no_text_are_refused(service: Any) -> None:
    assert problem(service.http.post("/detectors/orders/score", content=b"\xff\xfe{}"))[1] == "TOC-191"
    answer = service.http.post("/detectors/orders/score", content=b"a,b\n1,2,3,4\n5\n", headers={"content-type": "text/csv"})
    assert problem(answer)[0] == 422 and str(service.place.store.folder) not in answer.text
    answer = service.http.post("/detectors/orders/score", content=b"x", headers={"content-type": "image/png"})
    assert problem(answer) == (415, "TOC-605")


def test_hostile_cells_are_only_cells(service: Any) -> None:
    for cell in ("<script>alert(1)</script>", "'; drop table model; --", "\x00", "😀" * 300, "=cmd|' /C calc'!A0", "NaN", "null"):
        answer = service.http.post("/detectors/orders/score", json={"rows": [{**ROW, "city": cell}], "explain": True})
        assert answer.status_code == 200 and np.isfinite(answer.json()["rows"][0]["score"]), cell


def test_missing_values_are_judged_and_answers_are_strict_json(service: Any) -> None:
    answer = service.http.post(
        "/detectors/orders/score", json={"rows": [{**ROW, "amount": None}, {name: None for name in ROW}], "explain": True}
    )

    def refuse(word: str) -> None:
        raise AssertionError(word)

    assert len(json.loads(answer.content, parse_constant=refuse)["rows"]) == 2


def test_too_many_rows_are_refused(service: Any, rows: Any) -> None:
    many = rows(501)
    assert problem(service.http.post("/detectors/orders/score", json={"rows": many})) == (413, "TOC-603")
    assert len(service.http.post("/detectors/orders/score", json={"rows": many[:500]}).json()["rows"]) == 500


@pytest.mark.parametrize("name", ["nosuch", "..%2f..%2fetc", "UPPER", "a'b", "x" * 300])
def test_an_unknown_detector_is_not_found(service: Any, name: str) -> None:
    for verb in ("score", "explain"):
        assert service.http.post(f"/detectors/{name}/{verb}", json={"rows": [ROW]}).status_code == 404


def test_a_detector_without_a_version_says_so(service: Any) -> None:
    service.place.registry.create("unborn", "table", {}, by="boss")
    assert problem(service.http.post("/detectors/unborn/score", json={"rows": [ROW]})) == (409, "TOC-623")


def test_scoring_needs_a_key_that_may_score(service: Any) -> None:
    address = f"{service.address}/api/v1/detectors/orders/score"
    assert problem(httpx.post(address, json={"rows": [ROW]}))[0] == 401
    assert problem(httpx.post(address, json={"rows": [ROW]}, headers=service.key("label")))[0] == 403
    assert httpx.post(address, json={"rows": [ROW]}, headers=service.key("score")).status_code == 200
    assert (
        problem(httpx.post(f"{service.address}/api/v1/detectors/orders/explain", json={"rows": [ROW]}, headers=service.key("label")))[0]
        == 403
    )


def test_what_was_judged_is_written_down_under_the_batch_that_was_told(service: Any) -> None:
    answer = service.http.post("/detectors/orders/score", json={"rows": [ROW, WILD]}).json()
    service.desk.scribe.flush()
    found = service.http.get("/detectors/orders/detections", params={"batch": answer["batch"]}).json()
    (mine,) = [row for row in found if row["row"] == answer["first_row"] + 1]
    assert mine["cells"]["amount"] == 500.0 and mine["score"] == answer["rows"][1]["score"] and mine["reason"]["sentence"]


def test_a_body_of_very_many_objects_is_refused_before_it_is_read(service: Any, monkeypatch: Any) -> None:
    from tocsin.interfaces.server.api import scoring

    def parsed(body: bytes) -> None:
        raise AssertionError("it was read")

    head = {"content-type": "application/json"}
    with monkeypatch.context() as watched:
        watched.setattr(scoring, "parsed", parsed)
        for body in (b'{"rows": [' + b'{"a":1},' * 20_000 + b'{"a":1}]}', b'{"rows": [{"a": [' + b"[]," * 200_000 + b"[]]}]}",
                     b" " * (service.place.limits.json + 1)):
            for verb in ("score", "explain"):
                assert problem(service.http.post(f"/detectors/orders/{verb}", content=body, headers=head)) == (413, "TOC-603")
    texts = [{**ROW, "city": "{[" * 20_000 + '"' + "\\"}]
    assert service.http.post("/detectors/orders/score", json={"rows": texts}).status_code == 200


def test_columns_are_counted_before_they_become_rows(service: Any) -> None:
    assert problem(service.http.post("/detectors/orders/score", json={"columns": {"amount": [1] * 501}})) == (413, "TOC-603")
    columns = {name: [value] * 500 for name, value in ROW.items()}
    assert len(service.http.post("/detectors/orders/score", json={"columns": columns}).json()["rows"]) == 500


def test_explain_is_true_or_false_and_nothing_else(service: Any) -> None:
    wrong: list[Any] = [1, 0, None, "true", []]
    for explain in wrong:
        assert problem(service.http.post("/detectors/orders/score", json={"rows": [ROW], "explain": explain})) == (422, "TOC-191")
    for version in (True, False, "", 1.5):
        assert problem(service.http.post("/detectors/orders/score", json={"rows": [ROW], "version": version})) == (422, "TOC-191")
    csv, head = "amount,weight,city,express\n50,4,Oslo,true\n", {"content-type": "text/csv"}
    assert problem(service.http.post("/detectors/orders/score?explain=maybe", content=csv, headers=head)) == (422, "TOC-191")
    assert service.http.post("/detectors/orders/score?explain=0", content=csv, headers=head).status_code == 200


@pytest.mark.parametrize("number", [2**53 + 1, -(2**60), 10**30, 10**400])
def test_a_huge_number_for_true_or_false_is_an_answer_in_words(service: Any, number: int) -> None:
    answer = service.http.post("/detectors/orders/score", json={"rows": [ROW, {**ROW, "express": number}]})
    assert problem(answer) == (422, "TOC-134") and "express" in answer.json()["title"] + answer.json().get("detail", "")
    csv = f"amount,weight,city,express\n50,4,Oslo,{number}\n"
    answer = service.http.post("/detectors/orders/score", content=csv, headers={"content-type": "text/csv"})
    assert answer.status_code == 200 or problem(answer)[0] == 422
