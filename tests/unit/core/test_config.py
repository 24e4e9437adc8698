from __future__ import annotations

import pytest
from pydantic import ValidationError

from tocsin.core.config import Config, Training
from tocsin.core.errors import ConfigError


class Outer(Config):
    training: Training = Training()
    name: str = "x"


def test_unknown_setting_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"TOC-201: Training: epochz: unknown setting; came: 5; to do: use one of epochs, lr") as caught:
        Training(epochz=5)
    assert caught.value.code == "TOC-201"


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"lr": 0}, {"lr": "fast"}, {"validation": 1.0}, {"schedule": "linear"}, {"seed": -1},
                                   {"epochs": 2.5}, {"precision": "float16"}])
def test_wrong_values_are_refused_with_what_came(wrong: dict) -> None:
    with pytest.raises(ConfigError, match="TOC-202") as caught:
        Training(**wrong)
    assert next(iter(wrong)) in caught.value.what
    assert repr(next(iter(wrong.values()))) in caught.value.came


def test_nested_settings_say_where() -> None:
    with pytest.raises(ConfigError, match=r"TOC-202: Outer: training: .*Training: epochs"):
        Outer(training={"epochs": 0})


def test_nested_settings_are_taken_from_plain_data() -> None:
    assert Outer(training={"epochs": 3}).training == Training(epochs=3)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Training().epochs = 5  # type: ignore[misc]


def test_with_copies_and_checks() -> None:
    first = Training(epochs=5)
    assert first.with_(lr=0.5) == Training(epochs=5, lr=0.5)
    assert first == Training(epochs=5)
    with pytest.raises(ConfigError, match="TOC-202"):
        first.with_(epochs=0)


def test_settings_survive_json() -> None:
    first = Training(epochs=7, schedule="plateau", checkpoint="runs/a")
    assert Training(**Training.model_validate_json(first.model_dump_json()).model_dump()) == first
