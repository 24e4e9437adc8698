"""Networks with first weights from an explicit generator.

PyTorch's constructors draw from the global generator. So a network is built on the ``meta`` device, where nothing is drawn,
gets memory, and then every parameter and buffer is filled here.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

from tocsin.core.errors import ConfigError
from tocsin.core.seed import derive


def empty(build: Callable[[], nn.Module]) -> nn.Module:
    """What ``build`` makes, with unfilled memory: for weights that are loaded next."""
    with torch.device("meta"):
        net = build()
    return net.to_empty(device="cpu")


def first_weights(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    """What ``build`` makes, filled from ``seed``. Raises ConfigError TOC-224 for a module that no rule is known for."""
    net = empty(build)
    generator = torch.Generator().manual_seed(derive(seed, "weights"))
    with torch.no_grad():
        for name, module in net.named_modules():
            _fill(name, module, generator)
    return net


def _fill(name: str, module: nn.Module, generator: torch.Generator) -> None:
    own = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
    if not own:
        return
    own_rule = getattr(module, "initialise", None)
    if callable(own_rule):
        own_rule(generator)
    elif isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d)):
        # uniform within ± 1 / sqrt(inputs), LeCun et al. (1998): keeps the spread of values about the same from layer to layer
        bound = 1 / math.sqrt(module.weight[0].numel())
        for parameter in own:
            parameter.uniform_(-bound, bound, generator=generator)
    elif isinstance(module, nn.RNNBase):
        for parameter in own:
            parameter.uniform_(-1 / math.sqrt(module.hidden_size), 1 / math.sqrt(module.hidden_size), generator=generator)
    elif isinstance(module, (nn.LayerNorm, nn.GroupNorm)):
        module.weight.fill_(1)
        module.bias.zero_()
    else:
        raise ConfigError("TOC-224", "there is no rule for the first weights of a module", came=f"{name}: {type(module).__name__}",
                          todo="give the module a method initialise(generator) that fills all its parameters and buffers")
