"""Masked cells."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.detectors.masked_cells import MaskedCells


def _rows(n: int = 400, seed: int = 0) -> np.ndarray:
    r = np.random.default_rng(seed)
    x = r.normal(size=(n, 1))
    return np.hstack([x, 2 * x, -x, r.normal(size=(n, 1))]) + 0.1 * r.normal(size=(n, 4))


@pytest.mark.parametrize("network", ["mlp", "transformer"])
def test_the_broken_cell_is_named_and_given_back(network: str) -> None:
    detector = MaskedCells(network=network, width=32, layers=1, training={"epochs": 25}).fit(_rows())
    odd = np.array([[1.0, -2.0, -1.0, 0.0]])
    assert detector.anomaly_score(odd)[0] > np.quantile(detector.anomaly_score(_rows(seed=1)), 0.99)
    assert detector.anomaly_map(odd)[0].argmax() == 1
    assert detector.expected(odd)[0, 1] > 1


def test_what_a_cell_should_be_does_not_depend_on_what_it_is() -> None:
    detector = MaskedCells(width=16, layers=1, training={"epochs": 2}).fit(_rows())
    first, second = detector.expected([[1.0, 2.0, -1.0, 0.0], [1.0, -50.0, -1.0, 0.0]])
    assert first[1] == second[1]


def test_a_column_that_is_foretold_well_counts_more() -> None:
    detector = MaskedCells(width=64, layers=1, training={"epochs": 25}).fit(_rows())
    related, alone = detector.anomaly_score([[0.0, 2.0, 0.0, 0.0], [0.0, 0.0, 0.0, 2.0]])
    assert related > alone


def test_the_score_is_the_mean_of_the_map() -> None:
    detector = MaskedCells(width=16, layers=1, training={"epochs": 2}).fit(_rows())
    np.testing.assert_allclose(detector.anomaly_map(_rows()).mean(1), detector.anomaly_score(_rows()), atol=1e-5)


def test_any_width() -> None:
    rows = np.random.default_rng(0).normal(size=(40, 1500))
    assert MaskedCells(width=8, layers=1, training={"epochs": 1}).fit(rows).expected(rows).shape == rows.shape
    with pytest.raises(ConfigError, match="TOC-222"):
        MaskedCells(network="transformer").fit(rows)


@pytest.mark.parametrize("wrong", [{"width": 0}, {"layers": 0}, {"turns": 0}, {"rounds": 0}, {"network": "tree"},
                                   {"network": "transformer", "width": 30}])
def test_settings_out_of_range(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="TOC-222"):
        MaskedCells(**wrong).fit(np.eye(10))
