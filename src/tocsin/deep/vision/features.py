"""See :class:`Features`."""

from __future__ import annotations

import hashlib
import io
import itertools
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tocsin.core.errors import ArtifactError, ConfigError
from tocsin.core.seed import derive
from tocsin.deep.vision import efficientnet, mobilenet, preprocess, random, resnet, weights
from tocsin.deep.vision.block import Backbone, Plan, folded

PLANS = {"mobilenet_v2": mobilenet.plan, "efficientnet_lite0": efficientnet.plan, "resnet50": resnet.plan, "random": random.plan}
BACKBONES = tuple(PLANS)
_BLOCK = 1  # pictures in the network at once, always: one size for all keeps a picture's maps the same alone and among others
_SIZES = (16, 4096)


class Features:
    """What a frozen convolutional backbone sees in pictures: a map of vectors for each block that is tapped.

    Early blocks see texture and edges in fine cells, late ones parts of objects in coarse cells. Batch normalisation is folded into the
    convolutions, the network ends at the last tap, and weights are of ImageNet (or random, for ``backbone="random"``): right for
    photographs and most surfaces; less for pictures unlike any photograph, such as spectrograms.

    Parameters
        backbone  "mobilenet_v2", "efficientnet_lite0", "resnet50" or "random" (small, drawn from a fixed seed, needs no weights)
        taps      blocks to read, ascending: torchvision's ``features[i]`` of MobileNetV2, else in order; None for the backbone's usual ones
        size      both sides of the square that a picture is brought to
        weights   path of a .pth or .safetensors with the published names; None looks in installed packages, never on a network
        resize    "squash" or "aspect" (see ``preprocess``)
        padding   of the convolutions: "zeros", as trained, or "reflect", which looks less odd to edge cells

    A picture's maps depend on it alone, to the last bit. Safe to share between threads.
    Raises ConfigError TOC-272 to TOC-274, MissingExtra TOC-501 when the weights are not installed.

    >>> features = Features("random", taps=(6,), size=48)
    >>> features.maps([np.zeros((30, 40, 3), dtype=np.float32)])[0].shape
    (1, 24, 6, 6)
    """

    def __init__(self, backbone: str = "mobilenet_v2", taps: tuple[int, ...] | None = None, size: int = 256, weights: str | None = None,
                 resize: str = "squash", padding: str = "zeros") -> None:
        plan = _plan(backbone, taps, size, resize, padding)
        self.backbone, self.size, self.resize, self.padding = backbone, int(size), resize, padding
        self.taps = plan.taps if taps is None else tuple(int(tap) for tap in taps)
        self._fill(plan, _read(plan, max(self.taps), weights))

    def maps(self, pictures: Iterable[np.ndarray]) -> list[np.ndarray]:
        """One array (n, channels, g, g) float32 for each tap, of ``pictures``, each (h, w, 3) in [0, 1]. Pictures are taken one by one."""
        kept: list[list[np.ndarray]] = [[] for _ in self.taps]
        for _, made in self.stream(pictures):
            for keep, each in zip(kept, made):
                keep.append(each)
        return [np.stack(keep) if keep else np.empty((0, c, g, g), dtype=np.float32)
                for keep, c, g in zip(kept, self.channels, self.grids)]

    def stream(self, pictures: Iterable[np.ndarray]) -> Iterator[tuple[tuple[int, int], list[np.ndarray]]]:
        """For each picture in turn its own (height, width) and its maps (channels, g, g), one for each tap: memory stays small."""
        for picture in pictures:
            x = preprocess.square(picture, self.size, self.resize)
            yield (picture.shape[0], picture.shape[1]), [made[0].numpy() for made in self._through(x[None])]

    @torch.inference_mode()
    def _through(self, x: Tensor) -> list[Tensor]:
        made: list[Tensor] = self.module(x.contiguous(memory_format=torch.channels_last))
        return [each.contiguous() for each in made]

    def own_size(self, cells: np.ndarray, height: int, width: int) -> np.ndarray:
        """A map (g, g) over the square, as (height, width) float32 over the picture itself."""
        return preprocess.own_size(cells, height, width, self.resize)

    def inside(self, height: int, width: int, cells: int) -> np.ndarray:
        """(cells, cells) bool: which cells show the picture and not the ground that "aspect" puts around it."""
        return preprocess.inside(height, width, cells, self.resize)

    def state(self) -> dict[str, Any]:
        """Settings and the folded weights up to the last tap, as plain values and arrays."""
        return {"backbone": self.backbone, "taps": list(self.taps), "size": self.size, "resize": self.resize, "padding": self.padding,
                "arrays": {name: each.numpy().copy() for name, each in self.module.state_dict().items()}}

    @classmethod
    def from_state(cls, state: Any) -> Features:
        """The inverse of :meth:`state`: needs no weights file. Raises ArtifactError TOC-410 unless every shape and type fits."""
        made = object.__new__(cls)
        try:
            arrays = state["arrays"]
            made.backbone, made.size, made.resize, made.padding = (state[name] for name in ("backbone", "size", "resize", "padding"))
            made.taps = tuple(state["taps"])
            plan = _plan(made.backbone, made.taps, made.size, made.resize, made.padding)
            given = {name: (array.shape, str(array.dtype)) for name, array in arrays.items()}
        except (KeyError, TypeError, AttributeError, ConfigError) as error:
            raise _foreign(f"{type(error).__name__}: {error}") from error
        with torch.device("meta"):
            wanted = {name: (tuple(each.shape), "float32") for name, each in Backbone(plan, made.taps, made.padding).state_dict().items()}
        if given != wanted:
            raise _foreign(str(sorted(set(given.items()) ^ set(wanted.items()))[:2]))
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise _foreign("weights that are not finite")
        made._fill(plan, {name: torch.tensor(array) for name, array in arrays.items()})
        return made

    def _fill(self, plan: Plan, arrays: dict[str, Tensor]) -> None:
        net = Backbone(plan, self.taps, self.padding)
        net.load_state_dict(arrays)
        self.module = net.to(memory_format=torch.channels_last).requires_grad_(False).eval()  # type: ignore[call-overload]
        self.channels = tuple(plan.blocks[tap].channels for tap in self.taps)
        self.grids = tuple(_cells(self.size, plan, tap) for tap in self.taps)
        digest = hashlib.sha256(repr((self.backbone, self.taps, self.size, self.resize, self.padding)).encode())
        for name in sorted(arrays):
            digest.update(name.encode() + arrays[name].contiguous().numpy().tobytes())
        self.digest = digest.hexdigest()


