"""Networks over rows of a table as ONNX nodes: those told how much noise there is, those that foretell hidden cells, those that learn from
labels, and those that judge a code.

All take standardised rows z (n, d) float32 and give scores (n,), float32 but for codes, which are judged in double.

Letters: n rows, d columns, h width, e width of a code or token, p passes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from tocsin.deep.detector import DeepDetector
from tocsin.deep.diffusion import Told, waves
from tocsin.deep.masking import CellMLP, CellTransformer, Masked
from tocsin.deep.whitening import CodedDetector, Whitening
from tocsin.delivery.export import layers
from tocsin.delivery.export.graph import DOUBLE, Graph

_BEND, _CLIP, _LOG_VARIANCE, _FLAT = np.float32(4), np.float32(4), np.float32(6), np.float32(1e-6)  # as in deep.table, .diffusion, .masking
_ONE, _HALF, _NONE = np.float32(1), np.float32(0.5), np.float32(0)


# ---- labels and codes --------------------------------------------------------------------------------------------------

def odds(graph: Graph, z: str, detector: DeepDetector) -> str:
    """A multilayer perceptron with one output over bent rows: ``classifier``, ``deviation_network``."""
    body = detector.net_.body
    assert isinstance(body, nn.Sequential)
    return graph.take(layers.sequential(graph, bent(graph, z), body), 0, axis=1)


def from_centre(graph: Graph, z: str, detector: Any) -> str:
    """``deep_sad``: mean squared distance to the centre."""
    apart = graph.sub(_unbiased(graph, z, detector.net_.body, 0.1), np.asarray(detector.centre_, dtype=np.float32))
    return graph.mean(graph.square(apart), 1)


def sphere(graph: Graph, z: str, detector: DeepDetector) -> str:
    """``deep_svdd``: squared distance of the code from the usual ones. Plain or whitened, the network holds what is usual."""
    assert isinstance(detector, CodedDetector)
    body: Any = detector.net_.body
    return _from_usual(graph, _unbiased(graph, z, body, 0.01), body.usual)


def bent(graph: Graph, z: str) -> str:
    """See ``deep.table.bent``."""
    near = graph.node("Clip", z, -_BEND, _BEND)
    rest = graph.sub(z, near)
    return graph.add(near, graph.mul(graph.node("Sign", rest), graph.node("Log", graph.add(graph.node("Abs", rest), _ONE))))


def _unbiased(graph: Graph, z: str, body: Any, leak: float) -> str:
    """(n, e) through linear layers without biases, leaky between them."""
    h = bent(graph, z)
    for number, layer in enumerate(body.layers):
        h = layers.linear(graph, graph.node("LeakyRelu", h, alpha=leak) if number else h, layer.weight, None)
    return h


def _from_usual(graph: Graph, codes: str, usual: Whitening) -> str:
    apart = graph.sub(graph.cast(codes, DOUBLE), usual.mean.cpu().numpy())
    return graph.mean(graph.square(graph.matmul(apart, usual.axes.cpu().numpy())), 1)


# ---- noise -------------------------------------------------------------------------------------------------------------

def denoised(graph: Graph, z: str, detector: DeepDetector) -> str:
    """(n, d) what ``denoising_autoencoder`` expects."""
    net: Any = detector.net_.body
    return _left(graph, _inside(graph, z, net.net), net.net)


def flowed(graph: Graph, z: str, detector: DeepDetector) -> str:
    """(n, d) what ``flow_matching`` expects."""
    return graph.node("Neg", denoised(graph, z, detector))


def clock(graph: Graph, z: str, detector: Any) -> str:
    """``diffusion_time``: how much noise a row seems to bear."""
    net = detector.net_.body
    inside = _inside(graph, z, net.net)
    misfit = graph.mean(graph.square(graph.sub(z, _left(graph, inside, net.net))), 1, keep=True)
    rest = graph.mul(graph.node("Log", graph.add(misfit, _FLAT)), _HALF)
    told = layers.sequential(graph, graph.concat([inside, rest], 1), net.read)
    if detector.head == "categories":
        shares = (np.arange(detector.levels) / (detector.levels - 1)).astype(np.float32)
        size = graph.sum(graph.mul(graph.node("Softmax", told, axis=1), shares), 1)
    else:
        size = graph.take(told, 0, axis=1)
    return graph.add(size, graph.mean(_excess(graph, z), 1))


def _inside(graph: Graph, z: str, net: Told) -> str:
    """(n, h) the network told the number 0, which is a constant in every block."""
    with torch.inference_mode():
        told = net.told(waves(torch.zeros(1, device=net.told.weight.device)))[0].cpu().numpy()
    near = graph.node("Clip", z, -_CLIP, _CLIP)
    clipped = graph.add(near, graph.mul(near, _excess(graph, z)))  # soft_clip: near is ± the limit wherever the excess is not 0
    x = layers.linear(graph, clipped, net.enter.weight, net.enter.bias)
    for norm, up, down in zip(net.norms, net.ups, net.downs):
        assert isinstance(norm, nn.LayerNorm)
        lifted = graph.add(layers.linear(graph, layers.norm(graph, x, norm), up.weight, up.bias), told)
        x = graph.add(x, layers.linear(graph, layers.gelu(graph, lifted), down.weight, down.bias))
    return layers.norm(graph, x, net.last)


def _left(graph: Graph, inside: str, net: Told) -> str:
    return layers.linear(graph, inside, net.leave.weight, net.leave.bias)


def _excess(graph: Graph, z: str) -> str:
    """(n, d) logarithm of how many times a cell is further out than the limit."""
    return graph.node("Log", graph.div(graph.node("Max", graph.node("Abs", z), _CLIP), _CLIP))


# ---- hidden cells ------------------------------------------------------------------------------------------------------

def masked(graph: Graph, z: str, detector: DeepDetector) -> str:
    """``masked_cells``: the passes, in each of which other cells are hidden, are one batch."""
    body = detector.net_.body
    assert isinstance(body, Masked)
    hide = body.hide.cpu().numpy()  # (p, d)
    seen = graph.unsqueeze(bent(graph, z), 1)  # (n, 1, d)
    foretold = _by_tokens if isinstance(body.net, CellTransformer) else _by_layers
    mean, spread = foretold(graph, seen, hide, body.net)
    log_variance = graph.mul(graph.node("Tanh", graph.div(spread, _LOG_VARIANCE)), _LOG_VARIANCE)
    squares = graph.mul(graph.square(graph.sub(seen, mean)), graph.node("Exp", graph.node("Neg", log_variance)))
    misfits = graph.mul(graph.add(log_variance, squares), (hide * 0.5 / body.rounds).astype(np.float32))  # (n, p, d)
    return graph.mean(graph.sub(graph.sum(misfits, 1), body.usual.cpu().numpy()), 1)


def _by_layers(graph: Graph, seen: str, hide: np.ndarray, net: Any) -> tuple[str, str]:
    """Mean and log variance (n, p, d) by a ``CellMLP``."""
    assert isinstance(net, CellMLP)
    d = hide.shape[1]
    weight, bias = (part.detach().cpu().numpy() for part in (net.into.weight, net.into.bias))
    told = (hide @ weight[:, d:].T + bias).astype(np.float32)  # (p, h) of which cells are hidden
    shown = graph.mul(seen, (~hide).astype(np.float32))
    h = layers.linear(graph, shown, weight[:, :d], told)
    for norm, up, down in zip(net.norms, net.ups, net.downs):
        assert isinstance(norm, nn.LayerNorm)
        lifted = layers.gelu(graph, layers.linear(graph, layers.norm(graph, h, norm), up.weight, up.bias))
        h = graph.add(h, layers.linear(graph, lifted, down.weight, down.bias))
    made = layers.linear(graph, layers.gelu(graph, h), net.out.weight, net.out.bias)
    return graph.part(made, 2, 0, d), graph.part(made, 2, d)


def _by_tokens(graph: Graph, seen: str, hide: np.ndarray, net: Any) -> tuple[str, str]:
    """Mean and log variance (n, p, d) by a ``CellTransformer``."""
    p, d = hide.shape
    tables = (net.value, net.hidden, net.place, net.head, net.bias)
    value, hidden, place, head, bias = (part.table.detach().cpu().numpy() for part in tables)
    known = graph.mul(graph.unsqueeze(seen, 3), value)  # (n, 1, d, e)
    tokens = graph.add(graph.where(graph.const(hide[:, :, None]), hidden, known), place)  # (n, p, d, e)
    x = graph.reshape(tokens, [-1, d, value.shape[1]])
    for block in net.blocks:
        x = layers.encoder_block(graph, x, block)
    x = layers.norm(graph, x, net.norm)
    mean, spread = (graph.reshape(graph.add(graph.sum(graph.mul(x, head[i]), 2), bias[i]), [-1, p, d]) for i in range(2))
    return mean, spread


SCORES: dict[str, Callable[[Graph, str, Any], str]] = {
    "classifier": odds, "deviation_network": odds, "deep_sad": from_centre, "deep_svdd": sphere, "diffusion_time": clock,
    "masked_cells": masked,
}
"""catalog name → its scores (n,) of standardised rows"""

EXPECTED: dict[str, Callable[[Graph, str, Any], str]] = {"denoising_autoencoder": denoised, "flow_matching": flowed}
"""catalog name → what it expects (n, d) of standardised rows; the score is the mean squared residual"""
