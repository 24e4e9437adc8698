"""Why rows score as they do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tocsin
from tocsin.core.types import Dataset
from tocsin.pipeline.pipeline import Pipeline


def test_a_missing_cell_that_is_usually_there_is_the_reason():
    """Its neighbours lack it, too; that does not make it expected."""
    rng = np.random.default_rng(0)
    amount = rng.normal(90, 10, 600)
    amount[rng.choice(600, 12, replace=False)] = np.nan
    frame = {"amount": amount, "items": rng.integers(1, 9, 600), "city": rng.choice(["Oslo", "Bergen"], 600)}
    model = tocsin.fit(frame, "knn")
    why = model.explain({"amount": [np.nan, 92.0], "items": [7, 7], "city": ["Oslo", "Oslo"]}, rows=[0])
    assert why.labels[int(why.values[0].argmax())] == "amount"
    assert "`amount` is missing" in why.sentences[0]


@pytest.mark.parametrize(("detector", "kind"), [("profile", "series"), ("subsequence_pca", "series"), ("knn", "table"),
                                               ("autoencoder", "table")])
def test_no_rows_to_explain_give_an_explanation_without_rows(detector: str, kind: Any) -> None:
    wave = np.sin(np.arange(400) * 2 * np.pi / 24)
    data = Dataset.of(np.stack([wave, np.roll(wave, 3) + 0.1 * np.cos(np.arange(400.0) ** 2)], axis=1), kind=kind)
    model = Pipeline(detector).fit(data)
    nothing, one = model.explain(data, rows=[]), model.explain(data, rows=[5])
    assert len(nothing) == 0 and nothing.values.shape == (0, 2)
    assert (nothing.kind, nothing.labels) == (one.kind, one.labels)
    np.testing.assert_array_equal(nothing.baseline, one.baseline)
    assert nothing.observed == nothing.expected == nothing.sentences == nothing.relations == nothing.neighbours == ()


def test_a_column_taken_by_size_has_no_single_plus_or_minus() -> None:
    rng = np.random.default_rng(0)
    frame = {"bytes": np.exp(rng.normal(7, 2, 500)), "load": rng.normal(5, 1, 500)}
    for scale, told in (("log", False), ("standard", True)):
        why = tocsin.fit(frame, "knn", scale=scale).explain({"bytes": [0.0, 1000.0], "load": [5.0, 50.0]}, rows=[0, 1])
        spread = dict(zip(why.labels, why.baseline))
        assert np.isfinite(spread["bytes"]) == told and np.isfinite(spread["load"])
        assert "±" in why.sentences[1] and "`load` is 50" in why.sentences[1]
    assert "± " not in tocsin.fit(frame, "knn", scale="log").explain({"bytes": [1e9], "load": [5.0]}, rows=[0]).sentences[0]
