"""tune, and evaluate --cv: settings judged on parts of a file."""

from __future__ import annotations

import importlib
import json
import sys

import pytest


def test_cross_validation_prints_mean_and_spread_and_writes_the_folds(tocsin, files, tmp_path):
    knn = ("--detector", "knn", "--param", "k=3")
    ran = tocsin("evaluate", files["normal"], "--id", "order", "--cv", 3, *knn, "--out", tmp_path / "cv.json")
    assert ran.code == 0, ran.err
    assert "label free" in ran.out and "false alarm rate" in ran.out
    made = json.loads((tmp_path / "cv.json").read_text(encoding="utf-8"))
    assert len(made["folds"]) == 3 and made["split"] == "random" and 0.5 < made["mean"]["label_free"] <= 1


def test_cross_validation_with_labels(tocsin, files):
    made = tocsin("evaluate", files["mixed"], "--label", "odd", "--cv", 2, "--detector", "gaussian", "--json").json
    assert made["defined"]["auroc"] == 1 and made["mean"]["auroc"] == 1.0  # one anomaly lies in one fold


def test_cross_validation_of_a_series_in_time(tocsin, files):
    made = tocsin("evaluate", files["pump"], "--cv", 3, "--split", "time", "--purge", 5, "--detector", "gaussian", "--json").json
    assert made["split"] == "time" and made["folds"][0]["train"] < made["folds"][2]["train"]


def test_a_wrong_split_is_a_stated_error(tocsin, files):
    assert tocsin("evaluate", files["normal"], "--cv", 3, "--split", "weekly", "--json").json["error"]["code"] == "TOC-226"


def test_model_and_cv_do_not_go_together(tocsin, files, model):
    assert tocsin("evaluate", model, files["mixed"], "--cv", 3).code == 2
    assert tocsin("evaluate", model).code == 2


def test_evaluate_still_moves_the_threshold(tocsin, files, model):
    few, many = (
        tocsin("evaluate", model, files["mixed"], "--label", "odd", "--threshold", f"false_alarm_rate={rate}", "--json").json
        for rate in (0.001, 0.3)
    )
    assert few["flagged"] < many["flagged"]


def test_tune_writes_a_model_and_says_what_it_found(tocsin, files, tmp_path):
    pytest.importorskip("optuna")
    words = ("tune", files["normal"], "--id", "order", "--space", "k=1,5,50", "--trials", 3, "--out", tmp_path / "m.tocsin")
    ran = tocsin(*words)
    assert ran.code == 0, ran.err
    assert "3 trials" in ran.out and "label-free" in ran.out and "gain over the default" in ran.out and "taken:" in ran.out
    assert (tmp_path / "m.tocsin").exists()


def test_tune_goes_on_and_chooses_between_detectors(tocsin, files, tmp_path):
    pytest.importorskip("optuna")
    words = ("tune", files["mixed"], "--label", "odd", "--detector", "knn", "--detector", "gaussian", "--objective", "label-free",
             "--resume", tmp_path / "s.study", "--trials", 2, "--best", "--out", tmp_path / "m", "--json")
    first, more = tocsin(*words).json, tocsin(*words).json
    assert (len(first["trials"]), len(more["trials"])) == (2, 4)
    assert more["trials"][:2] == first["trials"] and {trial["detector"] for trial in first["trials"]} == {"knn", "gaussian"}
    assert more["detector"] == more["best"]["detector"]


def test_tune_states_its_errors(tocsin, files, tmp_path):
    pytest.importorskip("optuna")
    for given, code in ((("--space", "k"), "TOC-228"), (("--space", "trees=5"), "TOC-229"), (("--trials", 0), "TOC-233")):
        ran = tocsin("tune", files["normal"], *given, "--out", tmp_path / "m", "--json")
        assert ran.json["error"]["code"] == code
    assert not (tmp_path / "m").exists()


def test_tune_without_optuna_says_what_to_install(tocsin, files, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.delitem(sys.modules, "tocsin.evaluation.search", raising=False)
    ran = tocsin("tune", files["normal"], "--out", tmp_path / "m", "--json")
    assert ran.json["error"]["code"] == "TOC-501" and "tocsin[tune]" in ran.json["error"]["todo"]
    monkeypatch.undo()
    sys.modules.pop("tocsin.evaluation.search", None)
    if importlib.util.find_spec("optuna"):
        importlib.import_module("tocsin.evaluation.search")
