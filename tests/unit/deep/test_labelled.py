"""Batches that hold the rare class."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tocsin.core.config import Training
from tocsin.detectors.classifier import Classifier


def _examples(n: int, odd: int, share: float, validation: float = 0.1):
    model = Classifier(share=share)
    model._odd = np.random.default_rng(0).permutation(n) < odd
    z = torch.arange(n * 2, dtype=torch.float32).reshape(n, 2)
    return model._odd, z, model._examples(z, np.zeros(n), (2,), Training(validation=validation))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5])
def test_known_anomalies_make_their_share(share: float) -> None:
    odd, _, examples = _examples(1000, 30, share)
    for positions in (examples.train, examples.held_out):
        made = odd[positions.numpy()].mean()
        assert made == pytest.approx(max(share, 0.03), abs=0.005)


def test_the_label_travels_with_its_row() -> None:
    odd, z, examples = _examples(100, 30, 0.5)
    batch = examples.gather(torch.tensor([3, 99, 7]))
    assert torch.equal(batch[:, 1:], z[[3, 99, 7]])
    assert batch[:, 0].tolist() == odd[[3, 99, 7]].astype(float).tolist()


def test_no_row_is_both_learned_and_watched() -> None:
    odd, _, examples = _examples(500, 40, 0.3)
    learned, watched = set(examples.train.tolist()), set(examples.held_out.tolist())
    assert not learned & watched and len(learned | watched) == 500
    assert 0 < odd[list(watched)].sum() < 40


def test_few_known_anomalies_are_all_learned_from() -> None:
    odd, _, examples = _examples(500, 5, 0.3)
    assert len(examples.held_out) == 0
    assert set(np.flatnonzero(odd)) <= set(examples.train.tolist())


def test_epochs_of_large_tables_are_bounded() -> None:
    _, _, examples = _examples(50_000, 100, 0.5)
    assert examples.per_epoch == 16384 < len(examples.train)


def test_labels_do_not_stay_with_the_detector() -> None:
    rows = np.random.default_rng(0).normal(size=(60, 2))
    model = Classifier(hidden=4, training={"epochs": 1}).fit(rows, rows[:, 0] > 1)
    assert "_odd" not in vars(model)


def test_a_checkpoint_of_other_labels_is_not_continued(tmp_path) -> None:
    rows = np.random.default_rng(0).normal(size=(60, 2))
    settings = {"epochs": 3, "checkpoint": str(tmp_path)}
    first = Classifier(hidden=4, training=settings).fit(rows, rows[:, 0] > 1).anomaly_score(rows)
    other = Classifier(hidden=4, training=settings).fit(rows, rows[:, 1] > 1).anomaly_score(rows)
    fresh = Classifier(hidden=4, training={"epochs": 3}).fit(rows, rows[:, 1] > 1).anomaly_score(rows)
    assert not np.array_equal(first, other) and np.array_equal(other, fresh)
