"""Encoder over patches."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.detectors.transformer import Transformer


def _wave(t: int = 600) -> np.ndarray:
    return (np.sin(np.arange(t) / 4) + 0.05 * np.random.default_rng(0).normal(size=t))[:, None]


@pytest.mark.parametrize("task", ["fill", "forecast"])
def test_an_odd_shape_stands_out(task: str) -> None:
    odd = _wave()
    odd[300:312] = odd[300]
    scores = Transformer(window=48, width=16, heads=2, training={"epochs": 40}, task=task).fit(_wave()).anomaly_score(odd)
    assert 290 <= int(scores.argmax()) < 340


@pytest.mark.parametrize(("window", "patch", "length"), [(17, 4, 20), (16, None, 16), (19, None, 21), (3, None, 3), (2, 8, 16),
                                                          (50, None, 56)])
def test_the_window_is_whole_patches(window: int, patch: int | None, length: int) -> None:
    detector = Transformer(window, patch, width=4, heads=2, layers=1, training={"epochs": 1}).fit(_wave(200))
    assert detector.shape_ == Transformer(window, patch, 4, 2, 1, training={"epochs": 1}, task="forecast").fit(_wave(200)).shape_
    assert detector.shape_ == [length, 1]
    assert np.isfinite(detector.anomaly_score(_wave(200))).all()


@pytest.mark.parametrize("wrong", [{"window": 1}, {"patch": 0}, {"width": 10}, {"heads": 0}, {"layers": 0}, {"dropout": 1}, {"task": "x"}])
def test_settings_out_of_range(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="TOC-222"):
        Transformer(**wrong).fit(_wave(50))
