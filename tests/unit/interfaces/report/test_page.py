"""The page: what it says, that it is complete, and that data stay data."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from tocsin.core.types import Column, Dataset, Detections, Event, Explanation, Finding, Origin, Schema
from tocsin.interfaces.report.page import render, ticks
from tocsin.interfaces.report.series import payload as series_payload

EVIL = "</script><script>alert(1)</script>"


class Judge:
    """A stand-in for a fitted pipeline."""

    def __init__(self, expected: Any = None, **facts: Any) -> None:
        self.facts_ = {
            "detector": "knn",
            "summary": "Nearest neighbours.",
            "params": {"k": 5},
            "n_train": 100,
            "columns": 3,
            "seconds": 0.5,
            "calibration": {"plan": "cross", "n": 100, "folds": 10, "block": 1, "smallest_p": 1 / 101},
            "threshold": {"rule": "false_alarm_rate", "rate": 0.01, "p": 0.01, "score": 3.0},
            "history": [],
            **facts,
        }
        self._expected = expected

    def expected(self, data: Any) -> Any:
        return self._expected


def table(names=("a", "b", "c"), n=100, flagged=3):
    rng = np.random.default_rng(0)
    X, score = rng.normal(size=(n, 3)), rng.uniform(0.1, 2, n)
    score[:flagged] = 5 + np.arange(flagged)
    p = np.where(score >= 3, 0.001, 0.5)
    data = Dataset.of(X, names=names, origin=Origin("rows.csv"))
    found = Detections(data.ids, score, p, score >= 3, 3.0)
    rows = found.top(5)
    shares = np.tile([0.7, 0.2, 0.1], (5, 1))
    why = Explanation(
        "replacement",
        rows,
        tuple(names),
        shares,
        tuple(tuple(X[r]) for r in rows),
        tuple((0.0, 0.0, 0.0) for _ in rows),
        np.ones(3),
        tuple((7, 8) for _ in rows),
        tuple(f"`{names[0]}` is odd in row {r}" for r in rows),
    )
    return data, found, why


def series(n=5000, group=None):
    x = np.sin(np.arange(n) / 20)[:, None] * np.ones((1, 2))
    time = np.datetime64("2024-01-01T00:00") + np.arange(n) * np.timedelta64(1, "m")
    schema = Schema((Column("flow", "number", "l/s"), Column("heat (°C)", "number", "°C")), time="stamp")
    data = Dataset(x, "series", schema, np.arange(n), None, time, group, Origin("pump.csv"))
    score = np.full(n, 0.5)
    score[2000:2010] = 4.0
    events = (Event(2000, 2009, 2004, 4.0, 0.001, time[2000], time[2009]),) if n > 2009 else ()
    found = Detections(data.ids, score, np.where(score > 3, 0.001, 0.6), score > 3, 3.0, time, events)
    why = Explanation(
        "residual",
        np.array([2004]),
        ("flow", "heat (°C)"),
        np.array([[0.9, 0.1]]),
        ((1.0, 2.0),),
        ((0.5, 2.0),),
        np.array([0.1, 0.1]),
        None,
        ("`flow` is 1 l/s where 0.5 was expected",),
    )
    return data, found, why


def payload(html: str) -> dict[str, Any]:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.S).group(1))


def test_headline_chance_and_rank():
    data, found, why = table()
    html = render(Judge(), data, found, why)
    assert '<h1 id="top">3 of 100 rows are unusual</h1>' in html
    assert "about 1 flag among 100 rows would be expected by chance" in html
    assert html.index("odd in row 2") < html.index("odd in row 1") < html.index("odd in row 0")
    assert "<code>a</code> is odd in row 2." in html


def test_the_page_is_complete_and_may_load_nothing():
    html = render(Judge(), *table())
    assert "plotly.js v" in html
    assert html.count("plotly.js v") == 1
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html).group(1).replace("&#39;", "'")
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy
    assert re.search(r"<(?:link|img|iframe|script)[^>]+(?:src|href)=", re.sub(r"<script>.*?</script>", "", html, flags=re.S)) is None


def test_the_policy_names_exactly_the_two_scripts():
    html = render(Judge(), *table())
    policy = re.search(r"script-src ([^;]+);", html.replace("&#39;", "'")).group(1)
    scripts = re.findall(r"<script>(.*?)</script>", html, re.S)
    hashes = ["'sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() + "'" for script in scripts]
    assert policy.split() == hashes


class Tags(HTMLParser):
    """Start tags outside scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def test_every_string_of_the_data_is_escaped():
    data, found, why = table(names=(EVIL, "<img src=x onerror=alert(2)>", "`<i>`"))
    schema = replace(data.schema, id=None)
    data = replace(data, schema=schema, ids=np.array([EVIL] * 100), origin=Origin(EVIL, notes=(EVIL,)))
    found = replace(found, ids=data.ids)
    why = replace(
        why, sentences=(EVIL,) * 5, observed=tuple((EVIL, None, "x") for _ in range(5)), neighbours=tuple((EVIL,) for _ in range(5))
    )
    html = render(
        Judge(origin={"source": EVIL, "licence": EVIL}, params={"x": EVIL}), data, found, why, (Finding("x", "error", EVIL, EVIL, 1, 2),)
    )
    tags = Tags()
    tags.feed(html)
    assert sum(tag == "script" for tag, _ in tags.seen) == 3
    assert not any(tag in ("img", "i") for tag, _ in tags.seen)
    assert not any(name.startswith("on") for _, attributes in tags.seen for name in attributes)
    assert "alert(1)</script>" not in html


