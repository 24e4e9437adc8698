"""A fitted network as ONNX nodes: standardisation in double, the author's network in float32, and its judgement."""

from __future__ import annotations

import numpy as np
from torch import nn

from tocsin.core import catalog
from tocsin.deep.backbones import ConvAutoencoder, ConvForecaster, PatchEncoder, PatchForecaster, RecurrentAutoencoder, RecurrentForecaster
from tocsin.deep.blocks import Standardise
from tocsin.deep.detector import DeepDetector
from tocsin.deep.diffusion import NoiseDetector
from tocsin.delivery.export import layers, network_tables
from tocsin.delivery.export.graph import DOUBLE, FLOAT, Graph
from tocsin.delivery.export.knots import normal_scores
from tocsin.detectors.autoencoder import Autoencoder
from tocsin.detectors.vae import VAE


def network_scorer(graph: Graph, matrix: str, detector: DeepDetector) -> str:
    """Add to ``graph`` what ``detector``, a network over rows, makes of rows ``matrix`` (n, d), double: their scores (n,), double.

    The number of rows stays open. Equal to ``detector.anomaly_score`` up to the rounding of float32. Raises ArtifactError TOC-432 for a
    network that there is no ONNX form of.
    """
    net, name = detector.net_, catalog.name_of(detector)
    z = standardised(graph, _seen(graph, matrix, detector), net.inputs)
    if name in network_tables.SCORES:
        score = network_tables.SCORES[name](graph, z, detector)
    elif name in network_tables.EXPECTED:
        score = _misfit(graph, z, network_tables.EXPECTED[name](graph, z, detector), detector)
    elif isinstance(detector, Autoencoder):
        score = _misfit(graph, z, layers.sequential(graph, z, _layers(net.body.layers)), detector)
    elif isinstance(detector, VAE):
        score = _causes(graph, z, detector)
    else:
        raise layers.unknown(detector)
    return graph.cast(score, DOUBLE)


def _seen(graph: Graph, matrix: str, detector: DeepDetector) -> str:
    """What the network is given of the rows: the columns, their ranks, or both."""
    if not isinstance(detector, NoiseDetector) or detector.inputs == "standard":
        return matrix
    ranks = normal_scores(graph, matrix, detector._scale())
    return ranks if detector.inputs == "ranks" else graph.concat([matrix, ranks], 1)


def _misfit(graph: Graph, z: str, expected: str, detector: DeepDetector) -> str:
    return graph.mean(cells(graph, z, expected, detector.net_.spread), -1)


def standardised(graph: Graph, x: str, inputs: Standardise) -> str:
    """(..., c) double → float32: what ``blocks.Standardise`` does, finite for every finite number.

    Beyond ±1e4 the excess counts by its logarithm: ±1e4 · (1 + log(|z| / 1e4)). The two terms are added instead of chosen between; the
    second one is exactly 0 within the limits.
    """
    largest, limit = float(np.finfo(np.float64).max), inputs.LIMIT
    mean, scale = (tensor.cpu().numpy().astype(np.float64) for tensor in (inputs.mean, inputs.scale))
    z = graph.div(graph.sub(x, mean), scale)
    near = graph.clip(z, -limit, limit)
    size = graph.clip(graph.node("Abs", z), limit, largest)
    excess = graph.node("Log", graph.div(size, limit))
    far = graph.mul(near, excess)  # near is ±limit wherever the excess is not 0
    return graph.cast(graph.add(near, far), FLOAT)


def foretold(graph: Graph, z: str, detector: DeepDetector, length: int) -> str:
    """(b, l, c) what is normal in the last l = ``length`` rows of the standardised windows ``z`` (b, s, c)."""
    body = detector.net_.body
    if isinstance(body, ConvForecaster):
        return layers.conv_forecaster(graph, z, body, length)
    if isinstance(body, RecurrentForecaster):
        return layers.recurrent_forecaster(graph, z, body, length)
    if isinstance(body, RecurrentAutoencoder):
        return layers.recurrent_autoencoder(graph, z, body)
    if isinstance(body, ConvAutoencoder):
        return layers.conv_autoencoder(graph, z, body)
    if isinstance(body, PatchForecaster):
        return layers.patch_forecaster(graph, z, body, length)
    if isinstance(body, PatchEncoder):
        return layers.patch_encoder(graph, z, body)
    raise layers.unknown(detector)


def cells(graph: Graph, z: str, expected: str, spread: object) -> str:
    """Squared residuals in units of their column's usual one, float32."""
    return graph.square(graph.div(graph.sub(z, expected), np.asarray(spread, dtype=np.float32)))


def _causes(graph: Graph, z: str, detector: VAE) -> str:
    """The misfit of the mean code's reconstruction, and the code's divergence from the prior."""
    body, latent = detector.net_.body, detector.latent
    *inner, last = _layers(body.encoder)
    assert isinstance(last, nn.Linear)
    h = layers.sequential(graph, z, inner)
    mean = layers.linear(graph, h, last.weight[:latent], last.bias[:latent])
    log_variance = layers.linear(graph, h, last.weight[latent:], last.bias[latent:])
    log_variance = graph.node("Clip", log_variance, np.float32(-10), np.float32(10))
    squares = graph.add(graph.square(mean), graph.node("Exp", log_variance))
    unlikely = graph.sum(graph.sub(graph.sub(squares, np.float32(1)), log_variance), -1)
    weighed = graph.mul(unlikely, np.float32(detector.beta / 2 / detector.shape_[-1]))
    misfit = graph.mean(cells(graph, z, layers.sequential(graph, mean, _layers(body.decoder)), detector.net_.spread), -1)
    return graph.add(misfit, weighed)


def _layers(part: object) -> list[nn.Module]:
    assert isinstance(part, nn.Sequential)
    return list(part)
