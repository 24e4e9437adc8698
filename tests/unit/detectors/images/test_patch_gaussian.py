"""Patch Gaussian: planted faults, held-out scores, aligned and unaligned, settings."""

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.core.seed import generator
from tocsin.detectors.images.patch_gaussian import PatchGaussian


def _pictures(n, seed=0):
    random = generator(seed, "discs")
    down, across = np.mgrid[:48, :48]
    disc = ((down - 24) ** 2 + (across - 24) ** 2 < 180) * 0.5
    return [(0.2 + disc + 0.05 * random.random((48, 48))).astype(np.float32) for _ in range(n)]


def _spots(n, seed, aligned):
    """A bright spot at one of nine places; where aligned, always in the middle."""
    random = generator(seed, "spots")
    made = []
    for _ in range(n):
        picture = 0.2 + 0.1 * random.random((48, 48))
        top, left = (20, 20) if aligned else random.integers(4, 36, size=2)
        picture[top:top + 8, left:left + 8] += 0.6
        made.append(picture.astype(np.float32))
    return made


def test_a_thing_in_the_wrong_place_is_odd_where_places_count():
    fresh = _spots(10, 2, True)
    moved = np.roll(fresh[0], 14, axis=1)
    scores = PatchGaussian(backbone="random", size=48).fit(_spots(40, 0, True)).anomaly_score([*fresh, moved])
    assert scores[-1] > scores[:-1].max() + 3


def test_a_thing_that_lies_anyhow_is_normal_without_places():
    model = PatchGaussian(backbone="random", size=48, place="unaligned").fit(_spots(40, 0, False))
    fresh, two = _spots(10, 2, False), _spots(1, 3, False)[0]
    two[8:40, 4:44] = 1.0
    scores = model.anomaly_score([*fresh, two])
    assert scores[-1] > scores[:-1].max()


@pytest.mark.parametrize("place", ["aligned", "unaligned"])
def test_held_out_scores_are_like_those_of_new_pictures(place):
    held = PatchGaussian(backbone="random", size=48, place=place)
    own = held.fit_held_out(_pictures(60))
    fresh = held.anomaly_score(_pictures(60, 1))
    assert (fresh > np.quantile(own, 0.9)).mean() < 0.35
    assert np.median(fresh) == pytest.approx(np.median(own), abs=1.0)


@pytest.mark.parametrize("settings", [{"share": 0.0}, {"share": 1.5}, {"share": True}, {"place": "anywhere"}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ConfigError, match="TOC-214"):
        PatchGaussian(backbone="random", size=48, **settings).fit(_pictures(10))


def test_the_usual_backbone_sees_a_scratch_in_photographs():
    train = _pictures(12)
    spoilt = _pictures(1, 3)[0]
    spoilt[20:24, 10:40] = 1.0
    good, bad = PatchGaussian(size=64).fit(train).anomaly_score([_pictures(1, 4)[0], spoilt])
    assert bad > good
