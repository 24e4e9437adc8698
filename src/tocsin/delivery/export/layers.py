"""PyTorch modules of ``deep.blocks`` and ``deep.backbones`` as ONNX nodes, in float32.

Written layer by layer from the module's parameters rather than traced: nothing of an example input is frozen into the graph (traced
recurrent layers have come out wrong at other batch sizes than the traced one), no exporter is run, and what one window needs is all that
is computed. The number of windows b is open; the window's length is fixed.

Letters: b rows or windows in a batch, s steps of a window, c channels, h width, p patches.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from torch import Tensor, nn

from tocsin.core.errors import ArtifactError
from tocsin.deep.backbones import (
    ConvAutoencoder,
    ConvForecaster,
    PatchEncoder,
    PatchForecaster,
    RecurrentAutoencoder,
    RecurrentForecaster,
    Widen,
)
from tocsin.deep.blocks import CausalConv, Dropout, EncoderBlock
from tocsin.delivery.export.graph import Graph


def linear(graph: Graph, x: str, weight: Any, bias: Any) -> str:
    """(..., d) → (..., h) with PyTorch's ``weight`` (h, d); ``bias`` None: without one."""
    made = graph.matmul(x, _array(weight).T)
    return made if bias is None else graph.add(made, _array(bias))


def gelu(graph: Graph, x: str) -> str:
    """x · Φ(x), with the exact Φ. In this form onnxruntime computes it in one step."""
    phi = graph.node("Erf", graph.div(x, np.float32(math.sqrt(2))))
    return graph.mul(graph.mul(x, graph.add(phi, np.float32(1))), np.float32(0.5))


def norm(graph: Graph, x: str, layer: nn.LayerNorm) -> str:
    """Layer norm over the last axis."""
    return graph.node("LayerNormalization", x, _array(layer.weight), _array(layer.bias), axis=-1,
                      epsilon=layer.eps)


def sequential(graph: Graph, x: str, layers: Iterable[nn.Module]) -> str:
    """What ``blocks.mlp`` builds. Raises ArtifactError TOC-432 for another kind of layer."""
    for layer in layers:
        if isinstance(layer, nn.Linear):
            x = linear(graph, x, layer.weight, layer.bias)
        elif isinstance(layer, nn.GELU):
            x = gelu(graph, x)
        elif not isinstance(layer, Dropout):  # which does nothing once fitted
            raise unknown(layer)
    return x


def recurrent_forecaster(graph: Graph, z: str, net: RecurrentForecaster, length: int) -> str:
    """(b, 2l, c) → (b, l, c), the last l rows foretold, each from those before it. The last row goes through the network for nothing,
    which costs less than leaving it out."""
    h = graph.node("Transpose", z, perm=[1, 0, 2])  # (s, b, c), as ONNX wants it
    for layer in net.cells:
        h = _cell(graph, h, layer)
    made = linear(graph, graph.part(h, 0, -length - 1, -1), net.out.weight, net.out.bias)
    return graph.node("Transpose", made, perm=[1, 0, 2])


def recurrent_autoencoder(graph: Graph, z: str, net: RecurrentAutoencoder) -> str:
    """(b, l, c) → (b, l, c)."""
    h = graph.node("Transpose", z, perm=[1, 0, 2])
    for layer in net.encoder:
        h = _cell(graph, h, layer)
    h = graph.add(graph.part(h, 0, -1), _array(net.place.table)[:, None])  # (1, b, h) + (l, 1, h)
    for layer in net.decoder:
        h = _cell(graph, h, layer)
    return graph.node("Transpose", linear(graph, h, net.out.weight, net.out.bias), perm=[1, 0, 2])


def conv_forecaster(graph: Graph, z: str, net: ConvForecaster, length: int) -> str:
    """(b, 2l, c) → (b, l, c), the last l rows foretold, each from those before it. The last row goes through the network for nothing,
    which costs less than leaving it out."""
    h = graph.node("Transpose", z, perm=[0, 2, 1])  # (b, c, s)
    for layer in net.layers:
        assert isinstance(layer, CausalConv)
        h = _causal(graph, h, layer)
    made = graph.node("Transpose", graph.part(h, 2, -length - 1, -1), perm=[0, 2, 1])
    return linear(graph, made, net.out.weight, net.out.bias)


