"""Hidden patches foretold."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tocsin.core.errors import ConfigError
from tocsin.deep.initialise import first_weights
from tocsin.detectors.images.token_transformer import TokenTransformer, _Foreteller, _Hidden
from tocsin.testing.toy import toy


@pytest.fixture(scope="module")
def fitted() -> TokenTransformer:
    return TokenTransformer.small().fit(toy("images").train)


def test_faults_rank_above_normal_pictures(fitted: TokenTransformer) -> None:
    data = toy("images")
    scores = fitted.anomaly_score(data.test)
    assert np.median(scores[data.truth == 1]) > scores[data.truth == 0].max()


def test_the_fault_stands_out_in_the_map(fitted: TokenTransformer) -> None:
    data = toy("images")
    odd = data.test[data.truth == 1][:5]
    for item, made in zip(odd, fitted.anomaly_map(odd)):
        assert made[item.mask()].mean() > 1.3 * made[~item.mask()].mean()


def test_training_makes_the_loss_small(fitted: TokenTransformer) -> None:
    assert fitted.history_[-1]["validation"] < 0.9 * fitted.history_[0]["validation"]


def test_every_cell_is_hidden_once() -> None:
    body = first_weights(lambda: _Foreteller(3, 7, 8, 1), 0)
    assert isinstance(body, _Foreteller)
    masks = torch.stack([body._mask(turn, torch.device("cpu")) for turn in range(4)])
    assert masks.sum(0).tolist() == [1.0] * 49


def test_a_hidden_cell_does_not_foretell_itself() -> None:
    body = first_weights(lambda: _Foreteller(3, 4, 8, 1), 0)
    assert isinstance(body, _Foreteller)
    tokens = torch.rand(1, 16, 3, generator=torch.Generator().manual_seed(0))
    mask = body._mask(0, tokens.device)[None]
    before, at = body._foretold(tokens, mask), int(mask[0].argmax())
    tokens[0, at] += 5.0
    assert torch.equal(before, body._foretold(tokens, mask))
    tokens[0, int(mask[0].argmin())] += 5.0
    assert not torch.equal(before, body._foretold(tokens, mask))


def test_half_of_the_tokens_is_hidden_while_training() -> None:
    hidden = _Hidden(4)
    hidden.generator = torch.Generator().manual_seed(0)
    drawn = hidden.draw(torch.zeros(3, 16, 4))
    assert drawn.sum(1).tolist() == [8.0] * 3
    assert not torch.equal(drawn[0], drawn[1])


@pytest.mark.parametrize("wrong", [{"width": 6}, {"width": 0}, {"depth": 0}, {"size": 8}, {"training": 3}])
def test_settings_out_of_range(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=r"TOC-22[23]"):
        TokenTransformer(**{"backbone": "random", **wrong}).fit(toy("images").train[:6])
