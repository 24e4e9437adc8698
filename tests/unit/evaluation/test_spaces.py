import json

import pytest

from tocsin.core import catalog
from tocsin.core.errors import ConfigError
from tocsin.evaluation.spaces import SPACES, USUAL, Choice, Range, check_used, defaults, known_space, nested, parse, settings_of, space


@pytest.mark.parametrize("name", sorted(SPACES))
def test_each_declared_detector_and_setting_exists(name):
    assert name in catalog.names()
    assert set(SPACES[name]) <= set(settings_of(name))


@pytest.mark.parametrize("name", catalog.names())
def test_what_is_searched_of_any_detector_can_be_given_to_it(name):
    for setting, axis in known_space(name).items():
        value = axis.values[0] if isinstance(axis, Choice) else int(axis.low) if axis.whole else axis.low
        catalog.make(name, **nested({setting: value}))
        json.dumps(vars(axis))


def test_every_usual_setting_is_one_of_some_detector():
    every = {setting for name in catalog.names() for setting in settings_of(name)}
    assert set(USUAL) <= every


@pytest.mark.parametrize(("text", "name", "axis"), [
    ("k=1..50", "k", Range(1, 50, whole=True)), ("k = 1 .. 50 log", "k", Range(1, 50, log=True, whole=True)),
    ("noise=0..1", "noise", Range(0, 1, whole=True)), ("noise=0.0..1", "noise", Range(0.0, 1)),
    ("hidden=16,32,64", "hidden", Choice((16, 32, 64))), ("metric=l1,l2", "metric", Choice(("l1", "l2"))),
    ("latent=none,4", "latent", Choice((None, 4))), ("scale=true,false", "scale", Choice((True, False))),
    ("hidden=[32, 8],[16]", "hidden", Choice(([32, 8], [16]))), ("knn.k=3", "knn.k", Choice((3,))),
    ("training.batch-size=16,32", "training.batch_size", Choice((16, 32)))])
def test_spaces_as_text(text, name, axis):
    assert parse(text) == (name, axis)


@pytest.mark.parametrize("text", ["k", "k=", "=3", "k=3..", "k=1..2..3", "k=9..1", "lr=0..1 log", "k=1,,2", "k=a..b", "2=3", "k=1..inf"])
def test_text_that_is_no_space(text):
    with pytest.raises(ConfigError, match="TOC-228"):
        parse(text)


def test_a_given_space_replaces_the_known_one_where_it_fits():
    given = ["k=1..9", "lr=1e-4..1e-2 log", "iforest.trees=50"]
    assert space("knn", given) == {"k": Range(1, 9, whole=True)}
    assert space("autoencoder", given) == {"training.lr": Range(1e-4, 1e-2, log=True)}
    assert space("iforest", given) == {"trees": Choice((50,))}
    assert space("gaussian", given) == {}
    assert space("autoencoder", ["noise=0..1"]) == {"noise": Range(0, 1)}  # whole ends of what is a fraction
    check_used(["knn", "autoencoder", "iforest"], given)
    with pytest.raises(ConfigError, match=r"TOC-229.*trees=50"):
        check_used(["knn", "autoencoder"], given)


def test_values_are_told_apart_by_kind():
    assert 1 in Choice((1, None)) and None in Choice((1, None)) and True not in Choice((1, None))
    assert 5 in Range(1, 9, whole=True) and 5.5 not in Range(1, 9, whole=True) and None not in Range(1, 9) and 10 not in Range(1, 9)


def test_defaults_reach_into_the_training():
    assert defaults("knn")["k"] == 5
    assert defaults("autoencoder")["training.lr"] == 1e-3
