"""The network inside an ONNX graph in whole numbers of 8 bits; all around it (preparation, judgement, calibration) stays as it is.

Weights become int8, one scale for each output of a layer. What flows into a layer becomes uint8 on a fixed scale, from the smallest to
the largest value met in calibration: a row's score then does not depend on the rows judged with it, which it would if the scale were
taken from each batch, where one wild row takes away the resolution of all others. Values beyond that scale are cut off there; the
misfit is still taken from what came in, so a wild row stays wild. Recurrent layers keep their state in float, only their weights shrink.

``reduce_range``: weights use 7 of the 8 bits. Processors without int8 dot products (AVX-512 VNNI and the like) add pairs of products in
16 bits, which overflow silently with full ones.

All of it is said with QuantizeLinear and DequantizeLinear, operators that every ONNX runtime knows (opset 17); onnxruntime joins them
with the layers between them into whole-number arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

_WEIGHTS = {"MatMul": ((1, 1),), "Conv": ((1, 0),), "LSTM": ((1, 1), (2, 1)), "GRU": ((1, 1), (2, 1))}
"""operator → (which input, along which axis its outputs lie) of its weights"""
_LEAST = 1e-8  # the scale of weights that are all 0

Range = tuple[float, float]


@dataclass(frozen=True)
class Layer:
    """One layer of the network: its node, and the names of what flows into it and, where that is made whole, too, out of it."""

    node: onnx.NodeProto
    flows: tuple[str, ...]


def layers(model: onnx.ModelProto) -> list[Layer]:
    """The layers whose weights are float32 constants, in order; preparation and classical detectors compute in double and are none."""
    held = {tensor.name for tensor in model.graph.initializer if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) > 1}
    found = []
    for node in model.graph.node:
        if node.op_type in _WEIGHTS and all(node.input[i] in held for i, _ in _WEIGHTS[node.op_type]):
            flows = {"MatMul": (node.input[0],), "Conv": (node.input[0], node.output[0])}.get(node.op_type, ())
            found.append(Layer(node, flows))
    return found


def ranges(model: onnx.ModelProto, batches: Iterable[Mapping[str, np.ndarray]]) -> list[list[Range]]:
    """The smallest and the largest value of each flow of each layer, over all ``batches`` of inputs."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    found = layers(model)
    names = list(dict.fromkeys(name for layer in found for name in layer.flows))
    del watched.graph.output[:]
    for name in names:
        for op in ("ReduceMin", "ReduceMax"):
            watched.graph.node.append(helper.make_node(op, [name], [f"{op}:{name}"], keepdims=0))
            watched.graph.output.append(helper.make_tensor_value_info(f"{op}:{name}", TensorProto.FLOAT, []))
    low, high = np.zeros(len(names)), np.zeros(len(names))  # 0 is always within: padding and hidden patches are 0
    if names:
        session = start(watched)
        for feeds in batches:
            met = np.array(session.run(None, dict(feeds)), dtype=float).reshape(-1, 2)
            low, high = np.minimum(low, met[:, 0]), np.maximum(high, met[:, 1])
    known = {name: (float(a), float(b)) for name, a, b in zip(names, low, high)}
    return [[known[name] for name in layer.flows] for layer in found]


def quantised(model: onnx.ModelProto, found: Sequence[Sequence[Range]] | None, *, reduce_range: bool = True) -> onnx.ModelProto:
    """A copy of ``model`` with its layers in int8, on the scales ``found`` by :func:`ranges`; None: weights only."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    writer = _Writer(made, 63 if reduce_range else 127)
    chosen = {layer.node.output[0]: i for i, layer in enumerate(layers(model))}
    for node in model.graph.node:
        i = chosen.get(node.output[0])
        writer.layer(node, None if found is None else found[i]) if i is not None else writer.nodes.append(node)
    writer.finish()
    return made


def start(model: onnx.ModelProto | bytes, *, threads: int = 1) -> onnxruntime.InferenceSession:
    """``model`` in onnxruntime, on the processor, on one thread."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    content = model if isinstance(model, bytes) else model.SerializeToString()
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


