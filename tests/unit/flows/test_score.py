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
from tocsin.flows.score import harmless, score


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
    assert [harmless(v) for v in ("=1+1", "@x", "-2", "plain", -2, 3)] == ["'=1+1", "'@x", "'-2", "plain", -2, 3]
