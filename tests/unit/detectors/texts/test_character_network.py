from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ArtifactError, ConfigError
from tocsin.core.state import build
from tocsin.detectors.texts.character_network import CharacterNetwork

_TEXTS = ["the cat sat on the mat", "the dog sat on the rug", "a cat and a dog sat on a mat"] * 20
_QUICK = {"epochs": 3, "lr": 0.03, "batch_size": 16}


def test_strange_spelling_is_odd_and_the_state_scores_alike() -> None:
    model = CharacterNetwork(hidden=12, training=_QUICK).fit(_TEXTS)
    usual, odd = model.anomaly_score(["the dog sat on the mat", "zx9 qqj vv#k w0"])
    assert odd > usual + 1
    again = build(CharacterNetwork, model.state())
    np.testing.assert_array_equal(again.anomaly_score(["a dog"]), model.anomaly_score(["a dog"]))


def test_a_training_text_is_judged_by_the_half_that_has_not_seen_it() -> None:
    model = CharacterNetwork(hidden=8, trim=0.0, training={**_QUICK, "epochs": 1})
    own = model.fit_held_out(_TEXTS)
    assert len(np.intersect1d(*model.halves_)) == 0
    assert sum(map(len, model.halves_)) == len(_TEXTS)
    assert not np.allclose(own, model.anomaly_score(_TEXTS))


def test_settings_and_weights_are_checked() -> None:
    with pytest.raises(ConfigError, match="TOC-222"):
        CharacterNetwork(hidden=0).fit(_TEXTS)
    state = CharacterNetwork(hidden=8, training={**_QUICK, "epochs": 1}).fit(_TEXTS).state()
    state["params"]["hidden"] = 9
    with pytest.raises(ArtifactError, match="TOC-410"):
        build(CharacterNetwork, state)
