"""The preparation, row by row, does what it does to whole series."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tocsin.core.errors import ConfigError, DataError
from tocsin.core.types import Dataset
from tocsin.data.impute import Impute
from tocsin.data.read import read
from tocsin.data.transformer import Transformer
from tocsin.pipeline.preparation import Preparation, standard_steps
from tocsin.streaming.live import Filling, Live, Plain


def _holes(rng, n=80):
    X = rng.normal(size=(n, 3))
    X[rng.random(X.shape) < 0.3] = np.nan
    X[:4, 0] = np.nan
    X[-3:, 1] = np.nan
    X[40:47] = np.nan
    return X


@pytest.mark.parametrize("method", ["linear", "previous", "median", "mean"])
def test_filling_is_imputing(method):
    X = _holes(np.random.default_rng(0))
    step = Impute(method).fit(X)
    filling = Filling(method, step.fill_, longest=30)
    made = [row for one in X for row in filling.push(one)] + filling.end()
    np.testing.assert_allclose(np.array(made), step.transform(X), atol=1e-12)
    assert filling.holes == int(np.isnan(X).sum())


def test_a_long_hole_does_not_wait_for_ever():
    filling = Filling("linear", np.zeros(1), longest=5)
    filling.push(np.array([2.0]))
    for _ in range(100):
        filling.push(np.array([np.nan]))
        assert filling.held <= 5
    rest = [float(row[0]) for row in filling.push(np.array([7.0]))]
    assert rest[-1] == 7.0
    assert 2.0 < rest[-2] < 7.0


def test_filling_is_restored_at_every_row():
    X = _holes(np.random.default_rng(1), 50)
    fill = np.array([1.0, 2.0, 3.0])
    whole, parts = Filling("linear", fill), Filling("linear", fill)
    for row in X:
        made = Filling("linear", fill)
        made.load_state(parts.state())
        parts = made
        np.testing.assert_array_equal(np.array(parts.push(row)), np.array(whole.push(row)))
    np.testing.assert_array_equal(np.array(parts.end()), np.array(whole.end()))


@pytest.mark.parametrize("denoise", [None, "median", "savgol"])
@pytest.mark.parametrize("scale", ["standard", "robust", "quantile", "none"])
def test_live_rows_are_the_matrix_of_batch(denoise, scale):
    rng = np.random.default_rng(0)
    X = np.cumsum(rng.normal(size=(90, 3)), axis=0)
    X[rng.random(X.shape) < 0.1] = np.nan
    X[5, 1] = np.inf
    data = Dataset.of(X, kind="series")
    preparation = Preparation(standard_steps("series", data.schema, denoise=denoise, scale=scale))
    matrix = preparation.fit(data).matrix
    live = Live(preparation, data.schema)
    made = [row for one in X for row in live.push(live.encode(one))] + live.end()
    np.testing.assert_allclose(np.array(made), matrix, atol=1e-9)


def test_cells_of_every_kind_are_read_as_in_batch():
    n = 60
    rng = np.random.default_rng(0)
    table = pa.table({"flow": rng.normal(size=n).tolist(), "mode": rng.choice(["auto", "hand"], n).tolist(),
                      "on": (rng.random(n) < 0.5).tolist(), "count": rng.integers(0, 9, n).tolist()})
    data = read(table, kind="series")
    preparation = Preparation(standard_steps("series", data.schema))
    matrix = preparation.fit(data).matrix
    live = Live(preparation, data.schema)
    made = [row for one in table.to_pylist() for row in live.push(live.encode(one))] + live.end()
    np.testing.assert_allclose(np.array(made), matrix, atol=1e-9)


def test_a_channel_that_is_not_sent_is_missing_and_none_at_all_is_an_error():
    data = Dataset.of(np.random.default_rng(0).normal(size=(50, 2)), kind="series", names=["a", "b"])
    preparation = Preparation(standard_steps("series", data.schema))
    preparation.fit(data)
    live = Live(preparation, data.schema)
    assert np.isnan(live.encode({"b": 1.0})).tolist() == [True, False]
    with pytest.raises(DataError, match="TOC-133"):
        live.encode({"c": 1.0})
    with pytest.raises(DataError, match="TOC-111"):
        live.encode([1.0, 2.0, 3.0])


def test_a_step_of_ones_own_cannot_be_streamed():
    class Mine(Transformer):
        def fit(self, X, y=None):
            return self

        def transform(self, X):
            return X

    data = Dataset.of(np.random.default_rng(0).normal(size=(50, 2)), kind="series")
    preparation = Preparation([*standard_steps("series", data.schema), Mine()])
    preparation.fit(data)
    with pytest.raises(ConfigError, match="TOC-277"):
        Live(preparation, data.schema)


def test_plain_rows():
    plain = Plain()
    assert plain.push(plain.encode({"a": 1, "b": "2.5"}))[0].tolist() == [1.0, 2.5]
    assert plain.push(plain.encode({"b": None, "a": 3}))[0].tolist() == [3.0, 2.5]
    assert plain.push(plain.encode({"a": float("inf"), "b": ""}))[0].tolist() == [3.0, 2.5]
    assert plain.holes == 3
    with pytest.raises(DataError, match="TOC-199"):
        plain.encode({"a": "high", "b": 1})
    with pytest.raises(DataError, match="TOC-111"):
        plain.encode([1.0])


def test_plain_sequences_keep_their_width():
    plain = Plain()
    plain.encode([1.0, 2.0])
    with pytest.raises(DataError, match="TOC-111"):
        plain.encode([1.0])
    with pytest.raises(DataError, match="TOC-111"):
        plain.encode({"a": 1.0})
