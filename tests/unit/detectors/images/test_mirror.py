"""Mirror: the fault on one side."""

import numpy as np
import pytest

from tocsin.core.seed import generator
from tocsin.detectors.images.mirror import Mirror


def _faces(n, seed=0):
    half = generator(seed, "faces").random((n, 6, 3))
    large = np.kron(np.concatenate([half, half[:, :, ::-1]], axis=2), np.ones((8, 8)))
    return [(0.2 + 0.6 * each + 0.02 * generator(seed, "noise").random((48, 48))).astype(np.float32) for each in large]


def test_a_spot_on_one_side_is_odd_and_shown_on_both():
    model = Mirror(backbone="random", size=48).fit(_faces(20))
    fresh = _faces(6, 1)
    spoilt = fresh[0].copy()
    spoilt[8:24, 4:20] = 0.0
    scores = model.anomaly_score([*fresh, spoilt])
    assert scores[-1] > scores[:-1].max()
    made = model.anomaly_map([spoilt])[0]
    assert made == pytest.approx(made[:, ::-1], rel=1e-5)
    assert "mirror image" in model.reasons([spoilt])[0].sentence
