import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.core.errors import ArtifactError, ConfigError, DataError, StateError
from tocsin.core.seed import generator
from tocsin.core.state import build
from tocsin.decision.calibrate import CALIBRATORS, Conformal

HUGE = np.finfo(float).max


def chi2(m, *path):
    return generator(0, *path).chisquare(3, m)


def test_p_is_the_rank_of_the_score():
    model = Conformal().fit([4.0, 1.0, 3.0, 2.0])
    np.testing.assert_allclose(model.transform([1.0, 2.0, 3.0, 4.0]), [0.8, 0.6, 0.4, 0.2])
    assert model.transform([0.5]).tolist() == [1.0]
    assert 0.4 < model.transform([2.5])[0] < 0.6


def test_tied_scores_take_the_conformal_value():
    model = Conformal().fit([0.0] * 5 + [1.0] * 4)
    np.testing.assert_allclose(model.transform([0.0, 1.0]), [1.0, 0.5])
    np.testing.assert_allclose(model.transform([0.5]), [0.5])
    assert model.transform([1.0001])[0] <= 0.1


def test_far_outliers_do_not_tie_and_never_reach_zero():
    p = Conformal().fit(chi2(100)).transform([30, 31, 1e3, 1e6, 1e50, 1e300, HUGE])
    assert np.all(np.diff(p) < 0) and p[-1] > 0
    assert Conformal().fit(chi2(100)).transform([np.inf])[0] == 1e-300


def test_continuous_at_the_largest_score():
    model = Conformal().fit(chi2(50))
    top = model.knots_[-1]
    np.testing.assert_allclose(model.transform([top, np.nextafter(top, np.inf)]), 1 / 51, rtol=1e-6)


scores = st.lists(st.floats(-HUGE, HUGE), min_size=2, max_size=60)


@settings(max_examples=60, deadline=None)
@given(calibration=scores, judged=scores, trim=st.booleans(), block=st.integers(1, 5))
def test_any_scores_give_monotone_p_in_range(calibration, judged, trim, block):
    model = Conformal(trim=trim).fit(calibration, block=block)
    p = model.transform(np.sort(np.r_[judged, calibration]))
    assert np.all((p > 0) & (p <= 1))
    assert np.all(np.diff(p) <= 1e-12 * p[:-1])


@settings(max_examples=60, deadline=None)
@given(calibration=st.lists(st.sampled_from([0.0, 0.1, 0.5, 1.0, 2.0, 7.5, -3.0, 1e-5]) | st.floats(-1e6, 1e6), min_size=2, max_size=60),
       wanted=st.floats(1e-12, 0.999))
def test_inverse_is_the_smallest_score_with_at_most_p(calibration, wanted):
    model = Conformal().fit(calibration)
    score = model.inverse(wanted)
    assert model.transform([score])[0] <= wanted
    assert model.transform([np.nextafter(score, -np.inf)])[0] > wanted


def test_inverse_of_the_ends_and_of_arrays():
    model = Conformal().fit(chi2(100))
    assert model.inverse(1.0) == -np.inf
    assert model.inverse(0.0) == np.inf
    assert isinstance(model.inverse(0.01), float)
    both = model.inverse(np.array([[0.5, 0.01]]))
    assert both.shape == (1, 2) and both[0, 1] == model.inverse(0.01)
    with pytest.raises(DataError, match="TOC-110"):
        model.inverse(np.nan)


def test_without_a_tail_nothing_is_rarer_than_one_in_m_plus_1():
    model = Conformal(tail="none").fit(chi2(99))
    np.testing.assert_allclose(model.transform([1e3, 1e9]), 0.01)
    assert model.inverse(0.001) == np.inf


def test_constant_scores_keep_an_order_beyond():
    for value in (0.0, 3.0, -1e300):
        model = Conformal().fit([value] * 30)
        assert model.transform([value])[0] == 1.0
        p = model.transform(value + (abs(value) or 1.0) * np.array([0.5, 1.5, 8.0]))
        assert np.all(np.diff(p) < 0) and p[0] < 1 / 31 + 1e-12


def test_two_scores_are_enough_to_say_little():
    assert 0.01 < Conformal().fit([1.0, 2.0]).transform([5.0])[0] < 1 / 3


