import numpy as np

from tocsin import make
from tocsin.core.crossfit import crossfit


def test_each_row_is_judged_by_a_detector_that_has_not_seen_it() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(40, 30))  # so wide that a row seen is a row explained
    detector = make("gaussian")
    unseen = crossfit(detector, rows, seed=0)
    assert (unseen > detector.anomaly_score(rows)).all()
    assert np.array_equal(unseen, crossfit(make("gaussian"), rows, seed=0))


def test_a_detector_that_judges_its_own_rows_is_fitted_once_and_taken_at_its_word() -> None:
    rows = np.random.default_rng(1).normal(size=(80, 2))
    assert np.array_equal(crossfit(make("lof"), rows, seed=0), make("lof").fit_held_out(rows))
