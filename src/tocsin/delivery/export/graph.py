"""A small builder of ONNX graphs: methods add nodes and return the names of their values.

Numbers are double unless a network is grafted in. One opset for all: old enough for every runtime of the last years (also in browsers),
new enough for all that is said here. Names made here begin with "t:", so that they never meet a column's name.

Letters: n rows, q knots, d columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tocsin.core.errors import ArtifactError

OPSET, OPSET_ML, IR = 17, 3, 8
ML = "ai.onnx.ml"
DOUBLE, FLOAT, INT64, BOOL, STRING = TensorProto.DOUBLE, TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL, TensorProto.STRING
MOST_BYTES = 2**31 - 1
END = 2**62  # beyond the end of every axis
"""A protobuf message holds no more."""

_BLOCK = 128  # knots compared at once in a search
_LARGEST = float(np.finfo(float).max)


class Graph:
    """An ONNX graph under construction.

    >>> graph = Graph()
    >>> x = graph.input("x", DOUBLE, ["n"])
    >>> graph.output("twice", graph.mul(x, 2.0), DOUBLE, ["n"])
    >>> [node.op_type for node in graph.model().graph.node]
    ['Mul', 'Identity']
    """

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._given: set[str] = set()  # names of inputs, which callers chose
        self._count = 0

    # ---- values ---------------------------------------------------------------------------------------------------

    def input(self, name: str, kind: int, shape: Sequence[int | str]) -> str:
        """A graph input; strings in ``shape`` are free dimensions."""
        self.inputs.append(helper.make_tensor_value_info(name, kind, list(shape)))
        self._given.add(name)
        return name

    def optional(self, name: str, default: Any) -> str:
        """A graph input that need not be given: an initializer of the same name holds its default."""
        value = np.asarray(default)
        self.inputs.append(helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), list(value.shape)))
        self.initializers.append(numpy_helper.from_array(value, name))
        return name

    def output(self, name: str, value: str, kind: int, shape: Sequence[int | str]) -> None:
        """Call ``value`` by ``name`` outside."""
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        self.outputs.append(helper.make_tensor_value_info(name, kind, list(shape)))

    def const(self, value: Any) -> str:
        """The name of a constant: an array or a number; floats become double, whole numbers int64. Equal ones are held once."""
        array = np.asarray(value)
        if array.dtype.kind in "iu":
            array = array.astype(np.int64)
        elif array.dtype == np.float16 or array.dtype.itemsize > 8:
            array = array.astype(np.float64)
        key = (str(array.dtype), array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = self.name()
            self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), self._constants[key]))
        return self._constants[key]

    def name(self, hint: str = "") -> str:
        """A name that nothing has yet."""
        while True:
            self._count += 1
            made = f"t:{self._count}{':' if hint else ''}{hint}"
            if made not in self._given:
                return made

    def node(self, op: str, *inputs: Any, domain: str = "", **attributes: Any) -> str:
        """Add a node with one output. Inputs are value names, or arrays and numbers, which become constants; "" is an input left out."""
        return self.nodes_out(op, 1, *inputs, domain=domain, **attributes)[0]

    def nodes_out(self, op: str, count: int, *inputs: Any, domain: str = "", **attributes: Any) -> list[str]:
        """Add a node with ``count`` outputs."""
        names = [part if isinstance(part, str) else self.const(part) for part in inputs]
        made = [self.name() for _ in range(count)]
        self.nodes.append(helper.make_node(op, names, made, domain=domain, **attributes))
        return made

    # ---- arithmetic -----------------------------------------------------------------------------------------------

    def add(self, a: Any, b: Any) -> str:
        """a + b."""
        return self.node("Add", a, b)

    def sub(self, a: Any, b: Any) -> str:
        """a − b."""
        return self.node("Sub", a, b)

    def mul(self, a: Any, b: Any) -> str:
        """a · b, cell by cell."""
        return self.node("Mul", a, b)

    def div(self, a: Any, b: Any) -> str:
        """a / b; whole numbers are divided whole."""
        return self.node("Div", a, b)

    def square(self, a: str) -> str:
        """a²."""
        return self.node("Mul", a, a)

    def matmul(self, a: Any, b: Any) -> str:
        """a @ b."""
        return self.node("MatMul", a, b)

    def sum(self, a: str, axis: int, *, keep: bool = False) -> str:
        """The sum along ``axis``."""
        return self.node("ReduceSum", a, np.array([axis]), keepdims=int(keep))

    def mean(self, a: str, axis: int, *, keep: bool = False) -> str:
        """The mean along ``axis``."""
        return self.node("ReduceMean", a, axes=[axis], keepdims=int(keep))

    def clip(self, a: str, low: float, high: float) -> str:
        """a within [low, high]."""
        return self.node("Clip", a, float(low), float(high))

    def where(self, condition: str, yes: Any, no: Any) -> str:
        """``yes`` where the condition holds, else ``no``."""
        return self.node("Where", condition, yes, no)

    def compare(self, op: str, a: Any, b: Any) -> str:
        """One of "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal"."""
        return self.node(op, a, b)

    def finite(self, a: str) -> str:
        """Whether a double is neither NaN nor infinite."""
        return self.compare("LessOrEqual", self.node("Abs", a), _LARGEST)

    def log1p(self, x: str) -> str:
        """log(1 + x) for x >= 0, to the last bits also for small x: the rounding of 1 + x is divided out."""
        whole = self.add(x, 1.0)
        rest = self.sub(whole, 1.0)
        known = self.node("And", self.compare("Greater", rest, 0.0), self.finite(rest))
        exact = self.div(self.mul(self.node("Log", whole), self.node("Min", x, _LARGEST)), self.where(known, rest, 1.0))
        return self.where(self.compare("LessOrEqual", x, 1e15), self.where(known, exact, x), self.node("Log", whole))

    # ---- form -----------------------------------------------------------------------------------------------------

    def cast(self, a: str, kind: int) -> str:
        """``a`` in another number type."""
        return self.node("Cast", a, to=kind)

    def concat(self, parts: Sequence[str], axis: int) -> str:
        """The parts one after another along ``axis``."""
        return parts[0] if len(parts) == 1 else self.node("Concat", *parts, axis=axis)

    def reshape(self, a: str, shape: Any) -> str:
        """``a`` in another shape: a list (−1 for one free dimension) or the name of an int64 value."""
        return self.node("Reshape", a, shape if isinstance(shape, str) else np.asarray(shape))

    def unsqueeze(self, a: str, axis: int) -> str:
        """With a new dimension of size 1."""
        return self.node("Unsqueeze", a, np.array([axis]))

    def take(self, a: Any, index: Any, axis: int = 0) -> str:
        """``a`` at ``index`` along ``axis``, like numpy's take."""
        return self.node("Gather", a, index, axis=axis)

    def part(self, a: str, axis: int, first: int, last: int = END) -> str:
        """``a`` from ``first`` to before ``last`` along ``axis``; negative numbers count from the end."""
        return self.node("Slice", a, np.array([first]), np.array([last]), np.array([axis]))

    def size(self, a: str, axis: int) -> str:
        """(1,) int64: the length of one axis."""
        return self.take(self.node("Shape", a), np.array([axis]))

    # ---- search ---------------------------------------------------------------------------------------------------

    def search(self, knots: np.ndarray, x: str) -> str:
        """(n,) int64, how many of the ascending ``knots`` (q,) lie below each of ``x`` (n,): numpy's searchsorted, side "left".

        First among every 128th knot, then inside one block of 128: memory is n · (q / 128 + 128), whatever q is.
        """
        q = len(knots)
        if q <= 2 * _BLOCK:
            return self._below(np.asarray(knots, dtype=float)[None], x)
        padded = np.full(-(-q // _BLOCK) * _BLOCK, np.inf)
        padded[:q] = knots
        blocks = padded.reshape(-1, _BLOCK)
        block = self._below(blocks[None, :-1, -1], x)  # blocks that lie below as a whole; the last one needs no looking at
        return self.add(self.mul(block, _BLOCK), self._below(self.take(blocks, block), x))

    def interp(self, x: str, knots: np.ndarray, values: np.ndarray) -> str:
        """numpy's ``interp``: straight between ascending, distinct ``knots`` (q,), constant beyond the ends; x (n,)."""
        if len(knots) == 1:
            return self.add(self.mul(self.clip(x, -1, 1), 0.0), float(values[0]))
        place = self.sub(self.search(knots, x), 1)
        low = self.node("Max", self.node("Min", place, len(knots) - 2), 0)
        with np.errstate(over="ignore"):
            slope = np.clip(np.diff(values) / np.diff(knots), -_LARGEST, _LARGEST)
        inside = self.clip(x, knots[0], knots[-1])
        return self.add(self.mul(self.sub(inside, self.take(knots, low)), self.take(slope, low)), self.take(values, low))

    def _below(self, knots: Any, x: str) -> str:
        """(n,) how many cells of each row of ``knots`` (n or 1, q) lie below x (n,)."""
        below = self.compare("Less", knots, self.unsqueeze(x, 1))
        return self.sum(self.cast(below, INT64), 1)

    # ---- whole ----------------------------------------------------------------------------------------------------

    def graft(self, model: onnx.ModelProto, inputs: Mapping[str, str], prefix: str) -> dict[str, str]:
        """Put ``model``'s nodes in, its inputs fed by the named values of this graph; returns its output names → value names.

        ``prefix`` only makes the names readable. Raises ArtifactError TOC-425 when the model is of another opset, has inputs that are not
        fed, or holds nodes with graphs inside (branches, loops).
        """
        opsets = {entry.domain or "": entry.version for entry in model.opset_import}
        known = {"": OPSET, ML: OPSET_ML}
        wrong = {domain: number for domain, number in opsets.items() if known.get(domain) != number}
        held = {tensor.name for tensor in model.graph.initializer}
        unfed = [value.name for value in model.graph.input if value.name not in inputs and value.name not in held]
        inner = [node.op_type for node in model.graph.node if any(a.HasField("g") or a.graphs for a in node.attribute)]
        if wrong or unfed or inner:
            raise ArtifactError("TOC-425", "a network cannot be put into the graph",
                                came=f"opsets {wrong}, not fed {unfed}, nested {inner}"[:200],
                                todo="report a bug: the exporter of this network is wrong")
        names = {"": "", **inputs}
        for tensor in model.graph.initializer:
            copy = onnx.TensorProto()
            copy.CopyFrom(tensor)
            copy.name = names[tensor.name] = self.name(prefix)
            self.initializers.append(copy)
        for node in model.graph.node:
            copied = onnx.NodeProto()
            copied.CopyFrom(node)
            for out in node.output:
                names.setdefault(out, self.name(prefix))
            copied.name = ""
            copied.input[:] = [names[part] for part in node.input]
            copied.output[:] = [names[part] for part in node.output]
            self.nodes.append(copied)
        return {value.name: names[value.name] for value in model.graph.output}

    def model(self, *, producer: str = "tocsin", version: str = "", facts: Mapping[str, str] | None = None) -> onnx.ModelProto:
        """The finished model; ``facts`` become its metadata."""
        graph = helper.make_graph(self.nodes, "tocsin", self.inputs, self.outputs, self.initializers)
        made = helper.make_model(graph, producer_name=producer, producer_version=version, ir_version=IR,
                                 opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(ML, OPSET_ML)])
        helper.set_model_props(made, dict(facts or {}))
        return made
