from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import DataError
from tocsin.core.state import build
from tocsin.detectors.texts.guided import Guided


def _texts(verbs: tuple[str, ...], n: int, seed: int) -> list[str]:
    random = np.random.default_rng(seed)
    who, which = ("engineer", "teacher", "painter", "farmer"), ("door", "window", "bridge", "gate", "wall")
    return [f"the {random.choice(who)} {random.choice(verbs)} the {random.choice(which)}" for _ in range(n)]


_PLAIN, _ODD = ("opened", "closed", "repaired"), ("broke",)


def _data(known: int) -> tuple[list[str], np.ndarray]:
    """Normal texts, in which things break, too; and some said to be anomalies."""
    return _texts(_PLAIN, 115, 0) + _texts(_ODD, 5, 4) + _texts(_ODD, known, 1), np.repeat([0, 1], [120, known])


def test_labels_tell_what_nothing_else_does() -> None:
    texts, y = _data(8)
    score = Guided(weights="random").fit(texts, y).anomaly_score([*_texts(_ODD, 10, 2), *_texts(_PLAIN, 40, 3)])
    assert np.median(score[:10]) > np.quantile(score[10:], 0.9)


def test_kinds_that_were_never_labelled_are_still_odd() -> None:
    texts, y = _data(8)
    model = Guided(weights="random")
    own = model.fit_held_out(texts, y)
    assert model.anomaly_score(["WIN £1000! Call 09061701461 NOW!!!"])[0] > np.quantile(own[y == 0], 0.98)


def test_the_share_of_labels_grows_with_them_and_the_state_scores_alike() -> None:
    few, many = (Guided(weights="random").fit(*_data(known)) for known in (1, 15))
    assert few.share_ < 0.2 < 0.7 < many.share_
    again = build(Guided, many.state())
    np.testing.assert_allclose(again.anomaly_score(["the farmer broke the door"]), many.anomaly_score(["the farmer broke the door"]))


def test_labels_are_needed_of_both_kinds() -> None:
    texts, y = _data(3)
    with pytest.raises(DataError, match="TOC-185"):
        Guided(weights="random").fit(texts)
    with pytest.raises(DataError, match="TOC-185"):
        Guided(weights="random").fit(texts, np.zeros_like(y))
    with pytest.raises(DataError, match="TOC-186"):
        Guided(weights="random").fit(texts, np.ones_like(y))
