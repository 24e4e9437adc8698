"""The bounded memory of patches."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ArtifactError
from tocsin.memory.patches import PatchBank, capacity, extended, remember


def _rows(n: int, e: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, e)).astype(np.float32)


def _bank(n: int = 6000, e: int = 8) -> PatchBank:
    return PatchBank(_rows(n, e).astype(np.float16), np.arange(n, dtype=np.int32) // 10, np.arange(n, dtype=np.int32) % 3, 0.0)


def _slow(Q: np.ndarray, bank: PatchBank, counts: np.ndarray) -> np.ndarray:
    rows = bank.rows.astype(float)[counts]
    return np.array([np.sqrt(np.square(q - rows).sum(1)).min() for q in Q])


def test_the_nearest_patch_is_found_in_every_block() -> None:
    bank, Q = _bank(), _rows(40, seed=1)
    away, at = bank.nearest(Q)
    np.testing.assert_allclose(away, _slow(Q, bank, np.ones(6000, bool)), rtol=1e-5)
    np.testing.assert_allclose(away, np.sqrt(np.square(Q - bank.rows.astype(float)[at]).sum(1)), rtol=1e-5)
    assert at.max() > 4096 > at.min()


def test_a_product_and_the_other_pictures() -> None:
    bank, Q = _bank(), _rows(40, seed=1)
    away, at = bank.nearest(Q, product=2)
    np.testing.assert_allclose(away, _slow(Q, bank, bank.product == 2), rtol=1e-5)
    assert (bank.product[at] == 2).all()
    picture = int(bank.picture[bank.nearest(Q)[1][0]])
    away, at = bank.nearest(Q, without=picture)
    np.testing.assert_allclose(away, _slow(Q, bank, bank.picture != picture), rtol=1e-5)
    assert (bank.picture[at] != picture).all()


def test_an_unknown_product_asks_all_and_an_only_picture_counts() -> None:
    bank, Q = _bank(), _rows(5, seed=1)
    np.testing.assert_array_equal(bank.nearest(Q, product=9)[0], bank.nearest(Q)[0])
    alone = PatchBank(bank.rows[:10], np.zeros(10, np.int32), np.zeros(10, np.int32), 0.0)
    assert np.isfinite(alone.nearest(Q, without=0)[0]).all()


def test_the_budget_holds_and_the_reach_is_true() -> None:
    rows = _rows(2000)
    bank = remember(rows, np.repeat(np.arange(200), 10), np.zeros(2000, int), 300)
    assert len(bank) == 300 and bank.rows.dtype == np.float16
    assert bank.nearest(rows)[0].max() == pytest.approx(bank.reach, rel=0.01)
    assert capacity(1.0, 60) * (2 * 60 + 8) <= 1e6 < (capacity(1.0, 60) + 1) * (2 * 60 + 8)
    assert capacity(1e-9, 60) == 1


def test_products_share_the_budget_and_small_ones_lose_nothing() -> None:
    product = np.repeat([1, 2], [40, 1960])
    bank = remember(_rows(2000), np.arange(2000), product, 300)
    assert np.bincount(bank.product).tolist() == [0, 40, 260]


def test_growing_adds_what_is_new_alone() -> None:
    rows = _rows(1000)
    bank = remember(rows, np.arange(1000), np.zeros(1000, int), 200)
    like = rows[:50] + 0.001
    far = _rows(5, seed=3) + 20
    grown = extended(bank, np.concatenate([like, far, far]), np.zeros(60, int), 300)
    new = grown.picture == -1
    assert 1 <= new.sum() <= 10 and (grown.rows[new].astype(float).mean(1) > 10).all()
    assert grown.nearest(far)[0].max() <= bank.reach * 1.01


def test_a_full_memory_stays_within_its_budget_and_covers_old_and_new() -> None:
    rows = _rows(1000)
    bank = remember(rows, np.arange(1000), np.zeros(1000, int), 200)
    new = _rows(1000, seed=4) + 15
    grown = bank
    for part in np.array_split(new, 4):
        grown = extended(grown, part, np.zeros(len(part), int), 200)
    assert len(grown) == 200
    assert max(grown.nearest(rows)[0].max(), grown.nearest(new)[0].max()) < 2.5 * bank.reach


def test_a_new_product_is_remembered_as_its_own() -> None:
    bank = remember(_rows(500), np.arange(500), np.ones(500, int), 300)
    grown = extended(bank, _rows(500), np.full(500, 2), 300)  # the same patches, of another product
    assert len(grown) == 300 and set(np.unique(grown.product)) == {1, 2}
    assert (np.bincount(grown.product)[1:] >= 140).all()


def test_state_comes_back_and_foreign_state_is_refused() -> None:
    bank, Q = _bank(50), _rows(5, seed=1)
    np.testing.assert_array_equal(PatchBank.from_state(bank.state()).nearest(Q)[0], bank.nearest(Q)[0])
    state = bank.state()
    broken = [{}, None, {**state, "rows": state["rows"].astype(np.float64)}, {**state, "picture": state["picture"][1:]},
              {**state, "reach": "far"}, {**state, "rows": np.full_like(state["rows"], np.nan)}]
    for each in broken:
        with pytest.raises(ArtifactError, match="TOC-410"):
            PatchBank.from_state(each)
