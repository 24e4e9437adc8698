import numpy as np
import pytest

from tocsin.core.seed import generator
from tocsin.decision.cluster import peaks, regions, wanted

ALL = np.ones(1000, dtype=bool)


def test_independent_scores_are_all_news():
    scores = generator(0).normal(size=1000)
    found = peaks(scores, ALL, 1)
    assert found.share == 1.0
    assert len(found.excesses) == wanted(1000)
    assert np.all(found.excesses > 0)


def test_repeated_scores_count_once():
    scores = np.repeat(generator(0).normal(size=50), 20)
    assert peaks(scores, ALL, 20).share == pytest.approx(1 / 20, rel=0.25)


def test_independent_scores_of_a_series_are_nearly_all_news():
    assert np.mean([peaks(generator(seed).normal(size=1000), ALL, 20).share for seed in range(10)]) > 0.8


def test_one_run_is_one_cluster():
    scores = np.zeros(1000)
    scores[400:420] = 1 + np.arange(20)
    found = peaks(scores, ALL, 50)
    assert found.share == 1 / 20 and found.excesses.tolist() == [20.0]


def test_only_kept_scores_are_looked_at():
    scores = generator(0).normal(size=1000)
    scores[7] = 1e9
    assert peaks(scores, scores < 1e9, 1).excesses.max() < 10


def test_a_level_is_found_below_a_tied_top():
    scores = np.r_[np.zeros(500), np.ones(500)]
    found = peaks(scores, ALL, 1)
    assert found.level == 0 and np.all(found.excesses == 1)


@pytest.mark.parametrize(("block", "share"), [(1, 1.0), (10, 0.1)])
def test_constant_scores_have_no_excess(block, share):
    found = peaks(np.ones(1000), ALL, block)
    assert len(found.excesses) == 0 and found.share == share


def test_few_scores_ask_for_few_excesses():
    assert [wanted(m) for m in (1, 2, 10, 20, 10_000, 1e6)] == [1, 1, 5, 10, 110, 250]


def test_without_blocks_each_score_is_its_own_region():
    tops, owner = regions(np.array([1.0, 3.0, 2.0]), np.array([True, True, True]), 1)
    assert tops.tolist() == [1, 2, 0] and owner.tolist() == [2, 0, 1]


def test_a_region_takes_the_flanks_of_its_peak_and_nothing_twice():
    scores = generator(0).random(400)
    scores[170:231] += 10 - np.abs(np.arange(61) - 30) / 5  # flanks of 30 steps, longer than the block
    tops, owner = regions(scores, np.ones(400, dtype=bool), 24)
    assert set(owner[170:231]) == {0} and 195 < tops[0] < 205
    assert np.all(np.diff(scores[tops]) <= 0) and scores[tops[1]] < 1
    assert owner.min() == 0 and owner.max() == len(tops) - 1
    assert np.abs(np.subtract.outer(tops, tops))[~np.eye(len(tops), dtype=bool)].min() >= 24


def test_steps_that_are_not_kept_belong_to_no_region():
    kept = np.arange(200) >= 50
    tops, owner = regions(generator(0).random(200), kept, 10)
    assert np.array_equal(owner < 0, ~kept) and tops.min() >= 50
    assert len(regions(np.ones(5), np.zeros(5, dtype=bool), 3)[0]) == 0
