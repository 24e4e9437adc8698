"""Layers of a graph in int8: which, how exactly, and that a row's score does not hang on its batch mates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

int8 = pytest.importorskip("tocsin.delivery.int8")
onnx = pytest.importorskip("onnx")

import tocsin  # noqa: E402
from tocsin.core.seed import generator  # noqa: E402
from tocsin.delivery.export.graph import DOUBLE, Graph  # noqa: E402
from tocsin.delivery.export.scorer import row_scores  # noqa: E402
from tocsin.delivery.export.series import series_scorer  # noqa: E402

ROWS = generator(0, "rows").normal(size=(300, 6)) @ generator(1, "mix").normal(size=(6, 6))
WAVE = np.sin(np.arange(200) / 3)[:, None]


@pytest.fixture(scope="module")
def table() -> onnx.ModelProto:
    return rows_model(tocsin.make("autoencoder", hidden=24, training={"epochs": 10}).fit(ROWS))


def rows_model(detector: Any) -> onnx.ModelProto:
    graph = Graph()
    graph.output("score", row_scores(graph, graph.input("x", DOUBLE, ["n", 6]), detector), DOUBLE, ["n"])
    return graph.model()


def series_model(name: str, **params: Any) -> onnx.ModelProto:
    detector, graph = tocsin.make(name, window=8, training={"epochs": 2}, **params).fit(WAVE), Graph()
    score = series_scorer(graph, graph.input("x", DOUBLE, ["b", "t", 1]), detector, row_scores)
    graph.output("score", score, DOUBLE, ["b", "t"])
    return graph.model()


def run(model: onnx.ModelProto, X: np.ndarray) -> np.ndarray:
    onnx.checker.check_model(model, full_check=True)
    return int8.start(model).run(None, {"x": X})[0]


def stored(model: onnx.ModelProto, kind: int) -> int:
    """Numbers held as int8 constants, or as others."""
    return sum(int(np.prod(t.dims)) for t in model.graph.initializer if t.data_type == kind)


def test_layers_are_those_of_the_network_alone(table):
    assert [layer.node.op_type for layer in int8.layers(table)] == ["MatMul"] * 4
    assert int8.layers(rows_model(tocsin.make("gaussian").fit(ROWS))) == []  # it multiplies matrices, too, in double


def test_the_weights_are_one_byte_each(table):
    made = int8.quantised(table, None)
    assert stored(made, onnx.TensorProto.INT8) >= 2 * 6 * 24 + 2 * 24 * 24
    assert made.ByteSize() < 0.6 * table.ByteSize()
    assert stored(table, onnx.TensorProto.INT8) == 0, "the model given is left as it is"


def test_reduce_range_uses_seven_bits(table):
    for reduce_range, top in ((True, 63), (False, 127)):
        made = int8.quantised(table, None, reduce_range=reduce_range)
        weights = [onnx.numpy_helper.to_array(t) for t in made.graph.initializer if t.data_type == onnx.TensorProto.INT8]
        assert max(int(np.abs(w.astype(int)).max()) for w in weights) == top


def test_every_weight_is_met_within_half_a_step(table):
    made = int8.quantised(table, None)
    arrays = {t.name: onnx.numpy_helper.to_array(t) for t in made.graph.initializer}
    back = [n for n in made.graph.node if n.op_type == "DequantizeLinear"]
    before = {t.name: onnx.numpy_helper.to_array(t) for t in table.graph.initializer}
    truth = [before[layer.node.input[1]] for layer in int8.layers(table)]
    assert len(back) == len(truth) == 4
    for node, weights in zip(back, truth):
        whole, scale, _ = (arrays[name] for name in node.input)
        assert (np.abs(whole * scale - weights) <= scale * 0.5001).all()


def test_scores_stay_close_and_ranked(table):
    odd = ROWS + generator(2, "odd").normal(size=ROWS.shape)
    truth, found = run(table, odd), run(int8.quantised(table, None), odd)
    assert np.corrcoef(truth, found)[0, 1] > 0.99
    assert not np.array_equal(truth, found)


@pytest.mark.parametrize("activations", [False, True])
def test_a_wild_row_changes_no_other_score(table, activations):
    found = int8.ranges(table, [{"x": ROWS}]) if activations else None
    made = int8.quantised(table, found)
    wild = np.vstack([ROWS[:5], np.full((1, 6), 1e9)])
    np.testing.assert_allclose(run(made, wild)[:5], run(made, ROWS[:5]), rtol=1e-6)
    assert run(made, wild)[5] > 1e3 * run(made, ROWS[:5]).max()


def test_ranges_hold_every_batch_and_nought(table):
    parts = [{"x": ROWS[:100] + 50}, {"x": ROWS[100:]}]
    ((low, high),), *_ = int8.ranges(table, parts)
    whole = int8.ranges(table, [{"x": np.vstack([parts[0]["x"], parts[1]["x"]])}])[0][0]
    assert (low, high) == whole
    assert low < 0 < high


@pytest.mark.parametrize(("name", "params", "weights"), [
    ("conv", {"hidden": 4}, "Conv"), ("recurrent", {"hidden": 4}, "LSTM"), ("recurrent", {"hidden": 4, "cell": "gru"}, "GRU"),
    ("transformer", {"width": 8, "heads": 2}, "MatMul"),
])
@pytest.mark.parametrize("activations", [False, True])
def test_networks_of_series_run_in_int8(name, params, weights, activations):
    model = series_model(name, **params)
    assert weights in {layer.node.op_type for layer in int8.layers(model)}
    X = np.stack([WAVE[:30], 1.5 * WAVE[5:35]])
    found = int8.ranges(model, [{"x": X}]) if activations else None
    truth, made = run(model, X), run(int8.quantised(model, found), X)
    assert made.shape == truth.shape
    assert np.isfinite(made).all()
    assert np.corrcoef(truth.ravel(), made.ravel())[0, 1] > 0.9
