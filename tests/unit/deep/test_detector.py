"""What all deep detectors of rows share."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tocsin.core.config import Training
from tocsin.core.errors import ArtifactError, ConfigError
from tocsin.core.state import build
from tocsin.deep.detector import _ROWS
from tocsin.detectors.autoencoder import Autoencoder


def _rows(n: int = 300, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).normal(size=(n, 2))
    return np.hstack([x, x[:, :1] + 0.1 * x[:, 1:], np.full((n, 1), 7.0)])


@pytest.fixture(scope="module")
def fitted() -> Autoencoder:
    return Autoencoder.small().fit(_rows())


@pytest.mark.parametrize("rows", [np.arange(1), np.arange(5, 300), np.random.default_rng(1).permutation(300), np.arange(_ROWS)])
def test_a_score_is_the_same_to_the_last_bit_in_any_company(fitted: Autoencoder, rows: np.ndarray) -> None:
    assert np.array_equal(fitted.anomaly_score(_rows()[rows]), fitted.anomaly_score(_rows())[rows])


def test_huge_values_give_finite_scores_above_all_others(fitted: Autoencoder) -> None:
    huge = np.array([[1e300] * 4, [-1.7e308] * 4, [1e9, 0, 0, 7]])
    assert (fitted.anomaly_score(huge) > fitted.anomaly_score(_rows()).max()).all()
    assert np.isfinite(fitted.expected(huge)).all() and np.isfinite(fitted.anomaly_map(huge)).all()


def test_training_rows_may_be_huge() -> None:
    rows = _rows()[:, :3] * [1e300, 1e-300, 1]
    assert np.isfinite(Autoencoder.small().fit(rows).anomaly_score(rows)).all()


def test_expected_is_in_the_units_of_the_data(fitted: Autoencoder) -> None:
    rows = _rows() * [1000, 1, 1, 1] + [1e6, 0, 0, 0]
    made = Autoencoder.small().fit(rows).expected(rows)
    assert np.corrcoef(made[:, 0], rows[:, 0])[0, 1] > 0.9
    assert np.abs(made[:, 3] - 7).max() < 0.5


def test_the_map_tells_the_odd_cell(fitted: Autoencoder) -> None:
    odd = _rows()[:20].copy()
    odd[:, 2] += 6
    assert fitted.anomaly_map(odd).shape == odd.shape
    assert fitted.anomaly_map(odd).mean(0)[2] > 10 * fitted.anomaly_map(_rows()).mean(0)[2]
    assert np.allclose(fitted.anomaly_map(odd).mean(1), fitted.anomaly_score(odd), rtol=1e-5)


def test_state_and_copies_score_alike(fitted: Autoencoder) -> None:
    scores = fitted.anomaly_score(_rows())
    again = build(Autoencoder, fitted.state())
    assert np.array_equal(again.anomaly_score(_rows()), scores)
    assert again.history_ == fitted.history_
    assert np.array_equal(copy.deepcopy(fitted).anomaly_score(_rows()), scores)


def _without(state: dict[str, Any]) -> None:
    del state["learned"]["net"]["spread"]


def _of_another_type(state: dict[str, Any]) -> None:
    state["learned"]["net"]["spread"] = state["learned"]["net"]["spread"].astype(np.float64)


def _not_arrays(state: dict[str, Any]) -> None:
    state["learned"]["net"] = [1, 2]


def _of_another_width(state: dict[str, Any]) -> None:
    state["learned"]["shape_"] = [5]


def _no_shape(state: dict[str, Any]) -> None:
    state["learned"]["shape_"] = ["x"]


def _bad_settings(state: dict[str, Any]) -> None:
    state["params"]["hidden"] = -1


@pytest.mark.parametrize("spoil", [_without, _of_another_type, _not_arrays, _of_another_width, _no_shape, _bad_settings])
def test_a_spoilt_state_is_refused(fitted: Autoencoder, spoil: Any) -> None:
    state = fitted.state()
    spoil(state)
    with pytest.raises(ArtifactError, match="TOC-410"):
        build(Autoencoder, state)


def test_threads_share_a_fitted_detector(fitted: Autoencoder) -> None:
    alone = fitted.anomaly_score(_rows())
    with ThreadPoolExecutor(4) as pool:
        for scores in pool.map(fitted.anomaly_score, [_rows()] * 16):
            assert np.array_equal(scores, alone)


def test_neither_fit_nor_score_touches_the_global_state() -> None:
    before = torch.get_rng_state(), torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    Autoencoder(hidden=8, dropout=0.5, training={"epochs": 2}).fit(_rows()).anomaly_score(_rows())
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before[1:]


def test_the_seed_decides() -> None:
    scores = [Autoencoder(hidden=8, training={"epochs": 3, "seed": seed}).fit(_rows()).anomaly_score(_rows()) for seed in (0, 0, 1)]
    assert np.array_equal(scores[0], scores[1]) and not np.array_equal(scores[0], scores[2])


def test_a_checkpoint_belongs_to_data_and_settings(tmp_path: Path) -> None:
    training = {"epochs": 2, "checkpoint": str(tmp_path)}
    first = Autoencoder(hidden=8, training=training).fit(_rows()).anomaly_score(_rows())
    again = Autoencoder(hidden=8, training=training).fit(_rows()).anomaly_score(_rows())
    Autoencoder(hidden=8, training=training).fit(_rows(seed=1))
    Autoencoder(hidden=8, noise=0.5, training=training).fit(_rows())
    assert np.array_equal(first, again) and len(list(tmp_path.iterdir())) == 3


def test_a_missing_gpu_is_a_stated_error() -> None:
    with pytest.raises(ConfigError, match="TOC-220"):
        Autoencoder(training=Training(device="cuda:99")).fit(_rows())


@pytest.mark.parametrize("n", [2, 3, 17])
def test_few_rows(n: int) -> None:
    detector = Autoencoder.small().fit(_rows(n))
    assert np.isfinite(detector.anomaly_score(_rows())).all()
