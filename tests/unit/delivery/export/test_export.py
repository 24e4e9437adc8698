"""One file that stands alone: run in plain onnxruntime without Tocsin, and in Node."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import onnx
import pyarrow as pa
import pytest

import tocsin
from tocsin.core.errors import ArtifactError, ConfigError, MissingExtra, StateError
from tocsin.core.types import Dataset
from tocsin.delivery import artifact
from tocsin.delivery.export import proof, trial
from tocsin.delivery.export.export import export

_NETS = {"training": {"epochs": 2}}


@pytest.fixture(scope="module")
def model(table):
    return tocsin.fit(tocsin.read(table, kind="table"), "knn")


@pytest.fixture(scope="module")
def waves(series):
    return tocsin.fit(Dataset.of(series, kind="series", names=["level", "flow"]), "gaussian")


def _fed(cells):
    return np.array(cells, dtype=object if isinstance(cells[0], str) else float)[:, None]


def _same(found, wanted):
    np.testing.assert_allclose(found["score"].ravel(), wanted.score, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found["p_value"].ravel(), wanted.p_value, rtol=1e-6)
    assert found["is_anomaly"].ravel().astype(bool).tolist() == wanted.is_anomaly.tolist()


# ---- without Tocsin ----------------------------------------------------------------------------------------------

def test_a_table_runs_without_tocsin(model, alone, tmp_path):
    made = export(model, tmp_path / "m.onnx")
    rows = trial.rows_of(model, 60)
    found = alone(made.path, rows.feeds)
    _same(found, model.detect(rows.data))
    assert found["loaded"] == []
    assert "order_id" not in found["inputs"] and "threshold" not in found["inputs"]


def test_a_series_runs_without_tocsin(waves, alone, tmp_path):
    made = export(waves, tmp_path / "m.onnx")
    windows = trial.windows_of(waves, 5, 47)
    found = alone(made.path, windows.feeds)
    assert found["score"].shape == found["is_anomaly"].shape == (5, 47)
    _same(found, waves.detect(windows.data))


def test_a_window_is_judged_as_the_model_judges_it(waves, alone, tmp_path, series):
    export(waves, tmp_path / "m.onnx")
    windows = np.stack([series[:60], series[100:160] + 1.0])
    found = alone(tmp_path / "m.onnx", {"window": windows})
    for i, window in enumerate(windows):
        np.testing.assert_allclose(found["p_value"][i], waves.detect(window).p_value, rtol=1e-9)


def test_the_threshold_is_an_optional_input(model, alone, tmp_path):
    export(model, tmp_path / "m.onnx")
    rows = trial.rows_of(model, 60)
    p = model.detect(rows.data).p_value
    for cut in (1e-9, 0.2, 1.0):
        found = alone(tmp_path / "m.onnx", {**rows.feeds, "threshold": np.array(cut)})
        assert found["is_anomaly"].tolist() == (p <= cut).tolist()


def test_plain_rows_as_a_caller_writes_them(alone, tmp_path):
    r = np.random.default_rng(0)
    frame = pa.table({"load": r.normal(50, 5, 300), "line": r.choice(["A", "B"], 300), "night": r.random(300) < 0.5})
    model = tocsin.fit(tocsin.read(frame, kind="table"), "gaussian")
    export(model, tmp_path / "m.onnx")
    feeds = {"load": _fed([50.0, 50.0, np.nan, 500.0]), "line": _fed(["A", "C", "", "B"]), "night": _fed([1.0, 0.0, 1.0, 0.0])}
    found = alone(tmp_path / "m.onnx", feeds)
    rows = pa.table({"load": [50.0, 50.0, None, 500.0], "line": ["A", "C", None, "B"], "night": [True, False, True, False]})
    _same(found, model.detect(rows))
    assert found["is_anomaly"].tolist() == [False, True, True, True]


@pytest.mark.parametrize("form", ["table", "series"])
def test_it_runs_in_node(model, waves, node, tmp_path, form):
    original = model if form == "table" else waves
    export(original, tmp_path / "m.onnx")
    made = trial.rows_of(model, 40) if form == "table" else trial.windows_of(waves, 3, 31)
    feeds = {name: np.where(np.isinf(cells), np.nan, cells) if cells.dtype != object else cells for name, cells in made.feeds.items()}
    _same(node(tmp_path / "m.onnx", feeds), original.detect(made.data))


# ---- the file ----------------------------------------------------------------------------------------------------

def test_it_says_what_was_proved(model, tmp_path):
    made = export(model, tmp_path / "m.onnx")
    assert made.bytes == (tmp_path / "m.onnx").stat().st_size
    assert (made.rows, made.batches, made.close) == (240, ("3", "17"), 0)
    assert made.error < 1e-9 < made.seconds


def test_a_saved_and_loaded_model_gives_the_same_graph(model, tmp_path):
    artifact.save(model, tmp_path / "m.tocsin")
    one, two = export(model, tmp_path / "1.onnx"), export(artifact.load(tmp_path / "m.tocsin"), tmp_path / "2.onnx")
    first, second = (onnx.load(made.path) for made in (one, two))
    assert first.graph == second.graph
    digests = [{entry.key: entry.value for entry in read.metadata_props}["digest"] for read in (first, second)]
    assert digests[0] == digests[1]


def test_the_metadata_tell_where_it_comes_from(model, waves, tmp_path):
    export(model, tmp_path / "m.onnx", threshold="contamination=0.1")
    read = onnx.load(tmp_path / "m.onnx")
    facts = {entry.key: entry.value for entry in read.metadata_props}
    assert (read.producer_name, read.producer_version) == ("tocsin", tocsin.__version__)
    assert (facts["detector"], facts["kind"], facts["model"]) == ("knn", "table", model.facts_["version"])
    assert json.loads(facts["rule"])["rule"] == "contamination"
    assert float(facts["cut"]) == json.loads(facts["rule"])["p"]
    columns = {column["name"]: column for column in json.loads(facts["columns"])}
    assert columns["score"]["input"] == "score_column"
    assert columns["flow (l/s)"] == {"name": "flow (l/s)", "input": "flow (l/s)", "kind": "number", "type": "double", "unit": "l/s"}
    export(waves, tmp_path / "s.onnx")
    facts = {entry.key: entry.value for entry in onnx.load(tmp_path / "s.onnx").metadata_props}
    assert [column["name"] for column in json.loads(facts["columns"])] == ["level", "flow"]
    assert json.loads(facts["reach"]) == waves.detector_.window


def test_the_file_is_a_valid_model(model, tmp_path):
    onnx.checker.check_model(onnx.load(export(model, tmp_path / "m.onnx").path), full_check=True)


def test_the_default_cut_is_the_rules(model, alone, tmp_path):
    rows = trial.rows_of(model, 60)
    export(model, tmp_path / "m.onnx", threshold="false_alarm_rate=0.3")
    assert alone(tmp_path / "m.onnx", rows.feeds)["is_anomaly"].tolist() == (model.detect(rows.data).p_value <= 0.3).tolist()


@pytest.mark.parametrize("name", ["autoencoder", "vae"])
def test_networks_of_tables(name, table, alone, tmp_path):
    pytest.importorskip("torch")
    model = tocsin.fit(tocsin.read(table, kind="table"), name, **_NETS)
    assert export(model, tmp_path / "m.onnx").error < 1e-4
    rows = trial.rows_of(model, 30)
    found, wanted = alone(tmp_path / "m.onnx", rows.feeds), model.detect(rows.data)
    np.testing.assert_allclose(found["score"], wanted.score, rtol=1e-4)
    assert found["loaded"] == []


def test_a_memory_of_windows_leaves_without_pytorch(tmp_path):
    script = (
        "import sys, tocsin\n"
        "model = tocsin.fit([[float(i % 12)] for i in range(240)], 'knn', kind='series')\n"
        f"print(tocsin.export(model, {str(tmp_path / 'm.onnx')!r}).rows)\n"
        "assert not any(name.split('.')[0] == 'torch' for name in sys.modules)\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) > 0 and (tmp_path / "m.onnx").is_file()


# ---- refusals ----------------------------------------------------------------------------------------------------

def test_a_difference_writes_nothing(model, tmp_path, monkeypatch):
    (tmp_path / "m.onnx").write_bytes(b"old")
    monkeypatch.setattr("tocsin.delivery.export.scorer_neighbours.SPARE", -3)  # the graph would look at fewer neighbours
    with pytest.raises((ArtifactError), match="TOC-42"):
        export(model, tmp_path / "m.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]
    assert (tmp_path / "m.onnx").read_bytes() == b"old"


def test_a_failed_write_leaves_the_old_file(model, tmp_path, monkeypatch):
    (tmp_path / "m.onnx").write_bytes(b"old")

    def full(*paths):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(ArtifactError, match="TOC-424"):
        export(model, tmp_path / "m.onnx")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("m.onnx", b"old")]


def test_a_place_that_cannot_be_written_is_a_stated_error(model, tmp_path):
    for path in (tmp_path / "none" / "m.onnx", tmp_path):
        with pytest.raises(ArtifactError, match="TOC-424"):
            export(model, path)


@pytest.mark.parametrize("path", ["", None, 3])
def test_a_path_is_needed(model, path):
    with pytest.raises(ConfigError, match="TOC-271"):
        export(model, path)


def test_a_rule_over_the_batch_is_refused_unless_another_is_given(tmp_path):
    model = tocsin.fit(np.random.default_rng(0).normal(size=(100, 2)), "gaussian", threshold="fdr=0.1")
    with pytest.raises(ConfigError, match="TOC-270"):
        export(model, tmp_path / "m.onnx")
    assert export(model, tmp_path / "m.onnx", threshold="false_alarm_rate=0.05").rows == 240


def test_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match="TOC-426"):
        export("m.tocsin", tmp_path / "m.onnx")
    with pytest.raises(StateError, match="TOC-301"):
        export(tocsin.Pipeline("gaussian"), tmp_path / "m.onnx")


def test_a_model_too_large_for_a_file_is_refused(model, tmp_path, monkeypatch):
    monkeypatch.setattr("tocsin.delivery.export.assembly.MOST_BYTES", 1000)
    with pytest.raises(ArtifactError, match="TOC-424"):
        export(model, tmp_path / "m.onnx")


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_missing_packages_say_the_install_line(model, tmp_path, monkeypatch, package):
    for name in [name for name in sys.modules if name.startswith("tocsin.delivery.export.") and not name.endswith(".export")]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("assembly", "proof"):
        monkeypatch.delattr(f"tocsin.delivery.export.{name}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=r"TOC-501.*tocsin\[export\]"):
        export(model, tmp_path / "m.onnx")


def test_what_cannot_load_in_onnxruntime_is_not_written(model, tmp_path, monkeypatch):
    def without(*given, **named):
        raise RuntimeError("no such operator")

    monkeypatch.setattr(proof.onnxruntime, "InferenceSession", without)
    with pytest.raises(ArtifactError, match=r"TOC-425.*no such operator"):
        export(model, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []
