"""Checks of constructor values."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.config import Training
from tocsin.core.errors import ConfigError
from tocsin.deep import settings


def test_training_in_three_forms() -> None:
    default = Training(lr=0.5)
    assert settings.training(None, default) is default
    assert settings.training({"epochs": 2}, default) == Training(epochs=2, lr=0.5)
    assert settings.training(Training(epochs=2), default) == Training(epochs=2)


@pytest.mark.parametrize(("given", "code"), [(5, "TOC-223"), ({"epochz": 1}, "TOC-201"), ({"epochs": 0}, "TOC-202")])
def test_training_of_no_known_form(given: object, code: str) -> None:
    with pytest.raises(ConfigError, match=code):
        settings.training(given, Training())


@pytest.mark.parametrize("value", [0, -1, 1.5, "3", True, float("nan"), float("inf")])
def test_at_least_a_whole_number(value: object) -> None:
    with pytest.raises(ConfigError, match="TOC-222: hidden"):
        settings.at_least(1, hidden=value)


def test_values_that_pass() -> None:
    settings.at_least(1, hidden=np.int64(3), latent=None)
    settings.at_least(0.0, noise=0.5, beta=0)
    settings.share(dropout=0.0)
    settings.one_of("a", "b", task="a")
    settings.multiple(4, width=8)


@pytest.mark.parametrize("value", [-0.1, 1, 1.0, float("nan"), "0"])
def test_a_share(value: object) -> None:
    with pytest.raises(ConfigError, match="TOC-222: dropout"):
        settings.share(dropout=value)


def test_a_choice_and_a_multiple() -> None:
    with pytest.raises(ConfigError, match=r"TOC-222: task.*'c'.*'a' or 'b'"):
        settings.one_of("a", "b", task="c")
    with pytest.raises(ConfigError, match="TOC-222: width"):
        settings.multiple(4, width=6)
