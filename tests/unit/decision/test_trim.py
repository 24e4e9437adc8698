import numpy as np
import pytest

from tocsin.core.seed import generator
from tocsin.decision.trim import keep

LAWS = {
    "chi2": lambda rng, m: rng.chisquare(3, m),
    "lognormal": lambda rng, m: np.exp(rng.normal(size=m)),
    "t3 squared": lambda rng, m: rng.standard_t(3, m) ** 2,
    "uniform": lambda rng, m: rng.random(m),
}


@pytest.mark.parametrize("law", LAWS)
def test_clean_scores_are_left_almost_untouched(law):
    removed = [1 - keep(LAWS[law](generator(seed, law), 1000)).mean() for seed in range(5)]
    assert np.mean(removed) < 0.01


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("m", [100, 1000])
def test_far_outliers_are_removed_and_normal_scores_stay(law, m):
    rng = generator(1, law)
    scores, far = LAWS[law](rng, m), np.quantile(LAWS[law](rng, 50_000), 0.999)
    planted = rng.permutation(m)[:m // 20]
    scores[planted] = far * rng.uniform(3, 10, len(planted))
    kept = keep(scores)
    assert kept[planted].mean() <= 0.2
    assert np.delete(kept, planted).mean() > 0.98


def test_what_is_removed_are_the_highest():
    rng = generator(0)
    scores = np.r_[rng.random(500), 5 + rng.random(20)]
    kept = keep(scores)
    assert not kept.all() and scores[kept].max() <= scores[~kept].min()


@pytest.mark.parametrize("scores", [np.ones(200), np.repeat([0.0, 1.0, 9.0], 100), np.r_[np.zeros(30), 99.0], np.empty(0),
                                    np.r_[np.zeros(500), np.arange(1, 6)]])
def test_ties_and_few_scores_are_left_alone(scores):
    assert keep(scores).all()


def test_a_run_of_a_series_is_removed_as_one():
    rng = generator(2)
    scores = np.convolve(rng.normal(size=2015) ** 2, np.ones(16) / 16, "valid")
    assert keep(scores, 16).mean() > 0.99
    scores[500:580] += 20
    assert keep(scores, 16)[500:580].mean() < 0.2
