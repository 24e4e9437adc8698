"""What is usual of codes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tocsin.core.errors import ArtifactError
from tocsin.deep.initialise import first_weights
from tocsin.deep.vision.usual import Body, Cells, Judge


class _Same(Body):
    cells = (("as it is", 2, 5),)
    wholes = (("mean", 2),)

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Linear(1, 1)

    def loss(self, *inputs: Tensor) -> Tensor:
        return inputs[0].flatten(1).mean(1)

    def codes(self, *inputs: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        return [inputs[0]], [inputs[0].mean((2, 3))]


def _judge() -> Judge:
    made = first_weights(lambda: Judge(_Same()), 0)
    assert isinstance(made, Judge)
    return made


def test_places_have_their_own_level() -> None:
    codes = torch.randn(400, 2, 5, 5, generator=torch.Generator().manual_seed(0))
    codes[..., 0, :] *= 3
    usual = first_weights(lambda: Cells(2, 5), 0)
    assert isinstance(usual, Cells)
    usual.whitening.learn(codes.permute(0, 2, 3, 1).reshape(-1, 2).double())
    usual.learn_level(usual.distance(codes).sum(0), len(codes))
    np.testing.assert_allclose(usual(codes).mean(0).numpy(), 1, atol=0.15)
    assert float(usual.level[0].mean() / usual.level[1:].mean()) == pytest.approx(9, rel=0.2)


def test_one_picture_says_little_about_places() -> None:
    usual = first_weights(lambda: Cells(2, 5), 0)
    assert isinstance(usual, Cells)
    sums = torch.ones(5, 5, dtype=torch.float64)
    sums[0, 0] = 26.0
    usual.learn_level(sums, 1)
    assert 1.0 < float(usual.level[0, 0] / usual.level[1, 1]) < 4.0


def test_a_few_odd_cells_judge_the_picture() -> None:
    judge = _judge()
    maps, values = judge(torch.zeros(1, 2, 5, 5))
    assert [each.shape for each in maps] == [(1, 5, 5)]
    assert values.shape == (1, 2)
    spot = torch.zeros(1, 2, 5, 5)
    spot[0, :, 2, 2] = 4.0
    assert float(judge(spot)[1][0, 0]) == pytest.approx(4.0)
    assert float(judge(spot)[1][0, 1]) == pytest.approx(4.0 / 25)


def test_channels_count_alike() -> None:
    judge = _judge()
    values = torch.randn(200, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * torch.tensor([1.0, 50.0]) + 70
    judge.calibrate(values)
    odds = judge.odds(values)
    np.testing.assert_allclose(odds.mean(0), 0, atol=1e-9)
    assert float(odds[:, 1].std()) == pytest.approx(1, rel=0.01)
    assert float(odds[:, 0].std()) < 1.0  # hardly varies, so its odds are not blown up
    judge.calibrate(values[:1])
    assert bool(torch.isfinite(judge.odds(values)).all())


def test_arrays_fill_a_network_again_and_nothing_else_does() -> None:
    judge = _judge()
    judge.calibrate(torch.rand(5, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    with torch.device("meta"):
        again = Judge(_Same())
    again.fill(judge.arrays())
    assert torch.equal(again.centre, judge.centre)
    for arrays in ({}, None, {**judge.arrays(), "more": np.zeros(1)}, {**judge.arrays(), "centre": np.zeros(3)}):
        with pytest.raises(ArtifactError, match="TOC-410"):
            _judge().fill(arrays)
