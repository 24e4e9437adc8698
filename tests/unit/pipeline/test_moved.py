from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from tocsin.core.errors import StateError
from tocsin.data.align import Move
from tocsin.data.clean import Clean
from tocsin.data.encode import Encode
from tocsin.data.impute import Impute
from tocsin.data.read import read
from tocsin.data.scale import Scale
from tocsin.pipeline.moved import Ground
from tocsin.pipeline.preparation import Preparation


def _table(n=200, seed=0, gain=1.0, zero=0.0, holes=False):
    rng = np.random.default_rng(seed)
    x = rng.gamma(3.0, size=n) * gain + zero
    values = pa.array(x, mask=np.arange(n) % 7 == 0 if holes else np.zeros(n, dtype=bool))
    return read(pa.table({"x": values, "y": rng.normal(size=n), "k": [("a", "b", "c")[i % 3] for i in range(n)]}))


def _fitted(method, holes=False):
    preparation = Preparation([Clean(), Encode(), Impute(), Scale(method)])
    preparation.fit(_table(holes=holes))
    return preparation


@pytest.mark.parametrize("method", ["standard", "robust", "quantile", "log", "none"])
def test_moved_rows_look_as_the_source_rows_do(method):
    preparation = _fitted(method)
    ground = Ground(preparation)
    scale = ground.scale
    gain, zero = np.ones(len(ground.movable)), np.zeros(len(ground.movable))
    gain[0] = 4.0
    zero[0] = (9.0 + 4.0 * scale.center_[0] - scale.center_[0]) / scale.spread_[0]
    at = Move(zero, gain)
    before = preparation.transform(_table(seed=1)).matrix
    after = ground.moved(at).transform(_table(seed=1, gain=4.0, zero=9.0)).matrix
    assert after == pytest.approx(before, abs=1e-9)
    assert ground.scaled(ground.raw(_table(seed=1, gain=4.0, zero=9.0)), at) == pytest.approx(before, abs=1e-9)


def test_no_move_changes_nothing_and_the_given_preparation_stays():
    preparation = _fitted("standard")
    ground = Ground(preparation)
    rows = _table(seed=2)
    before = preparation.transform(rows).matrix
    ground.moved(Move(np.full(len(ground.movable), 3.0), np.full(len(ground.movable), 2.0)))
    assert (preparation.transform(rows).matrix == before).all()
    assert (ground.moved(Move.none(before.shape[1])).transform(rows).matrix == before).all()


def test_holes_are_filled_with_what_is_usual_there():
    preparation = _fitted("standard", holes=True)
    ground = Ground(preparation)
    spread = float(ground.scale.spread_[0])
    level = np.zeros(len(ground.movable))
    level[0] = 100.0 / spread
    made = ground.moved(Move(level, np.ones(len(level)))).transform(_table(seed=1, zero=100.0, holes=True)).matrix
    assert np.abs(made[:, 0]).max() < 6
    assert np.isfinite(ground.raw(_table(seed=1, zero=100.0, holes=True))).all()


def test_without_a_scale_there_is_no_unit_to_move():
    preparation = Preparation([Clean(), Encode(), Impute()])
    preparation.fit(_table())
    with pytest.raises(StateError, match="TOC-352"):
        Ground(preparation)
