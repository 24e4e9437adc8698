"""Events per CPU second and latency per event of the online detectors on one channel, beside River's half-space trees.

    python benchmarks/stream_speed.py [--events 100000] [--detectors NAME ...] [--peer-python PATH]

PATH is a Python that can import river; it runs the same stream in the same run. Latency is wall time and includes whatever else the
machine does; events per CPU second do not. A day of five-minute steps with noise and a spike now and then.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time

import numpy as np

PEER = """
import json, sys, time
from river import anomaly
values = json.load(sys.stdin)
low, high = min(values), max(values)
model = anomaly.HalfSpaceTrees(seed=0, limits={"x": (low, high)})
score, learn, took = model.score_one, model.learn_one, []
start = time.process_time()
for value in values:
    begin = time.perf_counter()
    row = {"x": value}
    score(row)
    learn(row)
    took.append(time.perf_counter() - begin)
json.dump([time.process_time() - start, took], sys.stdout)
"""


def stream(events: int) -> list[float]:
    rng = np.random.default_rng(0)
    values = 10 + 3 * np.sin(np.arange(events) * 2 * np.pi / 288) + rng.normal(size=events)
    values[rng.random(events) < 1e-3] += 15
    made: list[float] = values.tolist()
    return made


def own(name: str, values: list[float]) -> tuple[float, list[float]]:
    from tocsin.core import catalog
    from tocsin.core.online import OnlineDetector

    detector = catalog.make(name)
    assert isinstance(detector, OnlineDetector)
    step, took = detector.stepper(channels=1).step, []
    start = time.process_time()
    for value in values:
        begin = time.perf_counter()
        step((value,))
        took.append(time.perf_counter() - begin)
    return time.process_time() - start, took


def framed(name: str, values: list[float]) -> tuple[float, list[float]]:
    """The same through ``tocsin.Stream``: with its adaptive threshold, p-values and judgements."""
    from tocsin.streaming.stream import Stream

    frame, took = Stream(name), []
    start = time.process_time()
    for value in values:
        begin = time.perf_counter()
        frame.push(value)
        took.append(time.perf_counter() - begin)
    return time.process_time() - start, took


def line(name: str, cpu: float, took: list[float]) -> str:
    middle, tail, most = (1e6 * float(value) for value in (np.median(took), np.quantile(took, 0.99), max(took)))
    return f"{name:<24}{len(took) / cpu:>10,.0f} events per CPU s   p50 {middle:7.1f}   p99 {tail:7.1f}   longest {most:9.1f} microseconds"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--detectors", nargs="+", default=["seasonal_forecaster", "half_space_trees"])
    parser.add_argument("--peer-python")
    given = parser.parse_args()
    values = stream(given.events)
    for name in given.detectors:
        print(line(name, *own(name, values)), flush=True)
        print(line("  through a Stream", *framed(name, values)), flush=True)
    if given.peer_python:
        done = subprocess.run([given.peer_python, "-c", PEER], input=json.dumps(values), capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"the peer failed: {done.stderr[-500:]}")
        print(line("river HalfSpaceTrees", *json.loads(done.stdout)))


if __name__ == "__main__":
    main()
