import numpy as np
import pytest

from tocsin.core.errors import ConfigError, DataError
from tocsin.core.types import Dataset
from tocsin.data.perturb import KINDS
from tocsin.evaluation import metrics
from tocsin.evaluation.objective import FIGURES, LabelFree, Labelled, added, thinned
from tocsin.pipeline.pipeline import Pipeline


def bent(n=240, seed=0):
    """Rows on a curve: neighbours see it, the mean of all columns does not."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, n)
    return np.column_stack([np.cos(angle), np.sin(angle), np.cos(2 * angle)]) + 0.02 * rng.normal(size=(n, 3))


def labelled(odd=12):
    X = np.vstack([bent(), np.random.default_rng(1).normal(0, 0.2, size=(odd, 3))])  # in the middle of the curve
    return Dataset.of(X, y=np.repeat([0, 1], [240, odd]))


def wave(t=600):
    return np.sin(np.arange(t) / 4) + 0.05 * np.random.default_rng(0).normal(size=t)


def test_without_labels_the_better_detector_is_valued_higher():
    judge = LabelFree(Dataset.of(bent()), kinds=KINDS, stability=0.1)
    near, flat = judge(Pipeline("knn")), judge(Pipeline("baseline"))
    assert near.value > flat.value + 0.05 and len(near.folds) == 3
    assert set(near.parts) == {*KINDS, "stability"} and near.anomalies == ()
    kinds = np.mean([near.parts[kind] for kind in KINDS])
    assert np.mean(near.folds) == pytest.approx(kinds)
    assert near.value == pytest.approx((kinds + judge.stability * near.parts["stability"]) / (1 + judge.stability))


def test_the_same_seed_gives_the_same_value_and_an_unfitted_pipeline_stays_so():
    pipeline = Pipeline("knn")
    first, same, other = (LabelFree(Dataset.of(bent()), seed=seed)(pipeline) for seed in (1, 1, 2))
    assert first == same and first.folds != other.folds
    assert not pipeline.detector.is_fitted() and "facts_" not in vars(pipeline)


def test_rows_labelled_as_anomalies_are_no_normal_rows():
    marked = labelled()
    plain = Dataset.of(marked.X[:240])
    assert LabelFree(marked)(Pipeline("knn")) == LabelFree(plain)(Pipeline("knn"))


def test_without_rows_to_spare_there_is_no_stability():
    judged = LabelFree(Dataset.of(bent(60)), stability=0.1)(Pipeline("knn"))
    assert "stability" not in judged.parts and judged.value == pytest.approx(np.mean(judged.folds))
    assert "stability" not in LabelFree(Dataset.of(bent()))(Pipeline("knn")).parts


def test_a_series_is_judged_by_faults_of_series():
    judged = LabelFree(Dataset.of(wave(), kind="series"), stability=0.1)(Pipeline("gaussian"))
    assert judged.parts["spike"] > 0.9 and "uniform" not in judged.parts and "stability" in judged.parts


def test_categories_are_disturbed_whole():
    import pyarrow as pa

    from tocsin.data.read import read

    rng = np.random.default_rng(0)
    town = rng.choice(["Oslo", "Rome", "Bonn"], 200)
    data = read(pa.table({"town": town, "load": rng.normal(size=200) + 5 * (town == "Rome")}), kind="table")
    assert LabelFree(data)(Pipeline("knn")).parts["uniform"] > 0.6


def test_with_labels_the_figure_is_that_of_held_out_rows():
    data = labelled()
    near, flat = (Labelled(data)(Pipeline(name)) for name in ("knn", "baseline"))
    assert near.value == 1.0 and flat.value < 0.5
    assert len(near.folds) == 5 and len(near.anomalies) == 12
    assert np.mean(flat.anomalies) == pytest.approx(flat.value, abs=0.05)  # folds with one anomaly more weigh the same


def test_anomalies_can_be_judged_in_every_fold():
    data = labelled(odd=3)
    assert len(Labelled(data, folds=5)._folds) == 3  # the others hold no anomaly
    shared = Labelled(data, folds=5, shared=True)
    judged = shared(Pipeline("baseline"))
    assert len(judged.folds) == 5 and len(judged.anomalies) == 3
    assert np.mean(judged.anomalies) == pytest.approx(judged.value)
    for train, test in shared._folds:
        assert set(range(240, 243)) <= set(test.tolist()) and len(np.intersect1d(train, test)) == np.isin(train, [240, 241, 242]).sum()


def test_labels_are_not_learned_by_who_does_not_use_them(monkeypatch):
    from tocsin.detectors.gaussian import Gaussian

    seen = []
    fit = Gaussian._fit
    monkeypatch.setattr(Gaussian, "_fit", lambda self, X, y, groups: (seen.append((len(X), y)), fit(self, X, y, groups))[1])
    Labelled(labelled(), folds=3)(Pipeline("gaussian"))
    assert seen == [(160, None)] * 3


@pytest.mark.parametrize("figure", FIGURES)
def test_what_anomalies_add_makes_the_figure_ties_included(figure):
    rng = np.random.default_rng(0)
    for _ in range(20):
        y, score = rng.integers(2, size=30), rng.integers(8, size=30).astype(float)
        shares = added(y, score, figure)
        assert shares.shape == (y.sum(),) and (shares >= 0).all() and (shares <= 1).all()
        assert shares.mean() == pytest.approx(getattr(metrics, figure)(y, score))


def test_a_series_with_labels_has_figures_of_its_own():
    y = np.zeros(600, dtype=int)
    X = wave()
    for start in (60, 200, 350, 500):
        X[start:start + 12] += 3
        y[start:start + 12] = 1
    data = Dataset.of(X, y=y, kind="series")
    judged = Labelled(data, figure="vus_pr", folds=3)(Pipeline("gaussian"))
    assert judged.value > 0.5 and judged.anomalies == ()
    with pytest.raises(ConfigError, match="TOC-231"):
        Labelled(labelled(), figure="vus_pr")


def test_checks_are_called_before_each_fit():
    calls = []
    LabelFree(Dataset.of(bent()))(Pipeline("knn"), lambda: calls.append(1))
    Labelled(labelled())(Pipeline("knn"), lambda: calls.append(1))
    assert len(calls) == 3 + 5


def test_wrong_calls_are_told():
    with pytest.raises(ConfigError, match="TOC-230"):
        LabelFree(Dataset.of(bent()), stability=-1)
    with pytest.raises(DataError, match="TOC-109"):
        Labelled(Dataset.of(bent()))
    with pytest.raises(DataError, match="TOC-189"):
        Labelled(Dataset.of(bent(), y=np.zeros(240)))
    with pytest.raises(DataError, match="TOC-189"):
        LabelFree(Dataset.of(np.eye(2)[np.arange(200) % 2]), kinds=["jitter"])(Pipeline("knn"))
    with pytest.raises(DataError, match="TOC-196"):
        LabelFree(Dataset.of(np.ones(300), kind="series"))(Pipeline("gaussian"))


def test_much_data_is_thinned():
    data = Dataset.of(np.arange(1000.0)[:, None], y=np.arange(1000) % 100 == 0)
    few = thinned(data, 200, 0)
    assert len(few) == 200 and few.y.sum() == 2 and np.array_equal(few.ids, np.sort(few.ids))
    assert thinned(data, 1000, 0) is data
    assert thinned(Dataset.of(np.arange(50.0), kind="series"), 20, 0).X[0, 0] == 30
