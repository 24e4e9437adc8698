"""Fusion for images: the mirror only for symmetric objects, evidence of all views, settings."""

import numpy as np
import pytest

from tocsin.core import catalog
from tocsin.core.errors import ConfigError
from tocsin.core.seed import generator
from tocsin.detectors.images.fusion import ImageFusion
from tocsin.testing.toy import toy


def _blocks(n, symmetric, seed=0):
    random = generator(seed, "blocks")
    parts = random.random((n, 6, 6))
    if symmetric:
        parts[:, :, 3:] = parts[:, :, :3][:, :, ::-1]
    return [(0.9 * each).astype(np.float32) for each in np.kron(parts, np.ones((8, 8)))]


def test_the_mirror_is_used_for_symmetric_objects_alone():
    symmetric = ImageFusion(backbone="random", size=48).fit(_blocks(20, True))
    other = ImageFusion(backbone="random", size=48).fit(_blocks(20, False))
    assert list(symmetric.learned_[0]) == ["places", "whole", "mirror"]
    assert list(other.learned_[0]) == ["places", "whole"]


def test_views_can_be_named_and_one_view_is_the_detector_of_that_name():
    data = toy("images")
    alone = ImageFusion(backbone="random", size=48, taps=(6, 10), views=["places"]).fit(data.train)
    patch = catalog.make("images.patch_gaussian", backbone="random", size=48, taps=(6, 10)).fit(data.train)
    assert np.array_equal(alone.anomaly_score(data.test), patch.anomaly_score(data.test))


@pytest.mark.parametrize("views", [[], ["whole"], ["places", "rumour"]])
def test_views_that_are_none_or_see_no_place_are_refused(views):
    with pytest.raises(ConfigError, match="TOC-214"):
        ImageFusion(backbone="random", size=48, views=views).fit(toy("images").train)


def test_held_out_scores_keep_the_promise_of_false_alarms():
    model = ImageFusion(backbone="random", size=48)
    own = model.fit_held_out(_blocks(100, False))
    fresh = model.anomaly_score(_blocks(100, False, seed=1))
    assert 0 <= (fresh > np.quantile(own, 0.95)).mean() <= 0.13
