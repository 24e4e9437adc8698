"""Bins, and what rows that stand together are worth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.signal import lfilter

from tocsin.monitoring.histogram import Histogram, _merged


def ar(rng: np.random.Generator, n: int, phi: float) -> np.ndarray:
    return lfilter([1], [1, -phi], rng.normal(size=n + 500) * np.sqrt(1 - phi**2))[500:]


def of(values: np.ndarray, *, series: bool = False, seed: int = 0) -> Histogram:
    """As the pipeline keeps them: a series whole, of a table a sample of 1,000 rows in their order."""
    if series:
        return Histogram.of_numbers(values, np.arange(len(values)), len(values), series=True, reach=16)
    at = np.sort(np.random.default_rng(seed).choice(len(values), min(1_000, len(values)), replace=False))
    return Histogram.of_numbers(values[at], at, len(values))


def counts(known: Histogram, values: np.ndarray) -> np.ndarray:
    return np.bincount(known.place(values), minlength=known.bins)


def test_bins_of_numbers_hold_equal_shares() -> None:
    known = of(np.random.default_rng(0).normal(size=5_000))
    assert known.bins == 10 and known.counts.min() >= 99 and known.counts.max() <= 101


def test_few_different_numbers_have_a_bin_each_and_equal_values_never_part() -> None:
    known = of(np.array([0.0, 0.1, 0.3] * 50))
    assert known.bins == 3 and counts(known, np.array([0.3 + 1e-16, 0.1 * 3, 0.0])).tolist() == [1, 0, 2]
    tied = of(np.concatenate([np.zeros(600), np.random.default_rng(0).exponential(size=400)]))
    assert tied.counts[0] == 600 and counts(tied, np.zeros(5))[0] == 5


def test_levels_and_what_is_rare_or_new() -> None:
    known = Histogram.of_levels(["a"] * 70 + ["b"] * 60 + ["c"], np.arange(131), 131)
    assert known.levels == ("a", "b") and known.place(["b", "c", "zzz", "a"]).tolist() == [1, 2, 2, 0] and known.name_of(2) == "other"


def test_p_values_of_independent_rows_are_honest() -> None:
    rng = np.random.default_rng(1)
    p = []
    for seed in range(300):
        known = of(rng.normal(size=3_000), seed=seed)
        p.append(known.compare(counts(known, rng.normal(size=200)))[0])
    assert stats.kstest(p, "uniform").pvalue > 0.001 and np.mean(np.array(p) < 0.01) <= 0.03


def test_a_series_that_resembles_itself_does_not_drift() -> None:
    rng = np.random.default_rng(2)
    ours, naive = [], []
    for _ in range(300):
        values = ar(rng, 5_400, 0.95)
        known = of(values[:5_000], series=True)
        seen = counts(known, values[5_000:])
        ours.append(known.compare(seen)[0])
        naive.append(stats.chi2_contingency(np.array([known.counts, seen]) + 0.5).pvalue)
    assert np.mean(np.array(ours) < 0.05) < 0.09 and np.mean(np.array(ours) < 0.001) < 0.01  # 0.05 and 0.001 asked
    assert np.mean(np.array(naive) < 0.05) > 0.8


def test_a_shift_is_found_and_its_size_told() -> None:
    rng = np.random.default_rng(3)
    known = of(rng.normal(size=5_000))
    p, size = known.compare(counts(known, rng.normal(0.5, 1, size=400)))
    assert p < 1e-6 and 0.1 < size < 0.5
    series = of(ar(rng, 5_000, 0.8), series=True)
    assert series.compare(counts(series, ar(rng, 2_000, 0.8) + 0.5))[0] < 1e-4
    wider = of(ar(rng, 5_000, 0.5), series=True)
    assert wider.compare(counts(wider, 2 * ar(rng, 2_000, 0.5)))[0] < 1e-4  # same mean


def test_the_index_is_free_of_bias() -> None:
    rng = np.random.default_rng(4)
    sizes = []
    for seed in range(100):
        known = of(rng.normal(size=3_000), seed=seed)
        sizes.append(known.compare(counts(known, rng.normal(size=200)))[1])
    assert np.mean(sizes) < 0.02 and max(sizes) < 0.1


def test_a_table_in_an_order_counts_as_one() -> None:
    rng = np.random.default_rng(5)
    values = ar(rng, 5_000, 0.95)
    assert of(values).worth(200) < 60 and of(rng.permutation(values)).worth(200) == 200


@pytest.mark.parametrize("base, seen", [([10, 10], [10, 10]), ([1000, 1], [3, 197]), ([1, 1, 1000], [100, 50, 50]), ([5, 0, 0], [0, 0, 5]),
                                        ([500, 500, 1], [100, 100, 0])])
def test_merging_keeps_every_row(base: list[int], seen: list[int]) -> None:
    one, other = _merged(np.array(base, dtype=float), np.array(seen, dtype=float))
    assert len(one) == len(other) and one.sum() == sum(base) and other.sum() == sum(seen)


def test_nothing_seen_or_one_bin_says_nothing() -> None:
    known = of(np.random.default_rng(0).normal(size=500))
    assert known.compare(np.zeros(known.bins)) == (1.0, 0.0)
    assert Histogram.of_numbers(np.ones(50), np.arange(50), 50, series=True).compare(np.array([9.0])) == (1.0, 0.0)


def test_a_series_of_levels() -> None:
    rng = np.random.default_rng(6)
    held = np.repeat(rng.choice(["a", "b"], 250), 20).tolist()
    known = Histogram.of_levels(held, np.arange(5_000), 5_000, series=True, reach=16)
    assert known.worth(1_000) < 200
    later = np.repeat(rng.choice(["a", "b"], 50), 20).tolist()
    assert known.compare(counts(known, later))[0] > 0.001 and known.compare(counts(known, ["a"] * 900 + ["b"] * 100))[0] < 0.001
