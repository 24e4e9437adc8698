from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ArtifactError, ConfigError, DataError
from tocsin.core.state import build
from tocsin.detectors.texts.surface import Surface
from tocsin.detectors.texts.words import Words
from tocsin.memory.text_detector import joined, shown, telling


def _texts(n: int = 60) -> list[str]:
    random = np.random.default_rng(0)
    pets, places = ("cat", "dog", "hen", "old mare"), ("mat", "rug", "sofa", "wooden step")
    return [f"the {random.choice(pets)} sat on the {random.choice(places)} for {random.integers(2, 9)} hours" for _ in range(n)]


def test_telling_words_are_those_that_carry_most() -> None:
    text = "call £900 now"
    where = np.zeros(len(text))
    where[5:9], where[10] = 2.0, 1.0
    parts = telling(text, where)
    assert [(part.where, part.what) for part in parts] == [((5, 9), "£900"), ((10, 13), "now")]
    assert [part.share for part in parts] == pytest.approx([8 / 9, 1 / 9])
    assert telling(text, np.zeros(len(text))) == ()


def test_a_word_is_shown_on_one_line_and_not_at_any_length() -> None:
    assert shown("tick`s\n") == "`tick's `"
    assert len(shown("x" * 500)) == 42


def test_joined_puts_scores_back_in_their_places() -> None:
    assert joined(np.array([True, False, True]), np.array([1.0, 3.0]), np.array([2.0])).tolist() == [1.0, 2.0, 3.0]


def test_the_share_oddest_in_form_is_not_learned_from_and_is_judged_as_unseen() -> None:
    texts = _texts()
    texts[7] = "WIN!!! £1000 £1000 £1000 CALL 09061701461 NOW!!!"
    trimmed, whole = Words(trim=0.1), Words(trim=0.0)
    own = trimmed.fit_held_out(texts)
    assert own[7] == trimmed.anomaly_score([texts[7]])[0]
    assert 7 not in trimmed.places_.tolist()
    whole.fit(texts)
    assert 7 in whole.places_.tolist()
    assert trimmed.anomaly_score([texts[7]])[0] > whole.anomaly_score([texts[7]])[0]  # which had learned it


def test_few_texts_are_all_learned_from() -> None:
    assert len(Words().fit(_texts(39)).places_) == 39


def test_training_texts_are_judged_without_themselves() -> None:
    texts = _texts()
    texts[3] = "quarterly revenue exceeded all guidance"
    model = Words(trim=0.0)
    own = model.fit_held_out(texts)
    assert own[3] == own.max()
    assert own[3] > model.anomaly_score(texts)[3] + 1


def test_reasons_name_words_and_near_training_texts() -> None:
    texts = _texts()
    reason, = Words().fit(texts).reasons(["the cat sat on the mat for 3 zorblaxes"])
    assert reason.parts[0].what == "zorblaxes"
    assert reason.sentence.startswith("`zorblaxes`")
    assert len(reason.near) == 3
    assert all(texts[i].startswith("the cat") for i in reason.near)
    assert sum(share for _, share in reason.shares) == pytest.approx(1.0)


def test_texts_of_nothing_and_settings_out_of_range_are_refused() -> None:
    with pytest.raises(DataError, match="TOC-168"):
        Surface().fit([" ", "", "\n", "  "])
    for params in ({"trim": 0.6}, {"trim": -0.1}, {"rows": 1}):
        with pytest.raises(ConfigError, match="TOC-202"):
            Surface(**params).fit(_texts())


def test_a_state_with_parts_missing_is_refused() -> None:
    state = Words().fit(_texts()).state()
    del state["learned"]["runs_"]
    with pytest.raises(ArtifactError, match="TOC-410"):
        build(Words, state)


def test_empty_and_strange_texts_are_judged() -> None:
    model = Words().fit(_texts())
    assert np.isfinite(model.anomaly_score(["", " ", "\U0001f600\ud800", "\x00", "word " * 5000])).all()
