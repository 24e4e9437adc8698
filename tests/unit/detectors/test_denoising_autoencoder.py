"""Denoising autoencoder with a ladder of noise."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.core.state import build
from tocsin.detectors.denoising_autoencoder import DenoisingAutoencoder


def _ring(n: int, seed: int) -> np.ndarray:
    r = np.random.default_rng(seed)
    angle = r.uniform(0, 2 * np.pi, n)
    return np.column_stack([np.cos(angle), np.sin(angle)]) + 0.03 * r.normal(size=(n, 2))


def test_the_inside_of_a_ring_is_odd() -> None:
    detector = DenoisingAutoencoder(hidden=48, training={"epochs": 40}).fit(_ring(500, 0))
    usual = detector.anomaly_score(_ring(200, 1))
    assert detector.anomaly_score([[0.4, 0.4], [-0.5, 0.2]]).min() > np.quantile(usual, 0.99)


def test_expected_lies_nearer_to_the_ring() -> None:
    detector = DenoisingAutoencoder(hidden=48, training={"epochs": 40}).fit(_ring(500, 0))
    off = 1.5 * _ring(50, 1)
    radius = np.linalg.norm(detector.expected(off), axis=1)
    assert np.abs(radius - 1).mean() < 0.25


@pytest.mark.parametrize("inputs", ["ranks", "both"])
def test_ranks_open_up_a_skewed_column(inputs: str) -> None:
    r = np.random.default_rng(0)
    x = r.normal(size=(500, 1))
    rows = np.exp(3 * np.hstack([x, x + 0.05 * r.normal(size=(500, 1))]))
    odd = np.exp(3 * np.array([[-1.0, 0.0], [0.0, -1.0]]))  # both small on the scale of the column, and far apart in rank
    detector = DenoisingAutoencoder(hidden=32, inputs=inputs, training={"epochs": 30}).fit(rows)
    assert detector.anomaly_score(odd).min() > np.quantile(detector.anomaly_score(rows), 0.98)
    assert detector.expected(rows).shape == detector.anomaly_map(rows).shape == rows.shape


@pytest.mark.parametrize("inputs", ["standard", "ranks", "both"])
def test_the_map_holds_the_score(inputs: str) -> None:
    rows = np.random.default_rng(0).normal(size=(60, 4))
    detector = DenoisingAutoencoder(hidden=8, inputs=inputs, training={"epochs": 2}).fit(rows)
    np.testing.assert_allclose(detector.anomaly_map(rows).mean(axis=1), detector.anomaly_score(rows), rtol=1e-5)
    again = build(DenoisingAutoencoder, detector.state())
    np.testing.assert_array_equal(again.anomaly_score(rows), detector.anomaly_score(rows))


def test_the_contrast_changes_what_is_learned() -> None:
    rows = _ring(80, 0)
    plain, apart = (DenoisingAutoencoder(hidden=8, contrast=c, training={"epochs": 3}).fit(rows) for c in (0.0, 0.5))
    assert np.abs(plain.anomaly_score(rows) - apart.anomaly_score(rows)).max() > 1e-6


def test_any_width() -> None:
    rows = np.random.default_rng(0).normal(size=(50, 1500))
    assert DenoisingAutoencoder(hidden=8, training={"epochs": 2}).fit(rows).expected(rows).shape == rows.shape


@pytest.mark.parametrize("wrong", [{"hidden": 0}, {"blocks": 0}, {"levels": 0}, {"noise": -1.0}, {"contrast": -1.0}, {"dropout": 1.0},
                                   {"inputs": "other"}])
def test_settings_out_of_range(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="TOC-222"):
        DenoisingAutoencoder(**wrong).fit(np.eye(10))
