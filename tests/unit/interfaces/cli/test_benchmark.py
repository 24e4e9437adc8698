"""The harness from the command line, on one tiny set."""

from __future__ import annotations

import csv
import sys

import numpy as np
import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="runs are forked")


@pytest.fixture
def sets(tmp_path):
    folder = tmp_path / "data" / "tabular" / "adbench"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(120, 3)), rng.normal(6, 1, size=(10, 3))]
    np.savez(folder / "tiny.npz", X=X, y=np.r_[np.zeros(120, int), np.ones(10, int)])
    return tmp_path / "data"


def test_a_table_is_printed_and_runs_are_kept(tocsin, sets, tmp_path):
    words = ["benchmark", "--data", sets, "--out", tmp_path / "r.csv", "--method", "gaussian", "--protocol", "one-class"]
    ran = tocsin(*words, "--table", tmp_path / "t.md")
    assert ran.code == 0, ran.err
    assert "gaussian" in ran.out
    assert (tmp_path / "t.md").read_text(encoding="utf-8").strip() == ran.out.strip()
    with (tmp_path / "r.csv").open(newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 1
    assert tocsin(*words, "--json").json["runs"] == 1


def test_no_sets_is_a_stated_error(tocsin, tmp_path):
    assert (
        tocsin("benchmark", "--data", tmp_path, "--out", tmp_path / "r.csv", "--method", "knn", "--json").json["error"]["code"] == "TOC-267"
    )
