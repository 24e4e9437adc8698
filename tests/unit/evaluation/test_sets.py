import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.evaluation.sets import SUITES, find, load


def folder(tmp_path, suite, **sets):
    place = tmp_path / SUITES[suite].folder
    place.mkdir(parents=True)
    for name, parts in sets.items():
        np.savez(place / f"{name}.npz", **parts)
    return tmp_path


def drawn(n=400, seed=0):
    rng = np.random.default_rng(seed)
    return {"X": rng.normal(5, 3, (n, 3)), "y": (np.arange(n) % 20 == 0).astype(int)}


def test_sets_are_found_smallest_first(tmp_path):
    folder(tmp_path, "adbench", big=drawn(900), little=drawn(50))
    assert list(find(tmp_path, "adbench")) == ["little", "big"]
    with pytest.raises(ConfigError, match="TOC-267"):
        find(tmp_path, "oddbench")


def test_one_class_learns_from_half_of_the_normals_and_judges_the_rest(tmp_path):
    path = find(folder(tmp_path, "adbench", a=drawn()), "adbench")["a"]
    made = load(path, "adbench", "one-class", seed=0, cap=0)
    assert len(made.train) == 190 and len(made.test) == len(made.y) == 210 and made.y.sum() == made.anomalies == 20
    assert np.allclose(made.train.mean(0), 0) and np.allclose(made.train.std(0), 1)
    other = load(path, "adbench", "one-class", seed=1, cap=0)
    again = load(path, "adbench", "one-class", seed=0, cap=0)
    assert not np.array_equal(made.train, other.train) and np.array_equal(made.train, again.train)
    rows = np.concatenate([made.train, made.test[made.y == 0]])  # no normal row is in both halves
    assert len(np.unique(rows.round(9), axis=0)) == 380


def test_the_split_is_the_one_that_published_figures_used(tmp_path):
    parts = drawn(40)
    made = load(find(folder(tmp_path, "adbench", a=parts), "adbench")["a"], "adbench", "one-class", seed=3, cap=0)
    half = np.random.default_rng(3).permutation(np.flatnonzero(parts["y"] == 0))[:19]
    assert np.allclose(made.train, (parts["X"][half] - parts["X"][half].mean(0)) / parts["X"][half].std(0))


def test_the_cap_keeps_the_share_of_anomalies_and_at_least_thirty(tmp_path):
    path = find(folder(tmp_path, "adbench", a=drawn(4000)), "adbench")["a"]
    made = load(path, "adbench", "unsupervised", seed=0, cap=1000)
    assert made.n == 1000 and made.anomalies == 50 and made.test is None and len(made.train) == len(made.y) == 1000
    assert load(path, "adbench", "unsupervised", seed=0, cap=200).anomalies == 30


def test_a_constant_column_does_not_divide_by_zero(tmp_path):
    parts = drawn()
    parts["X"][:, 1] = 7
    made = load(find(folder(tmp_path, "adbench", a=parts), "adbench")["a"], "adbench", "unsupervised", seed=0, cap=0)
    assert np.isfinite(made.train).all() and (made.train[:, 1] == 0).all()


def test_given_splits_and_series_prefixes(tmp_path):
    rng = np.random.default_rng(0)
    folder(tmp_path, "oddbench", a={"X_train": rng.normal(size=(30, 2)).astype("f4"), "X_test": rng.normal(size=(20, 2)).astype("f4"),
                                    "y_test": np.r_[np.zeros(15), np.ones(5)].astype("i1"), "feature_names": np.array(["a", "b"])})
    made = load(find(tmp_path, "oddbench")["a"], "oddbench", "split", seed=0, cap=10)
    assert made.train.shape == (30, 2) and made.train.dtype == np.float64 and made.n == 50 and made.y.sum() == 5
    x = np.sin(np.arange(500) * 2 * np.pi / 50)[:, None].astype("f4")
    folder(tmp_path, "tsbad_u", s={"x": x, "y": (np.arange(500) > 490).astype("i1"), "train_end": np.int64(200)})
    made = load(find(tmp_path, "tsbad_u")["s"], "tsbad_u", "prefix", seed=0, cap=10)
    assert len(made.train) == 200 and len(made.test) == len(made.y) == 500 and made.window == 50
    assert np.array_equal(made.train, made.test[:200])


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04broken"])
def test_a_broken_set_is_a_stated_error(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ConfigError, match="TOC-267"):
        load(tmp_path / "a.npz", "adbench", "one-class", seed=0, cap=0)


def test_missing_parts_and_pickled_objects_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", X=np.zeros((3, 2)))
    np.savez(tmp_path / "b.npz", X=np.array([{}], dtype=object), y=np.zeros(1))
    for name in ("a", "b"):
        with pytest.raises(ConfigError, match="TOC-267"):
            load(tmp_path / f"{name}.npz", "adbench", "one-class", seed=0, cap=0)
