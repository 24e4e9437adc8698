import json
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("optuna")

from tocsin.core.errors import ConfigError, DataError
from tocsin.evaluation.objective import Judged
from tocsin.evaluation.search import noise_of, search
from tocsin.evaluation.spaces import Choice, Range

SPACES = {"knn": {"k": Range(1, 50, log=True, whole=True)}}


class Toy:
    """Stands for an objective: best at k = 20, the folds differ by ``spread``."""

    def __init__(self, spread=0.0, fail=(), pause=0.0):
        self.spread, self.fail, self.pause, self.asked = spread, fail, pause, []

    def facts(self):
        return {"objective": "toy", "spread": self.spread}

    def ratio(self):
        return 0.5

    def __call__(self, made, check=None):
        name, params = made
        self.asked.append((name, params))
        for _ in range(3 if self.pause else 0):
            time.sleep(self.pause)
            if check is not None:
                check()
        k = params.get("k", 5)
        if k in self.fail:
            raise ZeroDivisionError("no such k")
        value = 1 - abs(k - 20) / 100 - (name != "knn") * 0.5
        folds = value + self.spread * np.array([-1, 0, 1]) * (k != 5)
        return Judged(float(folds.mean()), tuple(folds.tolist()), {"toy": value})


def make(name, params):
    return name, params


def run(objective=None, spaces=SPACES, **given):
    return search(make, objective or Toy(), spaces, **{"budget": None, "trials": 12, **given})


def test_the_default_comes_first_and_the_best_is_found():
    found = run()
    assert (found.trials[0].settings, found.default.number) == ({}, 0)
    assert len(found.trials) == 12 and abs(found.best.settings["k"] - 20) < 5
    assert found.best.value == max(trial.value for trial in found.trials)
    assert found.preferred and found.chosen is found.best and found.gain == pytest.approx(found.best.value - 0.85) and found.noise < 1e-9


def test_nothing_is_judged_twice():
    toy = Toy()
    found = run(toy, spaces={"knn": {"k": Choice((1, 2, 5))}}, trials=50)
    assert sorted(params.get("k", 5) for _, params in toy.asked) == [1, 2, 5]
    assert len(found.trials) == 3 and found.chosen is found.default


def test_a_gain_within_the_noise_keeps_the_default():
    found = run(Toy(spread=0.3))
    assert found.best.value > found.default.value and not found.preferred and found.chosen is found.default


def test_the_same_seed_tries_the_same():
    first, same, other = (run(seed=seed, trials=6) for seed in (0, 0, 1))
    tried = [[trial.settings for trial in found.trials] for found in (first, same, other)]
    assert tried[0] == tried[1] != tried[2]


def test_several_detectors_begin_with_their_defaults():
    toy = Toy()
    found = run(toy, spaces={"gaussian": {}, "knn": SPACES["knn"], "windows": {"window": Range(4, 9, whole=True)}})
    assert toy.asked[:3] == [("gaussian", {}), ("knn", {}), ("windows", {})]
    assert found.default.detector == "gaussian" and found.best.detector == "knn"


def test_a_failing_trial_is_kept_and_the_search_goes_on():
    toy = Toy(fail=set(range(1, 5)) | set(range(6, 15)))
    found = run(toy, trials=15)
    failed = [trial for trial in found.trials if trial.value is None]
    assert failed and all(trial.error == "ZeroDivisionError: no such k" for trial in failed)
    assert len(found.trials) > 10 and found.best.value > 0.85


def test_a_default_that_fails_is_an_error():
    with pytest.raises(ZeroDivisionError):
        run(Toy(fail={5}))


@pytest.fixture
def file(tmp_path):
    return tmp_path / "a study"


def test_a_study_goes_on_where_it_stopped(file):
    told, toy = [], Toy()
    first = run(study=file, trials=4, progress=lambda trial, seconds: told.append(trial.number))
    assert told == [0, 1, 2, 3]
    found = run(toy, study=file, trials=4)
    assert len(found.trials) == 8 and found.trials[:4] == first.trials
    assert len({json.dumps(trial.settings) for trial in found.trials}) == 8
    assert ("knn", {}) not in toy.asked
    steps = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]  # plain lines, no code
    assert {"k": found.best.settings["k"]} in [step.get("user_attr", {}).get("asked", {}).get("settings") for step in steps]


def test_a_search_cut_short_keeps_what_was_finished(file, tmp_path):
    def stop(trial, seconds):
        if trial.number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(study=file, progress=stop)
    assert len(run(study=file, trials=1).trials) == 4

    class Cut(Toy):
        def __call__(self, made, check=None):
            raise KeyboardInterrupt

    other = tmp_path / "other"
    with pytest.raises(KeyboardInterrupt):
        run(Cut(), study=other)
    found = run(study=other, trials=2)  # the default was not judged the first time
    assert found.default.value is not None and found.trials[0].error == "interrupted"


