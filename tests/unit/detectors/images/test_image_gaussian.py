"""Image Gaussian: the whole picture, whatever lies where."""

import numpy as np

from tocsin.core.seed import generator
from tocsin.detectors.images.image_gaussian import ImageGaussian


def _textures(n, coarse=1, seed=0):
    random = generator(seed, "textures")
    return [np.repeat(np.repeat(random.random((48 // coarse, 48 // coarse)), coarse, 0), coarse, 1).astype(np.float32) for _ in range(n)]


def test_another_texture_is_odd():
    model = ImageGaussian(backbone="random", size=48).fit(_textures(40))
    fine, coarse = model.anomaly_score(_textures(5, seed=1)), model.anomaly_score(_textures(5, 4, seed=1))
    assert coarse.min() > fine.max()


def test_it_names_no_place():
    model = ImageGaussian(backbone="random", size=48).fit(_textures(12))
    reason = model.reasons(_textures(1, 4))[0]
    assert reason.parts == () and "as a whole" in reason.sentence and len(reason.near) == 5