def test_hostile_names_stay_text_in_the_charts_too():
    data, found, _why = series(50)
    data = replace(data, schema=replace(data.schema, columns=(Column("<b>x</b>", "number"), Column("y", "number")), time=EVIL))
    html = render(Judge(), data, found, None)
    drawn = payload(html)["series"]
    assert drawn["groups"][0]["channels"][0]["name"] == "&lt;b&gt;x&lt;/b&gt;"
    assert "<" not in drawn["xTitle"]
    assert "<span>&lt;b&gt;x&lt;/b&gt;</span>" in html


def test_nothing_flagged_shows_the_closest_rows():
    data, found, why = table(flagged=0)
    html = render(Judge(), data, found, why)
    assert "None of 100 rows is unusual" in html
    assert "No row crosses the threshold. These come closest." in html
    assert "not flagged" in html


def test_without_explanation_the_ranks_stay():
    data, found, _ = table()
    html = render(Judge(), data, found, None)
    assert "No reason was asked for." in html
    assert 'id="h-columns"' not in html
    assert payload(html)["pair"] is None


def test_a_threshold_that_no_score_reaches():
    data, found, why = table(flagged=0)
    html = render(Judge(), data, replace(found, threshold=float("inf")), why)
    assert "No score can be high enough for this threshold" in html
    assert payload(html)["scores"]["threshold"] is None


def test_a_series_has_chart_events_and_band():
    data, found, why = series()
    n = len(data)
    bands = ({"flow": [0.0] * n, "heat (°C)": [None] * n}, {"flow": 0.2, "heat (°C)": 0.1})
    html = render(Judge(bands), data, found, why)
    group = payload(html)["series"]["groups"][0]
    flow = group["channels"][0]
    assert (flow["name"], flow["unit"], flow["hi"][0], flow["lo"][0]) == ("flow", "l/s", 0.2, -0.2)
    assert group["channels"][1]["unit"] == ""  # its name says it
    assert group["events"] == [{"from": "2024-01-02T09:20:00.000", "to": "2024-01-02T09:29:00.000"}]
    assert "10 steps" in html
    assert "The events, each at its peak" in html
    assert len(flow["ax"]) == 10


def test_groups_can_be_chosen_and_are_ordered_by_their_worst_score():
    data, found, why = series(4000, group=np.repeat(["calm", "<wild>"], 2000))
    found = replace(found, events=(replace(found.events[0], start=2000, end=2009),))
    html = render(Judge(), data, found, why)
    assert [group["plain"] for group in payload(html)["series"]["groups"]] == ["<wild>", "calm"]
    assert '<option value="0">&lt;wild&gt;</option>' in html


def test_many_groups_and_channels_stay_a_page_of_bounded_size():
    n, c = 24_000, 30
    time = np.datetime64("2024-01-01T00:00") + np.arange(n) * np.timedelta64(1, "m")
    schema = Schema(tuple(Column(f"c{j}", "number") for j in range(c)), time="t")
    X = np.random.default_rng(0).normal(size=(n, c))
    data = Dataset(X, "series", schema, np.arange(n), None, time, np.repeat(np.arange(20), n // 20))
    score = np.where(np.arange(n) % 3 == 0, 5.0, 1.0)
    drawn = series_payload(data, Detections(data.ids, score, np.full(n, 0.01), score > 3, 3.0, time), {}, {})
    assert (len(drawn["groups"]), drawn["groupsLeftOut"]) == (12, 8)
    assert len(json.dumps(drawn)) < 25e6


def test_missing_cells_leave_gaps_and_the_json_is_strict():
    data, found, _why = series(100)
    X = data.X.copy()
    X[10:20] = np.nan
    html = render(Judge(), replace(data, X=X), found, None)
    assert payload(html)["series"]["groups"][0]["channels"][0]["y"][10:20] == [None] * 10


def test_evaluation_findings_history_and_labels():
    data, found, why = table()
    data = replace(data, y=np.r_[np.ones(3, int), np.zeros(97, int)])
    history = [{"epoch": i, "loss": 1 / i, "validation": 1.1 / i, "lr": 0.1} for i in range(1, 5)]
    figures = {
        "rows": 100,
        "ranking": {"auroc": 0.75},
        "false_alarms": {"rate": 0.02, "interval": (0.01, 0.05)},
        "intervals": {},
        "undefined": {},
    }
    html = render(
        Judge(history=history), data, found, why, (Finding("missing", "warning", "b is missing in 3 rows", "b", 3, 100),), figures
    )
    assert "AUROC" in html
    assert "the delivered false-alarm rate is 2\u00a0%" in html
    assert "b is missing in 3 rows" in html
    assert "labelled anomaly" in html
    assert [line["name"] for line in payload(html)["history"]["lines"]] == ["loss", "validation"]


def test_learning_from_the_judged_data_is_said():
    data, found, why = table()
    data = replace(data, origin=Origin("rows.csv", "ab" * 32))
    assert "learned from this very data" in render(Judge(origin={"digest": "ab" * 32}), data, found, why)
    assert "learned from this very data" not in render(Judge(origin={"digest": "cd" * 32}), data, found, why)


@pytest.mark.parametrize(
    ("text", "html"), [("`a` and `b`", "<code>a</code> and <code>b</code>"), ("one ` tick", "one ` tick"), ("<", "&lt;")]
)
def test_ticks(text, html):
    assert str(ticks(text)) == html
