"""Distances from usual codes, in units of their spread."""

from __future__ import annotations

import torch

from tocsin.deep.whitening import Whitening


def _learned(codes: torch.Tensor) -> Whitening:
    made = Whitening(codes.shape[1])
    made.learn(codes)
    return made


def test_a_usual_code_has_about_one() -> None:
    codes = torch.randn(2000, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * torch.tensor([1.0, 5.0, 0.5])
    assert abs(float(_learned(codes + 7)(codes + 7).mean()) - 1) < 0.02


def test_a_direction_that_is_little_used_tells_most() -> None:
    codes = torch.randn(2000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * torch.tensor([1.0, 0.1])
    along, across = _learned(codes)(torch.tensor([[0.5, 0.0], [0.0, 0.5]]))
    assert across > 50 * along


def test_codes_that_are_all_the_same_stay_finite() -> None:
    made = _learned(torch.ones(5, 2, dtype=torch.float64))
    assert made(torch.tensor([[1.0, 1.0], [2.0, 1.0]])).isfinite().all()
