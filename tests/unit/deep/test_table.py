"""Bent tails and epochs of a bounded number of rows."""

from __future__ import annotations

import torch

from tocsin.deep.table import bent, bounded, unbent
from tocsin.deep.trainer import Examples


def test_bending_keeps_order_and_the_middle() -> None:
    z = torch.tensor([-1e7, -10.0, -4.0, 0.5, 4.0, 4.1, 1e7])
    made = bent(z)
    assert (made.diff() > 0).all()
    assert torch.equal(made[2:5], z[2:5])
    assert made.abs().max() < 21


def test_unbending_is_the_inverse_and_stays_finite() -> None:
    z = torch.tensor([-500.0, -4.5, 1.0, 30.0])
    torch.testing.assert_close(unbent(bent(z)), z, rtol=1e-5, atol=1e-5)
    assert unbent(torch.tensor([1e9])).isfinite().all()


def test_a_large_table_is_drawn_from_and_watched_in_part() -> None:
    examples = bounded(Examples(lambda rows: rows, torch.arange(90_000), torch.arange(10_000)), 500)
    assert examples.per_epoch == 500
    assert 1024 <= len(examples.held_out) < 2048


def test_a_small_table_is_seen_whole() -> None:
    examples = bounded(Examples(lambda rows: rows, torch.arange(9), torch.arange(0)), 500)
    assert len(examples.train) == 9
    assert len(examples.held_out) == 0
