from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.core.seed import generator
from tocsin.detectors.ocsvm import Ocsvm, _plane


def _rows(n: int, d: int) -> np.ndarray:
    return generator(0, "ocsvm", n, d).normal(size=(n, d)) * np.arange(1, d + 1) + 3


@pytest.mark.parametrize("nu", [0.05, 0.2, 0.5])
def test_about_nu_of_the_training_rows_fall_outside(nu: float) -> None:
    X = _rows(800, 4)
    assert (Ocsvm(nu=nu, landmarks=100).fit(X).anomaly_score(X) > 0).mean() == pytest.approx(nu, abs=0.04)


def test_the_hole_of_a_ring_is_outside() -> None:
    turn = np.linspace(0, 2 * np.pi, 400)
    model = Ocsvm(nu=0.02, reach=0.5).fit(np.column_stack([np.cos(turn), np.sin(turn)]))
    ring, hole, far = model.anomaly_score([[1.0, 0.0], [0.0, 0.0], [2.0, 2.0]])
    assert ring <= 0 < hole and far > 0


def test_rows_far_from_all_landmarks_stay_ordered() -> None:
    scores = Ocsvm().fit(_rows(300, 2)).anomaly_score([[10.0, 10.0], [100.0, 100.0], [1e4, 1e4]])
    assert (np.diff(scores) > 0).all()


def test_the_plane_is_the_best_one() -> None:
    rows = np.abs(generator(0, "plane").normal(size=(300, 5))) + 0.2
    plane, edge = _plane(rows, 0.3)

    def objective(w: np.ndarray, e: float) -> float:
        return float(w @ w / 2 - e + np.maximum(0, e - rows @ w).mean() / 0.3)

    random = generator(1, "plane")
    best = min(objective(plane + 0.05 * random.normal(size=5), edge + 0.05 * random.normal()) for _ in range(300))
    assert objective(plane, edge) < best + 1e-3


def test_the_seed_chooses_landmarks() -> None:
    X = _rows(500, 3)
    one, again, other = (Ocsvm(landmarks=20, seed=seed).fit(X).anomaly_score(X) for seed in (0, 0, 1))
    assert np.array_equal(one, again) and not np.array_equal(one, other)


@pytest.mark.parametrize("wrong", [{"nu": 0.0}, {"nu": 1.5}, {"landmarks": 0}, {"reach": 0.0}])
def test_wrong_settings(wrong: dict) -> None:
    with pytest.raises(ConfigError, match="TOC-202"):
        Ocsvm(**wrong).fit(_rows(9, 2))
