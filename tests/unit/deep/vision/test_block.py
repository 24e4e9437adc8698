"""Backbones as plans: folding and tapping."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tocsin.core.errors import ConfigError
from tocsin.deep.vision.block import Backbone, Block, Layer, Plan, folded

_PLAN = Plan("tiny", (Block((Layer("a", "an", 3, 4, 3, 2, 1, "relu6"),), pool=True),
                      Block((Layer("b", "bn", 4, 4, 3, 1, 4, "relu"),), "same", "relu"),
                      Block((Layer("c", "cn", 4, 6),), Layer("d", "dn", 4, 6))), taps=(1, 2))


def _published(plan: Plan) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(0)
    made = {}
    for layer in (layer for block in plan.blocks for layer in block.all):
        made[f"{layer.conv}.weight"] = torch.randn(layer.shape, generator=draw)
        for part in ("weight", "bias", "running_mean"):
            made[f"{layer.norm}.{part}"] = torch.randn(layer.c_out, generator=draw)
        made[f"{layer.norm}.running_var"] = torch.rand(layer.c_out, generator=draw) + 0.5
    return made


def _backbone(plan: Plan, taps: tuple[int, ...], padding: str = "zeros") -> Backbone:
    net = Backbone(plan, taps, padding)
    net.load_state_dict(folded(plan, max(taps), _published(plan)))
    return net.eval()


def test_folded_layers_are_convolution_and_normalisation_in_turn() -> None:
    weights, x = _published(_PLAN), torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))

    def layer(name: str, x: Tensor, **form: int) -> Tensor:
        norm = nn.BatchNorm2d(len(weights[f"{name}n.weight"]), eps=_PLAN.epsilon)
        norm.load_state_dict({part: weights[f"{name}n.{part}"] for part in ("weight", "bias", "running_mean", "running_var")}, strict=False)
        return norm.eval()(F.conv2d(x, weights[f"{name}.weight"], **form))

    z = (x - torch.tensor(_PLAN.mean).view(1, 3, 1, 1)) / torch.tensor(_PLAN.std).view(1, 3, 1, 1)
    first = F.max_pool2d(layer("a", z, stride=2, padding=1).clamp(0, 6), 3, 2, 1)
    second = (first + layer("b", first, padding=1, groups=4).relu()).relu()
    third = layer("c", second) + layer("d", second)
    for made, wanted in zip(_backbone(_PLAN, (1, 2))(x), (second, third)):
        torch.testing.assert_close(made, wanted, rtol=1e-4, atol=1e-5)


def test_a_backbone_ends_at_its_last_tap() -> None:
    net = _backbone(_PLAN, (0,))
    assert len(net.blocks) == 1
    assert [tuple(each.shape) for each in net(torch.zeros(1, 3, 32, 32))] == [(1, 4, 8, 8)]


def test_whole_pixels_are_divided_by_255() -> None:
    net, pixels = _backbone(_PLAN, (1,)), torch.arange(3 * 16 * 16, dtype=torch.uint8).view(1, 3, 16, 16)
    torch.testing.assert_close(net(pixels)[0], net(pixels.float() / 255)[0])


def test_reflected_borders_leave_a_picture_of_one_colour_flat() -> None:
    grey = torch.full((1, 3, 32, 32), 0.3)
    flat, edged = _backbone(_PLAN, (1,), "reflect")(grey)[0], _backbone(_PLAN, (1,))(grey)[0]
    assert float(flat.std((2, 3)).max()) < 1e-5
    assert float(edged.std((2, 3)).max()) > 1e-2


@pytest.mark.parametrize(("size", "cells"), [(32, 16), (33, 17), (47, 24)])
def test_even_padding_is_right_and_below_only(size: int, cells: int) -> None:
    plan = Plan("even", (Block((Layer("a", "an", 3, 4, 3, 2),)),), taps=(0,), even=True)
    spike = torch.zeros(1, 3, size, size)
    net = _backbone(plan, (0,))
    blank = net(spike)[0]
    spike[..., 0, 0] = 1.0
    moved = (net(spike)[0] - blank).abs().sum(1)[0] > 1e-6
    assert moved.shape == (cells, cells)
    assert bool(moved[0, 0])
    assert int(moved.sum()) == 1


@pytest.mark.parametrize("spoil", ["c.weight", "cn.running_var"])
def test_a_missing_layer_is_named(spoil: str) -> None:
    weights = _published(_PLAN)
    del weights[spoil]
    with pytest.raises(ConfigError, match="TOC-274: these are not the weights of tiny; came: c"):
        folded(_PLAN, 2, weights)


def test_a_layer_of_another_shape_is_refused() -> None:
    weights = _published(_PLAN)
    weights["b.weight"] = torch.zeros(4, 4, 3, 3)
    with pytest.raises(ConfigError, match="TOC-274"):
        folded(_PLAN, 2, weights)
    assert np.isfinite(folded(_PLAN, 0, weights)["blocks.0.0.weight"].numpy()).all()  # what is not needed is not looked at