def test_a_study_of_another_search_is_refused(file):
    run(study=file, trials=1, about={"data": "a"})
    for given in ({"about": {"data": "b"}}, {"about": {"data": "a"}, "spaces": {"knn": {"k": Choice((1,))}}}):
        with pytest.raises(ConfigError, match="TOC-232"):
            run(study=file, **given)
    with pytest.raises(ConfigError, match=r"TOC-232.*objective differ"):
        run(Toy(spread=1.0), study=file, about={"data": "a"})


def test_a_file_of_something_else_is_not_touched(tmp_path):
    text, other = tmp_path / "a.csv", tmp_path / "b.jsonl"
    text.write_text("x" * 5000, encoding="utf-8")
    other.write_text('{"mine": 1}\n', encoding="utf-8")
    for file in (text, other, tmp_path, tmp_path / "none" / "s"):
        before = file.read_bytes() if file.is_file() else b""
        with pytest.raises(ConfigError, match="TOC-269"):
            run(study=file)
        assert not file.is_file() or file.read_bytes() == before


def test_time_ends_a_search_and_gives_up_what_runs():
    found = run(Toy(pause=0.05), budget=0.2, trials=None)
    assert found.trials[0].value is not None
    assert all(trial.error in ("", "the time was up") for trial in found.trials) and len(found.trials) < 6


def test_a_network_stops_at_its_next_epoch():
    pytest.importorskip("torch")
    from tocsin.core.types import Dataset
    from tocsin.evaluation.objective import LabelFree
    from tocsin.flows.train import compose

    data = Dataset.of(np.random.default_rng(0).normal(size=(60, 2)))
    endless = {"training.epochs": Choice((100_000,)), "training.patience": Choice((100_000,))}
    found = search(lambda name, params: compose(data, name, params={"hidden": 8, **params} if name == "autoencoder" else params),
                   LabelFree(data), {"knn": {}, "autoencoder": endless}, budget=1.0)
    slow = [trial for trial in found.trials if trial.detector == "autoencoder" and trial.value is None]
    assert slow and slow[-1].error == "the time was up"


def test_bounds_are_needed():
    for given in ({"trials": None}, {"trials": 0}, {"budget": -1.0}, {"budget": float("inf")}, {"spaces": {}}):
        with pytest.raises(ConfigError, match="TOC-233"):
            run(**given)


def test_noise_grows_with_few_anomalies():
    folds = np.array([0.1, 0.1, 0.1])
    assert noise_of(folds, 0.5) < 1e-9 and noise_of(folds[:1], 0.5) is None
    assert noise_of(folds, 0.5, np.array([0.3, 0.0, 0.0])) > 0.1 > noise_of(folds, 0.5, np.full(40, 0.1) + 0.1 * (np.arange(40) % 2))
    assert noise_of(folds, 0.5, np.array([0.1])) is None


def test_what_a_trial_says_is_plain():
    json.dumps([trial.to_dict() for trial in run(trials=2).trials], allow_nan=False)


def test_the_objectives_own_error_reaches_the_caller():
    class Empty(Toy):
        def __call__(self, made, check=None):
            raise DataError("TOC-189", "there is nothing to disturb")

    with pytest.raises(DataError, match="TOC-189"):
        run(Empty())


@pytest.mark.parametrize("damage", ["garbage", "list"])
def test_a_damaged_file_of_trials_is_a_stated_error(tmp_path: Path, damage: str) -> None:
    from tocsin.flows.tune import tune

    rows, kept = np.random.default_rng(0).normal(size=(80, 2)), tmp_path / "kept"
    tune(rows, "knn", space=["k=1,5"], budget=None, trials=1, study=kept)
    text = kept.read_bytes()
    kept.write_bytes(text + {"garbage": b"\xff no\n", "list": b"[1, 2]\n"}[damage])
    with pytest.raises(ConfigError, match="TOC-269"):
        tune(rows, "knn", space=["k=1,5"], budget=None, trials=2, study=kept)


def test_a_last_line_that_was_cut_off_costs_its_trial_alone(tmp_path: Path) -> None:
    from tocsin.flows.tune import tune

    rows, kept = np.random.default_rng(0).normal(size=(80, 2)), tmp_path / "kept"
    tune(rows, "knn", space=["k=1,5"], budget=None, trials=2, study=kept)
    kept.write_bytes(kept.read_bytes()[:-20])
    tuned = tune(rows, "knn", space=["k=1,5"], budget=None, trials=3, study=kept)
    assert len(tuned.found.trials) == 2 and all(line.startswith(b"{") for line in kept.read_bytes().splitlines())
