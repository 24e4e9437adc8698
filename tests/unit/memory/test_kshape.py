from __future__ import annotations

import numpy as np
import pytest
from scipy.fft import next_fast_len

from tocsin.core.seed import generator
from tocsin.memory.kshape import kshape, likenesses, shape_distances
from tocsin.memory.piece import z_normal


def _bumps(n: int, l: int = 48, c: int = 1) -> np.ndarray:
    """Half of them one bump, half of them two, each at a place of its own; later channels are the first one upside down."""
    random = generator(0, "bumps", n)
    step = np.arange(l)
    rows = []
    for i in range(n):
        at = random.uniform(14, 22)
        one = np.exp(-np.square((step - at) / 5))
        rows.append(one if i < n // 2 else np.exp(-np.square((step - at) / 2)) + np.exp(-np.square((step - at - 12) / 2)))
    rows = np.stack(rows) + 0.02 * random.normal(size=(n, l))
    return z_normal(np.stack([rows * (-1) ** j for j in range(c)], axis=2))[0].astype(np.float64)


def _naive(x: np.ndarray, y: np.ndarray) -> tuple[float, int]:
    """Highest normalised correlation of x (l, c) with y (l, c) over all shifts, and that shift."""
    length, best = len(x), (-np.inf, 0)
    for s in range(1 - length, length):
        t = np.arange(max(0, -s), min(length, length - s))
        best = max(best, (float((x[t + s] * y[t]).sum()), s))
    return best[0] / float(np.sqrt(np.square(x).sum() * np.square(y).sum())), best[1]


@pytest.mark.parametrize("c", [1, 3])
def test_likeness_is_the_highest_correlation_over_all_shifts(c: int) -> None:
    windows, shapes = generator(0, "like").normal(size=(6, 17, c)), generator(1, "like").normal(size=(3, 17, c))
    made, shifts = likenesses(np.fft.rfft(windows, _fast(17), axis=1), windows, shapes)
    for i in range(6):
        for j in range(3):
            value, shift = _naive(windows[i], shapes[j])
            assert made[i, j] == pytest.approx(value, rel=1e-9)
            assert shifts[i, j] == shift


def _fast(length: int) -> int:
    return int(next_fast_len(2 * length - 1, real=True))


@pytest.mark.parametrize("c", [1, 2])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_forms_are_found_in_any_phase(c: int, seed: int) -> None:
    shapes, group = kshape(_bumps(40, c=c), 2, np.random.default_rng(seed))
    assert len(set(group[:20].tolist())) == len(set(group[20:].tolist())) == 1
    assert group[0] != group[-1]
    assert shape_distances(shapes)[0, 1] > 0.1
    np.testing.assert_allclose(np.diag(shape_distances(shapes)), 0, atol=1e-9)


def test_the_shape_is_what_members_have_in_common() -> None:
    windows = _bumps(20)[:10]
    shapes, _ = kshape(windows, 1, np.random.default_rng(0))
    clean = z_normal(np.exp(-np.square((np.arange(48) - 18) / 5))[None, :, None])[0]
    assert shape_distances(np.concatenate([shapes, clean]))[0, 1] < 0.03


def test_the_same_draws_give_the_same_groups() -> None:
    windows = generator(3, "draws").normal(size=(60, 20, 1))
    first, second = (kshape(windows, 5, np.random.default_rng(9)) for _ in range(2))
    assert np.array_equal(first[0], second[0]) and np.array_equal(first[1], second[1])


def test_flat_windows_give_flat_shapes() -> None:
    shapes, group = kshape(np.zeros((5, 12, 1)), 3, np.random.default_rng(0))
    assert (shapes == 0).all() and (group == 0).all()


def test_more_groups_than_forms_are_finite() -> None:
    shapes, group = kshape(np.repeat(_bumps(2), 2, axis=0), 4, np.random.default_rng(0))
    assert np.isfinite(shapes).all() and set(group.tolist()) <= {0, 1, 2, 3}
