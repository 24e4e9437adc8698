"""The builder says in ONNX what numpy says."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tocsin.core.errors import ArtifactError
from tocsin.delivery.export.graph import DOUBLE, OPSET, Graph


@pytest.mark.parametrize("q", [1, 2, 255, 257, 1000, 20_011])
def test_search_is_searchsorted(value, q):
    r = np.random.default_rng(q)
    knots = np.unique(np.round(r.normal(size=q), 3))
    x = np.concatenate([knots, r.normal(size=50), [-np.inf, np.inf, knots[0] - 1, knots[-1] + 1]])
    assert (value(lambda graph, x: graph.search(knots, x), x=x) == np.searchsorted(knots, x)).all()


@pytest.mark.parametrize("q", [1, 2, 7, 700])
def test_interp_is_numpys(value, q):
    r = np.random.default_rng(q)
    knots, values = np.unique(r.normal(size=q)), r.normal(size=q)
    x = np.concatenate([knots, r.normal(size=50), [-9.0, 9.0, -np.inf, np.inf]])
    np.testing.assert_allclose(value(lambda graph, x: graph.interp(x, knots, values), x=x), np.interp(x, knots, values), atol=1e-12)


def test_log1p_keeps_small_numbers(value):
    x = np.array([0.0, 5e-324, 1e-300, 1e-17, 1e-9, 0.3, 1.0, 1e9, 1e300, np.finfo(float).max])
    np.testing.assert_allclose(value(lambda graph, x: graph.log1p(x), x=x), np.log1p(x), rtol=1e-15)


def test_finite_sees_what_is_no_number(value):
    x = np.array([1.0, -1e308, np.nan, np.inf, -np.inf])
    assert value(lambda graph, x: graph.finite(x), x=x).tolist() == [True, True, False, False, False]


def test_equal_constants_are_held_once():
    graph = Graph()
    assert graph.const(np.arange(3.0)) == graph.const([0.0, 1.0, 2.0]) != graph.const([0, 1, 2])
    assert len(graph.initializers) == 2


def test_names_keep_away_from_inputs():
    graph = Graph()
    graph.input("t:1", DOUBLE, ["n"])
    assert graph.const(1.0) == "t:2"


def test_an_optional_input_has_its_default():
    graph = Graph()
    graph.output("out", graph.add(graph.optional("cut", np.float64(0.5)), 1.0), DOUBLE, [])
    from tocsin.delivery.export.proof import start

    session = start(graph.model().SerializeToString())
    assert session.run(None, {})[0] == 1.5
    assert session.run(None, {"cut": np.array(2.0)})[0] == 3.0


def _other(opset: int = OPSET, *, fed: bool = True) -> onnx.ModelProto:
    weight = helper.make_tensor("w", TensorProto.DOUBLE, [1], [3.0])
    inputs = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["n"]) for name in (("a",) if fed else ("a", "b"))]
    nodes = [helper.make_node("Mul", ["a", "w"], ["t:1"]), helper.make_node("Neg", ["t:1"], ["o"])]
    made = helper.make_graph(nodes, "other", inputs, [helper.make_tensor_value_info("o", TensorProto.DOUBLE, ["n"])], [weight])
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)])


def test_a_grafted_model_runs_inside(value):
    def build(graph: Graph, x: str) -> str:
        once = graph.graft(_other(), {"a": x}, "net")["o"]
        return graph.graft(_other(), {"a": once}, "net")["o"]

    assert value(build, x=np.array([1.0, 2.0])).tolist() == [9.0, 18.0]


@pytest.mark.parametrize("model", [_other(OPSET - 1), _other(fed=False)])
def test_a_graft_that_does_not_fit_is_refused(model):
    with pytest.raises(ArtifactError, match="TOC-425"):
        Graph().graft(model, {"a": "x"}, "net")
