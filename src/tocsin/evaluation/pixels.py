"""How well maps over pictures find the marked places. Higher is better in both figures; 1 is perfect.

*Pixel AUROC*: the chance that a marked pixel scores above an unmarked one. Large defects count by their size, so it says little about small
ones. *AU-PRO*: per-region overlap, the mean over all marked regions of the share of a region that is found, averaged over all thresholds at
which at most 30 % of the unmarked pixels are flagged; a scratch counts as much as a broken half.

Source: Bergmann, Batzner, Fauser, Sattlegger, Steger, The MVTec Anomaly Detection Dataset, IJCV 129, 2021 (first at CVPR 2019). Regions are
connected over corners, too, as there. Unmarked pixels are those of all pictures, good ones included.

Letters: n pictures, h w a picture's height and width, k distinct scores of marked pixels, r regions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from tocsin.core.errors import ConfigError, DataError
from tocsin.evaluation.checked import labels

LIMIT = 0.3
"""The share of unmarked pixels flagged up to which AU-PRO looks, as in the source."""
Judged = tuple[np.ndarray, np.ndarray | None]
"""A map (h, w) and its mask, None where nothing is marked."""
_BLOCK = 1 << 22  # unmarked pixels sorted at once
_CORNERS = np.ones((3, 3), dtype=int)


@dataclass(frozen=True)
class Localisation:
    """Figures of maps against masks; None where the masks cannot give them (nothing marked, or nothing unmarked).

    pictures   how many were judged; ``without_mask`` how many anomalous ones were left out because nobody marked them
    regions    connected marked places
    marked     share of all pixels
    """

    pixel_auroc: float | None
    au_pro: float | None
    pictures: int
    without_mask: int
    regions: int
    marked: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return dict(vars(self))


def localisation(maps: Sequence[np.ndarray], masks: Sequence[np.ndarray | None], y: Any = None, *, limit: float = LIMIT) -> Localisation:
    """Both figures, exact, of ``maps`` (n,) of (h, w) against ``masks`` (n,) of (h, w); pictures may differ in size.

    A mask of None means nothing marked; where ``y`` (n,) says that the picture is anomalous, it is left out and counted instead. ``limit``
    bounds AU-PRO. Equal scores are a tie and count half. Only marked pixels are held at once, beside blocks of four million others: 600
    pictures of 300 x 300 take some seconds.

    Raises DataError TOC-101 (not one mask or label per map), TOC-115 (NaN, or no map), TOC-158 (sizes), ConfigError TOC-202 (``limit``).

    >>> mask = np.zeros((4, 4), bool); mask[1:3, 1:3] = True
    >>> localisation([mask.astype(float)], [mask]).au_pro, localisation([np.zeros((4, 4))], [mask]).pixel_auroc
    (1.0, 0.5)
    """
    if not 0 < limit <= 1:
        raise ConfigError("TOC-202", "the limit is a share of the unmarked pixels, above 0 and at most 1", came=repr(limit)[:80],
                          todo="pass limit=0.3")
    judged, left_out = _paired(maps, masks, y)
    scores, weights, regions = _marked(judged)
    total = sum(one.size for one, _ in judged)
    values, place, times = np.unique(scores, return_inverse=True, return_counts=True)
    below, upto, unmarked = _unmarked(judged, values)
    auroc = pro = None
    if len(scores) and unmarked:
        auroc = float(np.sum(times * ((below + upto) / 2)) / (len(scores) * unmarked))
        gain = np.bincount(place, weights, minlength=len(values)) / regions
        pro = _area((unmarked - upto[::-1]) / unmarked, (unmarked - below[::-1]) / unmarked, np.cumsum(gain[::-1]), limit)
    return Localisation(auroc, pro, len(judged), left_out, regions, len(scores) / total if total else 0.0)


def _paired(maps: Sequence[np.ndarray], masks: Sequence[np.ndarray | None], y: Any) -> tuple[list[Judged], int]:
    """Checked maps with their masks (None: nothing marked), and how many were left out."""
    if len(masks) != len(maps):
        raise DataError("TOC-101", "masks do not have one entry per map", came=f"{len(masks)} masks for {len(maps)} maps",
                        todo="pass one mask, or None, per map")
    anomalous = np.zeros(len(maps), dtype=bool) if y is None else labels(y, len(maps)) == 1
    exact = np.result_type(np.float32, *{np.asarray(one).dtype for one in maps}) if len(maps) else np.dtype(np.float64)
    judged: list[Judged] = []
    left_out = 0
    for i, (one, mask) in enumerate(zip(maps, masks)):
        score = np.asarray(one)
        if score.ndim != 2 or score.dtype.kind not in "biuf" or np.isnan(score).any():
            raise DataError("TOC-115", "a map is a number for every pixel", came=f"map {i}: {score.dtype} {score.shape}, or NaN in it",
                            todo="pass arrays (h, w) of numbers")
        if mask is not None and np.shape(mask) != score.shape:
            raise DataError("TOC-158", "a mask has another size than its map", came=f"mask {np.shape(mask)}, map {score.shape} at {i}",
                            todo="pass map and mask in the picture's own size")
        if mask is None and anomalous[i]:
            left_out += 1
            continue
        judged.append((score.astype(exact, copy=False), None if mask is None else np.asarray(mask) != 0))
    return judged, left_out


def _marked(judged: Sequence[Judged]) -> tuple[np.ndarray, np.ndarray, int]:
    """Scores (m,) of the marked pixels, their weights (m,), which sum to 1 over each region, and r."""
    scores, weights, regions = [np.zeros(0, dtype=np.float32)], [np.zeros(0)], 0
    for score, mask in judged:
        if mask is None or not mask.any():
            continue
        region, found = ndimage.label(mask, structure=_CORNERS)
        region = region[mask] - 1
        scores.append(score[mask])
        weights.append(1 / np.bincount(region)[region])
        regions += int(found)
    return np.concatenate(scores), np.concatenate(weights), regions


def _unmarked(judged: Sequence[Judged], values: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """How many unmarked pixels score below each of ``values`` (k,), and how many at most as high; and their number."""
    below, upto, number = np.zeros(len(values), dtype=np.int64), np.zeros(len(values), dtype=np.int64), 0
    for block in _blocks(judged, max(_BLOCK, len(values))):
        block.sort()
        below += np.searchsorted(block, values, "left")
        upto += np.searchsorted(block, values, "right")
        number += len(block)
    return below, upto, number


def _blocks(judged: Sequence[Judged], most: int) -> Iterator[np.ndarray]:
    """Unmarked scores in blocks of about ``most``: at least as many as are looked up in each, so that the whole stays linear."""
    held: list[np.ndarray] = []
    size = 0
    for score, mask in judged:
        held.append(score.ravel() if mask is None else score[~mask])
        size += len(held[-1])
        if size >= most:
            yield np.concatenate(held)
            held, size = [], 0
    if held:
        yield np.concatenate(held)


def _area(before: np.ndarray, after: np.ndarray, overlap: np.ndarray, limit: float) -> float:
    """Area under overlap over false alarms up to ``limit``, as a share of ``limit``.

    As the threshold falls past the j-th score of marked pixels, false alarms grow from ``before[j]`` to ``after[j]`` (equal scores among
    the unmarked) and the overlap to ``overlap[j]``; between two such scores the overlap stays. All (k,).
    """
    x = np.stack([before, after], axis=1).ravel()
    y = np.stack([np.r_[0, overlap[:-1]], overlap], axis=1).ravel()
    x, y = np.r_[0, x, 1], np.r_[0, y, overlap[-1]]
    wide = np.diff(x)
    share = np.divide(np.clip(limit - x[:-1], 0, wide), wide, out=np.zeros_like(wide), where=wide > 0)
    end = y[:-1] + (y[1:] - y[:-1]) * share
    return float(np.sum(wide * share * (y[:-1] + end) / 2) / limit)
