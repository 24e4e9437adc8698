from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.detectors.half_space_trees import HalfSpaceTrees


def _noise(t: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(t, 1))


def test_a_value_out_of_reach_scores_highest() -> None:
    x = _noise(600)
    x[550] = 30.0
    scores = HalfSpaceTrees(window=100).fit(x[:300]).anomaly_score(x[300:])
    assert 250 <= scores.argmax() <= 253  # the lags hold it for three more steps


def test_lags_see_a_wrong_order_of_ordinary_values() -> None:
    x = np.sin(np.arange(1200) / 5)[:, None] + 0.02 * _noise(1200)
    x[1000:1020] = x[1000:1020][::-1].copy() * -1
    x[1000:1020:2] = 0.9  # jumps to and fro within the range
    with_lags, alone = (HalfSpaceTrees(lags=lags).fit(x[:800]).anomaly_score(x[800:]) for lags in (4, 1))
    inside, outside = slice(200, 223), np.r_[0:200, 230:400]
    assert with_lags[inside].max() > with_lags[outside].max()
    assert alone[inside].max() <= alone[outside].max() + 1


def test_trees_follow_a_drift_after_a_window() -> None:
    x = np.r_[_noise(400), 1 + 0.2 * _noise(400, 1)]  # within the range that was scaled for
    scores = HalfSpaceTrees(window=100, lags=1).fit(x[:300]).anomaly_score(x[300:])
    assert scores[100:150].mean() > scores[350:].mean() + 0.3


def test_masses_of_a_full_window_are_the_window() -> None:
    model = HalfSpaceTrees(trees=3, depth=4, window=50).fit(_noise(175))
    mass, coming = model.stream_["mass"], model.stream_["coming"]
    assert (mass[:, 0] == 50).all() and (coming[:, 0] == 25).all()  # the root holds all steps
    for counts in (mass, coming):
        inner = np.arange(15)
        assert np.array_equal(counts[:, inner], counts[:, 2 * inner + 1] + counts[:, 2 * inner + 2])


def test_seed_makes_the_trees() -> None:
    x = _noise(500)
    one, same, other = (HalfSpaceTrees(seed=seed).fit(x).anomaly_score(x) for seed in (1, 1, 2))
    assert np.array_equal(one, same) and not np.array_equal(one, other)


@pytest.mark.parametrize("params", [{"trees": 0}, {"depth": 0}, {"depth": 30}, {"window": 1}, {"lags": 0}])
def test_parameters_out_of_range_are_refused(params: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="TOC-202"):
        HalfSpaceTrees(**params).fit(_noise(300))