LAWS = {
    "chi2": lambda rng, m: rng.chisquare(1, m),
    "lognormal": lambda rng, m: np.exp(rng.normal(size=m)),
    "t3 squared": lambda rng, m: rng.standard_t(3, m) ** 2,
    "uniform": lambda rng, m: rng.random(m),
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize(("m", "repeats"), [(50, 60), (150, 40), (1000, 15)])
def test_delivered_rate_is_the_requested_one_on_average(law, m, repeats):
    draw = LAWS[law]
    truth = np.sort(draw(generator(9, law), 400_000))
    delivered = []
    for repeat in range(repeats):
        cut = Conformal().fit(draw(generator(repeat, law, m), m)).inverse(0.01)
        delivered.append(1 - np.searchsorted(truth, cut) / len(truth))
    error = np.std(delivered) / np.sqrt(repeats)
    assert abs(np.mean(delivered) - 0.01) < 0.002 + 2.5 * error


def test_less_is_promised_when_a_series_repeats_itself():
    once = chi2(40)
    series = np.repeat(once, 10)
    honest, naive = Conformal().fit(series, block=10), Conformal().fit(series)
    assert honest.effective_ == pytest.approx(40, rel=0.25)
    assert naive.effective_ == 400
    top = once.max()
    assert honest.transform([top * 1.0001])[0] == pytest.approx(1 / (honest.effective_ + 1), rel=0.01)
    assert honest.transform([top * 1.0001])[0] > 5 * naive.transform([top * 1.0001])[0]


def test_blocks_deliver_what_is_asked_where_points_do_not():
    """Moving sums over 16 steps, 600 points: about 40 independent pieces."""
    def series(seed, t):
        return np.convolve(generator(seed, "series").chisquare(1, t + 15), np.ones(16), "valid")

    truth = np.sort(generator(7, "truth").chisquare(16, 400_000))
    rate = {block: np.mean([1 - np.searchsorted(truth, Conformal().fit(series(seed, 600), block=block).inverse(0.01)) / len(truth)
                            for seed in range(40)]) for block in (1, 16)}
    assert rate[1] > 0.015
    assert 0.004 < rate[16] < 0.014


@pytest.mark.parametrize("blocks", [10, 20, 40])
def test_a_gross_cluster_is_reported_however_short_the_series(blocks):
    """50 deviations beyond the mean of the scores; 1 % of a hundred effective scores or fewer."""
    t, block = 24 * blocks, 24
    scores = np.convolve(generator(blocks, "short").chisquare(1, t + block - 1), np.ones(block) / block, "valid")
    model = Conformal().fit(scores, block=block)
    assert model.effective_ < 110
    assert model.inverse(0.01) < scores.mean() + 50 * scores.std()
    scores[100:105] = scores.mean() + 50 * scores.std()
    assert Conformal(trim=True).fit(scores, block=block).transform(scores[100:105]).max() < 0.01


def test_trimming_gives_back_the_normal_tail():
    normal = chi2(1000)
    dirty = np.r_[normal, 60 + chi2(50, "odd")]
    plain, trimmed = Conformal().fit(dirty), Conformal(trim=True).fit(dirty)
    assert plain.trimmed_ == 0 and 45 <= trimmed.trimmed_ <= 55
    assert trimmed.count_ == len(dirty) - trimmed.trimmed_
    assert plain.inverse(0.01) > 50 and trimmed.inverse(0.01) == pytest.approx(Conformal().fit(normal).inverse(0.01), rel=0.2)
    assert len(trimmed.scores_) == 1050


def test_refit_forgets_and_state_travels():
    model = Conformal(trim=True).fit(chi2(300))
    again = build(CALIBRATORS["conformal"], model.state())
    judged = np.r_[chi2(50, "judged"), 1e3, 1e200]
    np.testing.assert_array_equal(again.transform(judged), model.transform(judged))
    np.testing.assert_array_equal(model.fit(chi2(80, "b")).transform(judged), Conformal(trim=True).fit(chi2(80, "b")).transform(judged))


def test_a_score_has_the_same_p_alone_and_in_a_batch():
    model, judged = Conformal().fit(chi2(200)), np.r_[chi2(50, "judged"), 40.0, 1e5]
    np.testing.assert_array_equal(model.transform(judged), [model.transform([score])[0] for score in judged])


@pytest.mark.parametrize("change", [{"knots_": np.empty(0)}, {"tail_": np.zeros(3)}, {"log_at_": np.full(300, np.nan)},
                                    {"tail_scale_": 0.0}])
def test_a_tampered_state_is_refused(change):
    state = Conformal().fit(chi2(300)).state()
    state["learned"].update(change)
    with pytest.raises(ArtifactError, match="TOC-410"):
        build(Conformal, state)


@pytest.mark.parametrize(("scores", "code"), [([1.0, np.nan], "TOC-110"), ([1.0, np.inf], "TOC-110"), ([1.0], "TOC-113"), ([], "TOC-113"),
                                          ([[1.0, 2.0]], "TOC-115")])
def test_bad_calibration_scores(scores, code):
    with pytest.raises(DataError, match=code):
        Conformal().fit(scores)


def test_bad_settings_and_order_of_calls():
    with pytest.raises(ConfigError, match="TOC-240"):
        Conformal(tail="long")
    with pytest.raises(ConfigError, match="TOC-240"):
        Conformal().fit([1.0, 2.0], block=0)
    with pytest.raises(StateError, match="TOC-340"):
        Conformal().transform([1.0])
    with pytest.raises(DataError, match="TOC-110"):
        Conformal().fit([1.0, 2.0]).transform([np.nan])
    assert Conformal().fit([1.0, 2.0]).transform([]).shape == (0,)
