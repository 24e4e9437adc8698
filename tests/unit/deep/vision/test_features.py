"""What a frozen backbone sees."""

from __future__ import annotations

import concurrent.futures
import copy
from typing import Any

import numpy as np
import pytest
import torch

from tocsin.core.errors import ArtifactError, ConfigError
from tocsin.deep.vision import features as module
from tocsin.deep.vision.features import Features, to_onnx


def _pictures(n: int = 3) -> list[np.ndarray]:
    r = np.random.default_rng(0)
    return [r.random((40 + 7 * i, 50, 3), dtype=np.float32) for i in range(n)]


@pytest.fixture(scope="module")
def small() -> Features:
    return Features("random", taps=(1, 6), size=48)


def test_a_map_for_each_tap(small: Features) -> None:
    maps = small.maps(_pictures())
    assert [each.shape for each in maps] == [(3, 16, 24, 24), (3, 24, 6, 6)]
    assert all(each.dtype == np.float32 and np.isfinite(each).all() for each in maps)
    assert small.channels == (16, 24)
    assert small.grids == (24, 6)
    assert [each.shape for each in small.maps([])] == [(0, 16, 24, 24), (0, 24, 6, 6)]


def test_a_picture_is_seen_alone(small: Features) -> None:
    pictures = _pictures(5)
    for whole, alone in zip(small.maps(pictures), small.maps(pictures[3:4])):
        np.testing.assert_array_equal(whole[3], alone[0])


def test_pictures_are_taken_one_by_one(small: Features) -> None:
    taken: list[int] = []

    def each() -> Any:
        for i, picture in enumerate(_pictures()):
            taken.append(i)
            yield picture

    stream = small.stream(each())
    size, maps = next(stream)
    assert taken == [0]
    assert size == (40, 50)
    assert maps[0].shape == (16, 24, 24)


def test_threads_may_share_it(small: Features) -> None:
    pictures = _pictures(8)
    wanted = small.maps(pictures)[0]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda picture: small.maps([picture])[0][0], pictures))
    np.testing.assert_array_equal(np.stack(made), wanted)


def test_neither_seeds_nor_threads_are_touched(small: Features) -> None:
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    Features("random", taps=(3,), size=32).maps(_pictures(1))
    assert torch.equal(before, torch.get_rng_state())
    assert threads == torch.get_num_threads()


@pytest.mark.parametrize("padding", ["zeros", "reflect"])
@pytest.mark.parametrize("resize", ["squash", "aspect"])
def test_it_is_built_again_from_its_state(padding: str, resize: str, monkeypatch: pytest.MonkeyPatch) -> None:
    features = Features("random", taps=(2, 5), size=32, padding=padding, resize=resize)
    monkeypatch.setattr(module, "_read", None)  # no weights are looked for
    again = Features.from_state(features.state())
    assert again.digest == features.digest
    for made, wanted in zip(again.maps(_pictures()), features.maps(_pictures())):
        np.testing.assert_array_equal(made, wanted)


def _spoilt(state: dict[str, Any], how: str) -> Any:
    state = copy.deepcopy(state)
    name = next(iter(state["arrays"]))
    if how == "missing":
        del state["arrays"][name]
    elif how == "shape":
        state["arrays"][name] = state["arrays"][name][:-1]
    elif how == "type":
        state["arrays"][name] = state["arrays"][name].astype(np.float64)
    elif how == "infinite":
        state["arrays"][name].flat[0] = np.inf
    elif how == "added":
        state["arrays"]["other"] = np.zeros(2, dtype=np.float32)
    elif how == "no array":
        state["arrays"][name] = [1.0]
    else:
        return {"key": {**state, how: "strange"}, "tree": 7}["key" if how in state else "tree"]
    return state


@pytest.mark.parametrize("how", ["missing", "shape", "type", "infinite", "added", "no array", "backbone", "taps", "size", "resize", "tree"])
def test_a_strange_state_is_refused(small: Features, how: str) -> None:
    with pytest.raises(ArtifactError, match="TOC-410"):
        Features.from_state(_spoilt(small.state(), how))


@pytest.mark.parametrize("wrong", [{"backbone": "vgg"}, {"taps": ()}, {"taps": (99,)}, {"taps": (3, 3)}, {"taps": (5, 2)}, {"taps": (-1,)},
                                   {"taps": ("a",)}, {"taps": (True,)}, {"size": 8}, {"size": 64.0}, {"size": True}, {"size": 10**6},
                                   {"resize": "crop"}, {"padding": "wrap"}])
def test_settings_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="TOC-272"):
        Features(**{"backbone": "random", **wrong})


def test_settings_show_in_the_digest() -> None:
    digests = {Features("random", **{"taps": (1,), "size": 32, **change}).digest
               for change in ({}, {"taps": (2,)}, {"size": 48}, {"resize": "aspect"}, {"padding": "reflect"})}
    assert len(digests) == 5


def test_maps_go_back_to_the_pictures_own_size(small: Features) -> None:
    assert small.own_size(np.ones((6, 6)), 31, 77).shape == (31, 77)
    assert small.inside(31, 77, 6).all()


def test_the_graph_says_the_same() -> None:
    runtime = pytest.importorskip("onnxruntime")
    for padding in ("zeros", "reflect"):
        features = Features("random", taps=(2, 6), size=32, padding=padding)
        session = runtime.InferenceSession(to_onnx(features), providers=["CPUExecutionProvider"])
        x = np.random.default_rng(0).random((3, 3, 32, 32), dtype=np.float32)
        wanted = features.maps([each.transpose(1, 2, 0) for each in x])
        for made, want in zip(session.run(None, {"pixels": x}), wanted):
            np.testing.assert_allclose(made, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("backbone", "shapes"), [("mobilenet_v2", [(1, 64, 6, 6), (1, 96, 6, 6)]),
                                                  ("efficientnet_lite0", [(1, 80, 6, 6), (1, 112, 6, 6)])])
def test_published_weights_fit(backbone: str, shapes: list[tuple[int, ...]]) -> None:
    maps = Features(backbone, size=96).maps(_pictures(1))
    assert [each.shape for each in maps] == shapes
    assert all(0.05 < each.std() < 50 for each in maps)


def test_resnet_takes_weights_from_a_path(tmp_path: Any) -> None:
    plan = module.PLANS["resnet50"]()
    weights = {}
    for layer in (layer for block in plan.blocks[:4] for layer in block.all):
        weights[f"{layer.conv}.weight"] = torch.full(layer.shape, 0.01)
        weights |= {f"{layer.norm}.{part}": torch.ones(layer.c_out) for part in ("weight", "bias", "running_mean", "running_var")}
    torch.save(weights, tmp_path / "resnet.pth")
    features = Features("resnet50", taps=(0, 3), size=64, weights=str(tmp_path / "resnet.pth"))
    assert [each.shape for each in features.maps(_pictures(1))] == [(1, 64, 16, 16), (1, 256, 16, 16)]
    with pytest.raises(ConfigError, match=r"TOC-274.*layer2\.0\.conv1"):
        Features("resnet50", size=64, weights=str(tmp_path / "resnet.pth"))
