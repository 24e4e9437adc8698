from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.detectors.texts.words import Words


def _texts(n: int = 300, seed: int = 0) -> list[str]:
    random = np.random.default_rng(seed)
    who, what = ("engineer", "teacher", "painter", "farmer"), ("opened", "closed", "repaired", "painted")
    which = ("door", "window", "wooden bridge", "old gate", "wall")
    return [f"the {random.choice(who)} {random.choice(what)} the {random.choice(which)} on day {random.integers(1, 31)}" for _ in range(n)]


def test_unknown_words_are_far_even_among_known_ones() -> None:
    model = Words().fit(_texts())
    usual = model.anomaly_score(_texts(seed=1))
    odd = model.anomaly_score(["the engineer opened the portfolio on day 3", "shares fell sharply in late trading"])
    assert odd[1] > odd[0] > usual.max()


def test_own_scores_are_like_those_of_fresh_texts() -> None:
    model = Words()
    own = model.fit_held_out(_texts(800))
    fresh = model.anomaly_score(_texts(800, seed=1))
    assert abs(float((fresh > np.quantile(own, 0.9)).mean()) - 0.1) < 0.06


def test_memory_is_bounded_and_near_names_training_texts() -> None:
    texts = _texts()
    model = Words(rows=50, trim=0.0).fit(texts)
    assert len(model.places_) == 50
    reason, = model.reasons([texts[int(model.places_[7])]])
    assert texts[reason.near[0]] == texts[int(model.places_[7])]


def test_k_is_checked() -> None:
    with pytest.raises(ConfigError, match="TOC-202"):
        Words(k=0).fit(_texts())
