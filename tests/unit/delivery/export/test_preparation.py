"""The whole preparation in the graph, and what it refuses by name."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import tocsin
from tocsin.core.errors import ArtifactError
from tocsin.core.types import Dataset
from tocsin.data.clean import Clean
from tocsin.data.denoise import Denoise
from tocsin.data.encode import Encode
from tocsin.data.impute import Impute
from tocsin.data.scale import Scale
from tocsin.delivery.export.graph import DOUBLE, Graph
from tocsin.delivery.export.preparation import WINDOW, series_matrix, table_matrix
from tocsin.delivery.export.proof import start
from tocsin.pipeline.preparation import Preparation


def _table(preparation: Preparation, feeds: dict[str, np.ndarray]) -> np.ndarray:
    graph = Graph()
    graph.output("made", table_matrix(graph, preparation)[0], DOUBLE, ["n", "d"])
    return start(graph.model().SerializeToString()).run(None, feeds)[0]


def _series(preparation: Preparation, window: np.ndarray) -> np.ndarray:
    graph = Graph()
    graph.output("made", series_matrix(graph, preparation)[0], DOUBLE, ["b", "t", "d"])
    return start(graph.model().SerializeToString()).run(None, {WINDOW: window})[0]


@pytest.mark.parametrize("impute", ["median", "mean"])
@pytest.mark.parametrize("scale", ["standard", "robust", "quantile", "log", "none"])
def test_a_table(scale, impute):
    r = np.random.default_rng(0)
    X = np.column_stack([r.normal(1e6, 1, 800), r.lognormal(0, 2, 800), np.full(800, 4.0), r.integers(0, 3, 800)])
    X[::9, 1] = np.nan
    data = Dataset.of(X)
    preparation = Preparation([Clean(data.schema.to_dict()), Encode(), Impute(impute), Scale(scale)])
    preparation.fit(data)
    new = np.concatenate([X[:50], X[:50] * r.choice([-3, 0.5, 1e9], size=(50, 4)), np.full((1, 4), np.nan), np.full((1, 4), np.inf)])
    made = _table(preparation, {f"x{j}": new[:, j:j + 1] for j in range(4)})
    np.testing.assert_allclose(made, preparation.transform(Dataset.of(new)).matrix, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("steps", [
    [Impute("linear"), Scale("standard", evidence=1.0)], [Impute("previous"), Scale("robust")],
    [Impute("median"), Scale("quantile", evidence=0.5)], [Impute("linear"), Denoise("median", 5), Scale()],
    [Impute("linear"), Denoise("median", 3), Scale("none")],
])
def test_a_series(steps, series):
    X = np.column_stack([series, np.full(len(series), 2.0), np.random.default_rng(0).random(len(series)) < 0.2])
    data = Dataset.of(X, kind="series")
    preparation = Preparation([Clean(data.schema.to_dict()), Encode(missing=False), *steps])
    preparation.fit(data)
    windows = X[:240].reshape(6, 40, 4) * np.random.default_rng(1).choice([1.0, -2.0], size=(6, 40, 1))
    windows[2, :, 0] = np.nan
    wanted = preparation.transform(Dataset.of(windows.reshape(-1, 4), kind="series", group=np.repeat(np.arange(6), 40))).matrix
    np.testing.assert_allclose(_series(preparation, windows).reshape(240, -1), wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("steps", "named"), [
    ([Impute("linear"), Scale()], "Impute"), ([Impute("previous"), Scale()], "Impute"), ([Impute(), Denoise(), Scale()], "Denoise"),
])
def test_steps_along_the_rows_of_a_table_are_refused(steps, named):
    data = Dataset.of(np.random.default_rng(0).normal(size=(50, 2)))
    preparation = Preparation([Clean(data.schema.to_dict()), Encode(), *steps])
    preparation.fit(data)
    with pytest.raises(ArtifactError, match=rf"TOC-422.*{named}"):
        table_matrix(Graph(), preparation)


def test_a_parabola_along_time_is_refused(series):
    data = Dataset.of(series, kind="series")
    preparation = Preparation([Clean(data.schema.to_dict()), Encode(missing=False), Impute("linear"), Denoise("savgol"), Scale()])
    preparation.fit(data)
    with pytest.raises(ArtifactError, match=r"TOC-422.*savgol"):
        series_matrix(Graph(), preparation)


def test_cells_that_are_not_cleaned_are_refused():
    data = Dataset.of(np.random.default_rng(0).normal(size=(50, 2)))
    preparation = Preparation([Encode(), Impute(), Scale()])
    preparation.fit(data)
    with pytest.raises(ArtifactError, match="TOC-422"):
        table_matrix(Graph(), preparation)


def test_a_step_of_ones_own_is_refused():
    class Twice(Scale):
        def transform(self, X):
            return 2 * super().transform(X)

    data = Dataset.of(np.random.default_rng(0).normal(size=(50, 2)))
    preparation = Preparation([Clean(data.schema.to_dict()), Encode(), Impute(), Twice()])
    preparation.fit(data)
    with pytest.raises(ArtifactError, match=r"TOC-422.*Twice"):
        table_matrix(Graph(), preparation)


@pytest.mark.parametrize("odd", ["category", "date"])
def test_a_series_of_names_or_dates_is_refused(odd):
    hours = np.random.default_rng(0).permutation(100) * np.timedelta64(7, "h")
    cells = np.array(["a", "b"] * 50) if odd == "category" else np.datetime64("2020-01-01", "us") + hours
    data = tocsin.read(pa.table({"level": np.sin(np.arange(100.0)), "mark": cells}), kind="series")
    preparation = Preparation([Clean(data.schema.to_dict()), Encode(missing=False), Impute("linear"), Scale()])
    preparation.fit(data)
    with pytest.raises(ArtifactError, match=r"TOC-422.*'mark'"):
        series_matrix(Graph(), preparation)
