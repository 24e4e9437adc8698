"""The rows that a graph is tried on hold what makes trouble."""

from __future__ import annotations

import numpy as np
import pytest

import tocsin
from tocsin.delivery.export import trial
from tocsin.delivery.export.preparation import WINDOW


@pytest.fixture(scope="module")
def model(table):
    return tocsin.fit(tocsin.read(table, kind="table"), "gaussian")


def test_rows_are_usual_and_odd(model):
    made = trial.rows_of(model, 200)
    flow, pump, on = (made.feeds[name].ravel() for name in ("flow (l/s)", "pump", "on"))
    assert all(cells.shape == (200, 1) for cells in made.feeds.values())
    assert np.isnan(flow).any() and np.isinf(flow).any() and np.isnan(on).any()
    assert {"", "süd ☃", "north", "never seen"} <= set(pump)
    flagged = model.detect(made.data).is_anomaly
    assert 0 < flagged.sum() < 200


def test_both_forms_hold_the_same_cells(model):
    made = trial.rows_of(model, 50)
    assert made.data.X["pump"].fill_null("").to_pylist() == made.feeds["pump"].ravel().tolist()
    np.testing.assert_array_equal(made.data.X["heavy"].to_numpy(), made.feeds["heavy"].ravel())
    seconds = made.data.X["seen"].cast("int64").fill_null(0).to_numpy() / 1e6
    np.testing.assert_allclose(np.nan_to_num(made.feeds["seen"].ravel()), seconds)


def test_equal_models_are_tried_on_equal_rows(model):
    one, two = (trial.rows_of(model, 20).feeds["heavy"] for _ in range(2))
    assert (one == two)[~np.isnan(one)].all()


def test_windows_are_groups(series):
    model = tocsin.fit(tocsin.Dataset.of(series, kind="series"), "gaussian")
    made = trial.windows_of(model, 4, 30)
    assert made.feeds[WINDOW].shape == (4, 30, 2)
    assert made.data.group.tolist() == np.repeat(np.arange(4), 30).tolist()
    np.testing.assert_array_equal(made.feeds[WINDOW].reshape(-1, 2)[:, 1], made.data.X["x1"].to_numpy())
