"""Learning further: nothing odd is learned, a lasting change only when allowed, and nothing worse is accepted."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.catalog import make
from tocsin.core.errors import ConfigError, DataError
from tocsin.core.state import to_plain
from tocsin.core.types import Dataset
from tocsin.flows.continual import Learned, learn_on
from tocsin.flows.gate import FALSE_ALARMS, RAISED
from tocsin.flows.train import fit
from tocsin.pipeline.pipeline import Pipeline


def wave(t: int, seed: int, level: float = 0.0) -> Dataset:
    rng = np.random.default_rng(seed)
    return Dataset.of(level + np.sin(np.arange(t) * 2 * np.pi / 25) + 0.15 * rng.normal(size=t), kind="series")


@pytest.fixture(scope="module")
def old() -> Dataset:
    return wave(1_600, 0)


@pytest.fixture(scope="module")
def model(old: Dataset) -> Pipeline:
    return fit(old, "gaussian")


@pytest.fixture(scope="module")
def near(old: Dataset) -> Pipeline:
    """A detector that can hold two levels."""
    return fit(old, "knn")


@pytest.fixture(scope="module")
def burst() -> Dataset:
    """Normal rows with a burst that would be learned."""
    data = wave(1_600, 2)
    data.X[700:760, 0] = np.random.default_rng(9).normal(0, 2, 60)
    return data


@pytest.fixture(scope="module")
def learned(model: Pipeline, old: Dataset, burst: Dataset) -> Learned:
    return learn_on(model, burst, replay=old)


def test_normal_rows_are_learned_and_the_promise_is_kept(learned: Learned) -> None:
    assert learned.accepted and learned.model is not None
    flagged = [learned.model.detect(wave(2_000, seed)).is_anomaly.mean() for seed in range(20, 25)]
    assert np.mean(flagged) < 0.02
    assert {line.rows for line in learned.table} == {"old", "new"} and all(line.good for line in learned.table)


def test_what_is_odd_in_them_is_not(learned: Learned, burst: Dataset) -> None:
    assert learned.model is not None
    assert any(start <= 690 and end >= 770 for start, end in learned.left_out)
    assert learned.model.detect(burst).is_anomaly[705:755].mean() > 0.9
    assert "left out" in learned.why[0] and learned.rows["left_out"] == sum(end - start for start, end in learned.left_out)


def test_without_the_guard_it_would_have_been(model: Pipeline, old: Dataset, burst: Dataset) -> None:
    bursts = Dataset.of(np.r_[old.X, np.tile(burst.X[690:770], (12, 1))], kind="series")
    assert fit(bursts, model.detector_.fresh()).detect(burst).is_anomaly[705:755].mean() < 0.5


def test_the_facts_tell_where_the_candidate_came_from(model: Pipeline, learned: Learned) -> None:
    assert learned.model is not None
    told = learned.model.facts_["continual"]
    assert told["from"] == model.facts_["version"] and told["accepted"] and told["rows"] == learned.rows
    assert told["table"][0]["what"] == FALSE_ALARMS and to_plain(learned.model.manifest())
    assert learned.model.facts_["detector"] == model.facts_["detector"] and learned.model.facts_["params"] == model.facts_["params"]


def test_the_given_model_does_not_change_and_the_same_comes_out_again(model: Pipeline, old: Dataset, burst: Dataset,
                                                                     learned: Learned) -> None:
    before, facts = model.anomaly_score(burst), dict(model.facts_)
    again = learn_on(model, burst, replay=old)
    assert (model.anomaly_score(burst) == before).all() and model.facts_ == facts
    assert again.table == learned.table and again.left_out == learned.left_out and again.why == learned.why
    assert again.model is not None and learned.model is not None
    assert (again.model.anomaly_score(burst) == learned.model.anomaly_score(burst)).all()


def test_a_level_shift_is_refused_and_told_to_last(near: Pipeline, old: Dataset) -> None:
    refused = learn_on(near, wave(1_200, 3, level=5), replay=old)
    assert not refused.accepted and refused.model is None and refused.table == () and refused.suggestion
    assert "either an incident" in refused.why[1] and "keep one level" in refused.why[2]


def test_an_allowed_shift_is_learned_and_the_old_is_still_known(near: Pipeline, old: Dataset) -> None:
    new = Dataset.of(np.r_[wave(300, 2).X, wave(1_200, 3, level=5).X], kind="series")
    new.X[900:930, 0] += 3  # an anomaly of the new level
    learned = learn_on(near, new, replay=old, accept_shift=True)
    assert learned.accepted and learned.model is not None, learned.why
    for level, most in ((0.0, 0.05), (5.0, 0.05)):
        assert learned.model.detect(wave(800, 30, level)).is_anomaly.mean() < most
    assert learned.model.detect(wave(800, 30, 2.5)).is_anomaly.mean() > 0.9
    assert learned.model.detect(new).is_anomaly[905:925].all()
    assert near.detect(wave(800, 30, 5.0)).is_anomaly.all()


def test_a_model_of_one_level_is_not_made_to_hold_two(model: Pipeline, old: Dataset) -> None:
    learned = learn_on(model, wave(1_200, 3, level=5), replay=old, accept_shift=True)
    assert not learned.accepted and learned.model is not None
    assert any("worse" in sentence for sentence in learned.why)


def test_noise_is_refused_with_the_figures_even_when_allowed(model: Pipeline, old: Dataset) -> None:
    noise = Dataset.of(np.random.default_rng(0).normal(size=1_200), kind="series")
    assert learn_on(model, noise, replay=old).model is None
    learned = learn_on(model, noise, replay=old, accept_shift=True)
    raised = next(line for line in learned.table if line.rows == "old" and line.what == RAISED)
    assert not learned.accepted and not raised.good and raised.candidate < raised.bound
    assert any(f"{raised.candidate:.0%}" in sentence for sentence in learned.why)


def test_rows_that_stand_still_are_refused_even_when_allowed(model: Pipeline, old: Dataset) -> None:
    still = Dataset.of(np.zeros(1_200), kind="series")
    refused = learn_on(model, still, replay=old)
    assert refused.model is None and not refused.suggestion and "broken sensor" in refused.why[2]
    assert not learn_on(model, still, replay=old, accept_shift=True).accepted


def test_a_short_incident_cannot_be_allowed(model: Pipeline, old: Dataset) -> None:
    data = wave(400, 4)
    data.X[150:270] += 4
    learned = learn_on(model, data, replay=old, accept_shift=True)
    assert learned.model is None and "too short" in learned.why[2]


def test_replay_is_bounded(model: Pipeline, old: Dataset) -> None:
    learned = learn_on(model, wave(1_200, 5), replay=old, most_replayed=1_000)
    assert learned.rows["replayed"] <= 800 and learned.model is not None
    assert learned.model.facts_["n_train"] == learned.rows["replayed"] + learned.rows["learned"]


def test_time_stamps_and_gaps_are_borne() -> None:
    start = np.datetime64("2026-01-01T00:00:00")

    def timed(seed: int, day: int) -> Dataset:
        data = wave(1_200, seed)
        time = start + np.timedelta64(day, "D") + np.arange(1_200) * np.timedelta64(60, "s")
        return Dataset.of(data.X, kind="series", time=time)

    old, new = timed(0, 0), timed(1, 3)
    new.X[100:103] = np.nan
    learned = learn_on(fit(old, "gaussian"), new, replay=old)
    assert learned.accepted, learned.why


def test_labelled_anomalies_among_the_old_rows_are_not_replayed(model: Pipeline, old: Dataset) -> None:
    marked = Dataset.of(old.X.copy(), y=(np.arange(len(old)) % 800 >= 780), kind="series")
    marked.X[marked.y == 1] += 8
    learned = learn_on(fit(marked, "gaussian"), wave(1_200, 5), replay=marked)
    assert learned.accepted and learned.model is not None, learned.why
    assert learned.model.detect(marked).is_anomaly[marked.y == 1].all()


def test_old_rows_that_were_never_said_to_be_clean_may_hold_anomalies() -> None:
    old = wave(2_000, 0)
    for at in (450, 1_300):
        old.X[at:at + 20] += 5
    model = fit(old, make("windows", detector="gaussian", window=25), clean=False)
    learned = learn_on(model, wave(1_200, 1), replay=old)
    assert learned.accepted, learned.why


def test_a_table_learns_the_same_way() -> None:
    rng = np.random.default_rng(0)
    old, new = rng.normal(size=(600, 3)), rng.normal(size=(400, 3))
    new[:12] += 7
    model = fit(old, "gaussian")
    learned = learn_on(model, new, replay=old)
    assert learned.accepted and learned.left_out[0] == (0, 12) and learned.model is not None
    assert learned.model.detect(new).is_anomaly[:12].all()
    moved = rng.normal(size=(400, 3)) + 7
    assert learn_on(model, moved, replay=old).model is None


def test_a_detector_that_goes_on_learning_needs_no_old_rows() -> None:
    rng = np.random.default_rng(0)
    old, new = rng.normal(size=(600, 3)), rng.normal(size=(400, 3))
    model = fit(old, "baseline")
    before = model.anomaly_score(old)
    learned = learn_on(model, new)
    assert learned.model is not None and "was not measured" in " ".join(learned.why)
    assert {line.rows for line in learned.table} == {"new"} and learned.rows["replayed"] == 0
    assert (model.anomaly_score(old) == before).all() and (learned.model.anomaly_score(old) != before).any()


def test_others_do(model: Pipeline) -> None:
    with pytest.raises(ConfigError) as caught:
        learn_on(model, wave(1_200, 1))
    assert caught.value.code == "TOC-234"


def test_too_few_rows_and_wrong_bounds_are_stated(model: Pipeline, old: Dataset) -> None:
    with pytest.raises(DataError) as few:
        learn_on(model, wave(200, 1), replay=old)
    assert few.value.code == "TOC-177"
    for words in ({"most_left_out": 1.5}, {"worse": -1.0}, {"most_replayed": 0}):
        with pytest.raises(ConfigError) as wrong:
            learn_on(model, wave(1_200, 1), replay=old, **words)  # type: ignore[arg-type]
        assert wrong.value.code == "TOC-235"
