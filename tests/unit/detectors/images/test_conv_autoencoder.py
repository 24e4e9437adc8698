"""A convolutional autoencoder from scratch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tocsin.core.errors import ConfigError
from tocsin.detectors.images.conv_autoencoder import ConvAutoencoder, _Spoil
from tocsin.testing.toy import toy


@pytest.fixture(scope="module")
def fitted() -> ConvAutoencoder:
    return ConvAutoencoder.small().fit(toy("images").train)


def test_faults_rank_above_normal_pictures(fitted: ConvAutoencoder) -> None:
    data = toy("images")
    scores = fitted.anomaly_score(data.test)
    assert np.median(scores[data.truth == 1]) > scores[data.truth == 0].max()


def test_the_fault_stands_out_in_the_map(fitted: ConvAutoencoder) -> None:
    data = toy("images")
    odd = data.test[data.truth == 1][:5]
    for item, made in zip(odd, fitted.anomaly_map(odd)):
        assert made[item.mask()].mean() > 1.3 * made[~item.mask()].mean()


def test_training_makes_the_loss_small(fitted: ConvAutoencoder) -> None:
    assert fitted.history_[-1]["validation"] < 0.98 * fitted.history_[0]["validation"]


def test_pictures_are_spoilt_while_training_only() -> None:
    spoil, x = _Spoil(), torch.zeros(2, 3, 32, 32)
    spoil.generator = torch.Generator().manual_seed(0)
    made = spoil.train()(x)
    assert 0.01 < float((made - x).abs().mean()) < 1
    assert spoil.eval()(x) is x


def test_all_channels_are_told(fitted: ConvAutoencoder) -> None:
    (reason,) = fitted.reasons(toy("images").test[-1:])
    assert [name for name, _ in reason.shares] == ["form of the error", "size of the error", "code"]


@pytest.mark.parametrize("wrong", [{"width": 12}, {"width": 0}, {"code": 0}, {"size": 8}, {"size": 50}, {"training": 3}])
def test_settings_out_of_range(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=r"TOC-22[23]"):
        ConvAutoencoder(**{**wrong}).fit(toy("images").train[:6])
