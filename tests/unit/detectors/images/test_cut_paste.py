"""Pasted pieces found."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tocsin.core.errors import ConfigError
from tocsin.detectors.images.cut_paste import CutPaste, _Paste
from tocsin.testing.toy import toy


@pytest.fixture(scope="module")
def fitted() -> CutPaste:
    return CutPaste.small().fit(toy("images").train)


def test_faults_rank_above_normal_pictures(fitted: CutPaste) -> None:
    data = toy("images")
    scores = fitted.anomaly_score(data.test)
    assert np.median(scores[data.truth == 1]) > scores[data.truth == 0].max()


def test_the_fault_stands_out_in_the_map(fitted: CutPaste) -> None:
    data = toy("images")
    odd = data.test[data.truth == 1][:5]
    for item, made in zip(odd, fitted.anomaly_map(odd)):
        assert made[item.mask()].mean() > 1.15 * made[~item.mask()].mean()


def test_training_makes_the_loss_small(fitted: CutPaste) -> None:
    assert fitted.history_[-1]["validation"] < 0.9 * fitted.history_[0]["validation"]


def test_pieces_are_pasted_where_the_mask_says() -> None:
    paste, ramp = _Paste(), torch.linspace(-1, 1, 48).expand(60, 3, 48, 48).contiguous()
    paste.generator = torch.Generator().manual_seed(0)
    made, kind = paste(ramp)
    assert set(kind.unique().tolist()) == {0, 1, 2}
    assert torch.equal(made.permute(0, 2, 3, 1)[kind == 0], ramp.permute(0, 2, 3, 1)[kind == 0])
    assert float((made - ramp).abs().permute(0, 2, 3, 1)[kind > 0].mean()) > 0.1
    shares = torch.stack([(kind == i).flatten(1).any(1).float().mean() for i in (1, 2)])
    assert bool((shares > 0.15).all())
    areas = [(kind == i).flatten(1).float().mean(1) for i in (1, 2)]
    assert areas[1].max() < areas[0].max() < 0.25


def test_all_channels_are_told(fitted: CutPaste) -> None:
    (reason,) = fitted.reasons(toy("images").test[-1:])
    assert [name for name, _ in reason.shares] == ["pasted", "cells", "picture"]


@pytest.mark.parametrize("wrong", [{"width": 12}, {"width": 0}, {"code": 1}, {"size": 8}, {"size": 50}, {"training": 3}])
def test_settings_out_of_range(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=r"TOC-22[23]"):
        CutPaste(**{**wrong}).fit(toy("images").train[:6])
