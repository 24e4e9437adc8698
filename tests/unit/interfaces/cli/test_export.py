"""A saved model as an ONNX file, from the command line."""

from __future__ import annotations

import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def test_it_writes_and_says_what_was_proved(tocsin, model, tmp_path):
    ran = tocsin("export", model, "--out", tmp_path / "m.onnx")
    assert ran.code == 0, ran.err
    assert (tmp_path / "m.onnx").stat().st_size > 1000
    assert "gaussian exported" in ran.out
    assert "240 rows (batches of 3, 17)" in ran.out
    assert f"wrote {tmp_path / 'm.onnx'}" in ran.out


def test_json_alone(tocsin, model, tmp_path):
    told = tocsin("export", model, "--out", tmp_path / "m.onnx", "--threshold", "false_alarm_rate=0.2", "--json").json
    assert told["out"] == str(tmp_path / "m.onnx")
    assert told["bytes"] == (tmp_path / "m.onnx").stat().st_size
    assert (told["detector"], told["kind"], told["rows"], told["batches"]) == ("gaussian", "table", 240, ["3", "17"])
    assert told["score_error"] < 1e-9


def test_a_series_counts_steps(tocsin, files, tmp_path):
    tocsin("fit", files["pump"], "--detector", "gaussian", "--out", tmp_path / "p.tocsin")
    ran = tocsin("export", tmp_path / "p.tocsin", "--out", tmp_path / "p.onnx")
    assert "time steps (windows by steps 3 × " in ran.out


def test_a_rule_over_the_batch_is_a_stated_error(tocsin, model, tmp_path):
    ran = tocsin("export", model, "--out", tmp_path / "m.onnx", "--threshold", "fdr=0.1", "--json")
    assert ran.code == 1
    assert ran.json["error"]["code"] == "TOC-270"
    assert list(tmp_path.iterdir()) == []


def test_no_model_no_file(tocsin, tmp_path):
    ran = tocsin("export", tmp_path / "none.tocsin", "--out", tmp_path / "m.onnx", "--json")
    assert (ran.code, ran.json["error"]["code"]) == (1, "TOC-401")


def test_out_is_needed(tocsin, model):
    assert tocsin("export", model).code == 2
