"""One window through exported series pipelines, beside eager PyTorch, in one run on one core.

    python benchmarks/export_latency.py            # needs pip install 'tocsin[deep,export]'

Two comparisons, each of equal work. Network: raw window → mean score, by PyTorch in inference mode (the module alone, no padding to a full
batch, no checks) and by onnxruntime. Pipeline: raw window (1, l, c) → score, p-value and decision of every step, by ``Pipeline.detect``
and by the exported file. Contenders take turns in bursts of 20 calls, so that each runs with warm caches; medians of all calls.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
import onnxruntime
import torch

import tocsin
from tocsin.core.types import Dataset
from tocsin.delivery.export.export import export
from tocsin.delivery.export.graph import DOUBLE, Graph
from tocsin.delivery.export.network import cells, foretold, standardised

ROUNDS, BURST = 15, 20
DETECTORS: dict[str, tuple[str, dict[str, Any]]] = {
    "conv": ("conv", {}), "recurrent, LSTM": ("recurrent", {}), "recurrent, GRU": ("recurrent", {"cell": "gru"}),
    "transformer": ("transformer", {}),
}
SHAPES = ((32, 1), (64, 1), (32, 8))  # window, channels


def medians(calls: list[Callable[[], object]]) -> list[float]:
    """Median seconds of a call of each, taken in turns."""
    taken: list[list[float]] = [[] for _ in calls]
    for turn in range(ROUNDS + 1):
        for call, times in zip(calls, taken):
            for _ in range(BURST):
                start = time.perf_counter()
                call()
                times += [time.perf_counter() - start] * (turn > 0)
    return [statistics.median(times) for times in taken]


def session(content: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def network(detector: Any, channels: int) -> onnxruntime.InferenceSession:
    """Window → mean score of its judged steps, as ONNX."""
    graph, length = Graph(), detector.shape_[0]
    z = standardised(graph, graph.input("x", DOUBLE, ["b", span(detector), channels]), detector.net_.inputs)
    squares = cells(graph, graph.part(z, 1, -length), foretold(graph, z, detector, length), detector.net_.spread)
    graph.output("score", graph.mean(graph.mean(graph.cast(squares, DOUBLE), -1), -1), DOUBLE, ["b"])
    return session(graph.model().SerializeToString())


def span(detector: Any) -> int:
    """Rows that the network sees at once."""
    return detector.shape_[0] * (2 if detector._forecasts() else 1)


def eager(detector: Any) -> Callable[[np.ndarray], np.ndarray]:
    """The same by PyTorch."""
    net = detector.net_

    def score(window: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return detector._cells(net, net.inputs(torch.from_numpy(window))).double().mean((1, 2)).numpy()

    return score


def wave(t: int, channels: int) -> np.ndarray:
    angle = np.arange(t)[:, None] * 2 * np.pi / 20 + np.arange(channels)
    return np.sin(angle) + 0.05 * np.random.default_rng(0).normal(size=(t, channels))


def measured(kind: str, length: int, channels: int, folder: Path) -> list[float]:
    """Seconds of the network by PyTorch and by onnxruntime, and of the pipeline by Tocsin and by the file."""
    name, params = DETECTORS[kind]
    detector = tocsin.make(name, window=length, training={"epochs": 2}, **params)
    model = tocsin.Pipeline(detector).fit(Dataset.of(wave(900, channels), kind="series"))
    export(model, folder / "model.onnx")
    whole, detector = session((folder / "model.onnx").read_bytes()), model.detector_
    alone, module = network(detector, channels), eager(detector)
    seen, window = wave(span(detector), channels)[None], wave(detector.shape_[0], channels)
    data, feeds = Dataset.of(window, kind="series"), {"window": window[None]}
    np.testing.assert_allclose(alone.run(None, {"x": seen})[0], module(seen), rtol=1e-4)
    np.testing.assert_allclose(whole.run(["score"], feeds)[0][0], model.detect(data).score, rtol=1e-3, atol=1e-6)
    return medians([lambda: module(seen), lambda: alone.run(None, {"x": seen}), lambda: model.detect(data), lambda: whole.run(None, feeds)])


def main() -> None:
    torch.set_num_threads(1)
    print(f"PyTorch {torch.__version__}, onnxruntime {onnxruntime.__version__}; microseconds, one window, one core\n")
    print("| detector | window × channels | network: PyTorch | onnxruntime | ratio | pipeline: detect | file | ratio |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for kind in DETECTORS:
            for length, channels in SHAPES:
                a, b, c, d = (1e6 * seconds for seconds in measured(kind, length, channels, Path(folder)))
                figures = f"{a:,.0f} | {b:,.0f} | {a / b:.1f} | {c:,.0f} | {d:,.0f} | {c / d:.0f}"
                print(f"| {kind} | {length} × {channels} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
