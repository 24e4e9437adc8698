"""From a file to judged rows, summary and report."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

import tocsin.interfaces.report.page as page
from tocsin.interfaces.report import ranks


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_folder_gets_all_files(tocsin, files, tmp_path):
    ran = tocsin("detect", files["mixed"], "--id", "order", "--label", "odd", "--out", tmp_path / "o", "--save", "--detector", "gaussian")
    assert ran.code == 0, ran.err
    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == ["detections.csv", "model.tocsin", "report.html", "summary.json"]
    lines = rows_of(tmp_path / "o" / "detections.csv")
    assert list(lines[0]) == ["id", "time", "score", "p_value", "is_anomaly"]
    assert len(lines) == 121
    summary = json.loads((tmp_path / "o" / "summary.json").read_text(encoding="utf-8"))
    assert (summary["rows"], summary["anomalies"]) == (121, sum(line["is_anomaly"] == "1" for line in lines))
    assert summary["top"][0]["row"] == 40
    assert summary["evaluation"]["ranking"]["auroc"] == 1.0


def test_a_formula_in_an_id_is_disarmed_in_the_csv_and_inert_in_the_report(tocsin, files, tmp_path):
    tocsin("detect", files["mixed"], "--id", "order", "--label", "odd", "--out", tmp_path, "--detector", "gaussian")
    assert rows_of(tmp_path / "detections.csv")[40]["id"] == "'=cmd|' /C calc'!A0"
    report = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in report
    assert "&lt;script&gt;alert(1)" in report
    assert "<b>weight" not in report


def test_json_is_the_only_thing_on_stdout(tocsin, files):
    ran = tocsin("detect", files["mixed"], "--id", "order", "--label", "odd", "--json", "--detector", "gaussian")
    assert ran.err == ""
    assert ran.json["headline"].endswith("of 121 rows are unusual") or ran.json["headline"].endswith("of 121 rows is unusual")
    assert ran.json["files"] == []


def test_text_shows_headline_and_reasons(tocsin, files):
    ran = tocsin("detect", files["mixed"], "--id", "order", "--label", "odd", "--detector", "gaussian", "--top", 2)
    assert "of 121 rows" in ran.out
    assert "false-alarm rate" in ran.out
    assert "=cmd|" in ran.out


def test_fail_on_anomaly_is_3_only_when_something_was_found(tocsin, files, model):
    given = ["--label", "odd", "--model", model, "--fail-on-anomaly", "--json"]
    assert tocsin("detect", files["mixed"], *given).code == 3
    assert tocsin("detect", files["mixed"], *given, "--threshold", "contamination=0.0001").json["anomalies"] >= 0


def test_a_saved_model_judges_and_its_threshold_moves(tocsin, files, model):
    strict = tocsin("detect", files["mixed"], "--label", "odd", "--model", model, "--threshold", "false_alarm_rate=0.001", "--json")
    loose = tocsin("detect", files["mixed"], "--label", "odd", "--model", model, "--threshold", "false_alarm_rate=0.2", "--json")
    assert strict.json["anomalies"] < loose.json["anomalies"]
    assert loose.json["threshold"]["rule"] == "false_alarm_rate"


def test_options_for_learning_are_refused_with_a_model(tocsin, files, model):
    ran = tocsin("detect", files["mixed"], "--model", model, "--detector", "knn", "--json")
    assert ran.code == 1
    assert ran.json["error"]["code"] == "TOC-284"


def test_learning_from_another_file(tocsin, files):
    ran = tocsin(
        "detect", files["mixed"], "--train", files["normal"], "--id", "order", "--detector", "gaussian", "--label", "odd", "--json"
    )
    assert ran.code == 0, ran.out
    assert ran.json["model"]["n_train"] == 120
    assert ran.json["top"][0]["row"] == 40


def test_a_series_has_events_explained_at_their_peaks(tocsin, files, tmp_path):
    ran = tocsin(
        "detect",
        files["pump"],
        "--time",
        "stamp",
        "--detector",
        "knn",
        "--unclean",
        "--threshold",
        "contamination=0.05",
        "--out",
        tmp_path,
        "--json",
    )
    assert ran.code == 0, ran.out
    found = ran.json
    assert found["kind"] == "series"
    assert any(event["start"] <= 305 and event["end"] >= 300 for event in found["events"])
    peaks = [event["peak"] for event in found["events"]]
    assert sorted(line["row"] for line in found["top"][: len(peaks)]) == sorted(peaks)
    assert sum(line["is_anomaly"] for line in found["top"]) == found["anomalies"] == found["reasons"]["flagged_rows_with_reason"]
    assert found["headline"].startswith(f"{len(peaks)} unusual event")
    assert rows_of(tmp_path / "detections.csv")[0]["time"].startswith("2024-01-01T00:00")
    assert 'id="chart-series"' in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_nothing_half_written_stays(tocsin, files, tmp_path, monkeypatch):
    def fail(*_args, **_kwargs):
        raise RuntimeError("in the middle")

    monkeypatch.setattr(page, "render", fail)
    with pytest.raises(RuntimeError):
        tocsin("detect", files["mixed"], "--label", "odd", "--out", tmp_path / "new" / "deep", "--detector", "gaussian")
    assert list(tmp_path.iterdir()) == []


def test_the_old_result_survives_a_failed_run(tocsin, files, tmp_path, monkeypatch):
    tocsin("detect", files["mixed"], "--label", "odd", "--out", tmp_path, "--detector", "gaussian")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr(page, "render", lambda *_args, **_kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tocsin("detect", files["mixed"], "--label", "odd", "--out", tmp_path, "--detector", "gaussian", "--seed", 9)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_out_that_is_a_file_is_a_stated_error(tocsin, files, model):
    ran = tocsin("detect", files["mixed"], "--label", "odd", "--model", model, "--out", files["normal"], "--json")
    assert ran.json["error"]["code"] == "TOC-282"


def test_same_seed_same_detections(tocsin, files):
    words = ["detect", files["mixed"], "--label", "odd", "--detector", "gaussian", "--seed", 5, "--json"]
    scores = [[line["score"] for line in tocsin(*words).json["top"]] for _ in range(2)]
    assert np.array_equal(*scores)


def test_every_flagged_row_has_a_reason(tocsin, files, tmp_path):
    given = ["--id", "order", "--label", "odd", "--detector", "gaussian", "--threshold", "contamination=0.5"]
    ran = tocsin("detect", files["mixed"], *given, "--out", tmp_path, "--json")
    assert ran.json["anomalies"] > 25
    assert ran.json["anomalies"] == ran.json["reasons"]["flagged_rows_with_reason"] == len(ran.json["top"])
    assert all(line["sentence"] for line in ran.json["top"])
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert f"The other {ran.json['anomalies'] - 25} flagged rows" in html
    assert html.count('<td class="reason">') == ran.json["anomalies"] - 25


def test_a_page_that_shows_some_says_so_and_the_summary_has_every_reason(tocsin, files, tmp_path, monkeypatch):
    monkeypatch.setattr(ranks, "LISTED", 5)
    given = ["--id", "order", "--label", "odd", "--detector", "gaussian", "--threshold", "contamination=0.5"]
    ran = tocsin("detect", files["mixed"], *given, "--out", tmp_path, "--json")
    assert len(ran.json["top"]) == ran.json["anomalies"] > 30 and all(line["sentence"] for line in ran.json["top"])
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert html.count('<td class="reason">') == 5
    assert "the 30 with the highest scores are shown. summary.json holds the reason of every one." in html
