import numpy as np
import pytest

from tocsin import make
from tocsin.core.errors import ArtifactError, ConfigError
from tocsin.detectors.neighbour_fusion import NeighbourFusion


def _clusters(n: int, seed: int, d: int = 4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) * np.where(rng.random((n, 1)) < 0.5, 0.2, 1.0) + 4 * rng.integers(0, 3, (n, 1))


def test_training_rows_are_judged_without_themselves_as_unseen_rows_are() -> None:
    held = NeighbourFusion().fit_held_out(_clusters(1_500, 0))
    unseen = NeighbourFusion().fit(_clusters(1_500, 0)).anomaly_score(_clusters(4_000, 1))
    for q in (0.5, 0.9, 0.99):
        assert np.mean(unseen > np.quantile(held, q)) == pytest.approx(1 - q, rel=0.35)


def test_leaving_a_row_out_is_what_a_fit_without_it_says() -> None:
    rows = _clusters(400, 2)
    held = NeighbourFusion(members=["nearest", "near, by rank"]).fit_held_out(rows)
    without = [NeighbourFusion(members=["nearest", "near, by rank"]).fit(np.delete(rows, i, axis=0)).anomaly_score(rows[[i]])[0]
               for i in range(30)]
    assert np.allclose(held[:30], without, atol=0.25)  # the scales of columns and evidence lose one row of 400


def test_a_row_alone_scores_as_among_others_to_the_last_bit() -> None:
    model = NeighbourFusion().fit(_clusters(700, 3))
    rows = _clusters(65, 4)
    assert np.array_equal(model.anomaly_score(rows), np.concatenate([model.anomaly_score(rows[[i]]) for i in range(65)]))


def test_a_gap_between_dense_rows_is_seen_beside_sparse_ones() -> None:
    rng = np.random.default_rng(5)
    rows = np.r_[rng.normal(size=(500, 2)) * 0.05, [20, 20] + 5 * rng.normal(size=(500, 2))]
    beside_dense, within_sparse = NeighbourFusion().fit(rows).anomaly_score([[0.8, 0.8], [20.0, 21.0]])
    assert beside_dense > within_sparse + 1


def test_tables_of_switches_take_means_and_models() -> None:
    rng = np.random.default_rng(6)
    switches = (rng.random((300, 8)) < 0.3).astype(float)
    names = [line["member"] for line in NeighbourFusion().fit(switches).report_]
    assert "gaussian" in names and "nearest" not in names
    assert "nearest" in [line["member"] for line in NeighbourFusion().fit(np.c_[switches[:, :3], _clusters(300, 7)]).report_]


def test_of_many_rows_a_sample_is_remembered_and_every_row_is_judged() -> None:
    rows = _clusters(900, 8)
    model = NeighbourFusion(rows=300)
    assert model.fit_score(rows).shape == (900,) and len(model.rows_["value"]) == 300


def test_what_is_expected_lies_among_the_nearest_rows_and_leaves_the_row_itself_out() -> None:
    rows = np.c_[np.arange(50.0), 2 * np.arange(50.0)]
    model = NeighbourFusion(k=2).fit(rows)
    assert np.allclose(model.expected([[10.4, 90.0]])[0, 1], 2 * model.expected([[10.4, 90.0]])[0, 0])
    assert np.allclose(model.own_expected(rows)[20], [20, 40]) and np.allclose(model.own_expected(rows)[0], [1.5, 3])


@pytest.mark.parametrize("rows", [np.zeros((30, 3)), np.repeat(np.arange(4.0), 10)[:, None], _clusters(5, 9), _clusters(40, 9, 60)],
                         ids=["constant", "repeated", "five rows", "wider than long"])
def test_awkward_tables_have_finite_scores_and_a_far_row_scores_highest(rows: np.ndarray) -> None:
    made = NeighbourFusion().fit(rows).anomaly_score(np.r_[rows[:3], rows[:1] + 1e5])
    assert made.argmax() == 3


def test_values_no_float_should_hold_are_just_far() -> None:
    model = NeighbourFusion().fit(_clusters(60, 10))
    near, far, farthest = model.anomaly_score([[0.0] * 4, [1e3] * 4, [1e290] * 4])
    assert near < far < farthest


def test_its_state_is_complete_and_foreign_members_are_refused() -> None:
    rows = _clusters(200, 11)
    model = NeighbourFusion().fit(rows)
    again = make("neighbour_fusion").load_state(model.state())
    assert np.array_equal(again.anomaly_score(rows + 0.1), model.anomaly_score(rows + 0.1))
    state = model.state()
    state["learned"]["models_"] = {"os": {}}
    with pytest.raises(ArtifactError, match="TOC-410"):
        make("neighbour_fusion").load_state(state)


@pytest.mark.parametrize(("params", "code"), [({"k": 0}, "TOC-202"), ({"rows": 1}, "TOC-202"), ({"members": ["tea"]}, "TOC-209"),
                                              ({"members": []}, "TOC-209")])
def test_settings_out_of_range(params: dict, code: str) -> None:
    with pytest.raises(ConfigError, match=code):
        NeighbourFusion(**params).fit(_clusters(20, 12))
