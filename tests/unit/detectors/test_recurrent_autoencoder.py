"""Recurrent autoencoder of windows."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.detectors.recurrent_autoencoder import RecurrentAutoencoder


def _wave(t: int = 600) -> np.ndarray:
    return (np.sin(np.arange(t) / 4) + 0.05 * np.random.default_rng(0).normal(size=t))[:, None]


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_an_odd_shape_stands_out(cell: str) -> None:
    odd = _wave()
    odd[300:312] = odd[300]
    scores = RecurrentAutoencoder(cell, window=16, hidden=16, training={"epochs": 30}).fit(_wave()).anomaly_score(odd)
    assert scores[296:320].max() > np.quantile(np.delete(scores, np.s_[280:336]), 0.99)


def test_layers_of_both_halves() -> None:
    detector = RecurrentAutoencoder(window=8, hidden=4, layers=2, dropout=0.3, training={"epochs": 2}).fit(_wave(120))
    assert sum("weight_hh" in name for name in detector.net_.arrays()) == 4


@pytest.mark.parametrize("wrong", [{"cell": "rnn"}, {"window": 1}, {"hidden": 0}, {"layers": 0}, {"dropout": -1}, {"smooth": -1}])
def test_settings_out_of_range(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="TOC-222"):
        RecurrentAutoencoder(**wrong).fit(_wave(50))
