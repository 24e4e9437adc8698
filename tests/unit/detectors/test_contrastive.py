"""Contrast within a row."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tocsin.core.errors import ConfigError
from tocsin.detectors.contrastive import Contrastive


def _rows(n: int = 300, seed: int = 0) -> np.ndarray:
    r = np.random.default_rng(seed)
    x = r.normal(size=(n, 2))
    return np.hstack([x, x.sum(1, keepdims=True), x[:, :1] - x[:, 1:], -x]) + 0.1 * r.normal(size=(n, 6))


@pytest.mark.parametrize("whitened", [True, False])
def test_a_broken_relation_is_odd(whitened: bool) -> None:
    detector = Contrastive(hidden=32, latent=16, orders=2, whitened=whitened, training={"epochs": 30}).fit(_rows())
    odd = np.random.default_rng(1).permuted(_rows(100, 2), axis=0)  # each value is ordinary
    usual = detector.anomaly_score(_rows(100, 3))
    assert np.median(detector.anomaly_score(odd)) > np.quantile(usual, 0.8)


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_few_columns(columns: int) -> None:
    rows = np.random.default_rng(0).normal(size=(80, columns))
    detector = Contrastive(hidden=16, latent=8, orders=2, training={"epochs": 5}).fit(rows)
    assert detector.anomaly_score(np.full((1, columns), 9.0))[0] > np.quantile(detector.anomaly_score(rows), 0.9)


def test_a_wide_table_has_few_wide_windows() -> None:
    rows = np.random.default_rng(0).normal(size=(40, 1500))
    detector = Contrastive(hidden=4, latent=4, orders=1, training={"epochs": 1}).fit(rows)
    assert detector.net_.body.count == 8
    assert detector.net_.body.width * 8 >= 1500
    assert np.isfinite(detector.anomaly_score(rows)).all()


def test_windows_and_rests_share_no_column() -> None:
    body = Contrastive(window=2, hidden=4, latent=4, orders=1, training={"epochs": 1}).fit(_rows()).net_.body
    z = torch.zeros(1, 6)
    before = body(z, 0)
    for column in range(6):
        changed = z.clone()
        changed[0, column] = 1.0
        windows, rests = ((now != then).any(2)[0] for now, then in zip(body(changed, 0), before))
        assert (windows ^ rests).all()


def test_a_window_leaves_a_column_for_the_rest() -> None:
    assert Contrastive(window=50, hidden=4, latent=4, training={"epochs": 1}).fit(_rows()).net_.body.width == 5


@pytest.mark.parametrize("wrong", [{"window": 0}, {"hidden": 0}, {"latent": 0}, {"orders": 0}, {"temperature": 0.0}])
def test_settings_out_of_range(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="TOC-222"):
        Contrastive(**wrong).fit(np.eye(10))
