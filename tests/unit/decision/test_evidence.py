import numpy as np

from tocsin.decision.evidence import evidence, learn


def test_it_is_minus_the_log_of_the_chance_within_and_beyond_the_training_scores() -> None:
    rng = np.random.default_rng(0)
    learned = learn(rng.exponential(size=20_000))  # the chance of more than s is exp(−s)
    s = np.array([0.5, 1.0, 2.0, 4.0, 12.0])
    assert np.allclose(evidence(s, learned), s, rtol=0.05)


def test_a_higher_score_never_says_less() -> None:
    rng = np.random.default_rng(1)
    learned = learn(np.round(rng.normal(size=300), 1))  # ties
    made = evidence(np.sort(rng.normal(size=2_000) * 3), learned)
    assert (np.diff(made) >= 0).all() and made[0] == 0


def test_scores_that_are_all_alike_make_any_higher_one_strong_and_finite() -> None:
    learned = learn(np.full(50, 3.0))
    assert evidence(np.array([3.0, 2.0]), learned).max() <= 2.4
    assert 10 < evidence(np.array([3.1]), learned)[0] < np.inf


def test_few_scores_do() -> None:
    assert np.isfinite(evidence(np.array([-5.0, 0.0, 1e30]), learn(np.array([1.0])))).all()
