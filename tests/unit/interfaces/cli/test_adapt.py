"""adapt: a saved model for a related table."""

from __future__ import annotations

import csv

import numpy as np
import pytest


@pytest.fixture
def plants(tocsin, tmp_path):
    """A model of plant A, few rows of plant B (temperature in another unit), and plant A's file."""
    rng = np.random.default_rng(0)
    for name, n, gain, zero in (("a.csv", 200, 1.0, 0.0), ("b.csv", 30, 1.8, 32.0)):
        temp = rng.normal(20, 2, n)
        with (tmp_path / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("temp", "flow"), *zip((temp * gain + zero).round(4), (temp / 4 + rng.normal(0, 0.1, n)).round(4))])
    assert tocsin("fit", tmp_path / "a.csv", "--detector", "gaussian", "--out", tmp_path / "a.tocsin").code == 0
    return tmp_path


def test_adapt_saves_a_model_that_judges_the_other_plant(tocsin, plants):
    ran = tocsin("adapt", plants / "a.tocsin", plants / "b.csv", "--out", plants / "b.tocsin")
    assert ran.code == 0, ran.err
    assert "raises 100% of the 30 rows" in ran.out and "temp" in ran.out and "wrote" in ran.out
    found = tocsin("score", plants / "b.tocsin", plants / "b.csv", "--out", plants / "found", "--json").json
    assert found["anomalies"] <= 2


def test_adapt_json_holds_the_report(tocsin, plants):
    told = tocsin("adapt", plants / "a.tocsin", plants / "b.csv", "--source", plants / "a.csv", "--out", plants / "b.tocsin", "--json").json
    assert told["raised_before"] == 1 and told["rows"]["given"] == 30
    assert told["moved"][0]["column"] == "temp"


def test_other_columns_are_a_stated_error_and_nothing_is_written(tocsin, plants):
    (plants / "c.csv").write_text("speed,load\n" + "1.0,2.0\n2.5,3.0\n" * 10, encoding="utf-8")
    ran = tocsin("adapt", plants / "a.tocsin", plants / "c.csv", "--out", plants / "c.tocsin", "--json")
    assert ran.code == 1 and ran.json["error"]["code"] == "TOC-133"
    assert not (plants / "c.tocsin").exists()
