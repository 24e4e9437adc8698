"""Scoring in batches writes one line per row, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

import tocsin
from tocsin.core.errors import ConfigError, DataError
from tocsin.core.seed import generator
from tocsin.core.types import Detections
from tocsin.flows.score import csv_table, harmless, score


def table(n: int, seed: int = 0) -> pa.Table:
    rng = generator(seed, "score")
    return pa.table({"a": rng.normal(size=n), "b": rng.normal(size=n)})


def test_batches_give_the_same_lines_as_one_go(tmp_path: Path) -> None:
    model = tocsin.fit(table(300))
    pyarrow.parquet.write_table(table(1000, seed=1), tmp_path / "in.parquet", row_group_size=90)
    summary = score(model, tmp_path / "in.parquet", tmp_path / "out.csv", rows=128)
    lines = pyarrow.csv.read_csv(tmp_path / "out.csv")
    found = model.detect(table(1000, seed=1))
    assert lines.column_names == ["id", "time", "score", "p_value", "is_anomaly"]
    np.testing.assert_allclose(lines["score"].to_numpy(), found.score, rtol=1e-9)
    assert lines["id"].to_pylist() == list(range(1000))
    assert summary["rows"] == 1000 and summary["anomalies"] == int(found.is_anomaly.sum()) == sum(lines["is_anomaly"].to_pylist())


def test_nothing_half_written_stays_and_the_old_file_survives(tmp_path: Path) -> None:
    model = tocsin.fit(table(300))
    (tmp_path / "out.csv").write_text("old")
    (tmp_path / "in.csv").write_text("a,b\n1,2\n1,2,3\n")
    with pytest.raises(DataError):
        score(model, tmp_path / "in.csv", tmp_path / "out.csv", rows=1)
    assert (tmp_path / "out.csv").read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_a_threshold_over_the_whole_batch_cannot_stream(tmp_path: Path) -> None:
    model = tocsin.fit(table(300)).with_threshold("false_discovery=0.1")
    with pytest.raises(ConfigError, match="TOC-294"):
        score(model, table(50), tmp_path / "out.csv")


def test_formulas_in_ids_are_disarmed(tmp_path: Path) -> None:
    assert [harmless(v) for v in ("=1+1", "@x", "-2+A1", "plain", -2, 3)] == ["'=1+1", "'@x", "'-2+A1", "plain", -2, 3]


def test_numbers_written_as_text_stay() -> None:
    numbers = ["-5", "+1.5e3", "-.5", "-0"]
    assert [harmless(v) for v in numbers] == numbers
    assert [harmless(v) for v in ("-inf", "-1e999", "-5_0", "\t5", "\n=1")] == ["'-inf", "'-1e999", "'-5_0", "'\t5", "'\n=1"]


def test_a_label_column_is_left_alone(tmp_path: Path) -> None:
    model = tocsin.fit(table(300))
    new = table(100, seed=2)
    pyarrow.csv.write_csv(new.append_column("label", pa.array([1] * 50 + [0] * 50)), tmp_path / "in.csv")
    score(model, tmp_path / "in.csv", tmp_path / "out.csv")
    np.testing.assert_allclose(pyarrow.csv.read_csv(tmp_path / "out.csv")["score"].to_numpy(), model.detect(new).score, rtol=1e-9)


def test_a_series_is_read_as_asked_and_its_events_are_counted(tmp_path: Path) -> None:
    steps = np.arange(900)
    noise = generator(0, "noise").normal(size=900) / 10
    series = pa.table({"at": steps, "flow": np.sin(steps / 5) + noise + 9.0 * (steps == 800)})
    model = tocsin.fit(series.slice(0, 700), time="at", kind="series", threshold="false_alarm_rate=0.1")
    pyarrow.csv.write_csv(series, tmp_path / "in.csv", pyarrow.csv.WriteOptions(delimiter=";"))
    summary = score(model, tmp_path / "in.csv", tmp_path / "out.csv", time="at", delimiter=";")
    assert summary["rows"] == 900 and summary["events"] >= 1


def test_a_missing_time_is_an_empty_cell() -> None:
    time = np.array(["2024-01-01T00:00:00", "NaT"], dtype="datetime64[s]")
    found = Detections(np.arange(2), np.ones(2), np.ones(2), np.zeros(2, bool), 2.0, time)
    assert csv_table(found)["time"].to_pylist() == ["2024-01-01T00:00:00", None]
