from __future__ import annotations

import numpy as np

from tocsin.detectors.texts.surface import Surface


def _texts(n: int = 200, seed: int = 0) -> list[str]:
    random = np.random.default_rng(seed)
    words = ("see", "you", "at", "home", "tomorrow", "then", "ok", "we", "go", "there", "late")
    return [" ".join(random.choice(words, random.integers(3, 14))) + random.choice([".", "", "?", "!"]) for _ in range(n)]


def test_digits_and_capitals_are_odd_where_there_are_none() -> None:
    model = Surface().fit(_texts())
    usual = model.anomaly_score(_texts(seed=1))
    odd = model.anomaly_score(["see you at 09061701461 then", "SEE YOU AT HOME TOMORROW THEN"])
    assert odd.min() > np.quantile(usual, 0.99)


def test_what_is_said_does_not_matter() -> None:
    model = Surface().fit(_texts())
    np.testing.assert_allclose(*model.anomaly_score(["see you at home tomorrow", "eat fat rat hole yesterda"][:2]).reshape(2, 1), atol=1.5)


def test_the_promised_share_of_normal_texts_lies_above_the_own_scores() -> None:
    model = Surface()
    own = model.fit_held_out(_texts(1500))
    fresh = model.anomaly_score(_texts(1500, seed=1))
    for rate in (0.05, 0.2):
        assert abs(float((fresh > np.quantile(own, 1 - rate)).mean()) - rate) < 0.035


def test_the_sentence_says_what_stands_out_and_the_map_shows_it() -> None:
    model = Surface().fit(_texts())
    text = "see you at 09061701461 then"
    reason, = model.reasons([text])
    assert "long number" in reason.sentence
    assert reason.parts[0].what == "09061701461"
    where, = model.anomaly_map([text])
    assert where.shape == (len(text),)
    assert where[11:22].min() > where[:11].max()
