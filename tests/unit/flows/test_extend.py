from __future__ import annotations

import numpy as np
import pytest

import tocsin
from tocsin.core.errors import TocsinError
from tocsin.flows.extend import extend
from tocsin.pipeline.pipeline import Pipeline
from tocsin.testing.toy import toy


@pytest.fixture(scope="module")
def model() -> Pipeline:
    return tocsin.fit(list(toy("images").train[:40]), tocsin.make("images.patch_memory", backbone="random", size=48), kind="images")


def test_what_was_shown_becomes_normal_and_the_first_model_stays(model: Pipeline) -> None:
    data = toy("images")
    odd = list(data.test[data.truth == 1])
    before = model.detect(odd)
    wider = extend(model, odd)
    assert wider.detect(odd).p_value.min() > before.p_value.max()
    assert np.array_equal(model.detect(odd).score, before.score) and wider.facts_["version"] != model.facts_["version"]
    assert wider.facts_["calibration"]["n"] == 60 and wider.facts_["extended"][0]["items"] == 20


def test_new_normal_pictures_raise_no_more_alarms_than_asked(model: Pipeline) -> None:
    data = toy("images")
    wider = extend(model, list(data.train[40:])).with_threshold("false_alarm_rate=0.1")
    assert wider.detect(list(data.test[data.truth == 0])).is_anomaly.mean() <= 0.3


def test_it_can_be_saved_and_loaded(model: Pipeline, tmp_path) -> None:
    data = toy("images")
    wider = extend(model, list(data.train[40:60]))
    tocsin.save(wider, tmp_path / "m.tocsin")
    assert np.array_equal(tocsin.load(tmp_path / "m.tocsin").detect(list(data.test)).score, wider.detect(list(data.test)).score)


def test_others_are_refused(model: Pipeline) -> None:
    rows = np.random.default_rng(0).normal(size=(100, 2))
    texts = list(toy("texts").train)
    for fitted, new, code in ((tocsin.fit(rows), rows, "TOC-290"), (tocsin.fit(texts, "surface", kind="texts"), texts, "TOC-290"),
                              (model, list(toy("images").train[:1]), "TOC-113")):
        with pytest.raises(TocsinError) as caught:
            extend(fitted, new)
        assert caught.value.code == code and caught.value.todo
