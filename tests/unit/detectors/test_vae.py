"""Variational autoencoder."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tocsin.core.errors import ConfigError
from tocsin.detectors.vae import VAE, divergence


def _rows() -> np.ndarray:
    r = np.random.default_rng(0)
    return r.normal(size=(400, 2)) @ r.normal(size=(2, 6)) + 0.05 * r.normal(size=(400, 6))


def test_it_finds_rows_that_the_causes_do_not_make() -> None:
    rows = _rows()
    odd = rows[:50].copy()
    odd[:, 0] += 3
    detector = VAE(latent=2, hidden=32, training={"epochs": 60}).fit(rows)
    assert np.median(detector.anomaly_score(odd)) > np.quantile(detector.anomaly_score(rows), 0.99)


def test_an_unlikely_code_is_odd_though_it_is_given_back() -> None:
    detector = VAE(latent=2, hidden=32, training={"epochs": 40}).fit(_rows())
    far = _rows() * 4
    assert (detector.anomaly_score(far) > detector.anomaly_map(far).mean(1)).all()


def test_divergence_is_zero_at_the_prior() -> None:
    assert divergence(torch.zeros(1, 3), torch.zeros(1, 3)).item() == 0
    assert divergence(torch.tensor([[2.0]]), torch.zeros(1, 1)).item() == 2


@pytest.mark.parametrize("wrong", [{"hidden": 0}, {"latent": 0}, {"beta": -1}, {"dropout": 1}])
def test_settings_out_of_range(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="TOC-222"):
        VAE(**wrong).fit(np.eye(10))
