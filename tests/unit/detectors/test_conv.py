"""Causal convolutions."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.detectors.conv import Conv


def _wave(t: int = 600) -> np.ndarray:
    return (np.sin(np.arange(t) / 4) + 0.05 * np.random.default_rng(0).normal(size=t))[:, None]


def test_a_skipped_beat_stands_out() -> None:
    odd = _wave()
    odd[300:312] = odd[300]
    scores = Conv(window=16, hidden=16, training={"epochs": 30}).fit(_wave()).anomaly_score(odd)
    assert 300 <= int(scores.argmax()) < 320


def test_by_default_the_layers_look_back_over_the_window() -> None:
    detector = Conv(window=32, hidden=4, training={"epochs": 1}).fit(_wave(200))
    odd = _wave(200)
    odd[100] += 5
    changed = np.flatnonzero((detector.expected(odd) != detector.expected(_wave(200)))[:, 0])
    assert changed[0] == 101 and 16 <= changed[-1] - 100 <= 32


@pytest.mark.parametrize("wrong", [{"window": 1}, {"hidden": 0}, {"layers": 0}, {"kernel": 1}, {"dropout": 2}])
def test_settings_out_of_range(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="TOC-222"):
        Conv(**wrong).fit(_wave(50))
