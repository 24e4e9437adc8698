"""A mixed table, small graphs run at once, and exported models run without Tocsin: in plain Python and in Node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

_HERE = Path(__file__).resolve().parent
_ROOT = _HERE.parent.parent.parent.parent


def mixed(n: int = 400) -> pa.Table:
    """Numbers, categories, booleans and dates, with holes and without; constants, empty columns, and names that outputs have, too."""
    r = np.random.default_rng(0)

    def holes(values: np.ndarray, share: float) -> list[Any]:
        return [None if gone else value for gone, value in zip((r.random(n) < share).tolist(), values.tolist())]

    hours = np.datetime64("2021-01-01", "us") + r.integers(0, 30_000, n) * np.timedelta64(3601, "s")
    return pa.table({
        "flow (l/s)": holes(r.normal(1e3, 1e-2, n), 0.05), "heavy": r.lognormal(0, 3, n), "score": r.normal(size=n),
        "pump": holes(r.choice(["north", "süd ☃"], n), 0.1), "valve": r.choice(["a", "b", "c"], n),
        "batch": holes(r.choice([f"k{i}" for i in range(60)], n), 0.2), "on": holes(r.random(n) < 0.1, 0.1), "off": r.random(n) < 0.5,
        "seen": pa.array(holes(hours, 0.1), pa.timestamp("us")), "asked": pa.array(hours[::-1].copy()),
        "day": pa.array([hours[0]] * n), "empty": pa.nulls(n, pa.float64()), "blank": pa.nulls(n, pa.string()),
        "undated": pa.nulls(n, pa.timestamp("us")), "pi": [3.14] * n, "yes": [True] * n, "site": holes(np.array(["only"] * n), 0.1),
        "order_id": [f"o{i}" for i in range(n)],
    })


def wave(t: int = 500) -> np.ndarray:
    """(t, 2) a wave of period 20 with a second channel, and some holes."""
    r = np.random.default_rng(1)
    X = np.column_stack([np.sin(np.arange(t) * np.pi / 10), np.cos(np.arange(t) * np.pi / 10) * 3 + 7]) + 0.05 * r.normal(size=(t, 2))
    X[r.random(X.shape) < 0.02] = np.nan
    return X


@pytest.fixture(scope="session")
def table() -> pa.Table:
    return mixed()


@pytest.fixture(scope="session")
def series() -> np.ndarray:
    return wave()


@pytest.fixture
def value() -> Callable[..., np.ndarray]:
    """``value(build, x=array, ...)``: what the graph gives that ``build(graph, "x", ...)`` writes; it returns the name of its result."""
    from tocsin.delivery.export.graph import Graph
    from tocsin.delivery.export.proof import start

    def run(build: Callable[..., str], **feeds: np.ndarray) -> np.ndarray:
        import onnx.helper

        graph = Graph()
        for name, array in feeds.items():
            kind = onnx.TensorProto.STRING if array.dtype == object else onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
            graph.input(name, kind, [f"{name}{i}" for i in range(array.ndim)])
        made = build(graph, *feeds)
        model = graph.model()
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(made))
        return np.asarray(start(model.SerializeToString()).run(None, feeds)[0])

    return run


def as_json(feeds: dict[str, np.ndarray]) -> dict[str, Any]:
    """Feeds as alone.py and run.cjs take them."""
    def cell(value: Any) -> Any:
        return None if isinstance(value, float) and not np.isfinite(value) else value

    return {name: {"type": "string" if array.dtype == object else str(array.dtype), "dims": list(array.shape),
                   "data": [cell(value) for value in array.ravel().tolist()]} for name, array in feeds.items()}


def _ran(command: list[str], model: Path, feeds: dict[str, np.ndarray], **environment: str) -> dict[str, Any]:
    told = model.with_suffix(".feeds.json")
    told.write_text(json.dumps(as_json(feeds)), encoding="utf-8")
    done = subprocess.run([*command, str(model), str(told)], capture_output=True, text=True, env={**os.environ, **environment}, timeout=120)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    for name, output in found["outputs"].items():
        found[name] = np.array(output["data"]).reshape(output["dims"])
    return found


@pytest.fixture
def alone() -> Callable[..., dict[str, Any]]:
    """``alone(path, feeds)``: outputs by name, and ``loaded``: packages that should not have been."""
    return lambda model, feeds: _ran([sys.executable, "-I", str(_HERE / "alone.py")], model, feeds)


@pytest.fixture
def node() -> Callable[..., dict[str, Any]]:
    """``node(path, feeds)`` in onnxruntime-node; skipped where it is not installed."""
    places = [os.environ.get("TOCSIN_NODE_MODULES", ""), *os.environ.get("NODE_PATH", "").split(os.pathsep), str(_ROOT / "node_modules")]
    place = next((place for place in places if place and (Path(place) / "onnxruntime-node").is_dir()), None)
    if shutil.which("node") is None or place is None:
        pytest.skip("needs node and onnxruntime-node (npm install onnxruntime-node; TOCSIN_NODE_MODULES=.../node_modules)")
    return lambda model, feeds: _ran(["node", str(_HERE / "run.cjs")], model, feeds, TOCSIN_NODE_MODULES=place)
