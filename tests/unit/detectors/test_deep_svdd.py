"""Deep SVDD."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.detectors.deep_svdd import DeepSVDD


def _ring(n: int, seed: int) -> np.ndarray:
    """Rows on a noisy ring in two of five columns: the middle is empty."""
    r = np.random.default_rng(seed)
    angle = r.uniform(0, 2 * np.pi, n)
    ring = 2 * np.column_stack([np.cos(angle), np.sin(angle)])
    return np.hstack([ring, ring @ r.normal(size=(2, 3)) * 0]) + 0.1 * r.normal(size=(n, 5))


@pytest.mark.parametrize("boundary", ["hard", "soft"])
@pytest.mark.parametrize("whitened", [True, False])
def test_rows_far_out_are_odd(boundary: str, whitened: bool) -> None:
    rows = _ring(400, 0)
    detector = DeepSVDD(hidden=32, latent=8, boundary=boundary, whitened=whitened, training={"epochs": 15}).fit(rows)
    usual, odd = detector.anomaly_score(_ring(100, 1)), detector.anomaly_score(3 * _ring(100, 2))
    assert np.median(odd) > np.quantile(usual, 0.95)


def test_codes_do_not_collapse() -> None:
    rows = np.random.default_rng(0).normal(size=(300, 6))
    detector = DeepSVDD(hidden=32, latent=8, training={"epochs": 100, "patience": 100, "lr": 0.01}).fit(rows)
    scores = detector.anomaly_score(np.vstack([rows, 5 * rows[:20]]))
    assert scores[:300].std() > 0.1
    assert np.median(scores[300:]) > np.quantile(scores[:300], 0.95)


def test_nothing_but_the_network_is_kept() -> None:
    assert not hasattr(DeepSVDD(hidden=8, latent=2, training={"epochs": 1}).fit(_ring(60, 0)), "centre_")


def test_no_layer_has_a_bias() -> None:
    arrays = DeepSVDD(hidden=8, latent=2, training={"epochs": 1}).fit(_ring(60, 0)).net_.arrays()
    assert not [name for name in arrays if "bias" in name]


@pytest.mark.parametrize("wrong", [{"hidden": 0}, {"latent": 0}, {"nu": 0}, {"nu": 1}, {"boundary": "round"}, {"training": 3}])
def test_settings_out_of_range(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"TOC-22[23]"):
        DeepSVDD(**wrong).fit(np.eye(10))
