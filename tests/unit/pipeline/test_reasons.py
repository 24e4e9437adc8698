"""Why rows score as they do."""

from __future__ import annotations

import numpy as np

import tocsin


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
