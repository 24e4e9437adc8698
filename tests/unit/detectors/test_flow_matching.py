"""Flow matching."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.detectors.flow_matching import FlowMatching


def _rows(n: int, seed: int) -> np.ndarray:
    r = np.random.default_rng(seed)
    x = r.normal(size=(n, 2))
    return x @ np.array([[1.0, -1.0, 0.5, 2.0, 0.0], [0.0, 1.0, 1.0, -1.0, 1.0]]) + 0.05 * r.normal(size=(n, 5))


def test_a_broken_relation_is_off_the_path() -> None:
    detector = FlowMatching(hidden=48, training={"epochs": 40}).fit(_rows(400, 0))
    odd = _rows(100, 1)
    odd[:, 0] = odd[::-1, 0]  # each value ordinary, of another row
    assert np.median(detector.anomaly_score(odd)) > np.quantile(detector.anomaly_score(_rows(200, 2)), 0.95)


def test_the_map_names_the_column() -> None:
    detector = FlowMatching(hidden=48, training={"epochs": 40}).fit(_rows(400, 0))
    odd = _rows(50, 1)
    odd[:, 3] += 6
    assert (detector.anomaly_map(odd).argmax(axis=1) == 3).mean() > 0.8


def test_expected_is_where_normal_rows_are() -> None:
    detector = FlowMatching(hidden=48, training={"epochs": 40}).fit(_rows(400, 0))
    rows = _rows(200, 1)
    assert np.abs(detector.expected(rows) - rows).mean() < 0.3 * rows.std()


@pytest.mark.parametrize("wrong", [{"hidden": 0}, {"blocks": 0}, {"noise": -1.0}, {"dropout": 1.0}, {"inputs": "other"}])
def test_settings_out_of_range(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="TOC-222"):
        FlowMatching(**wrong).fit(np.eye(10))
