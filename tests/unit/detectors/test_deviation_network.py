from __future__ import annotations

import numpy as np
import pytest
import torch

from tocsin.core.errors import ConfigError, DataError
from tocsin.detectors.deviation_network import DeviationNetwork


def _rows() -> tuple[np.ndarray, np.ndarray]:
    """Six of 400 rows are anomalies; only three of these are known."""
    X = np.random.default_rng(0).normal(size=(400, 4))
    X[:6] += [4.0, -4.0, 0.0, 0.0]
    return X, (np.arange(400) < 3).astype(int)


def test_three_known_anomalies_lead_to_the_others() -> None:
    X, y = _rows()
    scores = DeviationNetwork(training={"epochs": 20}).fit(X, y).anomaly_score(X)
    assert scores[3:6].min() > scores[6:].max()
    assert abs(np.median(scores[6:])) < 0.5 and scores[:3].min() > 3


def test_usual_rows_lose_by_their_distance_from_zero_and_known_ones_by_what_they_lack() -> None:
    model, net = DeviationNetwork(margin=5.0), torch.nn.Linear(1, 1)
    with torch.no_grad():
        net.weight.fill_(1.0)
        net.bias.zero_()
    made = model._guided(net, torch.tensor([[-2.0], [3.0], [2.0], [4.0]]), torch.tensor([0.0, 0.0, 1.0, 1.0]))
    assert made.tolist() == [2.0, 3.0, 3.0, 1.0]


def test_the_margin_is_where_known_anomalies_are_pushed_to() -> None:
    X, y = _rows()
    near, far = (DeviationNetwork(margin=margin, training={"epochs": 20}).fit(X, y).anomaly_score(X[:3]).mean() for margin in (2.0, 8.0))
    assert near < 3 < far


@pytest.mark.parametrize("wrong", [{"hidden": 0}, {"margin": -1.0}, {"share": -0.1}, {"dropout": 1.0}])
def test_settings_out_of_range(wrong: dict) -> None:
    with pytest.raises(ConfigError, match="TOC-222"):
        DeviationNetwork(**wrong).fit(*_rows())


@pytest.mark.parametrize(("y", "code"), [(None, "TOC-185"), (np.zeros(400), "TOC-185"), (np.ones(400), "TOC-186")])
def test_labels_are_needed(y: np.ndarray | None, code: str) -> None:
    with pytest.raises(DataError, match=code):
        DeviationNetwork().fit(_rows()[0], y)
