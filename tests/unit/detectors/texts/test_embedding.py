from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.core.state import build
from tocsin.detectors.texts.embedding import Embedding


def _texts(n: int = 200, seed: int = 0) -> list[str]:
    random = np.random.default_rng(seed)
    who, what = ("engineer", "teacher", "painter", "farmer"), ("opened", "closed", "repaired", "painted")
    which = ("door", "window", "bridge", "gate", "wall")
    return [f"the {random.choice(who)} {random.choice(what)} the {random.choice(which)}" for _ in range(n)]


def test_other_words_are_far_and_own_scores_are_of_rows_left_out() -> None:
    model = Embedding(weights="random", trim=0.0)
    texts = _texts()
    texts[5] = "quarterly revenue fell again"
    own = model.fit_held_out(texts)
    assert own[5] == own.max() > 3
    assert model.anomaly_score(["shares rose"])[0] > np.quantile(own, 0.99)
    assert len(model.vectors_) == 200


def test_the_state_names_the_weights_and_refuses_others() -> None:
    model = Embedding(weights="random").fit(_texts())
    state = model.state()
    assert state["learned"]["digest_"] == "random 1"
    assert sum(np.asarray(value).nbytes for value in state["learned"].values() if isinstance(value, np.ndarray)) < 500_000
    state["learned"]["digest_"] = "of other weights"
    with pytest.raises(ConfigError, match="TOC-218"):
        build(Embedding, state).anomaly_score(["the painter opened the door"])


def test_the_map_shows_the_word_without_which_the_text_is_ordinary() -> None:
    model = Embedding(weights="random").fit(_texts())
    text = "the painter opened the portfolio"
    where, = model.anomaly_map([text])
    assert where[23:].mean() > where[:22].mean()
    reason, = model.reasons([text])
    assert reason.parts[0].what == "portfolio"
    assert "far from every normal text" in reason.sentence


def test_settings_are_checked() -> None:
    for params in ({"k": 0}, {"ridge": 0.0}):
        with pytest.raises(ConfigError, match="TOC-202"):
            Embedding(weights="random", **params).fit(_texts())
