"""``tocsin shrink``: the table, the report, and what is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

import tocsin as package


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """net.tocsin and rows.tocsin (knn), known.csv that both learned from, and new.csv with labels."""
    made = tmp_path_factory.mktemp("shrink")
    r, mix = np.random.default_rng(0), np.random.default_rng(1).normal(size=(2, 4))
    for name, n in (("known", 300), ("new", 400)):
        rows = np.tanh(r.normal(size=(n, 2)) @ mix) + 0.1 * r.normal(size=(n, 4))
        odd = np.arange(n) % 40 == 0
        rows[odd] += 2 * (name == "new")
        with (made / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            columns = ["a", "b", "c", "d", "broken"] if name == "new" else ["a", "b", "c", "d"]
            lines = [[*row, int(bad)][: len(columns)] for row, bad in zip(rows.round(4).tolist(), odd.tolist())]
            csv.writer(file).writerows([columns, *lines])
    package.save(package.fit(str(made / "known.csv"), detector="autoencoder", training={"epochs": 15}), made / "net.tocsin")
    package.save(package.fit(str(made / "known.csv"), detector="knn"), made / "rows.tocsin")
    return made


def test_the_table_is_printed_and_the_files_are_written(tocsin, folder, tmp_path):
    ran = tocsin("shrink", folder / "net.tocsin", "--data", folder / "new.csv", "--label", "broken", "--out", tmp_path / "small.onnx",
                 "--report", tmp_path / "r.json")
    assert ran.code == 0, ran.err
    for words in ("autoencoder shrunk to", "before", "after", "bytes", "latency, p50", "rank correlation", "false-alarm rate", "AUROC"):
        assert words in ran.out
    told = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert told["after"]["bytes"] == (tmp_path / "small.onnx").stat().st_size
    assert told["rank_correlation"] > 0.98


def test_json_is_one_document_and_no_labels_mean_no_auroc(tocsin, folder, tmp_path):
    ran = tocsin("shrink", folder / "net.tocsin", "--data", folder / "new.csv", "--no-label", "--ignore", "broken", "--out",
                 tmp_path / "small.onnx", "--full-range", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["reduce_range"] is False
    assert ran.json["before"]["auroc"] is None


def test_refusals_leave_nothing(tocsin, folder, tmp_path):
    for model, data, code in (("rows", "new", "TOC-431"), ("net", "known", "TOC-275")):
        ran = tocsin("shrink", folder / f"{model}.tocsin", "--data", folder / f"{data}.csv", "--out", tmp_path / "small.onnx", "--json")
        assert (ran.code, ran.json["error"]["code"]) == (1, code)
    assert list(tmp_path.iterdir()) == []


def test_data_must_be_named(tocsin, folder, tmp_path):
    assert tocsin("shrink", folder / "net.tocsin", "--out", tmp_path / "small.onnx").code == 2