class _Writer:
    """Puts the nodes of a model down again, layers in int8."""

    def __init__(self, model: onnx.ModelProto, top: int) -> None:
        self.model, self.top = model, top
        self.arrays = {tensor.name: tensor for tensor in model.graph.initializer}
        self.nodes: list[onnx.NodeProto] = []
        self.flows: dict[tuple[str, Range], tuple[str, float]] = {}
        self.weights: dict[str, tuple[str, np.ndarray]] = {}
        self.count = 0

    def layer(self, node: onnx.NodeProto, found: Sequence[Range] | None) -> None:
        """``node`` with its weights, and what flows through it, in 8 bits."""
        made = onnx.NodeProto()
        made.CopyFrom(node)
        scales = np.ones(1)
        for i, axis in _WEIGHTS[node.op_type]:
            made.input[i], scales = self._weight(node.input[i], axis)
        if not found:
            self.nodes.append(made)
            return
        made.input[0], scale = self._flow(node.input[0], found[0])
        if node.op_type == "Conv":
            made.input[2] = self._bias(node.input[2], scales * scale)
            made.output[0] = self._name()
            self.nodes.append(made)
            self._flow(made.output[0], found[1], node.output[0])
        else:
            self.nodes.append(made)

    def finish(self) -> None:
        """Write the nodes into the model and drop the constants that nothing reads any more."""
        del self.model.graph.node[:]
        self.model.graph.node.extend(self.nodes)
        read = {name for node in self.nodes for name in node.input} | {value.name for value in self.model.graph.input}
        kept = [tensor for tensor in self.arrays.values() if tensor.name in read]
        del self.model.graph.initializer[:]
        self.model.graph.initializer.extend(kept)

    def _weight(self, name: str, axis: int) -> tuple[str, np.ndarray]:
        """The name of the weights after int8, and their scales along ``axis``."""
        if name not in self.weights:
            values = numpy_helper.to_array(self.arrays[name])
            others = tuple(i for i in range(values.ndim) if i != axis)
            scale = np.maximum(np.abs(values).max(axis=others) / self.top, _LEAST).astype(np.float32)
            spread = scale.reshape([-1 if i == axis else 1 for i in range(values.ndim)])
            whole = np.clip(np.rint(values / spread), -self.top, self.top).astype(np.int8)
            self.weights[name] = self._dequantised(whole, scale, np.zeros(len(scale), np.int8), axis), scale.astype(float)
        return self.weights[name]

    def _bias(self, name: str, scale: np.ndarray) -> str:
        whole = np.clip(np.rint(numpy_helper.to_array(self.arrays[name]) / scale), -(2**31) + 1, 2**31 - 1).astype(np.int32)
        return self._dequantised(whole, scale.astype(np.float32), np.zeros(len(scale), np.int32), 0)

    def _flow(self, name: str, found: Range, out: str = "") -> tuple[str, float]:
        """The name of the flow ``name`` after uint8 (``out``, where a name is given), and its scale."""
        if (name, found) not in self.flows or out:
            low, high = found
            scale = max((high - low) / 255, _LEAST)
            zero = int(np.clip(round(-low / scale), 0, 255))
            steps = [self._const(np.float32(scale)), self._const(np.uint8(zero))]
            whole, back = self._name(), out or self._name()
            self.nodes.append(helper.make_node("QuantizeLinear", [name, *steps], [whole]))
            self.nodes.append(helper.make_node("DequantizeLinear", [whole, *steps], [back]))
            self.flows[name, found] = back, float(np.float32(scale))
        return self.flows[name, found]

    def _dequantised(self, whole: np.ndarray, scale: np.ndarray, zero: np.ndarray, axis: int) -> str:
        name = self._name()
        self.nodes.append(helper.make_node("DequantizeLinear", [self._const(part) for part in (whole, scale, zero)], [name], axis=axis))
        return name

    def _const(self, value: Any) -> str:
        name = self._name()
        self.arrays[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def _name(self) -> str:
        self.count += 1
        return f"q:{self.count}"
