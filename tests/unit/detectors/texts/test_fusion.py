from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ArtifactError, ConfigError
from tocsin.core.state import build
from tocsin.detectors.texts import fusion
from tocsin.detectors.texts.fusion import Fusion


def _texts(n: int = 300, seed: int = 0) -> list[str]:
    random = np.random.default_rng(seed)
    who, what = ("engineer", "teacher", "painter", "farmer"), ("opened", "closed", "repaired", "painted")
    which = ("door", "window", "wooden bridge", "old gate", "wall")
    return [f"the {random.choice(who)} {random.choice(what)} the {random.choice(which)}" + random.choice([".", "", " again", "!"])
            for _ in range(n)]


def test_form_spelling_and_words_are_each_enough() -> None:
    model = Fusion(embedding=False).fit(_texts())
    usual = model.anomaly_score(_texts(seed=1))
    odd = model.anomaly_score(["THE ENGINEER OPENED THE DOOR!!!!!", "the enjinear opned teh dore", "the auditor sold the portfolio"])
    assert odd.min() > usual.max()


def test_a_few_anomalies_left_in_training_do_no_harm() -> None:
    clean = _texts()
    advert = "WIN a £1000 prize! Call 0906170146{} NOW"
    dirty = clean[:290] + [advert.format(i) for i in range(8)]
    score = Fusion(embedding=False).fit(dirty).anomaly_score([advert.format(9), *_texts(seed=1)])
    assert score[0] > score[1:].max()


def test_the_embedding_is_taken_in_when_it_is_there_and_asked_for_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    with_it = Fusion(weights="random").fit(_texts(60))
    assert [row["member"] for row in with_it.report_][-1] == "texts.embedding"
    assert "meaning" in with_it.learned_
    monkeypatch.setattr(fusion, "find_spec", lambda name: None)
    assert len(Fusion().fit(_texts(60)).report_) == 3
    with pytest.raises(ConfigError, match="TOC-202"):
        Fusion(embedding=False, weights="random").fit(_texts(60))


def test_a_state_with_another_member_is_refused() -> None:
    state = Fusion(embedding=False).fit(_texts(60)).state()
    again = build(Fusion, state)
    assert again.anomaly_score(["the auditor"]) == build(Fusion, state).anomaly_score(["the auditor"])
    state["learned"]["members_"]["oracle"] = state["learned"]["members_"].pop("words")
    with pytest.raises(ArtifactError, match="TOC-410"):
        build(Fusion, state)


def test_reasons_name_the_words_and_what_they_were_told_by() -> None:
    model = Fusion(embedding=False).fit(_texts())
    form, = model.reasons(["the painter opened the door 09061701461"])
    assert form.parts[0].what == "09061701461"
    assert form.sentence.startswith("`09061701461`")
    assert "long number" in form.sentence
    assert dict(form.shares)["form"] > 0.2
    word, = model.reasons(["the painter opened the portfolio"])
    assert word.parts[0].what == "portfolio"
    assert sum(share for _, share in word.shares) == pytest.approx(1.0)
    assert len(word.near) == 3
