from __future__ import annotations

import numpy as np
import pytest

import tocsin
from tocsin.core.errors import ConfigError
from tocsin.core.state import build
from tocsin.data.augmenting import Augment
from tocsin.pipeline.pipeline import Pipeline
from tocsin.testing.toy import toy


def _small(**params: object) -> object:
    return tocsin.make("images.patch_memory", backbone="random", size=48, memory=0.1, **params)


def test_copies_are_learned_from_and_not_judged() -> None:
    step = Augment(["flip_left_right", "noise"], copies=2)
    items = toy("images").train[:3]
    made = step.learned(items)
    assert made.shape == (9,) and made[:3].tolist() == items.tolist() and step.transform(items) is items
    assert not np.array_equal(made[3].pixels(), made[0].pixels()) and np.array_equal(made[3].pixels(), step.learned(items)[3].pixels())
    assert build(Augment, step.state()).params() == step.params()


def test_calibration_never_sees_a_copy_of_what_it_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    learned: list[set[str]] = []
    cls = type(_small())
    fits, scores = cls._fit, cls._score

    def fit(self, X, y, groups):
        learned.append({picture.name.partition(",")[0] for picture in X})
        fits(self, X, y, groups)

    def score(self, X, groups):
        if len(learned) <= folds:
            assert not learned[-1] & {picture.name for picture in X}
        return scores(self, X, groups)

    monkeypatch.setattr(cls, "_fit", fit)
    monkeypatch.setattr(cls, "_score", score)
    from tocsin.core.picture import Pixels

    pictures = [Pixels(picture.pixels(), f"p{i}") for i, picture in enumerate(toy("images").train[:24])]
    folds = 5
    model = tocsin.fit(pictures, _small(), kind="images", augment=("flip_left_right",))
    assert model.facts_["calibration"]["plan"] == "cross" and model.facts_["calibration"]["folds"] == folds and len(learned) == folds + 1
    assert len(learned[-1]) == 24 and model.facts_["n_train"] == 24


def test_a_picture_the_other_way_round_becomes_normal(tmp_path) -> None:
    from tocsin.core.picture import Pixels

    data = toy("images")
    turned = [Pixels(picture.pixels()[:, ::-1].copy()) for picture in data.test[:10]]
    plain = tocsin.fit(list(data.train[:40]), _small(), kind="images")
    told = tocsin.fit(list(data.train[:40]), _small(), kind="images", augment=("flip_left_right",))
    assert np.median(told.detect(turned).p_value) > 5 * np.median(plain.detect(turned).p_value)
    tocsin.save(told, tmp_path / "m.tocsin")
    again: Pipeline = tocsin.load(tmp_path / "m.tocsin")
    assert np.array_equal(again.detect(turned).score, told.detect(turned).score)


@pytest.mark.parametrize(("settings", "code"), [({"augment": ("fold",)}, "TOC-202"),
                                                ({"augment": ("flip_left_right",), "copies": 2}, "TOC-202"),
                                                ({"augment": ("noise",), "copies": 0}, "TOC-202")])
def test_what_makes_no_sense_is_refused(settings: dict[str, object], code: str) -> None:
    with pytest.raises(ConfigError) as caught:
        tocsin.fit(list(toy("images").train[:12]), _small(), kind="images", **settings)
    assert caught.value.code == code


def test_tables_have_no_pictures_to_change() -> None:
    with pytest.raises(ConfigError, match="TOC-299"):
        tocsin.fit(np.zeros((50, 2)), augment=("noise",))
