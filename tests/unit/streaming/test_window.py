"""Stretch by stretch, and the reach that makes it right."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core import catalog
from tocsin.core.errors import ConfigError, DataError
from tocsin.streaming.reach import Reach, reach_of
from tocsin.streaming.stepping import Covered
from tocsin.streaming.window import Chunked

_ROWS = np.sin(np.arange(400) / 4)[:, None] * [1, 2] + np.random.default_rng(1).normal(size=(400, 2)) * 0.1
_NAMES = ("windows", "conv", "recurrent", "transformer", "profile", "points", "seasonal")


@pytest.fixture(scope="module")
def fitted():
    made = {}

    def get(name):
        if name not in made:
            made[name] = catalog.load(name).small().fit(_ROWS)
        return made[name]

    return get


def _stream(detector, rows, *, hop=1):
    scorer = Covered(detector, hop=hop)
    early, final, lags = [], [], []
    for i, row in enumerate(rows):
        word, done = scorer.push(row)
        early.append(word)
        final += done
        lags.append(i - len(final) + 1)
    return early, final + scorer.end(), lags, scorer


@pytest.mark.parametrize("name", _NAMES)
def test_final_scores_are_those_of_the_whole_series(name, fitted):
    detector, rng = fitted(name), np.random.default_rng(3)
    rows = _ROWS[50:120] + rng.normal(size=(70, 2)) * 0.4
    whole = detector.anomaly_score(rows)
    scorer = Covered(detector, early=False, hop=3)
    final = [score for row in rows for score in scorer.push(row)[1]] + scorer.end()
    np.testing.assert_allclose(final, whole, rtol=1e-9, atol=1e-9 * np.abs(whole).max())
    again = detector.anomaly_score(rows[:20])  # the next segment knows nothing of the one before
    second = [score for row in rows[:20] for score in scorer.push(row)[1]] + scorer.end()
    np.testing.assert_allclose(second, again, rtol=1e-9, atol=1e-9 * np.abs(again).max())


@pytest.mark.parametrize("name", ["windows", "conv"])
def test_early_scores_are_those_of_the_series_that_ends_here(name, fitted):
    detector = fitted(name)
    early, final, _, _ = _stream(detector, _ROWS[:45])
    for i in (0, 3, 20, 41, 44):
        expected = detector.anomaly_score(_ROWS[: i + 1])[-1]
        told = final[i] if early[i] is None else early[i]
        assert told == pytest.approx(expected, rel=1e-9)


def test_a_final_score_waits_for_its_last_window_and_no_longer(fitted):
    _, _, lags, _ = _stream(fitted("windows"), _ROWS[:100])
    assert set(lags[20:]) == {7}
    _, _, lags, _ = _stream(fitted("windows"), _ROWS[:100], hop=4)
    assert max(lags[20:]) == 7 + 3


def test_forecasters_are_final_at_once(fitted):
    _, _, lags, _ = _stream(fitted("conv"), _ROWS[:60])
    assert set(lags[12:]) == {0}


@pytest.mark.parametrize("length", [1, 2, 5, 7, 8, 9])
@pytest.mark.parametrize("name", ["windows", "conv", "transformer"])
def test_segments_shorter_than_a_window(name, length, fitted):
    detector = fitted(name)
    _, final, _, _ = _stream(detector, _ROWS[:length])
    np.testing.assert_allclose(final, detector.anomaly_score(_ROWS[:length]), rtol=1e-9)


@pytest.mark.parametrize(("window", "stride"), [(8, 3), (6, 9), (5, 5)])
def test_strides(window, stride):
    detector = catalog.make("windows", window=window, stride=stride).fit(_ROWS)
    rows = _ROWS[10:97] * 1.3
    _, final, _, _ = _stream(detector, rows)
    np.testing.assert_allclose(final, detector.anomaly_score(rows), rtol=1e-9)


def test_held_rows_stay_within_a_few_windows(fitted):
    scorer = Covered(fitted("windows"), early=False)
    most = 0
    for i in range(1000):
        scorer.push(_ROWS[i % 400])
        most = max(most, scorer.held)
    assert most <= 6 * 8 + 8
    assert len(scorer.chunks._rows) <= 4 * (15 + 8)


def test_a_detector_that_looks_at_everything_is_refused(fitted):
    class Whole:
        width_ = 2

        def params(self):
            return {}

        def anomaly_score(self, rows):
            return np.abs(rows - rows.mean(axis=0)).sum(axis=1)

    with pytest.raises(ConfigError, match="TOC-276"):
        reach_of(Whole())


def test_the_width_may_not_change():
    chunks = Chunked(lambda rows: rows.sum(axis=1), Reach(0, 0))
    chunks.push(np.zeros(2))
    with pytest.raises(DataError, match="TOC-111"):
        chunks.push(np.zeros(3))


def test_stretches_are_restored_at_every_step():
    reach = Reach(back=2, ahead=2, tail=2)

    def function(rows):
        return np.convolve(rows[:, 0], np.ones(5), "full")[2:-2] if len(rows) > 2 else rows[:, 0]

    rows = np.random.default_rng(0).normal(size=(30, 1))
    whole = Chunked(function, reach, hop=3)
    told = [whole.push(row).tolist() for row in rows]
    parts = Chunked(function, reach, hop=3)
    for i, row in enumerate(rows):
        made = Chunked(function, reach, hop=3)
        if i:
            made.load_state(parts.state())
        parts = made
        assert parts.push(row).tolist() == told[i]
