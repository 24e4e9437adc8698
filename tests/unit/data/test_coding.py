"""How one column becomes numbers, kind by kind."""

import numpy as np
import pyarrow as pa
import pytest

from tocsin.data.coding import CAP, CODINGS, indicator, plain, surprise


def coded(name, train, rows, max_levels=20):
    coding = CODINGS[name]
    plan = coding.learn(train, max_levels)
    out = np.zeros((len(rows), len(coding.features(plan))))
    coding.write(plan, rows, out)
    return coding, plan, out


def strings(*cells):
    return pa.array(cells, pa.large_string())


def test_an_indicator_is_standardised_and_capped():
    on = np.array([True, False])
    assert np.allclose(indicator(on, 0.2), [2.0, -0.5])
    assert indicator(on, 1e-6)[0] == CAP and np.isfinite(indicator(on, 0.0)).all()
    assert np.allclose(plain(indicator(on, 1e-6), 1e-6), [1, 0])


def test_a_surprise_is_as_strong_as_its_chance_was_small():
    assert surprise(0.0, 8) == pytest.approx(np.sqrt(8))
    assert surprise(0.0, 10**6) == CAP
    assert surprise(0.5, 100) == pytest.approx(1.0)
    assert surprise(1.0, 100) < 1e-3


def test_a_category_weighs_as_much_as_a_number():
    rng = np.random.default_rng(0)
    for k in (2, 5, 15):
        train = pa.array(rng.choice([f"v{i}" for i in range(k)], 5000), pa.large_string())
        _, _, out = coded("levels", train, train)
        assert 0.9 < out.var(axis=0).sum() < 1.1


def test_an_unseen_value_counts_and_a_missing_one_is_neutral():
    train = strings(*["a"] * 60, *["b"] * 40)
    coding, plan, out = coded("levels", train, strings("a", "z", None))
    assert out[0, -1] == 0 and out[1, -1] == CAP and not out[2].any()
    assert coding.read(plan, out[:2]) == ["a", "(unseen)"]
    assert [level for role, level in coding.features(plan) if role == "level"] == ["a", "b"]


def test_a_new_name_among_names_is_no_surprise():
    names = strings(*(f"name {i}" for i in range(500)), "twice", "twice")
    _, _, out = coded("frequency", names, strings("never", "twice"))
    assert 0 < out[0, 1] < 0.1 and out[1, 1] == 0


def test_frequency_rises_with_rarity():
    train = strings(*["often"] * 900, *[f"v{i % 50}" for i in range(100)])
    coding, plan, out = coded("frequency", train, strings("often", "v1", "new", None))
    assert out[0, 0] < out[1, 0] < out[2, 0] and out[2, 1] == CAP and not out[3].any()
    assert coding.read(plan, out[:1]) == ["(a value that 90.00% of the rows have)"]
    assert CODINGS["levels"].learn(train, 20) is None


def days(start, count, hours):
    return pa.array(np.datetime64(start, "us") + (np.arange(count) * hours * 3_600_000_000).astype("m8[us]"))


def test_only_cycles_seen_twice_are_written():
    def cycles(values):
        plan = CODINGS["cyclic"].learn(values, 20)
        return None if plan is None else plan["cycles"]

    assert cycles(days("2024-01-01", 100, 1)) == ["hour"]
    assert cycles(days("2024-01-01", 500, 1)) == ["hour", "weekday"]
    assert cycles(days("2020-01-01", 800, 24)) == ["weekday", "month"]
    assert cycles(days("2024-01-01T07:00", 20, 24)) == ["weekday"]
    assert cycles(days("2024-01-01", 10, 1)) is None


def test_a_date_comes_back_in_words_and_a_night_stands_out():
    office = days("2024-01-01", 24 * 60, 1)
    office = office.filter(pa.array([9 <= t.hour < 17 for t in office.to_pylist()]))
    noon_and_night = pa.array(np.array(["2024-06-05T12:00", "2024-06-05T03:00"], "M8[us]"))
    coding, plan, out = coded("cyclic", office, noon_and_night)
    assert coding.read(plan, out) == ["12:00, Wednesday", "03:00, Wednesday"]
    assert np.abs(out[1]).max() > 3 > np.abs(out[0]).max()


def test_text_is_judged_by_its_surface():
    train = strings(*(f"valve {i} opened normally" for i in range(100)))
    coding, plan, out = coded("surface", train, strings("valve 7 opened normally", "!!! 0x90 0x90 0x90 " * 40, None))
    assert np.abs(out[1]).max() > 5 * np.abs(out[0]).max() and not out[2].any()
    assert coding.read(plan, out[:1]) == ["(text of 23 characters, 4 words, 4% digits)"]


def test_a_fixed_column_fires_on_change_only():
    number = coded("fixed", pa.array([5.0, 5.0]), pa.array([5.0, 5.0 + 1e-10, 5.1, None]))[2]
    assert number.ravel().tolist() == [0, 0, CAP, 0]
    assert coded("fixed", strings("x"), strings("x", "y"))[2].ravel().tolist() == [0, CAP]
    assert coded("fixed", pa.array([True]), pa.array([True, False]))[2].ravel().tolist() == [0, CAP]
    assert coded("fixed", pa.nulls(2, pa.float64()), pa.array([None, 1.0]))[2].ravel().tolist() == [0, CAP]
    date = pa.array([np.datetime64("2024-01-01", "us"), np.datetime64("2024-01-02", "us")])
    assert coded("fixed", date[:1], date)[2].ravel().tolist() == [0, CAP]


def test_the_strong_value_of_a_number_lies_outside_its_range_and_is_finite():
    learn = CODINGS["number"].learn
    assert learn(pa.array([0.0, 2.0]), 20)["far"] == 12.0
    assert np.isfinite(learn(pa.array([1.7e308, -1.7e308]), 20)["far"])
