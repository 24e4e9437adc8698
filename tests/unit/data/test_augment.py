"""Changed copies of pictures: only what is named, the same each time, masks moving along."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.core.picture import Picture, Pixels
from tocsin.data.augment import GROUPS, KINDS, expand

_VALUES = np.random.default_rng(0).uniform(0.2, 0.8, (20, 30, 3))
_MASK = np.zeros((20, 30), dtype=bool)
_MASK[2:8, 3:9] = True
_ONE = Pixels(_VALUES, "a.png", "tile", _MASK)


def _copies(*kinds: str, copies: int = 1, seed: int = 0) -> list[Picture]:
    return expand([_ONE], kinds, copies, seed)[1:]


def test_the_originals_come_first_then_each_copy_of_each() -> None:
    other = Pixels(np.zeros((4, 4)), "b.png")
    made = expand([_ONE, other], ["noise"], 2)
    assert made[0] is _ONE and made[1] is other
    assert [picture.name for picture in made[2:]] == ["a.png, copy 1", "b.png, copy 1", "a.png, copy 2", "b.png, copy 2"]
    assert made[2].product == "tile"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_changes_the_picture_and_stays_in_range(kind: str) -> None:
    copy = _copies(kind)[0]
    values = copy.pixels()
    assert values.dtype == np.float32 and values.min() >= 0 and values.max() <= 1 and values.shape[2] == 3
    assert values.shape != _VALUES.shape or np.abs(values - _VALUES).max() > 0.004
    assert np.array_equal(values, copy.pixels()) and np.array_equal(values, _copies(kind)[0].pixels())
    if kind not in ("flip_left_right", "flip_up_down", "quarter_turn"):
        assert not np.array_equal(values, _copies(kind, seed=1)[0].pixels())


def test_flips_and_turns_are_exact_and_move_the_mask() -> None:
    mirrored, turned = _copies("flip_left_right")[0], _copies("quarter_turn", copies=3)
    assert np.allclose(mirrored.pixels(), _VALUES[:, ::-1]) and np.array_equal(mirrored.mask(), _MASK[:, ::-1])  # type: ignore[arg-type]
    assert np.allclose(_copies("flip_up_down")[0].pixels(), _VALUES[::-1])
    wanted = [np.rot90(_VALUES, k) for k in (1, 2, 3)]
    found = sorted(next(k for k, one in enumerate(wanted) if one.shape == each.pixels().shape and np.allclose(one, each.pixels()))
                   for each in turned)
    assert found == [0, 1, 2]
    for each in turned:
        mask = each.mask()
        assert mask is not None and mask.shape == each.pixels().shape[:2] and mask.sum() == 36


def test_no_two_copies_lie_alike() -> None:
    copies = _copies("flip", "quarter_turn", copies=7)
    seen = {(copy.pixels().shape, copy.pixels().tobytes()) for copy in copies} | {(_ONE.pixels().shape, _ONE.pixels().tobytes())}
    assert len(seen) == 8
    assert len({copy.pixels().tobytes() for copy in _copies("flip", copies=3)}) == 3


def test_a_tilted_mask_stays_on_the_defect() -> None:
    marked = np.where(_MASK, 1.0, 0.0)
    tilted = expand([Pixels(marked, "a", mask=_MASK)], ["tilt"])[1]
    mask = tilted.mask()
    assert mask is not None and 25 <= mask.sum() <= 47
    assert tilted.pixels()[:, :, 0][mask].mean() > 0.8 and tilted.pixels()[:, :, 0][~mask].mean() < 0.05


def test_colour_changes_do_what_they_say() -> None:
    dull = np.repeat(_VALUES[:, :, :1], 3, axis=2)
    assert np.allclose(expand([Pixels(dull)], ["saturation"])[1].pixels(), dull, atol=1e-5)
    brighter = _copies("brightness")[0].pixels() - _VALUES
    assert np.allclose(brighter, brighter[0, 0, 0], atol=1e-6) and 0 < abs(brighter[0, 0, 0]) <= 0.1
    contrast = _copies("contrast")[0].pixels()
    assert contrast.mean() == pytest.approx(_VALUES.mean(), abs=1e-3) and contrast.std() != pytest.approx(_VALUES.std(), rel=1e-3)
    assert _copies("blur")[0].pixels().std() < _VALUES.std() * 0.98
    assert 0.004 < (_copies("noise")[0].pixels() - _VALUES).std() < 0.031
    assert _copies("noise")[0].mask().sum() == 36  # type: ignore[union-attr]


def test_naming_another_kind_does_not_shift_the_first() -> None:
    alone, both = _copies("brightness")[0].pixels(), _copies("brightness", "flip_left_right")[0].pixels()
    assert np.allclose(alone, both) or np.allclose(alone, both[:, ::-1])


def test_a_word_for_several() -> None:
    for word, kinds in GROUPS.items():
        assert np.array_equal(_copies(word)[0].pixels(), _copies(*reversed(kinds))[0].pixels())
    assert len(expand([_ONE], "flip")) == 2


@pytest.mark.parametrize(("kinds", "copies", "says"), [
    (["shear"], 1, "shear"), ([], 1, "no change"), (["noise"], 0, "copies"), (["noise"], 1.5, "copies"), (["flip_left_right"], 2, "only 1"),
    (["flip"], 4, "only 3")])
def test_refused(kinds: list[str], copies: int, says: str) -> None:
    with pytest.raises(ConfigError, match=f"TOC-202.*{says}"):
        expand([_ONE], kinds, copies)
