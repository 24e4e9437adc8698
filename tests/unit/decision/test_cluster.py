import numpy as np
import pytest

from tocsin.core.seed import generator
from tocsin.decision.cluster import peaks, wanted

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
