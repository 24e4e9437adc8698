import numpy as np
import pytest

from tocsin import make
from tocsin.core.errors import ArtifactError, ConfigError
from tocsin.detectors.robust_knn import RobustKnn


def _spoiled(n: int, odd: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Correlated rows and a group of like anomalies far from them."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, 4)) @ rng.normal(size=(4, 4))
    y = np.zeros(n, dtype=int)
    y[: int(odd * n)] = 1
    rows[y == 1] = 9 + 0.5 * rng.normal(size=(int(odd * n), 4))
    return rows, y


@pytest.mark.parametrize("odd", [0.02, 0.05, 0.12])
def test_a_group_of_like_anomalies_is_found_among_the_rows_learned_from(odd: float) -> None:
    rows, y = _spoiled(400, odd, 0)
    scores = RobustKnn().fit_score(rows)
    assert scores[y == 1].min() > np.quantile(scores[y == 0], 0.97)
    assert make("knn").fit(rows).anomaly_score(rows)[y == 1].max() < 1  # nearest neighbours see nothing odd in them


def test_new_rows_of_that_group_are_found_too() -> None:
    rows, _ = _spoiled(400, 0.1, 1)
    middle, odd = RobustKnn().fit(rows).anomaly_score([rows[40:].mean(axis=0), [9.0] * 4])
    assert odd > 5 * middle


def test_trusted_training_rows_are_judged_as_unseen_ones_are() -> None:
    rng = np.random.default_rng(2)
    held = RobustKnn(drop=0.0).fit_held_out(rng.normal(size=(3_000, 3)))
    unseen = RobustKnn(drop=0.0).fit(np.random.default_rng(2).normal(size=(3_000, 3))).anomaly_score(rng.normal(size=(4_000, 3)))
    for q in (0.5, 0.9, 0.99):
        assert np.mean(unseen > np.quantile(held, q)) == pytest.approx(1 - q, rel=0.5)


def test_a_row_alone_scores_as_among_others_to_the_last_bit() -> None:
    rows, _ = _spoiled(300, 0.05, 3)
    model = RobustKnn().fit(rows)
    assert np.array_equal(model.anomaly_score(rows), np.concatenate([model.anomaly_score(rows[[i]]) for i in range(len(rows))]))


def test_one_giant_cell_does_not_hide_what_is_odd_in_other_rows() -> None:
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(300, 3))
    rows[0, 0] = 1e12
    rows[1] = [6, -6, 6]
    assert set(np.argsort(RobustKnn().fit_score(rows))[-2:]) == {0, 1}


@pytest.mark.parametrize("rows", [np.zeros((30, 3)), np.repeat(np.arange(4.0), 10)[:, None], np.arange(12.0).reshape(4, 3)],
                         ids=["constant", "repeated", "four rows"])
def test_awkward_tables_have_finite_scores(rows: np.ndarray) -> None:
    model = RobustKnn()
    assert np.isfinite(model.fit_score(rows)).all()
    assert model.anomaly_score(rows[:1] + 1e6)[0] >= model.anomaly_score(rows[:1])[0]


def test_the_order_of_far_rows_stays() -> None:
    near, far, farther = RobustKnn().fit(_spoiled(200, 0.0, 5)[0]).anomaly_score([[0.0] * 4, [6.0] * 4, [12.0] * 4])
    assert near < far < farther


def test_its_state_is_complete_and_a_foreign_one_refused() -> None:
    rows, _ = _spoiled(200, 0.1, 6)
    model = RobustKnn().fit(rows)
    assert np.array_equal(make("robust_knn").load_state(model.state()).anomaly_score(rows), model.anomaly_score(rows))
    state = model.state()
    state["learned"]["rows_"] = [1.0]
    with pytest.raises(ArtifactError, match="TOC-410"):
        make("robust_knn").load_state(state)


@pytest.mark.parametrize("params", [{"k": 0}, {"rows": 3}, {"drop": 0.9}, {"drop": -0.1}])
def test_settings_out_of_range(params: dict) -> None:
    with pytest.raises(ConfigError, match="TOC-202"):
        RobustKnn(**params).fit(_spoiled(40, 0.0, 7)[0])
