"""The memory of patches of pictures."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from tocsin.core.errors import ArtifactError, ConfigError
from tocsin.core.picture import Pixels
from tocsin.core.state import build
from tocsin.deep.callbacks import Callback, Plan, listening
from tocsin.detectors.images import patch_memory
from tocsin.detectors.images.patch_memory import PatchMemory


def _pictures(n: int, seed: int = 0, *, angle: int = 1, product: str = "", size: tuple[int, int] = (48, 48),
              spot: bool = False) -> list[Pixels]:
    """Slanted stripes in noise; ``spot``: eight pixels wide, where the stripes run upright."""
    random = np.random.default_rng(seed)
    down, across = np.mgrid[:size[0], :size[1]]
    made = []
    for _ in range(n):
        values = 0.5 + 0.25 * np.sin((angle * down + across) * 2 * np.pi / 8 + random.uniform(0, 0.5)) + 0.02 * random.normal(size=size)
        if spot:
            values[24:34, 8:18] = (0.5 + 0.4 * np.sin(down * 2 * np.pi / 4))[24:34, 8:18]
        made.append(Pixels(np.clip(values, 0, 1).astype(np.float32), product=product))
    return made


def _quick(**changes: Any) -> PatchMemory:
    return PatchMemory(**{"backbone": "random", "size": 48, "memory": 0.1, **changes})


@pytest.fixture(scope="module")
def fitted() -> PatchMemory:
    return _quick().fit(_pictures(24))


def test_a_spot_is_found_where_it_is(fitted: PatchMemory) -> None:
    odd = _pictures(4, 1, spot=True)
    assert fitted.anomaly_score(odd).min() > 1.3 * fitted.anomaly_score(_pictures(12, 2)).max()
    for found in fitted.anomaly_map(odd):
        assert found.shape == (48, 48) and found[22:36, 6:20].mean() > 1.3 * found[:16].mean()
    reason = fitted.reasons(odd)[0]
    left, top, right, bottom = reason.parts[0].where
    assert left < 16 and right > 10 and top < 32 and bottom > 26 and "no patch of the normal pictures" in reason.sentence
    assert sum(part.share for part in reason.parts) <= 1 + 1e-9 and len(set(reason.near)) == len(reason.near) > 0


def test_a_usual_picture_scores_about_one_and_held_out_ones_as_new_ones() -> None:
    model = _quick()
    held, new = model.fit_held_out(_pictures(40)), model.anomaly_score(_pictures(40, 3))
    assert np.median(held) == pytest.approx(1, abs=1e-9) and np.median(new) == pytest.approx(1, abs=0.15)
    assert np.quantile(new, 0.9) < 1.15 * np.quantile(held, 0.9)
    assert model.anomaly_score(_pictures(40)).mean() < 0.8 * held.mean()  # with its own patches a picture is too familiar


def test_memory_keeps_its_budget(fitted: PatchMemory) -> None:
    small = _quick(memory=0.01).fit(_pictures(24))
    taken = [sum(array.nbytes for array in model.state()["learned"]["bank"].values() if isinstance(array, np.ndarray))
             for model in (small, fitted)]
    assert taken[0] <= 10_000 < taken[1] <= 100_000


def test_products_are_compared_with_their_own_and_strangers_with_all() -> None:
    slanted, upright = _pictures(16, product="a"), _pictures(16, 1, angle=0, product="b")
    model = _quick().fit(slanted + upright)
    right, wrong = _pictures(5, 2, angle=0, product="b"), _pictures(5, 2, angle=0, product="a")
    assert model.anomaly_score(wrong).min() > 1.5 * model.anomaly_score(right).max()
    unknown = model.anomaly_score(_pictures(5, 2, angle=0, product="c"))
    np.testing.assert_array_equal(unknown, model.anomaly_score(_pictures(5, 2, angle=0)))
    assert unknown.max() < 0.7 * model.anomaly_score(wrong).min()


def test_an_update_learns_what_is_new_and_leaves_the_rest(fitted: PatchMemory) -> None:
    model = copy.deepcopy(fitted)
    other, old = _pictures(8, 4, angle=0), _pictures(12, 5)
    before, usual = model.anomaly_score(_pictures(6, 6, angle=0)), model.anomaly_score(old)
    model.update(other)
    assert model.anomaly_score(_pictures(6, 6, angle=0)).max() < 0.6 * before.min()
    np.testing.assert_allclose(model.anomaly_score(old), usual, rtol=0.3)
    assert model.anomaly_score(_pictures(4, 1, spot=True)).min() > 1.2 * usual.max()
    strange = model.anomaly_score(_pictures(3, 8, angle=2)).min()
    model.update(_pictures(8, 7, angle=2, product="new"))
    assert model.products_ == ["new"] and model.anomaly_score(_pictures(3, 8, angle=2, product="new")).max() < 0.6 * strange


def test_tiles_find_what_is_lost_in_a_squashed_picture() -> None:
    size = (144, 240)
    train = _pictures(10, size=size)
    tiled, squashed = (_quick(tile=tile).fit(train) for tile in (48, None))
    normal, odd = _pictures(8, 1, size=size), _pictures(8, 2, size=size, spot=True)

    def apart(model: PatchMemory) -> float:
        return float(model.anomaly_score(odd).min() / model.anomaly_score(normal).max())

    assert apart(tiled) > max(1.2, apart(squashed))
    found = tiled.anomaly_map(odd)[0]
    assert found.shape == size
    top, left = np.unravel_index(int(found.argmax()), size)
    assert 16 <= top < 42 and 0 <= left < 26
    left, top, right, bottom = tiled.reasons(odd)[0].parts[0].where
    assert left < 16 and right > 10 and top < 32 and bottom > 26
    assert np.isfinite(tiled.anomaly_score(_pictures(1, size=(20, 300)) + _pictures(1, size=(5, 5)))).all()


def test_place_counts_when_asked() -> None:
    def scene(n: int, seed: int, *, turned: bool = False) -> list[np.ndarray]:
        """Left half slanted, right half upright; ``turned``: the other way round."""
        left, right = (np.stack([item.pixels() for item in _pictures(n, seed, angle=angle)]) for angle in (1, 0))
        if turned:
            left, right = right, left
        return list(np.concatenate([left[:, :, :24], right[:, :, 24:]], axis=2))

    free, bound = (_quick(place=place).fit(scene(20, 0)) for place in (0.0, 2.0))
    turned, same = scene(6, 1, turned=True), scene(6, 2)
    contrast = [float(model.anomaly_score(turned).mean() / model.anomaly_score(same).mean()) for model in (free, bound)]
    assert contrast[1] > contrast[0] + 0.2


def test_more_patches_than_are_kept_are_drawn_and_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patch_memory, "_KEPT", 400)
    monkeypatch.setattr(patch_memory, "_FIRST", 5)
    monkeypatch.setattr(patch_memory, "_CANDIDATES", 300)
    model = _quick()
    held = model.fit_held_out(_pictures(20))
    assert len(model.bank_) <= 300 and np.bincount(model.bank_.picture, minlength=20).max() <= 20
    assert np.isfinite(held).all() and model.anomaly_score(_pictures(4, 1, spot=True)).min() > held.max()


def test_progress_is_told() -> None:
    class Heard(Callback):
        plan: Plan
        epochs = 0

        def on_start(self, plan: Plan) -> None:
            self.plan = plan

        def on_epoch(self, record: dict[str, Any]) -> None:
            self.epochs = record["epoch"]

    with listening(Heard()) as heard:
        _quick().fit(_pictures(7))
    assert heard.plan.epochs == heard.epochs == 7


def test_a_stored_memory_scores_the_same_and_a_broken_one_is_refused(fitted: PatchMemory) -> None:
    state = fitted.state()
    X = _pictures(3, 1, spot=True)
    np.testing.assert_array_equal(build(PatchMemory, state).anomaly_score(X), fitted.anomaly_score(X))
    learned = state["learned"]
    for name, value in (("level_", np.ones((2, 2))), ("usual_", []), ("bank", {}), ("basis", None)):
        with pytest.raises(ArtifactError, match="TOC-410"):
            build(PatchMemory, {**state, "learned": {**learned, name: value}})


@pytest.mark.parametrize("wrong", [{"memory": 0}, {"memory": float("nan")}, {"place": -1}, {"tile": 8}, {"tile": 64.0}, {"memory": "5"}])
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="TOC-217"):
        _quick(**wrong).fit(_pictures(3))
