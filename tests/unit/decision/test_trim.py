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


@pytest.mark.parametrize("scores", [np.ones(200), np.repeat([0.0, 1.0, 9.0], 100), np.r_[np.zeros(30), 99.0], np.empty(0), np.r_[1:6.0],
                                    np.r_[np.zeros(500), np.arange(1, 6)]])
def test_ties_and_few_scores_are_left_alone(scores):
    assert keep(scores).all()


def test_a_run_of_a_series_is_removed_as_one():
    rng = generator(2)
    scores = np.convolve(rng.normal(size=2015) ** 2, np.ones(16) / 16, "valid")
    assert keep(scores, 16).mean() > 0.99
    scores[500:580] += 20
    assert keep(scores, 16)[500:580].mean() < 0.2


def wave(seed, t=400, block=24):
    """Moving means over a block: scores as windows give them, some ten clusters."""
    return np.convolve(generator(seed, "wave").normal(size=t + block - 1) ** 2, np.ones(block) / block, "valid")


def flank(t, at, height, block=24):
    """What a burst of 5 steps adds to the scores of the windows that touch it."""
    return height * np.convolve((np.abs(np.arange(t) - at) <= 2).astype(float), np.ones(2 * block - 1) / (2 * block - 1), "same")


@pytest.mark.parametrize("t", [240, 400])
def test_a_gross_cluster_of_a_short_series_is_removed_with_its_flanks(t):
    for seed in range(8):
        kept = keep(wave(seed, t) + flank(t, t // 2, 300.0), 24)
        assert not kept[t // 2 - 20:t // 2 + 21].any()
        assert kept[:t // 2 - 60].all() and kept[t // 2 + 60:].all()


SERIES = {"moving mean": wave, "autoregressive": lambda seed: ar(seed), "squared": lambda seed: ar(seed) ** 2,
          "lognormal": lambda seed: np.exp(0.7 * ar(seed))}


def ar(seed, t=400, phi=0.9):
    noise = generator(seed, "ar").normal(size=t + 100) * np.sqrt(1 - phi**2)
    return np.convolve(noise, phi ** np.arange(100.0), "valid")[:t]


@pytest.mark.parametrize("law", SERIES)
def test_clean_short_series_are_left_almost_untouched(law):
    assert np.mean([1 - keep(SERIES[law](seed), 24).mean() for seed in range(25)]) < 0.012


def test_few_rows_lose_a_gross_outlier_and_nothing_else():
    removed = []
    for seed in range(20):
        scores = generator(seed, "few").exponential(size=20)
        removed.append(1 - keep(scores).mean())
        kept = keep(np.r_[scores, 200.0])
        assert not kept[-1]
    assert np.mean(removed) < 0.01


def test_fewer_than_six_clusters_are_left_alone():
    scores = wave(0, 120)
    scores[70:80] += 1e3
    assert keep(scores, 24).all()


def test_a_second_rarer_kind_of_normal_row_is_not_an_anomaly():
    rng = generator(0, "two kinds")
    scores = np.concatenate([rng.gamma(2.0, 0.3, 740), rng.normal(3.7, 0.2, 58), [10.0, 79.0]])
    kept = keep(scores)
    assert not kept[-1] and kept[740:798].mean() > 0.8
