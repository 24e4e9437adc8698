"""What networks over rows of a table share: inputs whose tails are bent, and epochs of a bounded number of rows."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from tocsin.deep.trainer import Examples

BEND = 4.0  # standard deviations from where on a value counts by its logarithm
_FURTHEST = 18.0  # bent: further than any input comes
_WATCHED = 1024


def bent(z: Tensor) -> Tensor:
    """``z`` with what lies beyond ± 4 bent to the logarithm of its excess: heavy tails neither rule the loss nor tie.

    >>> import torch
    >>> bent(torch.tensor([-3.0, 4.0, 5.0, 1e6])).round(decimals=2).tolist()
    [-3.0, 4.0, 4.690000057220459, 17.81999969482422]
    """
    near = z.clamp(-BEND, BEND)
    return near + (z - near).sign() * (z - near).abs().log1p()


def unbent(made: Tensor) -> Tensor:
    """The inverse of :func:`bent`, for what a network made of bent values: kept within 1e6 standard deviations or so.

    >>> import torch
    >>> unbent(bent(torch.tensor([-3.0, 5.0, -100.0]))).round().tolist()
    [-3.0, 5.0, -100.0]
    """
    made = made.clamp(-_FURTHEST, _FURTHEST)
    near = made.clamp(-BEND, BEND)
    return near + (made - near).sign() * (made - near).abs().expm1()


def bounded(examples: Examples, rows: int) -> Examples:
    """``examples`` with at most ``rows`` drawn anew for each epoch and about 1,000 held out: time does not grow with the table."""
    step = max(1, len(examples.held_out) // _WATCHED)
    return replace(examples, per_epoch=rows, held_out=examples.held_out[::step])
