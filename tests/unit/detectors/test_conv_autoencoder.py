"""Convolutional autoencoder of windows."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.detectors.conv_autoencoder import ConvAutoencoder


def _wave(t: int = 600) -> np.ndarray:
    return (np.sin(np.arange(t) / 4) + 0.05 * np.random.default_rng(0).normal(size=t))[:, None]


def test_an_odd_shape_stands_out() -> None:
    odd = _wave()
    odd[300:312] = odd[300]  # every value is ordinary, the shape is not
    scores = ConvAutoencoder(window=24, hidden=12, training={"epochs": 40}).fit(_wave()).anomaly_score(odd)
    assert 295 <= int(scores.argmax()) < 320


@pytest.mark.parametrize(("window", "layers", "length"), [(16, 3, 16), (17, 3, 24), (2, 3, 2), (3, 3, 4), (5, 3, 8), (50, 1, 50),
                                                         (9, 60, 16)])
def test_the_window_can_be_halved(window: int, layers: int, length: int) -> None:
    detector = ConvAutoencoder(window, hidden=4, layers=layers, training={"epochs": 1}).fit(_wave(200))
    assert detector.shape_ == [length, 1]
    assert np.isfinite(detector.anomaly_score(_wave(200))).all()


@pytest.mark.parametrize(("latent", "channels", "wanted"), [(None, 1, 4), (None, 5, 10), (None, 40, 32), (7, 1, 7)])
def test_the_code_is_much_smaller_than_the_window(latent: int | None, channels: int, wanted: int) -> None:
    detector = ConvAutoencoder(32, hidden=4, latent=latent, training={"epochs": 1}).fit(np.repeat(_wave(120), channels, 1))
    assert detector.net_.arrays()["body.code.weight"].shape[0] == wanted


def test_a_wider_code_gives_back_more() -> None:
    X = np.random.default_rng(1).normal(size=(300, 2))
    narrow, wide = (ConvAutoencoder(8, hidden=8, latent=k, layers=1, training={"epochs": 20}).fit(X).expected(X) for k in (1, 16))
    assert np.square(wide - X).mean() < 0.8 * np.square(narrow - X).mean()


@pytest.mark.parametrize("wrong", [{"window": 1}, {"hidden": 0}, {"latent": 0}, {"layers": 0}, {"dropout": 1}, {"smooth": -1}])
def test_settings_out_of_range(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="TOC-222"):
        ConvAutoencoder(**wrong).fit(_wave(50))
