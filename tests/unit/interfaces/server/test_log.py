"""Log lines: one per event, whatever the values hold."""

from __future__ import annotations

import io
import json
import logging

import pytest

from tocsin.interfaces.server.log import Forward, make


@pytest.mark.parametrize("form", ["plain", "json"])
def test_a_value_cannot_begin_a_line_of_its_own(form):
    to = io.StringIO()
    make(form, to).info("request", route="/x\n2026-01-01 info    request forged=yes", caller="a b", empty="")
    assert to.getvalue().count("\n") == 1
    assert "empty" not in to.getvalue() or form == "json"


def test_plain_lines_are_for_reading():
    to = io.StringIO()
    make("plain", to).warning("slow", ms=12.5, route="/api/v1/jobs/{id}")
    stamp, level, *rest = to.getvalue().split()
    assert stamp.endswith("Z")
    assert [level, *rest] == ["warning", "slow", "ms=12.5", "route=/api/v1/jobs/{id}"]


def test_a_trace_follows_its_line():
    to = io.StringIO()
    try:
        raise RuntimeError("half way")
    except RuntimeError:
        make("plain", to).exception("failed", incident="ab12")
        make("json", to).exception("failed", incident="ab12")
    plain, _, last = to.getvalue().strip().rpartition("\n")
    assert plain.splitlines()[0].endswith("failed incident=ab12")
    assert plain.endswith("RuntimeError: half way")
    assert json.loads(last)["exception"].endswith("RuntimeError: half way")


def test_two_logs_of_one_process_share_nothing():
    one, other = io.StringIO(), io.StringIO()
    make("json", one).info("a")
    make("plain", other).info("b")
    assert json.loads(one.getvalue())["event"] == "a"
    assert " b" in other.getvalue()


def test_what_libraries_say_goes_into_our_log():
    to = io.StringIO()
    library = logging.Logger("library")
    library.addHandler(Forward(make("json", to)))
    library.info("chatter")
    library.warning("Invalid %s", "request\n")
    (line,) = to.getvalue().splitlines()
    told = json.loads(line)
    assert (told["event"], told["level"], told["source"]) == ("Invalid request", "warning", "library")
