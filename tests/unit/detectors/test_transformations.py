"""Neural transformation learning."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tocsin.core.errors import ConfigError
from tocsin.detectors.transformations import Transformations


def _rows(n: int = 300, seed: int = 0) -> np.ndarray:
    r = np.random.default_rng(seed)
    x = r.normal(size=(n, 2))
    return np.hstack([x, x.sum(1, keepdims=True), x[:, :1] - x[:, 1:]]) + 0.1 * r.normal(size=(n, 4))


def test_a_broken_relation_is_odd() -> None:
    detector = Transformations(count=4, hidden=32, latent=16, training={"epochs": 20}).fit(_rows())
    odd = np.random.default_rng(1).permuted(_rows(100, 2), axis=0)  # each value is ordinary
    assert np.median(detector.anomaly_score(odd)) > np.quantile(detector.anomaly_score(_rows(100, 3)), 0.9)


def test_the_loss_falls_and_is_the_plain_score() -> None:
    detector = Transformations(count=4, hidden=32, latent=16, whitened=False, training={"epochs": 20}).fit(_rows())
    losses = [record["validation"] for record in detector.history_]
    assert min(losses) < 0.8 * losses[0]
    assert abs(detector.anomaly_score(_rows()).mean() - min(losses)) < 0.2


def test_the_loss_of_equal_views_is_the_log_of_their_number() -> None:
    detector = Transformations(count=5, training={"epochs": 1})

    def same(z: torch.Tensor) -> torch.Tensor:
        return torch.ones(len(z), 6, 3)

    made = detector._loss(same, torch.zeros(2, 4))  # type: ignore[arg-type]
    torch.testing.assert_close(made, torch.full((2,), 5.0).log())


@pytest.mark.parametrize("columns", [1, 1500])
def test_any_width(columns: int) -> None:
    rows = np.random.default_rng(0).normal(size=(50, columns))
    assert np.isfinite(Transformations(count=2, hidden=4, latent=4, training={"epochs": 1}).fit(rows).anomaly_score(rows)).all()


@pytest.mark.parametrize("wrong", [{"count": 1}, {"hidden": 0}, {"latent": 0}, {"temperature": 0.0}])
def test_settings_out_of_range(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="TOC-222"):
        Transformations(**wrong).fit(np.eye(10))


@pytest.mark.parametrize("width", [5, 6, 7, 11])
def test_odd_widths_score_a_row_alone_as_among_others(width: int) -> None:
    rows = np.random.default_rng(0).normal(size=(60, width))
    detector = Transformations(training={"epochs": 1}).fit(rows)
    scores = detector.anomaly_score(rows)
    assert all(detector.anomaly_score(rows[[i]])[0] == scores[i] for i in range(12))
