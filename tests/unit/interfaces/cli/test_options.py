"""Shared options: what a subcommand is given."""

from __future__ import annotations

import inspect

import pytest

from tocsin.core.errors import ConfigError
from tocsin.interfaces.cli.options import learning, parameters, reading, takes


def test_only_what_was_given_is_passed_on():
    assert reading() == {}
    assert reading(label="y", ignore=["a", "b"], id_="key") == {"label": "y", "ignore": ("a", "b"), "id": "key"}
    assert reading(no_label=True) == {"label": False}


def test_learning_defaults_leave_threshold_and_clean_to_the_flow():
    made = learning()
    assert made["detector"] == "auto"
    assert "threshold" not in made
    assert "clean" not in made


def test_training_settings_become_a_parameter_of_the_detector():
    assert learning(detector="autoencoder", epochs=3, seed=4)["params"] == {"training": {"epochs": 3, "seed": 4}}
    with pytest.raises(ConfigError, match="TOC-281"):
        learning(detector="iforest", lr=0.1)


@pytest.mark.parametrize("pair", ["k", "=3", "3k=1", "a b=1"])
def test_a_pair_without_a_name_is_refused(pair):
    with pytest.raises(ConfigError, match="TOC-280"):
        parameters([pair])


def test_later_pairs_win_and_values_may_hold_an_equals_sign():
    assert parameters(["k=1", "k=2", "metric=a=b", "deep=True"]) == {"k": 2, "metric": "a=b", "deep": True}


def test_a_subcommand_shows_its_own_options_and_those_of_its_groups():
    def extra(depth: int = 1) -> int:
        return depth * 2

    @takes(extra)
    def command(file: str, *, extra: int) -> None:
        seen.append((file, extra))

    seen: list[tuple[str, int]] = []
    assert list(inspect.signature(command).parameters) == ["file", "depth"]
    command(file="x", depth=4)
    assert seen == [("x", 8)]
