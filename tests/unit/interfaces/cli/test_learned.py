"""``tocsin models learn``: the table, a candidate or a refusal, and the exit code."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.delivery.artifact import save
from tocsin.flows.train import fit


def rows(path, seed, move=0.0, n=400):
    values = np.random.default_rng(seed).normal(size=(n, 2)) + move
    path.write_text("a,b\n" + "\n".join(f"{a:.4f},{b:.4f}" for a, b in values) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def pump(tocsin, tmp_path, monkeypatch):
    """A live table model and the file of its rows."""
    monkeypatch.setenv("TOCSIN_DATA_DIR", str(tmp_path / "place"))
    old = rows(tmp_path / "old.csv", 0, n=600)
    save(fit(str(old), "gaussian"), tmp_path / "pump.tocsin")
    assert tocsin("models", "add", "pump", tmp_path / "pump.tocsin", "--promote", "--by", "ann").code == 0
    return old


def test_an_accepted_candidate_is_told_with_its_table_and_the_next_step(tocsin, pump, tmp_path):
    told = tocsin("models", "learn", "pump", "--data", rows(tmp_path / "new.csv", 1), "--replay", pump, "--by", "bo", "--why", "june")
    assert told.code == 0, told.out + told.err
    assert "false alarms" in told.out and "at most 1.50%" in told.out and "all kinds" in told.out
    assert told.out.endswith("pump: version 2 is a candidate; next:  tocsin models promote pump 2\n")
    shown = tocsin("models", "show", "pump", "--json").json
    newest = shown["versions"][0]
    assert shown["model"]["live"] == 1 and (newest["number"], newest["by"], newest["why"]) == (2, "bo", "june")


def test_a_refusal_writes_nothing_and_ends_with_one(tocsin, pump, tmp_path):
    told = tocsin("models", "learn", "pump", "--data", rows(tmp_path / "new.csv", 1, move=6), "--replay", pump)
    assert told.code == 1 and "either an incident" in told.out and "--accept-shift" in told.out and "nothing was written" in told.out
    assert len(tocsin("models", "show", "pump", "--json").json["versions"]) == 1


def test_json_holds_the_table(tocsin, pump, tmp_path):
    told = tocsin("models", "learn", "pump", "--data", rows(tmp_path / "new.csv", 1), "--replay", pump, "--json").json
    assert told["done"] == "learned" and told["version"]["number"] == 2 and told["table"][0]["what"] == "false alarms"
    refused = tocsin("models", "learn", "pump", "--data", rows(tmp_path / "far.csv", 1, move=6), "--replay", pump, "--json")
    assert refused.code == 1 and refused.json["done"] == "refused" and refused.json["version"] is None


def test_without_old_rows_it_says_what_to_pass(tocsin, pump, tmp_path):
    told = tocsin("models", "learn", "pump", "--data", rows(tmp_path / "new.csv", 1))
    assert told.code == 1 and "TOC-351" in told.err


@pytest.mark.parametrize("words", [("learn", "pump"), ("list", "--data", "x.csv"), ("promote", "pump", "1", "--accept-shift"),
                                   ("add", "pump", "x", "--replay", "y.csv")])
def test_wrong_usage(tocsin, pump, words):
    assert tocsin("models", *words).code == 2
