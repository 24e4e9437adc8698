"""Held-out plans: no row calibrates a detector that has seen it."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import DataError
from tocsin.pipeline import calibration


@pytest.mark.parametrize(("n", "slow", "everyone", "name"), [(60, False, False, "cross"), (60_000, False, False, "holdout"),
                                                            (3_000, True, False, "holdout"), (60_000, False, True, "cross")])
def test_table_plans_by_size_and_cost(n: int, slow: bool, everyone: bool, name: str) -> None:
    plan = calibration.table_plan(n, slow=slow, everyone=everyone, seed=0)
    assert plan.name == name and plan.refit == (name == "cross")
    rows = np.concatenate(plan.folds)
    assert len(np.unique(rows)) == len(rows)
    assert (len(rows) == n) == (name == "cross")


def test_groups_are_never_split() -> None:
    group = np.repeat(np.arange(30), 7)
    plan = calibration.group_plan(group, slow=False, everyone=False, seed=0)
    for fold in plan.folds:
        assert not set(group[fold]) & set(np.delete(group, fold))


@pytest.mark.parametrize("slow", [False, True])
def test_series_blocks_are_purged_by_a_window_on_each_side(slow: bool) -> None:
    groups, reach = np.zeros(4000, dtype=np.int64), 50
    plan = calibration.series_plan(groups, reach, slow=slow, everyone=False)
    for held in plan.folds:
        rows, cut = calibration.training_rows(held, groups, reach)
        assert np.abs(rows[:, None] - held[None, ::10]).min() > reach - 10
        gaps = np.flatnonzero(np.diff(rows) > 1)
        assert len(np.unique(cut)) == len(gaps) + 1
    with pytest.raises(DataError, match="TOC-118"):
        calibration.series_plan(np.zeros(90, dtype=np.int64), 60, slow=slow, everyone=False)


def test_a_network_sets_one_part_aside_only_where_it_holds_enough_windows() -> None:
    for t, reach, name, folds in ((600, 24, "cross", 5), (4_000, 50, "cross", 3), (20_000, 50, "holdout", 1)):
        plan = calibration.series_plan(np.zeros(t, dtype=np.int64), reach, slow=True, everyone=False)
        assert (plan.name, len(plan.folds)) == (name, folds)
        held = np.concatenate(plan.folds)
        assert np.array_equal(held, np.arange(t)) if name == "cross" else len(held) >= 40 * reach
    assert calibration.series_plan(np.zeros(20_000, dtype=np.int64), 50, slow=True, everyone=True).name == "cross"
