"""Diffusion time."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.detectors.diffusion_time import DiffusionTime


def _rows(n: int, seed: int) -> np.ndarray:
    r = np.random.default_rng(seed)
    x = r.normal(size=(n, 1))
    return np.hstack([x, -x, 2 * x]) + 0.05 * r.normal(size=(n, 3))


@pytest.mark.parametrize("head", ["categories", "inverse_gamma"])
def test_more_noise_is_more_time(head: str) -> None:
    detector = DiffusionTime(hidden=64, head=head, training={"epochs": 40}).fit(_rows(400, 0))
    noise, middle = np.random.default_rng(2).normal(size=(300, 3)), []
    for size in (0.0, 0.3, 1.0, 3.0):
        middle.append(float(np.median(detector.anomaly_score(_rows(300, 1) + size * noise))))
    assert middle == sorted(middle) and len(set(middle)) == 4


def test_the_middle_of_a_ring_is_odd_to_the_inverse_gamma_head() -> None:
    r = np.random.default_rng(0)
    angle = r.uniform(0, 2 * np.pi, 500)
    ring = np.column_stack([np.cos(angle), np.sin(angle)]) + 0.03 * r.normal(size=(500, 2))
    detector = DiffusionTime(hidden=48, head="inverse_gamma", training={"epochs": 40}).fit(ring)
    assert detector.anomaly_score([[0.0, 0.0]])[0] > np.quantile(detector.anomaly_score(ring), 0.95)


@pytest.mark.parametrize("head", ["categories", "inverse_gamma"])
def test_far_and_farther_are_told_apart(head: str) -> None:
    detector = DiffusionTime(hidden=16, head=head, training={"epochs": 5}).fit(_rows(100, 0))
    scores = detector.anomaly_score([[30.0, 30.0, 30.0], [1e3, 1e3, 1e3], [1e9, 1e9, 1e9]])
    assert (np.diff(scores) > 0).all()


def test_the_heads_are_two() -> None:
    rows = _rows(80, 0)
    first, second = (DiffusionTime(hidden=8, head=head, training={"epochs": 2}).fit(rows) for head in ("categories", "inverse_gamma"))
    assert np.abs(first.anomaly_score(rows) - second.anomaly_score(rows)).max() > 1e-6


@pytest.mark.parametrize("wrong", [{"hidden": 0}, {"blocks": 0}, {"levels": 1}, {"head": "other"}, {"dropout": 1.0},
                                   {"inputs": "other"}])
def test_settings_out_of_range(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="TOC-222"):
        DiffusionTime(**wrong).fit(np.eye(10))
