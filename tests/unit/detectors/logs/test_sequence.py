from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.seed import generator
from tocsin.detectors.logs.sequence import EventSequence


def _sessions(n: int, seed: int) -> list[str]:
    """A rigid frame with two loose pairs."""
    random = generator(seed, "sequence")
    made = []
    for _ in range(n):
        pair = [str(each) for each in random.permutation(["ship", "bill"])]
        made.append("\n".join(["order", *["item"] * int(random.integers(1, 5)), "pay", *pair, "stamp", "close"]))
    return made


@pytest.fixture(scope="module")
def model() -> EventSequence:
    return EventSequence().fit(_sessions(200, 0))


@pytest.mark.parametrize("odd", ["order\nitem\npay\nship\nbill\nclose\nstamp", "order\npay\nitem\nship\nbill\nstamp\nclose",
                                 "order\nitem\npay\nship\nstamp\nclose", "order\nitem\npay\nship\nbill\nstamp\nstamp\nclose",
                                 "order\nitem\npay\nship\nbill\nstamp", "item\npay\nbill\nship\nstamp\nclose"])
def test_faults_of_order_are_found(model: EventSequence, odd: str) -> None:
    assert model.anomaly_score([odd])[0] > model.anomaly_score(_sessions(200, 1)).max()


def test_loose_pairs_are_no_fault(model: EventSequence) -> None:
    one, other = model.anomaly_score(["order\nitem\npay\nship\nbill\nstamp\nclose", "order\nitem\npay\nbill\nship\nstamp\nclose"])
    assert abs(one - other) < 1.5


def test_reason_names_the_swapped_two(model: EventSequence) -> None:
    (reason,) = model.reasons(["order\nitem\npay\nship\nbill\nclose\nstamp"])
    assert "`close` came right before `stamp`, which is usually the other way round" in reason.sentence
    made = model.anomaly_map(["order\nitem\npay\nship\nbill\nclose\nstamp"])[0]
    assert set(np.argsort(-made)[:2]) == {5, 6}
