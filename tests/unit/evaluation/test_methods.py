import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.evaluation.methods import make, parse


def test_a_method_is_a_name_with_literal_parameters():
    made = parse(" windows(detector='knn', params={'k': 2}) ")
    assert (made.name, made.family, made.params) == ("windows", "", {"detector": "knn", "params": {"k": 2}})
    assert parse("pyod:KNN(n_neighbors=3)").family == "pyod"


@pytest.mark.parametrize("text", ["", "knn(", "knn(3)", "knn(k=open('x'))", "knn(**{'k': 1})", "knn k=3", "a:b:c", "knn(k=1)+1", "knn()()"])
def test_other_text_is_refused(text):
    with pytest.raises(ConfigError, match="TOC-264"):
        parse(text)


def test_an_unknown_detector_is_refused_at_once():
    with pytest.raises(ConfigError, match="TOC-203"):
        parse("nearest")


def test_detectors_go_where_they_belong():
    assert parse("knn").suits("table") and parse("knn").suits("series") and not parse("windows").suits("table")
    assert parse("pyod:KNN").suits("table") and not parse("pyod:KNN").suits("series")


def test_the_seed_reaches_the_detector_inside_and_settings_stay():
    assert make(parse("iforest(trees=10)"), width=2, seed=7).model.params() == {"trees": 10, "rows": 256, "seed": 7}
    assert make(parse("iforest(seed=1)"), width=2, seed=7).model.seed == 1
    inner = make(parse("windows(detector='iforest', params={'trees': 5})"), width=2, seed=7).model
    assert inner.params()["params"] == {"trees": 5, "seed": 7}
    assert make(parse("autoencoder(training={'epochs': 2})"), width=2, seed=7).model.training == {"seed": 7, "epochs": 2}


def test_a_catalog_detector_answers_like_a_peer():
    X = np.random.default_rng(0).normal(size=(60, 2))
    made = make(parse("gaussian"), width=2, seed=0)
    made.fit(X)
    assert np.array_equal(made.training_score(), made.score(X))
    own = make(parse("lof"), width=2, seed=0).fit(X)
    assert not np.allclose(own.training_score(), own.score(X))  # a row is not its own neighbour
