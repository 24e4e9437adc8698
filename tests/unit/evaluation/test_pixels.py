"""Pixel AUROC and AU-PRO against plain, slow references, and at their borders."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tocsin.core.errors import ConfigError, DataError
from tocsin.evaluation import pixels
from tocsin.evaluation.pixels import localisation


def _regions(mask: np.ndarray) -> list[list[tuple[int, int]]]:
    """Connected places, corners included, by walking."""
    left = {(int(i), int(j)) for i, j in np.argwhere(mask)}
    found = []
    while left:
        walk, seen = [left.pop()], []
        while walk:
            i, j = walk.pop()
            seen.append((i, j))
            near = {(i + a, j + b) for a in (-1, 0, 1) for b in (-1, 0, 1)} & left
            left -= near
            walk += near
        found.append(seen)
    return found


def _plain_pro(maps: list[np.ndarray], masks: list[np.ndarray], limit: float) -> float:
    """Threshold by threshold, then trapezoids, cut at the limit."""
    curve = [(0.0, 0.0)]
    for threshold in sorted({float(value) for one in maps for value in one.ravel()}, reverse=True):
        flagged = [one >= threshold for one in maps]
        false = sum((f & ~m).sum() for f, m in zip(flagged, masks)) / sum((~m).sum() for m in masks)
        overlaps = [np.mean([f[place] for place in region]) for f, m in zip(flagged, masks) for region in _regions(m)]
        curve.append((float(false), float(np.mean(overlaps))))
    area = 0.0
    for (x0, y0), (x1, y1) in pairwise(curve):
        if x0 < limit and x1 > x0:
            end = min(x1, limit)
            area += (end - x0) * (y0 + y0 + (y1 - y0) * (end - x0) / (x1 - x0)) / 2
    return area / limit


def _drawn(seed: int, ties: bool) -> tuple[list[np.ndarray], list[np.ndarray]]:
    draw = np.random.default_rng(seed)
    sizes = [(7, 9), (12, 5), (6, 6), (8, 8)]
    masks = [draw.random(size) < 0.25 for size in sizes[:3]] + [np.zeros(sizes[3], dtype=bool)]
    maps = [draw.random(size) + 0.4 * mask for size, mask in zip(sizes, masks)]
    return ([np.round(one * 6) for one in maps] if ties else maps), masks


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("limit", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_equal_to_a_plain_computation(seed: int, ties: bool, limit: float, monkeypatch: pytest.MonkeyPatch) -> None:
    maps, masks = _drawn(seed, ties)
    found = localisation(maps, masks, limit=limit)
    truth, score = (np.concatenate([each.ravel() for each in some]) for some in (masks, maps))
    assert found.pixel_auroc == pytest.approx(roc_auc_score(truth, score))
    assert found.au_pro == pytest.approx(_plain_pro(maps, masks, limit), abs=1e-12)
    assert found.regions == sum(len(_regions(mask)) for mask in masks)
    monkeypatch.setattr(pixels, "_BLOCK", 1)  # blocks change nothing
    assert localisation(maps, masks, limit=limit) == found


def test_small_regions_count_as_much_as_large_ones() -> None:
    mask = np.zeros((20, 20), dtype=bool)
    mask[:10, :10], mask[15, 15] = True, True
    only_large = np.zeros((20, 20))
    only_large[:10, :10] = 1
    found = localisation([only_large], [mask])
    assert found.regions == 2 and found.pixel_auroc is not None and found.pixel_auroc > 0.99
    # half at once, the other half grows with the false alarms to 1 at 100 %: at 30 % it is 0.65
    assert found.au_pro == pytest.approx((0.5 + 0.65) / 2, abs=2e-3)


def test_corners_connect() -> None:
    assert localisation([np.zeros((3, 3))], [np.eye(3, dtype=bool)]).regions == 1


def test_perfect_and_worst() -> None:
    mask = np.zeros((10, 10), dtype=bool)
    mask[4:6, 4:6] = True
    score = mask + np.linspace(0, 0.5, 100).reshape(10, 10)
    assert (localisation([score], [mask]).pixel_auroc, localisation([score], [mask]).au_pro) == (1, 1)
    assert (localisation([-score], [mask]).pixel_auroc, localisation([-score], [mask]).au_pro) == (0, 0)


def test_monotone_changes_of_the_score_change_nothing() -> None:
    maps, masks = _drawn(0, False)
    found = localisation(maps, masks)
    other = localisation([np.exp(5 * one) for one in maps], masks)
    assert other.au_pro == pytest.approx(found.au_pro) and other.pixel_auroc == pytest.approx(found.pixel_auroc)


def test_single_precision_is_not_rounded_further() -> None:
    score = np.array([[1.0, np.nextafter(np.float32(1), np.float32(2))]], dtype=np.float32)
    assert localisation([score], [np.array([[False, True]])]).pixel_auroc == 1
    fine = np.array([[1.0, 1.0 + 1e-15]])
    assert localisation([fine, score], [np.array([[False, True]]), None]).pixel_auroc == pytest.approx(2 / 3)
    assert localisation([fine], [np.array([[False, True]])]).pixel_auroc == 1


def test_pictures_that_nobody_marked() -> None:
    maps, masks = _drawn(0, False)
    found = localisation(maps, [*masks[:3], None], [1, 1, 1, 0])
    assert found == localisation(maps, masks) and found.pictures == 4 and found.without_mask == 0
    missing = localisation(maps, [*masks[:2], None, masks[3]], [1, 1, 1, 0])
    assert missing.without_mask == 1 and missing.pictures == 3
    assert missing.au_pro == localisation([maps[0], maps[1], maps[3]], [masks[0], masks[1], masks[3]]).au_pro


def test_nothing_marked_or_nothing_else() -> None:
    nothing, everything = localisation([np.ones((3, 3))], [None]), localisation([np.ones((3, 3))], [np.ones((3, 3), dtype=bool)])
    assert nothing.pixel_auroc is nothing.au_pro is None and nothing.regions == 0 and nothing.marked == 0
    assert everything.pixel_auroc is everything.au_pro is None and everything.marked == 1
    assert localisation([], []).pictures == 0
    assert nothing.to_dict()["pixel_auroc"] is None


def test_refused() -> None:
    mask = np.ones((2, 3), dtype=bool)
    zeros = np.zeros((2, 3))
    for maps, masks, y, code in (([zeros], [], None, "TOC-101"), ([zeros], [mask], [1, 0], "TOC-101"), ([zeros.T], [mask], None, "TOC-158"),
                                 ([zeros + np.nan], [mask], None, "TOC-115"), ([zeros[0]], [None], None, "TOC-115")):
        with pytest.raises(DataError, match=code):
            localisation(maps, masks, y)
    for limit in (0.0, 1.5):
        with pytest.raises(ConfigError, match="TOC-202"):
            localisation([np.zeros((2, 3))], [mask], limit=limit)
