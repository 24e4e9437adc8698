from __future__ import annotations

import numpy as np
import pytest
import torch

from tocsin.core.errors import ArtifactError, ConfigError, DataError
from tocsin.core.state import build
from tocsin.detectors.deep_sad import DeepSAD


def _rows() -> tuple[np.ndarray, np.ndarray]:
    """Six of 400 rows are anomalies, within the range of the others; only three of these are known."""
    X = np.random.default_rng(0).normal(size=(400, 4))
    X[:6] = [1.5, -1.5, 1.5, -1.5] + 0.1 * X[:6]
    return X, (np.arange(400) < 3).astype(int)


def test_three_known_anomalies_raise_the_others() -> None:
    X, y = _rows()
    rank = [(model.anomaly_score(X)[3:6, None] > model.anomaly_score(X)[6:]).mean()
            for model in (DeepSAD(training={"epochs": 20}).fit(X, y), DeepSAD(training={"epochs": 20}).fit(X))]
    assert rank[0] > 0.98 and rank[0] > rank[1]


def test_labels_that_are_all_zero_are_as_good_as_none() -> None:
    X, y = _rows()
    made = [DeepSAD(hidden=8, training={"epochs": 2}).fit(X, labels).anomaly_score(X) for labels in (None, y * 0)]
    assert np.array_equal(*made)


def test_known_anomalies_lose_by_being_near() -> None:
    model = DeepSAD(strength=2.0)
    model.centre_ = np.zeros(1, dtype=np.float32)
    made = model._guided(torch.nn.Identity(), torch.tensor([[2.0], [2.0], [0.0]]), torch.tensor([0.0, 1.0, 1.0]))
    torch.testing.assert_close(made, torch.tensor([4.0, 2 / 4.01, 2 / 0.01]))


def test_the_centre_keeps_off_zero() -> None:
    X, y = _rows()
    model = DeepSAD(hidden=8, training={"epochs": 1}).fit(X, y)
    assert (np.abs(model.centre_) >= np.float32(0.1)).all()


@pytest.mark.parametrize("centre", [None, np.zeros(3, np.float32), np.full(32, np.nan, np.float32), np.zeros(32)])
def test_a_damaged_centre_is_refused(centre: np.ndarray | None) -> None:
    state = DeepSAD(hidden=8, training={"epochs": 1}).fit(*_rows()).state()
    state["learned"]["centre_"] = centre
    with pytest.raises(ArtifactError, match=r"TOC-410.*centre"):
        build(DeepSAD, state)


@pytest.mark.parametrize("wrong", [{"hidden": 0}, {"latent": 0}, {"strength": -1.0}, {"share": 1.0}])
def test_settings_out_of_range(wrong: dict) -> None:
    with pytest.raises(ConfigError, match="TOC-222"):
        DeepSAD(**wrong).fit(*_rows())


def test_nothing_but_anomalies_is_refused() -> None:
    with pytest.raises(DataError, match="TOC-186"):
        DeepSAD().fit(_rows()[0], np.ones(400))
