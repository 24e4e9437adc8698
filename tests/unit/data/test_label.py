"""Labels: plain ones, and ones that name kinds of anomalies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import tocsin
from tocsin.core.errors import DataError
from tocsin.core.types import Schema
from tocsin.data.label import as_labels, is_label, normal_of, other_kinds
from tocsin.data.read import batches, read

ROWS = {"x": [1.0, 2.0, 3.0, 4.0], "c": ["ok", "leak", "jam", "OK "]}


def column(*values: object) -> pa.ChunkedArray:
    return pa.chunked_array([list(values)])


@pytest.mark.parametrize(("values", "normal", "expected"), [
    (["ok", "jam", " OK"], "Ok", [0, 1, 0]), ([0, 3, 1], "0", [0, 1, 1]), ([0.0, 2.0, 0.0], "0", [0, 1, 0]), ([-1, 1, 1], "1", [1, 0, 0]),
    ([True, False, False], "true", [0, 1, 1]), (["1", "0", "0"], "1", [0, 1, 1])])
def test_the_value_that_is_normal(values, normal, expected):
    assert as_labels(column(*values), "c", normal).tolist() == expected


def test_a_word_for_normal_is_found_only_where_it_leaves_no_doubt():
    assert normal_of(column("neptune", "Normal")) == "normal" and normal_of(column("BENIGN", "ddos")) == "benign"
    assert normal_of(column("normal", "abnormal")) is None, "plain labels need none"
    assert normal_of(column("normal", "benign", "ddos")) is None and normal_of(column("a", "b")) is None
    assert normal_of(column(0, 1, 2)) is None


def test_only_a_column_called_label_is_taken_for_kinds_unasked():
    assert is_label("Label", column("benign", "ddos")) and not is_label("class", column("normal", "express"))
    data = read({"x": [1, 2, 3], "label": ["BENIGN", "ddos", "benign"]})
    assert data.y.tolist() == [0, 1, 0] and data.schema.names == ("x",) and data.schema.normal == "benign"
    assert any("'benign' is normal, 1 other values are anomalies ('ddos')" in note for note in data.origin.notes)
    assert read({"x": [1, 2], "label": ["big", "small"]}).schema.names == ("x", "label")


def test_read_with_a_normal_value_and_a_mistyped_one():
    data = read(ROWS, label="c", normal="ok")
    assert data.y.tolist() == [0, 1, 1, 0] and data.schema.normal == "ok" and data.schema.names == ("x",)
    assert read({**ROWS, "c": [0, 1, 2, 0]}, label="c", normal=0).y.tolist() == [0, 1, 1, 0]
    with pytest.raises(DataError, match="TOC-154") as error:
        read(ROWS, label="c", normal="good")
    assert "'leak'" in str(error.value)
    with pytest.raises(DataError, match="TOC-154"):
        other_kinds(column(0, 1), "c", "none")
    with pytest.raises(DataError, match="TOC-131"):
        read({"x": [1, 2], "c": ["ok", None]}, label="c", normal="ok")
    with pytest.raises(DataError, match="normal="):
        read(ROWS, label="c")


def test_the_model_remembers_what_is_normal(tmp_path: Path):
    rng = np.random.default_rng(0)
    frame = {"x": rng.normal(size=60), "kind": ["normal"] * 50 + ["attack a"] * 10}
    model = tocsin.fit(frame, label="kind")
    assert model.schema_.normal == "normal" and Schema.from_dict(model.schema_.to_dict()) == model.schema_
    new = read({"x": [0.0, 9.0], "kind": ["attack b", "attack c"]}, schema=model.schema_)
    assert new.y.tolist() == [1, 1], "a file without a normal row"
    path = tmp_path / "new.csv"
    path.write_text("x,kind\n0,attack b\n1,NORMAL\n", encoding="utf-8")
    assert [part.y.tolist() for part in batches(path, rows=1, schema=model.schema_)] == [[1], [0]]
    tocsin.save(model, tmp_path / "m.tocsin")
    assert tocsin.load(tmp_path / "m.tocsin").schema_.normal == "normal"


def test_a_schema_without_it_is_written_as_it_always_was():
    plain = read({"x": [1.0, 2.0], "label": [0, 1]}).schema.to_dict()
    assert "normal" not in plain and Schema.from_dict(plain).normal is None


def test_batches_say_it_too(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("x,c\n1,ok\n2,jam\n3,jam\n4,ok\n", encoding="utf-8")
    assert [part.y.tolist() for part in batches(path, rows=2, label="c", normal="ok")] == [[0, 1], [1, 0]]
