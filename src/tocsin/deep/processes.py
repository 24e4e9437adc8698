"""Data-parallel training under ``torchrun``: every process holds all rows and takes its share of each batch.

Gradients are summed over processes before each step, so N processes take the steps that one process would take, up to rounding
and to what is drawn at random inside the network.
"""

from __future__ import annotations

import atexit
import os
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Processes:
    """This process's ``rank`` among ``size``."""

    rank: int = 0
    size: int = 1

    def share(self, positions: Tensor) -> Tensor:
        """This process's part of a batch of positions."""
        return positions[self.rank::self.size]

    def sum_(self, values: Tensor) -> Tensor:
        """``values`` summed over all processes, in place."""
        if self.size > 1:
            torch.distributed.all_reduce(values)
        return values


def processes(place: torch.device) -> Processes:
    """The group that ``torchrun`` started (joined here when nobody has), or this process alone."""
    if not torch.distributed.is_available():
        return Processes()
    if not torch.distributed.is_initialized():
        if int(os.environ.get("WORLD_SIZE", "1")) < 2 or "RANK" not in os.environ:
            return Processes()
        torch.distributed.init_process_group("nccl" if place.type == "cuda" else "gloo")
        atexit.register(_leave)
    return Processes(torch.distributed.get_rank(), torch.distributed.get_world_size())


def local(place: torch.device) -> torch.device:
    """``place``, or under torchrun the GPU that belongs to this process when ``place`` is "cuda" without a number."""
    if place.type == "cuda" and place.index is None and "LOCAL_RANK" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        return torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    return place


def _leave() -> None:
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
