"""Where a network runs, and in what precision."""

from __future__ import annotations

import torch

from tocsin.core.errors import ConfigError


def device(setting: str) -> torch.device:
    """The device that ``setting`` names: "cpu", "cuda", "cuda:1", or "auto" (a CUDA GPU when there is one).

    Raises ConfigError TOC-220 when a GPU is asked for and none is there, TOC-221 for another name.

    >>> device("cpu")
    device(type='cpu')
    """
    kind, _, number = setting.partition(":")
    if setting == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if kind not in ("cpu", "cuda") or (number and not (kind == "cuda" and number.isdecimal())):
        raise ConfigError("TOC-221", "there is no device of this name", came=repr(setting), todo='use "cpu", "cuda", "cuda:0" or "auto"')
    if kind == "cuda" and int(number or 0) >= (torch.cuda.device_count() if torch.cuda.is_available() else 0):
        raise ConfigError("TOC-220", "this CUDA device is not there", came=f"{setting!r}, {torch.cuda.device_count()} CUDA devices",
                          todo='use device="auto" or "cpu", or install a PyTorch build and a driver for the GPU')
    return torch.device(setting)


def scoring_device(setting: str) -> torch.device:
    """Where a fitted network scores: a model trained on a GPU also scores on a machine without one."""
    return device("auto" if setting.startswith("cuda") and not torch.cuda.is_available() else setting)


def autocast(place: torch.device, precision: str) -> torch.autocast:
    """The context in which losses are computed: "float32" as it is, "bfloat16" for matrix products and convolutions."""
    return torch.autocast(place.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")
