"""The abstract detector of pictures by a trained network."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tocsin.core.errors import ArtifactError, ConfigError
from tocsin.core.picture import Pixels
from tocsin.core.tags import Tags
from tocsin.deep.vision import training
from tocsin.deep.vision.training import PictureNetwork
from tocsin.deep.vision.usual import Body


class _Blur(Body):
    """Foretells each cell's colour from the whole picture's: one number is learned."""

    cells = (("colour", 3, 4),)
    wholes = (("mean", 3),)

    def __init__(self) -> None:
        super().__init__()
        self.share = nn.Linear(3, 3)

    def _cells(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        x = nn.functional.adaptive_avg_pool2d(pixels.float() / 255, 4)
        return x, self.share(x.mean((2, 3)))

    def loss(self, *inputs: Tensor) -> Tensor:
        x, foretold = self._cells(*inputs)
        return (x - foretold[:, :, None, None]).square().flatten(1).mean(1)

    def codes(self, *inputs: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        x, foretold = self._cells(*inputs)
        return [x - foretold[:, :, None, None]], [foretold]


class _Colours(PictureNetwork):
    tags = Tags(modality="images", min_rows=4, gives_map=True, gives_reasons=True, slow_fit=True, judges_own=True, own_held_out=True)

    def __init__(self, size: int = 32, training: Any = None) -> None:
        self.size, self.training = size, training

    @classmethod
    def small(cls) -> _Colours:
        return cls(training={"epochs": 3})

    def _body(self) -> Body:
        return _Blur()


def _picture(r: np.random.Generator, odd: bool = False) -> Pixels:
    pixels = np.clip(0.5 + 0.05 * r.normal(size=(40, 60, 3)) + 0.1 * r.normal(), 0, 1).astype(np.float32)
    if odd:
        pixels[10:20, 30:45] = (1.0, 0.0, 0.0)
    return Pixels(pixels)


def _pictures(n: int, seed: int, odd: bool = False) -> np.ndarray:
    r = np.random.default_rng(seed)
    made = np.empty(n, dtype=object)
    made[:] = [_picture(r, odd) for _ in range(n)]
    return made


@pytest.fixture(scope="module")
def fitted() -> _Colours:
    return _Colours.small().fit(_pictures(60, 0))


def test_score_map_and_reason_point_at_the_fault(fitted: _Colours) -> None:
    assert fitted.anomaly_score(_pictures(5, 1, odd=True)).min() > fitted.anomaly_score(_pictures(40, 2)).max()
    (made,) = fitted.anomaly_map(_pictures(1, 1, odd=True))
    assert made.shape == (40, 60)
    assert made[10:20, 30:45].mean() > 3 * made.mean()
    (reason,) = fitted.reasons(_pictures(1, 1, odd=True))
    assert reason.sentence.startswith("the area of 15 x 10 pixels at (30, 10) differs")
    assert reason.parts[0].where == (30, 10, 45, 20)
    assert [name for name, _ in reason.shares] == ["colour", "mean"]
    assert sum(share for _, share in reason.shares) == pytest.approx(1)


def test_own_scores_have_the_level_of_held_out_ones() -> None:
    model = _Colours.small()
    held = model.fit_held_out(_pictures(100, 0))
    new = model.anomaly_score(_pictures(300, 1))
    for share in (0.5, 0.9, 0.95):
        assert abs((new > np.quantile(held, share)).mean() - (1 - share)) < 0.15
    trained = model._trained
    assert trained.sum() == 80
    assert abs(held[trained].mean() - held[~trained].mean()) < 0.1
    assert held[~trained].std() < held[trained].std() < 1.4 * held[~trained].std()


def test_few_pictures_are_judged_by_networks_that_did_not_see_them(monkeypatch: pytest.MonkeyPatch) -> None:
    X, seen = _pictures(9, 0), []
    fit = _Colours._fit

    def watched(self: _Colours, X: np.ndarray, y: Any, groups: np.ndarray) -> None:
        seen.append(len(X))
        fit(self, X, y, groups)

    monkeypatch.setattr(_Colours, "_fit", watched)
    held = _Colours.small().fit_held_out(X)
    assert seen == [9, 6, 6, 6]
    assert held.shape == (9,)
    seen.clear()
    _Colours.small().fit_held_out(_pictures(5, 0))
    assert seen == [5]


def test_more_pictures_than_fit_in_memory_are_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "_MOST", 16)
    model = _Colours.small()
    X = _pictures(60, 0)
    held = model.fit_held_out(X)
    assert model._trained.sum() == 16
    raw = model.anomaly_score(X)
    np.testing.assert_allclose(held[~model._trained], raw[~model._trained], rtol=1e-6, atol=1e-6)


def test_the_state_holds_all(fitted: _Colours) -> None:
    state = fitted.state()
    assert "_own_values" not in state["learned"]
    again = _Colours.small().load_state(state)
    X = _pictures(5, 3)
    np.testing.assert_array_equal(again.anomaly_score(X), fitted.anomaly_score(X))


@pytest.mark.parametrize("how", ["shape", "missing", "features"])
def test_a_strange_state_is_refused(fitted: _Colours, how: str) -> None:
    state = copy.deepcopy(fitted.state())
    if how == "shape":
        state["learned"]["net"]["cells.0.level"] = np.ones((5, 5))
    elif how == "missing":
        del state["learned"]["net"]["centre"]
    else:
        state["learned"]["features"] = {"backbone": "random"}
    with pytest.raises(ArtifactError, match="TOC-410"):
        _Colours.small().load_state(state)


def test_training_takes_no_other_form() -> None:
    with pytest.raises(ConfigError, match="TOC-223"):
        _Colours(training=3).fit(_pictures(4, 0))


def test_an_unfitted_state_is_empty() -> None:
    assert _Colours.small().state()["learned"] == {}
    assert not _Colours.small().load_state(_Colours.small().state()).is_fitted()


def test_no_seed_is_touched() -> None:
    before = torch.get_rng_state()
    _Colours.small().fit(_pictures(6, 0))
    assert torch.equal(before, torch.get_rng_state())