def to_onnx(features: Features) -> bytes:
    """The backbone as an ONNX graph: "pixels" (n, 3, size, size) float32 in [0, 1] to "tap0", "tap1", ..., each (n, channels, g, g)."""
    file, names = io.BytesIO(), [f"tap{i}" for i in range(len(features.taps))]
    example = torch.zeros(1, 3, features.size, features.size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the tracing exporter is older than the other, which takes a minute for the same graph
        torch.onnx.export(features.module, (example,), file, input_names=["pixels"], output_names=names,  # type: ignore[arg-type]
                          opset_version=17, dynamo=False, dynamic_axes={name: {0: "n"} for name in ("pixels", *names)})
    return file.getvalue()


def _plan(backbone: str, taps: Any, size: Any, resize: str, padding: str) -> Plan:
    if backbone not in PLANS:
        raise ConfigError("TOC-272", "there is no backbone of this name", came=repr(backbone)[:80], todo=f"use one of {', '.join(PLANS)}")
    plan = PLANS[backbone]()
    whole = [tap for tap in taps if isinstance(tap, (int, np.integer)) and not isinstance(tap, bool)] if taps is not None else [0]
    if not whole or (taps is not None and (len(whole) < len(taps) or any(b <= a for a, b in itertools.pairwise(whole)))):
        raise ConfigError("TOC-272", "taps are ascending numbers of blocks", came=repr(taps)[:80], todo=f"pass for example {plan.taps}")
    if whole[0] < 0 or whole[-1] >= len(plan.blocks):
        raise ConfigError("TOC-272", f"{backbone} has no such block", came=f"taps={taps!r}"[:80],
                          todo=f"use blocks from 0 to {len(plan.blocks) - 1}, for example {plan.taps}")
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or not _SIZES[0] <= size <= _SIZES[1]:
        raise ConfigError("TOC-272", f"size is a whole number from {_SIZES[0]} to {_SIZES[1]}", came=repr(size)[:80],
                          todo="pass size=256, or a multiple of 32")
    for name, value, known in (("resize", resize, ("squash", "aspect")), ("padding", padding, ("zeros", "reflect"))):
        if value not in known:
            raise ConfigError("TOC-272", f"{name} has an unknown value", came=repr(value)[:80], todo=f"use {' or '.join(map(repr, known))}")
    return plan


def _read(plan: Plan, last: int, path: str | None) -> dict[str, Tensor]:
    if plan.name == "random":
        return random.draw(last, derive(0, "random backbone"))
    return folded(plan, last, weights.read(plan.name, path))


def _cells(size: int, plan: Plan, tap: int) -> int:
    for block in plan.blocks[: tap + 1]:
        for _ in range(block.stride.bit_length() - 1):
            size = -(-size // 2)
    return size


def _foreign(came: str) -> ArtifactError:
    return ArtifactError("TOC-410", "the stored backbone is not of the expected form", came=came[:200],
                         todo="load a file that this version of tocsin wrote")
