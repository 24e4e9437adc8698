"""Rows made of a backbone's maps."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from tocsin.core.errors import ArtifactError
from tocsin.memory.cells import Basis, averaged, rows


def _maps(*shapes: tuple[int, int, int]) -> list[np.ndarray]:
    return [np.random.default_rng(i).normal(size=shape).astype(np.float32) for i, shape in enumerate(shapes)]


def test_averages_are_over_the_cells_that_exist() -> None:
    cells = _maps((3, 6, 5))[0]
    filled, there = (uniform_filter(each, (0, 3, 3), mode="constant") for each in (cells, np.ones_like(cells)))
    np.testing.assert_allclose(averaged(cells), filled / there, rtol=1e-4, atol=1e-6)


def test_coarser_maps_are_brought_to_the_finest_cells() -> None:
    ramp = np.tile(np.arange(4, dtype=np.float32), (4, 1))[None]
    made = rows([np.ones((2, 8, 8), np.float32), ramp])
    assert made.shape == (64, 3)
    across = (made[:, 2] / made[:, 0]).reshape(8, 8)
    assert (np.diff(across, axis=1) >= -1e-6).all() and np.ptp(across, axis=0).max() < 1e-6


def test_strength_counts_by_its_root_and_nothing_at_all_is_finite() -> None:
    maps = _maps((3, 6, 5), (2, 3, 3))
    np.testing.assert_allclose(rows([9 * each for each in maps]), 3 * rows(maps), rtol=1e-4, atol=1e-6)
    assert np.isfinite(rows([np.zeros((2, 3, 3), np.float32)])).all()


def test_all_axes_keep_distances_and_few_keep_the_largest() -> None:
    random = np.random.default_rng(0)
    wide = (random.normal(size=(400, 6)) * [9, 5, 0.1, 0.1, 0.1, 0.1]).astype(np.float32)
    for columns, rtol in ((6, 1e-4), (2, 0.05)):
        made = Basis.learn(wide, columns).project(wide)
        assert made.shape == (400, columns)
        np.testing.assert_allclose(np.linalg.norm(made[1:] - made[:-1], axis=1), np.linalg.norm(wide[1:] - wide[:-1], axis=1), rtol=rtol,
                                   atol=rtol)


def test_state_comes_back_and_foreign_state_is_refused() -> None:
    wide = _maps((1, 50, 4))[0][0]
    basis = Basis.learn(wide, 3)
    np.testing.assert_array_equal(Basis.from_state(basis.state()).project(wide), basis.project(wide))
    for broken in ({}, 3, {**basis.state(), "axes": basis.axes[1:]}, {**basis.state(), "spread": None}):
        with pytest.raises(ArtifactError, match="TOC-410"):
            Basis.from_state(broken)
