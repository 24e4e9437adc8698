"""Networks over rows of a table leave as equal graphs, whatever they are given to see and however they judge."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

import tocsin
from tocsin.deep.table import bent as bent_tensor
from tocsin.delivery.export import network_tables
from tocsin.delivery.export.scorer import row_scores

_R = np.random.default_rng(0)
_ROWS = _R.normal(size=(160, 4)) @ _R.normal(size=(4, 4))
_ODD = np.arange(160) % 11 == 0


@pytest.mark.parametrize(("name", "params"), [
    ("classifier", {"hidden": 8}), ("deviation_network", {"hidden": 8}), ("deep_sad", {"hidden": 8, "latent": 4}),
    ("deep_svdd", {"hidden": 8, "latent": 4}), ("deep_svdd", {"hidden": 8, "latent": 4, "whitened": False}),
    ("denoising_autoencoder", {"hidden": 8}), ("denoising_autoencoder", {"hidden": 8, "inputs": "both", "blocks": 1, "dropout": 0.1}),
    ("flow_matching", {"hidden": 8}), ("flow_matching", {"hidden": 8, "inputs": "ranks"}),
    ("diffusion_time", {"hidden": 8}), ("diffusion_time", {"hidden": 8, "head": "inverse_gamma"}),
    ("masked_cells", {"width": 8}), ("masked_cells", {"width": 8, "layers": 1, "turns": 2, "rounds": 3}),
    ("masked_cells", {"network": "transformer", "width": 8, "layers": 2}),
])
def test_scores_are_those_of_the_detector(value, name, params):
    detector = tocsin.make(name, training={"epochs": 2}, **params).fit(_ROWS, _ODD)
    new = np.concatenate([_ROWS[:40], _ROWS[:10] * 30, _ROWS[:5] * 1e9])
    wanted = detector.anomaly_score(new)
    for rows in (slice(None), slice(3, 4)):
        made = value(lambda graph, x: row_scores(graph, x, detector), x=new[rows])
        np.testing.assert_allclose(made, wanted[rows], rtol=2e-5, atol=1e-5 * float(np.median(np.abs(wanted))))


def test_bent_is_the_networks(value):
    z = np.array([[-1e30, -5.0, -4.0, 0.0, 3.9, 4.0, 4.001, 1e5]], dtype=np.float32)
    made = value(network_tables.bent, z=z)
    np.testing.assert_allclose(made, bent_tensor(torch.tensor(z)).numpy(), rtol=1e-6)


def test_every_name_is_a_detector_that_says_so():
    for name in (*network_tables.SCORES, *network_tables.EXPECTED):
        assert tocsin.core.catalog.card(name).tags.exportable, name
