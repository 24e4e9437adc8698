from __future__ import annotations

import numpy as np
import pytest
import torch

from tocsin.core.errors import ConfigError, DataError
from tocsin.detectors.classifier import Classifier, focal


def _rows() -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(0).normal(size=(400, 3))
    return X, (X[:, 0] * X[:, 1] > 1.2).astype(int)


def test_it_learns_a_product_of_columns() -> None:
    X, y = _rows()
    both, mixed = Classifier(hidden=32).fit(X, y).anomaly_score([[2.0, 2.0, 0.0], [2.0, -2.0, 0.0]])
    assert both > 0.5 > -0.5 > mixed


def test_the_focal_loss_lets_easy_rows_go() -> None:
    odds = torch.tensor([3.0, -3.0, 0.5])
    odd = torch.tensor([1.0, 1.0, 0.0])
    chance = torch.where(odd == 1, odds.sigmoid(), 1 - odds.sigmoid())
    torch.testing.assert_close(focal(odds, odd, 0.0), -chance.log())
    torch.testing.assert_close(focal(odds, odd, 2.0), -((1 - chance) ** 2) * chance.log())


def test_the_focal_loss_has_a_gradient_where_it_vanishes() -> None:
    odds = torch.tensor([200.0, -200.0], requires_grad=True)
    focal(odds, torch.tensor([1.0, 0.0]), 0.5).sum().backward()
    assert odds.grad is not None and torch.isfinite(odds.grad).all()


def test_a_row_far_from_all_has_a_finite_score() -> None:
    X, y = _rows()
    assert np.isfinite(Classifier(hidden=8, training={"epochs": 2}).fit(X, y).anomaly_score([[1e300, -1e300, 0.0]])).all()


@pytest.mark.parametrize("wrong", [{"hidden": 0}, {"focus": -0.5}, {"share": 1.0}, {"dropout": 1.0}])
def test_settings_out_of_range(wrong: dict) -> None:
    with pytest.raises(ConfigError, match="TOC-222"):
        Classifier(**wrong).fit(*_rows())


@pytest.mark.parametrize(("y", "code"), [(None, "TOC-185"), (np.zeros(400), "TOC-185"), (np.ones(400), "TOC-186")])
def test_labels_are_needed(y: np.ndarray | None, code: str) -> None:
    with pytest.raises(DataError, match=code):
        Classifier().fit(_rows()[0], y)
