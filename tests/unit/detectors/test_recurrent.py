"""LSTM and GRU."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.detectors.recurrent import Recurrent


def _wave(t: int = 600) -> np.ndarray:
    return (np.sin(np.arange(t) / 4) + 0.05 * np.random.default_rng(0).normal(size=t))[:, None]


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("task", ["forecast", "reconstruct"])
def test_a_skipped_beat_stands_out(cell: str, task: str) -> None:
    odd = _wave()
    odd[300:312] = odd[300]  # every value is ordinary, the order is not
    detector = Recurrent(cell, task, window=16, hidden=16, training={"epochs": 30}).fit(_wave())
    scores = detector.anomaly_score(odd)
    assert scores[300:316].max() > np.quantile(np.delete(scores, np.s_[285:330]), 0.99)


def test_layers_and_dropout() -> None:
    detector = Recurrent(window=8, hidden=4, layers=2, dropout=0.3, training={"epochs": 2}).fit(_wave(120))
    assert sum("weight_hh" in name for name in detector.net_.arrays()) == 2


@pytest.mark.parametrize("wrong", [{"cell": "rnn"}, {"task": "x"}, {"window": 1}, {"hidden": 0}, {"layers": 0}, {"dropout": -1}])
def test_settings_out_of_range(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="TOC-222"):
        Recurrent(**wrong).fit(_wave(50))
