"""What all deep detectors of series share."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ArtifactError, ConfigError
from tocsin.core.state import build
from tocsin.deep.series import DeepSeriesDetector
from tocsin.detectors.conv import Conv
from tocsin.detectors.conv_autoencoder import ConvAutoencoder
from tocsin.detectors.recurrent import Recurrent
from tocsin.detectors.recurrent_autoencoder import RecurrentAutoencoder
from tocsin.detectors.transformer import Transformer

ROWWISE = [Conv(window=10, hidden=6, training={"epochs": 3}), Recurrent(window=10, hidden=6, training={"epochs": 3})]
FORECASTERS = [*ROWWISE, Transformer(window=10, patch=5, width=8, heads=2, layers=1, training={"epochs": 3}, task="forecast")]
ALL = [*FORECASTERS, ConvAutoencoder(window=10, hidden=6, layers=1, training={"epochs": 3}),
       RecurrentAutoencoder(window=10, hidden=6, training={"epochs": 3}),
       Recurrent("gru", "reconstruct", window=10, hidden=6, training={"epochs": 3}),
       Transformer(window=16, width=8, heads=2, layers=1, training={"epochs": 3})]
everyone = pytest.mark.parametrize("detector", ALL, ids=repr)


def _wave(t: int = 300, seed: int = 0) -> np.ndarray:
    noise = 0.1 * np.random.default_rng(seed).normal(size=(t, 2))
    return np.stack([np.sin(np.arange(t) / 4), np.cos(np.arange(t) / 3)], 1) * [5, 1] + [100, 0] + noise


@everyone
def test_segments_know_nothing_of_each_other(detector: DeepSeriesDetector) -> None:
    detector.fit(_wave())
    groups = np.repeat([0, 1, 2, 3], [150, 1, 99, 50])
    parts = [detector.anomaly_score(_wave()[groups == g]) for g in range(4)]
    assert np.array_equal(detector.anomaly_score(_wave(), groups=groups), np.concatenate(parts))


@everyone
def test_one_finite_score_and_cell_for_each_step(detector: DeepSeriesDetector) -> None:
    detector.fit(_wave())
    for t in (1, 2, 9, 10, 11, 57):
        odd = _wave(t, seed=2)
        odd[-1] = 1e300
        assert detector.anomaly_score(odd).shape == (t,)
        assert detector.anomaly_map(odd).shape == detector.expected(odd).shape == (t, 2)
        assert np.allclose(detector.anomaly_map(odd).mean(1), detector.anomaly_score(odd))


@everyone
def test_training_on_short_segments(detector: DeepSeriesDetector) -> None:
    groups = np.repeat(np.arange(60), 5)
    detector.fit(_wave(), groups=groups)
    assert np.isfinite(detector.anomaly_score(_wave(), groups=groups)).all()
    assert detector.history_[0]["validation"] is not None


@everyone
def test_state_scores_alike(detector: DeepSeriesDetector) -> None:
    detector.fit(_wave())
    assert np.array_equal(build(type(detector), detector.state()).anomaly_score(_wave()), detector.anomaly_score(_wave()))


@pytest.mark.parametrize("detector", FORECASTERS, ids=repr)
def test_a_forecast_score_never_changes_by_what_comes_later(detector: DeepSeriesDetector) -> None:
    detector.fit(_wave())
    whole = detector.anomaly_score(_wave())
    for t in (1, 10, 133):
        assert np.array_equal(detector.anomaly_score(_wave()[:t]), whole[:t])


@pytest.mark.parametrize("detector", ROWWISE, ids=repr)
def test_a_forecast_does_not_see_the_row_itself(detector: DeepSeriesDetector) -> None:
    detector.fit(_wave())
    odd = _wave()
    odd[77] += 3
    before, after = detector.expected(_wave()), detector.expected(odd)
    assert np.array_equal(before[:78], after[:78]) and not np.array_equal(before[78], after[78])


def test_the_transformer_does_not_see_the_patch_itself() -> None:
    detector = Transformer(window=16, patch=2, width=8, heads=2, layers=1, training={"epochs": 3}).fit(_wave())
    odd = _wave(16)
    odd[6] += 3  # one window; patch 3 holds rows 6 and 7
    before, after = detector.expected(_wave(16)), detector.expected(odd)
    assert np.array_equal(before[6:8], after[6:8]) and not np.array_equal(before[:6], after[:6])


def test_the_transformers_forecast_of_a_patch_sees_those_before_it() -> None:
    detector = Transformer(window=16, patch=4, width=8, heads=2, layers=1, training={"epochs": 3}, task="forecast").fit(_wave())
    odd = _wave(64)
    odd[33] += 3  # in patch 8: rows 32 to 35
    before, after = detector.expected(_wave(64)), detector.expected(odd)
    assert np.array_equal(before[:36], after[:36]) and not np.array_equal(before[36], after[36])


def test_the_first_row_foretold_by_the_transformer_has_a_whole_window_before_it() -> None:
    detector = Transformer(window=16, patch=4, width=8, heads=2, layers=1, training={"epochs": 60}, task="forecast")
    wave = _wave(600)
    made = detector.fit(wave).expected(wave)
    assert np.corrcoef(made[32:, 0], wave[32:, 0])[0, 1] > 0.9


@everyone
def test_the_score_is_the_mean_of_half_a_window(detector: DeepSeriesDetector) -> None:
    smooth = detector.fresh(**{"smooth": None} if "smooth" in detector.parameters() else {}).fit(_wave())
    cells = smooth._through(smooth._cells, _wave(), np.zeros(300, int))
    half = smooth.shape_[0] // 2
    low, high = (77 - half + 1, 78) if smooth._forecasts() else (77 - (half - 1 - (half - 1) // 2), 78 + (half - 1) // 2)
    assert high - low == half
    assert smooth.anomaly_score(_wave())[77] == pytest.approx(cells[low:high].mean())
    assert smooth.anomaly_map(_wave())[77] == pytest.approx(cells[low:high].mean(0))


@pytest.mark.parametrize("steps", [0, 1])
def test_none_or_one_step_is_no_smoothing(steps: int) -> None:
    detector = Conv(window=10, hidden=6, smooth=steps, training={"epochs": 1}).fit(_wave())
    assert np.array_equal(detector.anomaly_map(_wave()), detector._through(detector._cells, _wave(), np.zeros(300, int)))


def test_a_file_from_before_there_was_smoothing_scores_as_it_did() -> None:
    state = Conv(window=10, hidden=6, smooth=0, training={"epochs": 1}).fit(_wave()).state()
    wanted = build(Conv, state).anomaly_score(_wave())
    del state["params"]["smooth"], state["learned"]["smooth_"]
    assert np.array_equal(build(Conv, state).anomaly_score(_wave()), wanted)


@pytest.mark.parametrize("steps", [-1, 2**40, "8", True, None])
def test_a_stored_smoothing_of_another_form_is_refused(steps: object) -> None:
    state = Conv(window=10, hidden=6, training={"epochs": 1}).fit(_wave()).state()
    state["learned"]["smooth_"] = steps
    with pytest.raises(ArtifactError, match="TOC-410"):
        build(Conv, state)


@pytest.mark.parametrize("kind", [Conv, Recurrent, ConvAutoencoder, RecurrentAutoencoder])
def test_smoothing_over_fewer_than_no_steps(kind: type) -> None:
    with pytest.raises(ConfigError, match="TOC-222"):
        kind(smooth=-1).fit(_wave())


def test_the_window_is_the_period_by_default() -> None:
    wave = np.sin(2 * np.pi * np.arange(400) / 20)[:, None]
    assert Conv(training={"epochs": 1}).fit(wave).shape_ == [20, 1]
    assert Transformer(training={"epochs": 1}).fit(wave).shape_ == [40, 1]


def test_expected_is_in_the_units_of_the_data() -> None:
    wave = _wave(600)
    made = Conv(window=16, hidden=16, training={"epochs": 25}).fit(wave).expected(wave)
    assert np.corrcoef(made[50:, 0], wave[50:, 0])[0, 1] > 0.9
    assert abs(made[50:, 0].mean() - 100) < 0.5


def test_windows_are_gathered_lazily() -> None:
    # 20,000 × 3 × 2 · 256 doubles would be 245 MB at once; a training example holds one window
    z = np.zeros((20_000, 3))
    z[:, 0] = np.sin(np.arange(len(z)) / 40)
    detector = Conv(window=256, hidden=2, layers=1, training={"epochs": 1}).fit(z)
    assert detector.history_[0]["epoch"] == 1
