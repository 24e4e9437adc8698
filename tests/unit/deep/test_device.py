"""Devices."""

from __future__ import annotations

import pytest
import torch

from tocsin.core.errors import ConfigError
from tocsin.deep.device import device, scoring_device


def test_auto_is_a_gpu_when_there_is_one() -> None:
    assert device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_a_gpu_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match="TOC-220"):
        device("cuda:99")


@pytest.mark.parametrize("name", ["gpu", "", "cpu:1", "cuda:x", "mps"])
def test_an_unknown_device(name: str) -> None:
    with pytest.raises(ConfigError, match="TOC-221"):
        device(name)


def test_a_model_of_a_gpu_scores_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert scoring_device("cuda").type == "cpu"
