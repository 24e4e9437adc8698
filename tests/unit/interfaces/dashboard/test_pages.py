"""Every page says what it is for, in words, with nothing of the data taken for markup."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tocsin.core.errors import ServiceError

EVIL = "<script>alert('x')</script>"
JOB = "r" * 32
PAGES = {
    "/": "1 thing needs a look",
    "/new": "Drop a CSV file here",
    "/new/0123": "Normal, or odd ones among them?",
    f"/jobs/{JOB}": "Learning what is normal for pump",
    f"/jobs/{'d' * 32}": "I looked at 10,000 rows. 12 are odd.",
    f"/jobs/{'f' * 32}": "There are no rows",
    "/detectors/pump": "How strict should it be?",
    "/detectors/pump/versions": "Go back to version 2",
    "/detectors/pump/versions?a=1&b=2": "What differs",
    f"/detectors/pump/files/{'b' * 32}": "What is odd in it",
    "/incidents": "1 incident waits for somebody",
    "/incidents/3": "What do you want to do?",
    "/login": "Open the page with its link",
}


def _read(page: Any, address: str) -> str:
    answer = page.get(address)
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.mark.parametrize("address", PAGES)
def test_a_page_tells_its_matter(page: Any, address: str) -> None:
    assert PAGES[address] in _read(page, address)


@pytest.mark.parametrize("address", PAGES)
def test_nothing_of_the_data_becomes_markup(page: Any, address: str) -> None:
    text = _read(page, address)
    assert "<script>alert" not in text and "alert('x')</script>" not in text
    if address not in ("/new", "/login", "/incidents", f"/jobs/{'d' * 32}"):
        assert "alert(" in text  # it is there, as text


@pytest.mark.parametrize("address", PAGES)
def test_pages_load_only_from_here_and_hold_no_script_of_their_own(page: Any, address: str) -> None:
    text = _read(page, address)
    assert re.findall(r'(?:src|href|action)="(?!/|#)[^"]*"', text) == []
    for opening, inside in re.findall(r"<script([^>]*)>(.*?)</script>", text, re.S):
        assert "src=" in opening or 'type="application/json"' in opening
        assert "src=" not in opening or inside == ""
    assert re.findall(r"\son\w+=", text) == []


@pytest.mark.parametrize("address", [address for address in PAGES if address != "/login"])
def test_every_form_that_changes_something_carries_the_word(page: Any, address: str) -> None:
    for form in re.findall(r'<form method="post".*?</form>', _read(page, address), re.S):
        assert 'name="csrf_token" value="the-word"' in form


@pytest.mark.parametrize("address", [address for address in PAGES if address not in ("/new", "/login")])
def test_a_page_names_its_twin(page: Any, address: str) -> None:
    assert '<link rel="alternate" type="application/json" href="/api/v1/' in _read(page, address)


def test_an_empty_place_begins_with_the_drop_zone(page: Any, desk: Any) -> None:
    desk.models, desk.incident_list = [], []
    text = _read(page, "/")
    assert "Find the odd ones" in text and "data-drop" in text and "Wrong now" not in text


def test_a_running_job_reloads_without_script_and_a_finished_one_does_not(page: Any) -> None:
    assert '<noscript><meta http-equiv="refresh"' in _read(page, f"/jobs/{JOB}")
    assert "http-equiv" not in _read(page, f"/jobs/{'d' * 32}")


def test_the_chart_holds_numbers_and_names_safely(page: Any) -> None:
    found = re.search(r'<script type="application/json" id="chart-data">(.*?)</script>', _read(page, "/detectors/pump"), re.S)
    assert found is not None
    chart = json.loads(found[1])
    assert chart["channels"][0]["name"] == EVIL and chart["odd"] == [False, False, True] and chart["odds"] == [2.0, 50.0, 1000.0]


def test_the_odd_rows_stand_with_reason_numbers_and_answers(page: Any) -> None:
    text = _read(page, "/detectors/pump")
    assert "1 in 1,000" in text and "where 7.9 was expected" in text and "You said: really odd." in text
    assert text.count("Really odd</button>") == 2 == text.count("False alarm</button>")
    assert "1 answer of yours waits" in text  # of two, one was taken back


def test_the_setting_in_use_is_chosen(page: Any) -> None:
    options = re.findall(r'<option value="(false_alarm_rate=[^"]*)"[^>]*?(selected)?(?: data-now)?>', _read(page, "/detectors/pump"))
    assert [(value, bool(chosen)) for value, chosen in options] == [
        ("false_alarm_rate=0.001", False),
        ("false_alarm_rate=0.01", True),
        ("false_alarm_rate=0.05", False),
    ]


def test_only_other_versions_can_be_made_live(page: Any) -> None:
    text = _read(page, "/detectors/pump/versions")
    assert "Make version 3 live" in text and "Make version 2 live" in text and "Make version 1 live" not in text


def test_an_unknown_thing_is_said_in_words(page: Any) -> None:
    answer = page.get("/detectors/nothing")
    assert answer.status_code == 404 and "There is no detector of this name" in answer.text and "TOC-621" in answer.text
    assert page.get("/incidents?state=wrong").status_code == 404


def test_an_address_cannot_put_words_on_the_page(page: Any) -> None:
    assert "Send+your+money" not in _read(page, "/?told=Send+your+money") and 'role="status"' not in _read(page, "/?told=Send+your+money")
    assert "rolled back" in _read(page, "/detectors/pump/versions?told=back")


def test_a_detector_that_learned_nothing_leads_to_a_new_start(page: Any, desk: Any) -> None:
    desk.brief |= {"live": None, "state": "empty", "versions": 0}
    text = _read(page, "/detectors/pump")
    assert "It has not learned anything yet." in text and "Start again with a file" in text and "Judge another file" not in text


def test_what_is_no_alarm_any_more_is_said(page: Any, desk: Any) -> None:
    view = desk.model("pump")
    view["threshold"]["cut"] = 0.0001  # the rows of the fake were found at 0.001
    desk.model = lambda name: view
    text = _read(page, "/detectors/pump")
    assert "no alarm with the setting in use now" in text and "The last 2 were alarms before the setting changed." in text


def test_a_stretch_tells_since_when_and_until_when(page: Any, desk: Any) -> None:
    run = [
        desk.detections("pump")[0] | {"id": i, "row": i, "event": "e", "time": f"2025-12-26T03:{i:02}:00", "score": float(i % 7)}
        for i in range(9)
    ]
    desk.detections = lambda name, **_: run
    text = _read(page, "/detectors/pump")
    assert "26 Dec 2025 03:00 to 03:08" in text and "9 moments, 8 min" in text and "worst at 03:06" in text


def test_a_chart_of_another_version_says_so_and_offers_to_judge_again(page: Any, desk: Any) -> None:
    assert "data-other" not in _read(page, "/detectors/pump")
    desk.batches = [desk.batch(number=9)]
    text = _read(page, "/detectors/pump")
    assert "judged by version 9" in text and "Version 1 is in use now" in text and "Judge the same file with version 1" in text
    desk.seen = _raises(ServiceError("TOC-642", "there is no such upload"))
    text = _read(page, "/detectors/pump")
    assert "drop the file again" in text and "Judge the same file" not in text


def test_a_version_that_waits_is_said(page: Any, desk: Any) -> None:
    for address in ("/", "/detectors/pump"):
        assert "Version 3 waits to be looked at" in _read(page, address)
    desk.brief["live"] = 3
    assert "waits to be looked at" not in _read(page, "/")


def test_a_mute_says_until_when_and_can_be_ended(page: Any, desk: Any) -> None:
    assert "data-muted" not in _read(page, "/incidents/3") + _read(page, "/detectors/pump")
    desk.muted["k"] = "2026-01-03T10:00:00.000000Z"
    text = _read(page, "/incidents/3")
    assert "This rule (the data changed) of pump is muted" in text and "End the mute" in text and 'datetime="2026-01-03T10:00:00Z"' in text
    assert "data-muted" not in _read(page, "/detectors/pump")
    desk.muted[""] = desk.muted["k"]
    assert "The whole detector pump is muted" in _read(page, "/incidents/3") and "data-muted" in _read(page, "/detectors/pump")


def test_going_back_asks_first(page: Any, desk: Any) -> None:
    for address in ("/incidents/3", "/detectors/pump/versions"):
        found = re.search(r'<details class="back">.*?</details>', _read(page, address), re.S)
        assert found is not None and "Go back to version 2, live until" in found[0] and "Yes, make version 2 live" in found[0]


def test_who_is_signed_in_is_you(page: Any, desk: Any) -> None:
    desk.incident_list[0]["owner"] = "page"
    assert "You have it" in _read(page, "/incidents") and "page has it" not in _read(page, "/incidents")


def test_a_resolved_incident_keeps_its_rows(page: Any, desk: Any) -> None:
    kept = desk.incident(3) | {"state": "resolved", "detections": [], "changed": "2026-01-02T11:00:00.000000Z"}
    desk.incident = lambda id: kept
    assert "where 7.9 was expected" in _read(page, "/incidents/3")


def test_a_job_leads_to_its_own_file_and_only_where_something_is_odd(page: Any, desk: Any) -> None:
    address = f"/jobs/{'d' * 32}"
    assert 'href="/detectors/pump">See them all, and why' in _read(page, address)
    desk.batches = [desk.batch(id="a" * 32), desk.batch()]
    assert f'href="/detectors/pump/files/{"b" * 32}">See them all, and why' in _read(page, address)
    told = desk.job("d" * 32) | {"result": {"number": 1, "rows": 10, "alarms": 0, "batch": "b" * 32}}
    desk.job = lambda id: told
    assert "See them all" not in _read(page, address) and "To the detector" in _read(page, address)


def test_a_file_shorter_than_the_window_is_told(page: Any, desk: Any) -> None:
    view = desk.versions("pump")
    for version in view["versions"]:
        version["facts"] = {"kind": "series", "params": {"window": 24}}
    told = desk.job("d" * 32) | {"result": {"number": 1, "rows": 1, "alarms": 0, "batch": "b" * 32}}
    desk.versions, desk.job = lambda name: view, lambda id: told
    text = _read(page, f"/jobs/{'d' * 32}")
    assert "Too short to judge" in text and "looks at 24 in a row" in text


def test_a_grave_finding_stops_the_start(page: Any, desk: Any) -> None:
    assert "disabled" not in _read(page, "/new/0123")
    view = desk.seen("0123")
    view["findings"] = [{"what": "labels", "level": "error", "message": "All 9 rows are labelled", "column": None}]
    desk.seen = lambda digest: view
    text = _read(page, "/new/0123")
    assert re.search(r'<button class="first big" disabled[^>]*>Start', text) and "Mend the file first: All 9 rows are labelled" in text


def test_long_lists_open_ten_at_a_time(page: Any, desk: Any) -> None:
    rows = [desk.detections("pump")[0] | {"id": i, "row": i} for i in range(25)]
    desk.detections = lambda name, **_: rows
    text = _read(page, "/detectors/pump")
    assert text.count('id="found-') == 25 and "10 more of 15" in text and "5 more of 5" in text
    assert text.index('id="found-9"') < text.index("10 more of 15") < text.index('id="found-10"')


def test_what_learned_from_its_own_file_is_told_apart(page: Any, desk: Any) -> None:
    desk.brief |= {"rows_24h": 10_000, "alarms_24h": 12}
    text = _read(page, "/")
    assert "Nothing new came in" in text and "In the file that it learned from, 12 of 10,000 rows are odd." in text


def _raises(error: Exception) -> Any:
    def call(*_: Any) -> Any:
        raise error

    return call
