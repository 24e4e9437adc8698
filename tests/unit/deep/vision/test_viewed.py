"""What all detectors by views share: products, maps, reasons, states, samples."""

import numpy as np
import pytest

from tocsin.core import catalog
from tocsin.core.errors import ArtifactError, DataError
from tocsin.core.picture import Pixels
from tocsin.core.state import build
from tocsin.deep.vision import viewed
from tocsin.testing.toy import toy


def _fusion(**settings):
    return catalog.make("images.fusion", backbone="random", size=48, **settings)


@pytest.fixture(scope="module")
def fitted():
    data = toy("images")
    return data, _fusion().fit(data.train)


def _two_products(named=True):
    random = np.random.default_rng(0)
    dark = [Pixels((random.random((32, 32)) * 0.2).astype(np.float32), product="dark" if named else "") for _ in range(14)]
    bright = [Pixels((0.7 + random.random((32, 32)) * 0.2).astype(np.float32), product="bright" if named else "") for _ in range(14)]
    return dark, bright


def test_each_product_has_its_own_usual():
    dark, bright = _two_products()
    model = _fusion().fit(dark[:12] + bright[:12])
    wrong = Pixels(dark[12]._array, product="bright")
    assert model.products_ == ["bright", "dark"]
    right, swapped = model.anomaly_score([dark[12], wrong])
    assert swapped > right + 5


def test_an_unknown_product_is_judged_as_the_most_similar_one():
    dark, bright = _two_products()
    model = _fusion().fit(dark[:12] + bright[:12])
    for each in (dark[13], bright[13]):
        unnamed = Pixels(each._array)
        assert model.anomaly_score([unnamed]) == model.anomaly_score([each])


def test_too_few_pictures_of_a_product_are_an_error():
    dark, bright = _two_products()
    with pytest.raises(DataError, match=r"TOC-174.*`bright`"):
        _fusion().fit(dark + bright[:9])


def test_too_few_pictures_at_all_are_an_error():
    with pytest.raises(DataError, match="TOC-113"):
        _fusion().fit(toy("images").train[:9])


def test_pictures_beyond_the_sample_are_scored_as_unseen(monkeypatch):
    data = toy("images")
    monkeypatch.setattr(viewed, "_MOST", 30)
    model = _fusion()
    held = model.fit_held_out(data.train[:40])
    rest = np.setdiff1d(np.arange(40), model.near_at_)
    assert len(model.near_at_) == 30 and np.isfinite(held).all()
    assert held[rest] == pytest.approx(model.anomaly_score(data.train[rest]), rel=1e-9)


def test_maps_have_the_pictures_own_size(fitted):
    _, model = fitted
    made = model.anomaly_map([np.zeros((20, 50), np.uint8), np.zeros((48, 48, 3), np.uint8)])
    assert [each.shape for each in made] == [(20, 50), (48, 48)]


def test_the_map_is_high_where_the_picture_is_spoilt(fitted):
    data, model = fitted
    picture = data.train[0].pixels()
    picture[10:22, 26:38] = 1 - picture[10:22, 26:38]
    made = model.anomaly_map([picture])[0]
    at = np.unravel_index(made.argmax(), made.shape)
    assert 4 <= at[0] <= 30 and 20 <= at[1] <= 44
    reason = model.reasons([picture])[0]
    assert "region left" in reason.sentence and reason.parts[0].where[0] < 38 and reason.parts[0].where[2] > 26


def test_reasons_name_shares_and_near_training_pictures(fitted):
    data, model = fitted
    for reason in model.reasons(data.test[:3]):
        assert sum(share for _, share in reason.shares) == pytest.approx(1)
        assert len(reason.near) == 5 and all(0 <= at < len(data.train) for at in reason.near)
    own = model.reasons(data.train[:3])
    assert [reason.near[0] for reason in own] == [0, 1, 2]


def test_scores_do_not_depend_on_company(fitted):
    data, model = fitted
    whole = model.anomaly_score(data.test)
    assert np.array_equal(model.anomaly_score(data.test[3:4]), whole[3:4])


def test_states_come_back_and_broken_ones_are_refused(fitted):
    data, model = fitted
    again = build(type(model), model.state())
    assert np.array_equal(again.anomaly_score(data.test), model.anomaly_score(data.test))
    for change in ({"views": []}, {"views": [{"rumour": {}}]}, {"learned_": [{}]}, {"features": None}):
        state = model.state()
        state["learned"] = {**state["learned"], **change}
        with pytest.raises(ArtifactError, match="TOC-410"):
            build(type(model), state)
