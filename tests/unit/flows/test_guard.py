"""The guard: what of new rows is left out, how far around it, and what looks like a lasting change."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.types import Dataset
from tocsin.flows.guard import Usual, allowed, guard, reach_of, stretches
from tocsin.flows.train import fit
from tocsin.pipeline.pipeline import Pipeline


def wave(t: int, seed: int, level: float = 0.0) -> Dataset:
    rng = np.random.default_rng(seed)
    return Dataset.of(level + np.sin(np.arange(t) * 2 * np.pi / 25) + 0.15 * rng.normal(size=t), kind="series")


def changed(data: Dataset, rows: slice, by: float) -> Dataset:
    data.X[rows] += by
    return data


@pytest.fixture(scope="module")
def model() -> Pipeline:
    return fit(wave(2_000, 0), "gaussian")


def test_little_of_usual_rows_is_left_out(model: Pipeline) -> None:
    assert guard(model, wave(3_000, 1)).share < 0.15


def test_an_event_is_left_out_with_a_window_around_it(model: Pipeline) -> None:
    guarded = guard(model, changed(wave(1_000, 1), slice(500, 530), 4.0))
    assert reach_of(model) == 25 and guarded.left_out[475:555].all() and not guarded.lasting
    assert guarded.share < 0.25


def test_an_event_does_not_reach_into_another_group(model: Pipeline) -> None:
    data = changed(wave(600, 1), slice(280, 300), 6.0)
    one = guard(model, data)
    parted = guard(model, Dataset.of(data.X, kind="series", group=np.repeat([0, 1], 300)))
    assert one.left_out[300:310].all() and not parted.left_out[300:310].any() and parted.left_out[280:300].all()


def test_a_long_mild_oddness_is_left_out_though_hardly_a_row_is_raised(model: Pipeline) -> None:
    data = changed(wave(1_500, 4), slice(500, 1_000), 0.08)
    raised = model.detect(data).is_anomaly
    assert raised[500:1_000].mean() < 0.3 < 0.9 < guard(model, data).left_out[525:975].mean()


def test_rows_labelled_as_anomalies_are_left_out(model: Pipeline) -> None:
    data = wave(300, 1)
    marked = Dataset.of(data.X, y=np.arange(300) == 7, kind="series")
    assert guard(model, marked).left_out[7] and not guard(model, data).left_out[7]


def test_what_stands_still_is_left_out_where_the_old_rows_are_known(model: Pipeline) -> None:
    data = wave(600, 1)
    data.X[200:300] = 0.0
    assert not guard(model, data).left_out[220:280].all()
    assert guard(model, data, Usual.of(wave(2_000, 0))).left_out[200:300].all()


def test_standing_still_as_long_as_before_is_usual() -> None:
    old = wave(2_000, 0)
    old.X[500:600] = 0.0
    assert Usual.of(old).still == {"x0": 100}
    data = wave(600, 1)
    data.X[200:300] = 0.0
    assert not guard(fit(old, "gaussian"), data, Usual.of(old)).left_out[230:270].any()


@pytest.mark.parametrize(("rows", "words"), [
    (wave(1_000, 1, level=5).X, "keep one level"),
    (wave(1_000, 1).X + np.arange(1_000)[:, None] / 50 + 4, "do not keep one level yet"),
    (np.full((1_000, 1), 5.0), "stand still"),
])
def test_a_long_odd_span_is_told_apart(model: Pipeline, rows: np.ndarray, words: str) -> None:
    guarded = guard(model, Dataset.of(np.r_[wave(500, 2).X, rows], kind="series"), Usual.of(wave(2_000, 0)))
    assert len(guarded.lasting) == 1 and words in guarded.words[0]
    assert 500 <= guarded.lasting[0][0] < 550 and guarded.lasting[0][-1] == 1_499


def test_a_level_that_is_let_in_is_judged_by_itself(model: Pipeline) -> None:
    data = changed(wave(1_500, 3, level=5), slice(700, 720), 4.0)
    guarded = guard(model, data)
    assert guarded.left_out.all()
    let_in = allowed(model, data, guarded)
    assert let_in.left_out[700:720].all() and let_in.share < 0.2
    assert guarded.left_out.all()  # the first judgement is not changed


def test_of_a_table_the_raised_rows_are_left_out_and_nothing_around_them() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 2))
    rows[10] = 9
    guarded = guard(fit(rng.normal(size=(500, 2)), "gaussian"), Dataset.of(rows))
    assert guarded.left_out[10] and guarded.share < 0.05 and not guarded.lasting


def test_many_odd_rows_of_a_table_may_be_let_in() -> None:
    rng = np.random.default_rng(0)
    model, rows = fit(rng.normal(size=(500, 2)), "gaussian"), Dataset.of(rng.normal(size=(300, 2)) + 8)
    guarded = guard(model, rows)
    assert guarded.share == 1.0 and "allow" in guarded.words[0]
    assert allowed(model, rows, guarded).share < 0.05


def test_stretches_follow_the_group_column() -> None:
    assert stretches(Dataset.of(np.zeros(5), kind="series", group=[1, 1, 2, 2, 1])) == [(0, 2), (2, 4), (4, 5)]
