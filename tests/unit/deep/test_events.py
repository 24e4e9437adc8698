from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from tocsin.core.config import Training
from tocsin.core.errors import ConfigError
from tocsin.core.seed import generator
from tocsin.deep import events
from tocsin.deep.initialise import first_weights

CELLS = events.CELLS


def _net(cell: str, codes: int = 8) -> events.NextEvent:
    net = first_weights(lambda: events.NextEvent(codes, 16, cell, 0.1), 0)
    assert isinstance(net, events.NextEvent)
    return net.eval()


def _sessions(sizes: list[int], kinds: int = 5) -> tuple[np.ndarray, np.ndarray]:
    return generator(0, "events").integers(0, kinds, sum(sizes)), np.concatenate([[0], np.cumsum(sizes)])


@pytest.mark.parametrize("closed", [True, False])
def test_every_event_is_a_target_once_in_its_place(closed: bool) -> None:
    flat, edges = _sessions([3, 0, 128, 129, 700])
    made = events.rows(flat, edges, closed)
    for k, (low, high) in enumerate(pairwise(edges)):
        wanted = [*(flat[low:high] + events.FIRST).tolist(), *[events.END] * closed]
        found: dict[int, int] = {}
        for row in np.flatnonzero(made.session == k):
            for at in np.flatnonzero(made.targets[row] >= 0):
                place = int(made.place[row] + at)
                assert place not in found
                found[place] = int(made.targets[row, at])
                before = wanted[place - 1] if place else events.START
                assert made.inputs[row, at] == before
        assert [found[place] for place in sorted(found)] == wanted and sorted(found) == list(range(len(wanted)))


@pytest.mark.parametrize("cell", CELLS)
def test_a_place_does_not_see_later_ones(cell: str) -> None:
    net, inputs = _net(cell), np.array([[0, 3, 4, 5, 6, 7]])
    changed = inputs.copy()
    changed[0, 4:] = 3
    one, other = events.chances_of(net, inputs), events.chances_of(net, changed)
    np.testing.assert_allclose(one[0, :4], other[0, :4], rtol=1e-6)
    assert not np.allclose(one[0, 4], other[0, 4])
    np.testing.assert_allclose(np.exp(one).sum(axis=2), 1.0, rtol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_surprises_are_those_of_each_session_alone(cell: str) -> None:
    net = _net(cell)
    flat, edges = _sessions([3, 20, 1, 200, 40, 0])
    sizes = np.diff(edges) + 1
    together = events.surprises(net, events.rows(flat, edges, True), sizes)
    for k, (low, high) in enumerate(pairwise(edges)):
        alone = events.surprises(net, events.rows(flat[low:high], np.array([0, high - low]), True), sizes[k:k + 1])[0]
        np.testing.assert_allclose(together[k], alone, rtol=1e-6)
        assert len(alone) == high - low + 1 and (alone > 0).all()


def test_a_short_sessions_surprise_is_minus_the_log_of_the_softmax() -> None:
    net = _net("gru")
    found = events.rows(np.array([2, 0]), np.array([0, 2]), True)
    logits = net(torch.tensor([[0, 5, 3]]))[0]
    wanted = torch.nn.functional.cross_entropy(logits, torch.tensor([5, 3, 1]), reduction="none").detach().numpy()
    np.testing.assert_allclose(events.surprises(net, found, np.array([3]))[0], wanted, rtol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_the_network_learns_a_cycle_and_is_loaded_the_same(cell: str) -> None:
    flat, edges = np.tile([0, 1, 2], 80), np.arange(0, 241, 6)
    found = events.rows(flat, edges, True)
    training = Training(epochs=15, lr=0.02, batch_size=16)
    net, history = events.learn(found, np.arange(len(found.session)), 6, 16, cell, 0.0, training, "cycle")
    assert history[-1]["loss"] < 0.3 * history[0]["loss"]
    again = events.loaded(events.arrays(net), 6, 16, cell, 0.0, "cpu")
    sizes = np.diff(edges) + 1
    for one, other in zip(events.surprises(net, found, sizes), events.surprises(again, found, sizes), strict=True):
        assert np.array_equal(one, other)


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(ValueError, match="weights"):
        events.loaded(events.arrays(_net("gru")), 9, 16, "gru", 0.1, "cpu")
    with pytest.raises(ValueError, match="precision"):
        events.loaded({name: array.astype(np.float64) for name, array in events.arrays(_net("gru")).items()}, 8, 16, "gru", 0.1, "cpu")


@pytest.mark.parametrize(("cell", "width"), [("rnn", 16), ("gru", 18), ("transformer", 0)])
def test_unknown_networks_are_refused(cell: str, width: int) -> None:
    with pytest.raises(ConfigError) as caught:
        events.build(8, width, cell, 0.1)
    assert caught.value.code == "TOC-239"
