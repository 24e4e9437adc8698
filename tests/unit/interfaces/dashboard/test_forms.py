"""What a form sends becomes one verb of the desk and the way back to a page."""

from __future__ import annotations

from typing import Any

import pytest

from tocsin.core.errors import ServiceError

JOB = "/jobs/" + "r" * 32
CSV = {"file": ("../../etc/pump.csv", b"a,b\n1,2\n", "text/csv")}


def test_a_file_is_kept_and_looked_at(page: Any, desk: Any) -> None:
    answer = page.post("/new", files=CSV)
    assert (answer.status_code, answer.headers["location"]) == (303, "/new/0123")
    assert desk.done[0][2:] == (b"a,b\n1,2\n", "page")


def test_no_file_is_refused_in_words(page: Any, desk: Any) -> None:
    answer = page.post("/new", data={"csrf_token": "x"})
    assert answer.status_code == 422 and "No file was chosen" in answer.text and desk.done == []


def test_the_answered_question_becomes_a_job(page: Any, desk: Any) -> None:
    answer = page.post("/new/0123", data={"name": "pump", "clean": "true", "kind": "series", "time": "", "threshold": ""})
    assert answer.headers["location"] == JOB
    assert desk.done == [("create", {"name": "pump", "clean": True, "kind": "series", "upload": "0123"}, "page")]


def test_an_unanswered_question_is_refused(page: Any, desk: Any) -> None:
    assert page.post("/new/0123", data={"name": "pump"}).status_code == 422 and desk.done == []


def test_another_file_is_judged(page: Any, desk: Any) -> None:
    assert page.post("/detectors/pump/judge", files=CSV).headers["location"] == JOB
    assert desk.done[1] == ("judge", "pump", "0123")


@pytest.mark.parametrize(
    ("back", "there"),
    [
        ("#found-2", "/detectors/pump?told=labelled#found-2"),
        ("/incidents/3", "/incidents/3"),
        ("//elsewhere.example/", "/detectors/pump"),
        ("", "/detectors/pump"),
    ],
)
def test_an_answer_is_noted_and_leads_back_to_our_own_pages(page: Any, desk: Any, back: str, there: str) -> None:
    answer = page.post("/detectors/pump/label", data={"detection": "2", "is_anomaly": "false", "back": back})
    assert answer.headers["location"] == there
    assert desk.done == [("label", "pump", False, {"detection": 2, "by": "page", "why": ""})]


def test_a_broken_answer_is_refused(page: Any, desk: Any) -> None:
    assert page.post("/detectors/pump/label", data={"detection": "-2", "is_anomaly": "true"}).status_code == 422
    assert page.post("/detectors/pump/label", data={"detection": "2", "is_anomaly": "perhaps"}).status_code == 422
    assert desk.done == []


@pytest.mark.parametrize(
    ("address", "sent", "done", "there"),
    [
        (
            "/detectors/pump/threshold",
            {"threshold": "false_alarm_rate=0.05"},
            ("rethreshold", "pump", "false_alarm_rate=0.05", {"by": "page", "why": ""}),
            "/detectors/pump?told=threshold",
        ),
        ("/detectors/pump/retrain", {}, ("retrain", "pump", ""), JOB),
        (
            "/detectors/pump/mute",
            {"hours": "8", "why": "service"},
            ("mute_all", "pump", "", 8.0, {"by": "page", "why": "service"}),
            "/detectors/pump?told=muted",
        ),
        ("/detectors/pump/rollback", {"why": "too loud"}, ("rollback", "pump", "too loud"), "/detectors/pump/versions?told=back"),
        (
            "/detectors/pump/versions/3/promote",
            {"why": "better"},
            ("promote", "pump", 3, {"by": "page", "why": "better"}),
            "/detectors/pump/versions?told=promoted",
        ),
        (f"{JOB}/cancel", {}, ("cancel", "r" * 32, {}), JOB),
        ("/incidents/3/acknowledge", {}, ("acknowledge", 3, {"by": "page"}), "/incidents/3?told=acknowledged"),
        ("/incidents/3/assign", {"owner": "Ada"}, ("assign", 3, "Ada", {"by": "page"}), "/incidents/3?told=assigned"),
        ("/incidents/3/resolve", {"note": "valve"}, ("resolve", 3, {"by": "page", "note": "valve"}), "/incidents/3?told=resolved"),
        ("/incidents/3/note", {"note": "seen"}, ("note", 3, {"by": "page", "note": "seen"}), "/incidents/3?told=noted"),
        ("/incidents/3/mute", {"hours": "24"}, ("mute", 3, {"hours": 24.0, "by": "page", "why": ""}), "/incidents/3?told=muted"),
        ("/incidents/3/retrain", {}, ("retrain", "pump", "incident 3"), JOB),
        ("/incidents/3/rollback", {}, ("rollback", "pump", "incident 3"), "/incidents/3?told=back"),
    ],
)
def test_a_button_is_one_verb(page: Any, desk: Any, address: str, sent: dict[str, str], done: tuple[Any, ...], there: str) -> None:
    answer = page.post(address, data=sent)
    assert (answer.status_code, answer.headers["location"], desk.done[0]) == (303, there, done)


