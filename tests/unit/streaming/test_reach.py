from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.seed import generator
from tocsin.core.types import Dataset
from tocsin.detectors.fusion import Fusion
from tocsin.pipeline.pipeline import Pipeline
from tocsin.streaming.reach import reach_of
from tocsin.streaming.stream import Stream


def _wave(t: int, c: int, seed: int) -> np.ndarray:
    at = np.arange(t)[:, None]
    return np.sin((at + 3 * np.arange(c)) * 2 * np.pi / 20) + 0.1 * generator(seed, "wave").normal(size=(t, c))


@pytest.mark.parametrize("c", [1, 2])
def test_the_fusion_in_a_stream_ends_with_the_scores_of_the_batch(c: int) -> None:
    fusion = Fusion(members=("long shape", "longer behaviour", "single points"), most=60)
    model = Pipeline(fusion).fit(Dataset.of(_wave(300, c, 0), kind="series"))
    rows = _wave(260, c, 1)
    rows[150:160, 0] = 0.0
    stream = Stream(model, early=False)
    told = [one for row in rows for one in stream.push(row.tolist())] + stream.flush()
    np.testing.assert_allclose([one.score for one in told], model.detect(Dataset.of(rows, kind="series")).score, rtol=1e-9, atol=1e-12)


def test_the_reach_of_a_fusion_is_that_of_its_farthest_member() -> None:
    fusion = Fusion(members=("shape", "longer behaviour"), most=60).fit(_wave(600, 1, 0))
    reach = reach_of(fusion)
    assert reach.back >= fusion.longest - 1 and reach.ahead >= fusion.longest - 1
