"""Denoising autoencoder."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.detectors.autoencoder import Autoencoder


def test_it_finds_a_broken_relation_that_no_column_shows_alone() -> None:
    x = np.random.default_rng(0).normal(size=(400, 1))
    rows = np.hstack([x, np.sin(2 * x)])
    odd = np.array([[0.8, -0.9], [-0.8, 0.9]])
    detector = Autoencoder(hidden=64, noise=0.1, training={"epochs": 60}).fit(rows)
    assert detector.anomaly_score(odd).min() > np.quantile(detector.anomaly_score(rows), 0.98)


def test_any_width() -> None:
    rows = np.random.default_rng(0).normal(size=(40, 3000))
    assert Autoencoder(hidden=8, training={"epochs": 2}).fit(rows).expected(rows).shape == rows.shape


def test_a_latent_layer_narrows() -> None:
    rows = np.random.default_rng(0).normal(size=(60, 4))
    detector = Autoencoder(hidden=8, latent=2, training={"epochs": 1}).fit(rows)
    assert {array.shape for array in detector.net_.arrays().values()} >= {(2, 8), (8, 2)}


@pytest.mark.parametrize("wrong", [{"hidden": 0}, {"latent": 0}, {"noise": -1}, {"dropout": 1}, {"training": 3}])
def test_settings_out_of_range(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"TOC-22[23]"):
        Autoencoder(**wrong).fit(np.eye(10))