def conv_autoencoder(graph: Graph, z: str, net: ConvAutoencoder) -> str:
    """(b, l, c) → (b, l, c)."""
    hidden = net.out.in_channels
    h = graph.node("Transpose", z, perm=[0, 2, 1])  # (b, c, l)
    for narrow in net.narrow:
        assert isinstance(narrow, nn.Conv1d)
        h = gelu(graph, _conv(graph, h, narrow))
    h = linear(graph, graph.reshape(h, [-1, hidden * net.short]), net.code.weight, net.code.bias)
    h = graph.reshape(linear(graph, h, net.opened.weight, net.opened.bias), [-1, hidden, net.short])
    for i, widen in enumerate(net.widen):
        assert isinstance(widen, Widen)
        pairs = graph.reshape(_conv(graph, gelu(graph, h), widen.conv), [-1, 2, hidden, net.short << i])
        h = graph.reshape(graph.node("Transpose", pairs, perm=[0, 2, 3, 1]), [-1, hidden, net.short << (i + 1)])
    return graph.node("Transpose", _conv(graph, h, net.out), perm=[0, 2, 1])


def patch_forecaster(graph: Graph, z: str, net: PatchForecaster, length: int) -> str:
    """(b, 2l, c) → (b, l, c), the last l rows foretold, patch by patch, each from those before it."""
    past = np.triu(np.full((net.count, net.count), -np.inf, dtype=np.float32), 1)  # (p, p): what is not to be seen
    patches = graph.reshape(graph.part(z, 1, 0, net.count * net.patch), [0, net.count, -1])
    x = graph.add(linear(graph, patches, net.tokens.weight, net.tokens.bias), _array(net.places.table))  # (b, p, e)
    for block in net.blocks:
        assert isinstance(block, EncoderBlock)
        x = graph.add(x, _attention(graph, x, block, past))
        x = graph.add(x, _fed_forward(graph, x, block))
    x = graph.part(x, 1, -(length // net.patch))
    made = linear(graph, norm(graph, x, net.norm), net.out.weight, net.out.bias)
    return graph.reshape(made, [0, length, -1])


def patch_encoder(graph: Graph, z: str, net: PatchEncoder) -> str:
    """(b, l, c) → (b, l, c). The turns, in each of which other patches are hidden, are one batch, and what is given back of patches
    that were not hidden is not computed."""
    count, turns = net.count, min(net.TURNS, net.count)
    width = net.out.in_features
    hidden = np.arange(count) % net.TURNS == np.arange(turns)[:, None]  # (turns, p)
    patches = graph.reshape(z, [0, count, -1])
    seen = linear(graph, patches, net.tokens.weight, net.tokens.bias)  # (b, p, e)
    seen = graph.unsqueeze(seen, 1)
    x = graph.node("Where", hidden[:, :, None], _array(net.hidden_token.token), seen)  # (b, turns, p, e)
    x = graph.reshape(graph.add(x, _array(net.places.table)), [-1, count, width])
    for i, block in enumerate(net.blocks):
        assert isinstance(block, EncoderBlock)
        x = graph.add(x, _attention(graph, x, block))
        if i + 1 == len(net.blocks):
            x = _wanted(graph, x, count, turns, net.TURNS, width)
        x = graph.add(x, _fed_forward(graph, x, block))
    made = linear(graph, norm(graph, x, net.norm), net.out.weight, net.out.bias)
    return graph.reshape(made, [0, count * net.patch, -1])


def encoder_block(graph: Graph, x: str, block: EncoderBlock) -> str:
    """(b, p, e) → (b, p, e): attention among all tokens, and two linear layers, each added to what came in."""
    x = graph.add(x, _attention(graph, x, block))
    return graph.add(x, _fed_forward(graph, x, block))


def _wanted(graph: Graph, x: str, count: int, turns: int, every: int, width: int) -> str:
    """(b · turns, p, e) → (b, p, e): of each patch, what came of the turn in which it was hidden."""
    place = np.arange(count)
    flat = graph.reshape(x, [-1, turns * count, width])
    return graph.take(flat, place % every * count + place, 1)


def _attention(graph: Graph, x: str, block: EncoderBlock, hidden: np.ndarray | None = None) -> str:
    """(b, p, e) → (b, p, e): layer norm and multi-head attention; ``hidden`` (p, p) is added to the weights' logarithms."""
    layer = block.attention
    width = layer.out.in_features
    scale = np.ones(3 * width, dtype=np.float32)
    scale[:width] = (width // layer.heads) ** -0.5  # of the queries, once instead of in each product
    weight, bias = _array(layer.query_key_value.weight), _array(layer.query_key_value.bias)
    mixed = linear(graph, norm(graph, x, block.norm1), weight * scale[:, None], bias * scale)
    mixed = graph.reshape(mixed, [0, 0, 3, layer.heads, width // layer.heads])
    mixed = graph.node("Transpose", mixed, perm=[2, 0, 3, 1, 4])  # 3 × (b, heads, p, e / heads)
    query, key, value = (graph.take(mixed, i) for i in range(3))
    weights = graph.matmul(query, graph.node("Transpose", key, perm=[0, 1, 3, 2]))
    share = graph.node("Softmax", weights if hidden is None else graph.add(weights, hidden), axis=-1)
    made = graph.node("Transpose", graph.matmul(share, value), perm=[0, 2, 1, 3])
    return linear(graph, graph.reshape(made, [0, 0, width]), layer.out.weight, layer.out.bias)


def _fed_forward(graph: Graph, x: str, block: EncoderBlock) -> str:
    up = gelu(graph, linear(graph, norm(graph, x, block.norm2), block.up.weight, block.up.bias))
    return linear(graph, up, block.down.weight, block.down.bias)


def _causal(graph: Graph, x: str, layer: CausalConv) -> str:
    """(b, c, s) → (b, h, s)."""
    dilation = int(layer.conv.dilation[0])
    made = graph.node("Conv", x, _array(layer.conv.weight), _array(layer.conv.bias),
                      kernel_shape=list(layer.conv.kernel_size), dilations=[dilation], pads=[layer.lead, 0])
    short = x
    if not isinstance(layer.shortcut, nn.Identity):
        short = graph.node("Conv", x, _array(layer.shortcut.weight), _array(layer.shortcut.bias),
                           kernel_shape=[1])
    return graph.add(short, gelu(graph, made))


def _conv(graph: Graph, x: str, layer: nn.Conv1d) -> str:
    """(b, c, s) → (b, h, s / stride)."""
    return graph.node("Conv", x, _array(layer.weight), _array(layer.bias), kernel_shape=list(layer.kernel_size),
                      strides=list(layer.stride), pads=[int(layer.padding[0])] * 2)


def _cell(graph: Graph, x: str, layer: Any) -> str:
    """(s, b, c) → (s, b, h): one LSTM or GRU, from a state of zeros. ONNX stacks the gates in another order than PyTorch."""
    known: dict[type, tuple[str, tuple[int, ...], dict[str, Any]]] = {
        nn.LSTM: ("LSTM", (0, 3, 1, 2), {}),  # input, forget, cell, output → input, output, forget, cell
        nn.GRU: ("GRU", (1, 0, 2), {"linear_before_reset": 1}),  # reset, update, new → update, reset, new
    }
    if type(layer) not in known:
        raise unknown(layer)
    kind, order, more = known[type(layer)]
    turned = [_gates(tensor, order) for tensor in (layer.weight_ih_l0, layer.weight_hh_l0)]
    bias = np.concatenate([_gates(tensor, order) for tensor in (layer.bias_ih_l0, layer.bias_hh_l0)])
    weights = [array[None] for array in (*turned, bias)]
    made = graph.node(kind, x, *weights, hidden_size=layer.hidden_size, **more)  # (s, 1, b, h)
    return graph.node("Squeeze", made, np.array([1]))


def _gates(tensor: Tensor, order: tuple[int, ...]) -> np.ndarray:
    parts = np.split(_array(tensor), len(order))
    return np.concatenate([parts[i] for i in order])


def unknown(layer: Any) -> ArtifactError:
    """The error for a layer that there is no ONNX form of."""
    return ArtifactError("TOC-432", "there is no ONNX form of a part of this network", came=type(layer).__name__,
                         todo="export a detector that `tocsin detectors` marks exportable, with its usual network")


def _array(tensor: Any) -> np.ndarray:
    """A float32 copy, in C order."""
    return np.array(tensor.detach().cpu().numpy() if isinstance(tensor, Tensor) else tensor, dtype=np.float32)
