"""fit, score, evaluate and explain: what is done with a model in a file."""

from __future__ import annotations

import csv
import json

import pytest

from tocsin.core.errors import ConfigError
from tocsin.interfaces.cli.explain import row_numbers


def test_fit_saves_a_model_and_says_so(tocsin, files, tmp_path):
    ran = tocsin("fit", files["normal"], "--id", "order", "--detector", "knn", "--param", "k=3", "--out", tmp_path / "m.tocsin")
    assert ran.code == 0, ran.err
    assert (tmp_path / "m.tocsin").exists()
    assert "knn learned from 120 rows" in ran.out


def test_fit_json_holds_the_facts(tocsin, files, tmp_path):
    facts = tocsin("fit", files["normal"], "--id", "order", "--detector", "knn", "--param", "k=3", "--out", tmp_path / "m", "--json").json
    assert (facts["detector"], facts["params"]["k"], facts["n_train"]) == ("knn", 3, 120)


def test_fit_leaves_labelled_anomalies_out(tocsin, files, tmp_path):
    facts = tocsin("fit", files["mixed"], "--label", "odd", "--detector", "gaussian", "--out", tmp_path / "m", "--json").json
    assert facts["labelled_anomalies_left_out"] == 1


def test_fit_trains_a_network_with_the_given_settings(tocsin, files, tmp_path):
    pytest.importorskip("torch")
    facts = tocsin(
        "fit", files["normal"], "--id", "order", "--detector", "autoencoder", "--epochs", 2, "--out", tmp_path / "m", "--json"
    ).json
    assert len(facts["history"]) == 2


def test_training_options_need_a_network(tocsin, files, tmp_path):
    ran = tocsin("fit", files["normal"], "--detector", "knn", "--epochs", 2, "--out", tmp_path / "m", "--json")
    assert ran.json["error"]["code"] == "TOC-281"
    assert not (tmp_path / "m").exists()


def test_a_wrong_param_is_a_stated_error(tocsin, files, tmp_path):
    for given, code in (("k", "TOC-280"), ("nope=3", "TOC-204")):
        ran = tocsin("fit", files["normal"], "--detector", "knn", "--param", given, "--out", tmp_path / "m", "--json")
        assert ran.json["error"]["code"] == code


def test_score_streams_into_a_csv(tocsin, files, model, tmp_path):
    ran = tocsin("score", model, files["mixed"], "--label", "odd", "--out", tmp_path / "s", "--rows", 50, "--json")
    assert ran.code == 0, ran.out
    with (tmp_path / "s" / "detections.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert ran.json["rows"] == len(lines) == 121
    assert lines[40]["is_anomaly"] == "1"
    assert json.loads((tmp_path / "s" / "summary.json").read_text(encoding="utf-8")) == ran.json
    assert ran.json["out"] == str(tmp_path / "s" / "detections.csv")


def test_score_and_detect_agree(tocsin, files, model, tmp_path):
    tocsin("score", model, files["mixed"], "--label", "odd", "--out", tmp_path / "s", "--rows", 7)
    tocsin("detect", files["mixed"], "--label", "odd", "--model", model, "--out", tmp_path / "d")
    assert (tmp_path / "s" / "detections.csv").read_text(encoding="utf-8") == (tmp_path / "d" / "detections.csv").read_text(
        encoding="utf-8"
    )


def test_score_can_fail_on_an_anomaly(tocsin, files, model, tmp_path):
    assert tocsin("score", model, files["mixed"], "--label", "odd", "--out", tmp_path, "--fail-on-anomaly").code == 3


def test_a_failed_score_leaves_nothing(tocsin, files, model, tmp_path):
    ran = tocsin("score", model, files["pump"], "--out", tmp_path / "s", "--json")
    assert ran.code == 1
    assert list(tmp_path.iterdir()) == []


def test_evaluate_measures(tocsin, files, model):
    figures = tocsin("evaluate", model, files["mixed"], "--label", "odd", "--json").json
    assert figures["ranking"]["auroc"] == 1.0
    assert "AUROC" in tocsin("evaluate", model, files["mixed"], "--label", "odd").out


def test_evaluate_needs_labels(tocsin, files, model):
    assert tocsin("evaluate", model, files["normal"], "--json").json["error"]["code"] == "TOC-109"


def test_explain_names_the_rows_asked_for(tocsin, files, model):
    told = tocsin("explain", model, files["mixed"], "--label", "odd", "--rows", "3,40", "--json").json["rows"]
    assert [line["row"] for line in told] == [3, 40]
    assert told[1]["id"] == "=cmd|' /C calc'!A0"
    assert told[1]["is_anomaly"] is True
    assert sum(column["share"] for column in told[1]["columns"]) == pytest.approx(1)


def test_explain_tells_the_top_rows(tocsin, files, model):
    ran = tocsin("explain", model, files["mixed"], "--label", "odd", "--top", 1)
    assert "=cmd|" in ran.out
    assert "flagged" in ran.out
    assert "expected" in ran.out


@pytest.mark.parametrize("text", ["x", "1,", "5-3", "-1", "99", "1-99"])
def test_wrong_row_numbers_are_refused(text):
    with pytest.raises(ConfigError, match="TOC-283"):
        row_numbers(text, 20)


def test_a_file_that_is_no_model_is_a_stated_error(tocsin, files):
    ran = tocsin("score", files["normal"], files["mixed"], "--out", "never", "--json")
    assert ran.code == 1
    assert ran.json["error"]["code"].startswith("TOC-4")
