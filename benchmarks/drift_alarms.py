"""How often the monitor cries wolf, and what it finds: 200 looks at rows that never change, and at rows of which one column moves.

    python benchmarks/drift_alarms.py [--runs 24] [--looks 200] [--columns 20] [--only "AR 0.9"]

Prints, for tables with independent rows, with rows in a slowly changing order, and for autoregressive series: the share of runs in
which any rule of the monitor ever fired on stationary rows (the promise is 1 % for each of the four rules), the same when rows are taken as
independent (what a naive test would do), and how many looks a shift of half a standard deviation in one of the columns takes.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from unittest import mock

import numpy as np

from tocsin.core.types import Dataset
from tocsin.monitoring import drift, quality
from tocsin.monitoring.histogram import Histogram
from tocsin.monitoring.look import examine, pushed, rows_needed
from tocsin.pipeline.pipeline import Pipeline

Source = Callable[[np.random.Generator, int, int, np.ndarray | None], np.ndarray]


def independent(rng: np.random.Generator, n: int, d: int, _last: np.ndarray | None) -> np.ndarray:
    return rng.normal(size=(n, d))


def autoregressive(phi: float) -> Source:
    def source(rng: np.random.Generator, n: int, d: int, last: np.ndarray | None) -> np.ndarray:
        rows, state = np.empty((n, d)), rng.normal(size=d) if last is None else last
        noise = rng.normal(size=(n, d)) * np.sqrt(1 - phi**2)
        for i in range(n):
            state = rows[i] = phi * state + noise[i]
        return rows
    return source


SETUPS: dict[str, tuple[str, Source, str]] = {
    "table, independent rows": ("table", independent, "baseline"),
    "table, rows in slow order (AR 0.9)": ("table", autoregressive(0.9), "baseline"),
    "series, AR 0.5": ("series", autoregressive(0.5), "baseline"),
    "series, AR 0.9": ("series", autoregressive(0.9), "baseline"),
    "series, AR 0.98": ("series", autoregressive(0.98), "baseline"),
}


Fired = list[tuple[int, str, str]]


def independently(known: dict[str, Histogram]) -> dict[str, Histogram]:
    """The same histograms, with every row taken as independent."""
    copies = {name: replace(one, series=False) for name, one in known.items()}
    with mock.patch("tocsin.monitoring.histogram.in_order", lambda *_: False):
        for one in copies.values():
            one.worth(1)  # decided once
    return copies


def watch(setup: tuple[str, Source, str], seed: int, looks: int, d: int, shift: float = 0.0, train: int = 5_000) -> Fired:
    """(look, rule, column) of everything that fired; rule "naive": input drift, had rows been taken as independent. ``shift`` moves the
    first column from the start; then the first find ends the run."""
    (kind, source, detector), rng = setup, np.random.default_rng(seed)
    rows = source(rng, train, d, None)
    names = [f"x{j}" for j in range(d)]
    model = Pipeline(detector).fit(Dataset.of(rows, kind=kind, names=names))
    naive = independently(drift.histograms(model))
    n, last, stack, tests, fired = rows_needed(model), rows[-1], [], 0, []
    for look in range(1, looks + 1):
        rows = source(rng, n, d, last)
        last = rows[-1].copy()
        rows[:, 0] += shift
        data = Dataset.of(rows, kind=kind, names=names)
        fresh = {"sketch": drift.sketch(data, model.detect(data), model), "quality": quality.measure(data, model)}
        stack, windows = pushed(stack, fresh)
        fired += [(look, one["what"], one["column"]) for one in examine(windows, model, tests) if one["fired"]]
        if not shift and not any(rule == "naive" for _, rule, _ in fired):  # once is enough to know
            with mock.patch.object(drift, "histograms", lambda _: naive):
                fired += [(look, "naive", one["column"]) for one in examine(windows, model, tests)
                          if one["fired"] and one["what"] == "input_drift"]
        tests += len(windows)
        if shift and any(rule == "input_drift" for _, rule, _ in fired):
            break
    return fired


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=24)
    parser.add_argument("--looks", type=int, default=200)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    looks, d = given.looks, given.columns
    print(f"{given.runs} runs, {looks} looks, {d} columns, 5,000 training rows; share of runs with a false incident ever")
    print("| rows | any rule | input_drift | score_drift | alarm_rate | quality | input_drift, naive |\n|---|" + "---|" * 6)
    for name, setup in SETUPS.items():
        if given.only in name:
            runs = [watch(setup, seed, looks, d) for seed in range(given.runs)]
            ever = Counter(rule for run in runs for rule in {rule for _, rule, _ in run})
            any_rule = sum(any(rule != "naive" for _, rule, _ in run) for run in runs)
            shares = [any_rule, *(ever[rule] for rule in ("input_drift", "score_drift", "alarm_rate", "quality", "naive"))]
            print(f"| {name} | " + " | ".join(f"{count / given.runs:.1%}" for count in shares) + " |", flush=True)
    few = min(looks, 50)
    print(f"\nOne of {d} columns moved by half a standard deviation: looks until it was found (of {few})")
    print("| rows | found | right column alone | median looks | 90 % within |\n|---|---|---|---|---|")
    for name, setup in SETUPS.items():
        if given.only in name:
            runs = [watch(setup, 10_000 + seed, few, d, 0.5) for seed in range(given.runs // 2)]
            first = [[hit for hit in run if hit[1] == "input_drift"] for run in runs]
            when = np.array([run[0][0] if run else np.inf for run in first])
            right = np.mean([bool(run) and {column for _, _, column in run} == {"x0"} for run in first])
            ends = [f"{value:.0f}" if np.isfinite(value) else "more" for value in np.quantile(when, [0.5, 0.9], method="higher")]
            print(f"| {name} | {np.isfinite(when).mean():.0%} | {right:.0%} | {ends[0]} | {ends[1]} |", flush=True)


if __name__ == "__main__":
    main()