def test_a_taken_name_is_said_beside_the_field_and_the_form_is_kept(page: Any, desk: Any) -> None:
    def create(body: Any, by: str) -> Any:
        raise ServiceError("TOC-620", "there is a model of this name", todo="choose another name, or add a version to it")

    desk.create = create
    sent = {"name": "Pumpe Süd", "clean": "true", "kind": "series", "threshold": "false_alarm_rate=0.05"}
    answer = page.post("/new/0123", data=sent)
    assert answer.status_code == 409 and "There is a detector called pumpe-sued already" in answer.text
    assert (
        'value="pumpe-sued"' in answer.text and 'value="series" selected' in answer.text and 'value="true" required checked' in answer.text
    )
    assert 'value="false_alarm_rate=0.05" selected' in answer.text


def test_a_name_is_made_to_fit_and_never_cut(page: Any, desk: Any) -> None:
    page.post("/new/0123", data={"name": "Pumpe Süd 1", "clean": "false"})
    assert desk.done[0][1]["name"] == "pumpe-sued-1"
    refused = page.post("/new/0123", data={"name": "a" * 80, "clean": "false"})
    assert refused.status_code == 422 and "80 characters; 63 is the most" in refused.text and len(desk.done) == 1


def test_the_same_upload_twice_leads_to_the_job_that_runs(page: Any, desk: Any) -> None:
    assert page.post("/new/in work", data={"name": "other", "clean": "false"}).headers["location"] == JOB and desk.done == []


def test_columns_that_do_not_fit_are_told_by_name(page: Any, desk: Any) -> None:
    view = desk.versions("pump")
    for version in view["versions"]:
        version["facts"]["schema"] = {"time": "t", "columns": [{"name": "flow", "kind": "number"}, {"name": "code", "kind": "id"}]}
    seen = desk.seen("0123") | {"columns": [{"name": "a"}, {"name": "b"}]}
    desk.versions, desk.seen = lambda name: view, lambda digest: seen
    answer = page.post("/detectors/pump/judge", files=CSV)
    assert answer.status_code == 422 and "The file has the columns a, b; this detector needs t, flow" in answer.text
    assert not any(done[0] == "judge" for done in desk.done)


def test_the_same_file_again_and_the_end_of_a_mute(page: Any, desk: Any) -> None:
    assert page.post("/detectors/pump/again", data={"upload": "0123"}).headers["location"] == JOB
    page.post("/detectors/pump/unmute")
    page.post("/incidents/3/unmute")
    assert desk.done == [("judge", "pump", "0123"), ("unmute", "pump", "", {"by": "page"}), ("unmute", "pump", "k", {"by": "page"})]


def test_a_reason_for_going_back_is_kept(page: Any, desk: Any) -> None:
    page.post("/incidents/3/rollback", data={"why": "too loud"})
    assert desk.done[0] == ("rollback", "pump", "incident 3: too loud")


def test_where_incidents_are_told_is_kept(page: Any, desk: Any) -> None:
    assert (
        page.post("/settings/webhook", data={"url": "https://example.org/x", "secret": ""}).headers["location"] == "/settings?told=webhook"
    )
    assert desk.done == [("set_webhook", "https://example.org/x", None, {"by": "page"})]


def test_what_changes_something_needs_to_be_allowed(page: Any, guard: Any) -> None:
    page.post("/detectors/pump/rollback", data={})
    page.post("/detectors/pump/label", data={"detection": "2", "is_anomaly": "true"})
    page.get("/")
    assert guard.asked == ["manage", "label", "score"]


def test_the_link_opens_and_a_used_one_is_told(page: Any) -> None:
    assert page.get("/login?token=good").headers["location"] == "/"
    refused = page.get("/login?token=bad")
    assert refused.status_code == 401 and "This link has been used. make a new one" in refused.text
    assert page.post("/login", data={"token": " http://127.0.0.1:8000/login?token=good "}).headers["location"] == "/"
