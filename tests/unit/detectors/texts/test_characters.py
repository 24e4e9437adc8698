from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.detectors.texts import characters
from tocsin.detectors.texts.characters import Characters


def _texts(n: int = 300, seed: int = 0) -> list[str]:
    random = np.random.default_rng(seed)
    words = ("the", "quick", "fox", "jumps", "over", "lazy", "dogs", "while", "rain", "falls", "slowly", "again")
    return [" ".join(random.choice(words, random.integers(4, 12))) for _ in range(n)]


def test_strange_signs_and_strange_words_are_odd() -> None:
    model = Characters().fit(_texts())
    usual = model.anomaly_score(_texts(seed=1))
    odd = model.anomaly_score(["the quick fox jumps ov#x~ lazy dogs", "els hqui owl bnf raj wkyz pmd tuv"])
    assert odd.min() > usual.max()


def test_the_map_points_at_the_strange_signs() -> None:
    text = "the quick fox zq#x~ over"
    where, = Characters().fit(_texts()).anomaly_map([text])
    assert set(np.argsort(where)[-4:].tolist()) <= set(range(13, 20))


def test_own_scores_are_like_those_of_fresh_texts() -> None:
    model = Characters()
    own = model.fit_held_out(_texts(1200))
    fresh = model.anomaly_score(_texts(1200, seed=1))
    assert abs(float((fresh > np.quantile(own, 0.9)).mean()) - 0.1) < 0.04


def test_too_many_characters_are_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(characters, "_SIGNS", 4000)
    texts = _texts()
    model = Characters(trim=0.0)
    own = model.fit_held_out(texts)
    assert 20 < len(model.read_) < 200
    unread = np.setdiff1d(np.arange(300), model.read_)
    np.testing.assert_array_equal(own[unread], model.anomaly_score([texts[i] for i in unread]))


def test_the_order_is_checked_and_kept() -> None:
    assert Characters(order=3).fit(_texts(50))._counts.order == 3
    with pytest.raises(ConfigError, match="TOC-202"):
        Characters(order=0).fit(_texts(50))
