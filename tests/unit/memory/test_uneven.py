import numpy as np
import pytest

from tocsin import make
from tocsin.core.state import build
from tocsin.detectors.neighbour_fusion import NeighbourFusion
from tocsin.memory import uneven


def _rows(n: int, seed: int) -> np.ndarray:
    """Two measurements, four rare counts with a heavy tail, four flags, two columns that never vary."""
    rng = np.random.default_rng(seed)
    counts = np.where(rng.random((n, 4)) < 0.05, np.ceil(np.exp(3 * rng.normal(size=(n, 4)))), 0.0)
    return np.c_[rng.normal(size=(n, 2)), counts, rng.random((n, 4)) < 0.05, np.full((n, 1), 3.0), np.zeros((n, 1))]


def test_only_tables_of_rare_counts_and_flags_are_uneven() -> None:
    rng = np.random.default_rng(0)
    assert uneven.is_uneven(_rows(500, 0))
    assert not uneven.is_uneven(rng.normal(size=(500, 8)))
    assert not uneven.is_uneven((rng.random((500, 8)) < 0.05).astype(float))
    assert not uneven.is_uneven(_rows(500, 0)[:, :6])


def test_columns_that_never_varied_do_not_add_up() -> None:
    mixed = uneven.columns(_rows(500, 1))
    one, two = np.zeros((1, 12)), np.zeros((1, 12))
    one[0, 10], two[0, 10:] = 1e-3, (50.0, -1.0)
    for row in (one, two):
        assert np.linalg.norm(uneven.tamed(row, mixed)[0, 10:]) == pytest.approx(uneven.CHANGE)


def test_what_is_tamed_keeps_its_order_and_comes_back() -> None:
    rows = _rows(500, 2)
    mixed = uneven.columns(rows)
    line = np.linspace(-1e5, 1e5, 4001)[:, None] + np.zeros(12)
    tamed = uneven.tamed(line, mixed)
    assert (np.diff(tamed[:, :10], axis=0) > 0).all()
    assert np.allclose(uneven.untamed(tamed)[:, :10], line[:, :10])


def test_the_fusion_of_an_uneven_table_asks_for_distances_and_a_forest_and_comes_back_from_its_state() -> None:
    model = NeighbourFusion().fit(_rows(500, 3))
    assert [line["member"] for line in model.report_] == ["near, sum of differences", "nearest, by rank", "iforest"]
    new = np.r_[_rows(40, 4), _rows(3, 5) * 1e8, _rows(3, 6) + 1]
    again = build(NeighbourFusion, model.state())
    assert np.array_equal(again.anomaly_score(new), model.anomaly_score(new))
    assert np.array_equal(model.anomaly_score(new), np.concatenate([model.anomaly_score(row[None]) for row in new]))
    assert np.isfinite(model.expected(new)).all() and (model.expected(new)[:, 10] == 3.0).all()


def test_a_state_from_before_there_were_uneven_tables_is_read() -> None:
    model = make("neighbour_fusion").fit(np.random.default_rng(7).normal(size=(200, 3)))
    state = model.state()
    state["learned"].pop("mixed_", None)
    assert np.array_equal(build(NeighbourFusion, state).anomaly_score(np.eye(3)), model.anomaly_score(np.eye(3)))
