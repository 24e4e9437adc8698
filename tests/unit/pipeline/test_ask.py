"""Which rows are asked about: likely and uncertain ones, no two alike, none twice."""

from __future__ import annotations

import numpy as np
import pytest

import tocsin
from tocsin.pipeline.pipeline import Pipeline


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.vstack([rng.normal(size=(300, 3)), np.full((30, 3), 7.0) + rng.normal(size=(30, 3)) * 1e-3, [[-9.0, 0.0, 0.0]]])


@pytest.fixture(scope="module")
def model(rows: np.ndarray) -> Pipeline:
    return tocsin.fit(rows[:300], detector="gaussian")


def test_positions_are_distinct_and_as_many_as_asked(model: Pipeline, rows: np.ndarray) -> None:
    chosen = model.ask(rows, 12)
    assert len(set(chosen.tolist())) == len(chosen) == 12 and chosen.min() >= 0 and chosen.max() < len(rows)
    assert np.array_equal(chosen, model.ask(rows, 12))


def test_the_likeliest_kind_is_among_them_and_not_ten_of_it(model: Pipeline, rows: np.ndarray) -> None:
    chosen = model.ask(rows, 12)
    assert 1 <= np.isin(chosen, np.arange(300, 330)).sum() <= 4


def test_uncertain_rows_are_among_them(model: Pipeline, rows: np.ndarray) -> None:
    p = model.detect(rows).p_value[model.ask(rows, 12)]
    assert ((p > 0.001) & (p < 0.1)).sum() >= 4


def test_answered_rows_are_not_asked_again(model: Pipeline, rows: np.ndarray) -> None:
    first = model.ask(rows, 10)
    told = model.answered(rows[first], (first >= 300).astype(int))
    assert not set(first.tolist()) & set(told.ask(rows, 20).tolist())


def test_all_are_given_when_there_are_no_more(model: Pipeline, rows: np.ndarray) -> None:
    assert sorted(model.ask(rows[:5], 50).tolist()) == [0, 1, 2, 3, 4]
    told = model.answered(rows[:5], [0] * 5)
    assert len(told.ask(rows[:5], 3)) == 0
    assert model.ask(rows[:1], 1).tolist() == [0]


def test_equal_rows_do_not_break_it(model: Pipeline) -> None:
    assert len(model.ask(np.full((20, 3), 5.0), 8)) == 8
