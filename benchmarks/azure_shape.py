"""Flags on NAB series through the Azure-shaped call, beside the retired service's own open-sourced code, in one run.

    python benchmarks/azure_shape.py --data DIR [--peer-python PYTHON] [--sensitivity 99,95] [--csv FILE]

DIR holds NAB series (``*.csv`` with timestamp, value, label; 1 = inside an anomaly window), itself or below ``series/nab``. Each series is
sent as the same JSON body to both sides: granularity and customInterval where all its stamps lie on the grid of its most frequent step,
else granularity none; maxAnomalyRatio 0.25; imputeMode auto; the sensitivity stated. A series longer than 8,640 points is sent in equal
consecutive parts. Tocsin answers over HTTP, by its own router on 127.0.0.1; the peer, ``time-series-anomaly-detector`` 0.4.0, is called in
its own process (``--peer-python``: an interpreter that has it), its ``EntireAnomalyDetector`` with the same fields. Labels only evaluate.

Figures, summed over series (micro):
- points: precision and recall of single points against the labelled windows;
- windows: a labelled window counts as found when at least one of its points is flagged (recall = found windows / all windows); flags
  outside windows count as false alarms once per run of consecutive flagged points (precision = found / (found + false runs)). A side that
  flags much finds windows by chance: the line "random" flags as many points at random, spread evenly (mean of 20 draws).
Seconds: the median of three answers to one call of 8,640 points (hourly, daily season), without and with HTTP and JSON for Tocsin.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

STEPS = ((86_400, "daily"), (3600, "hourly"), (60, "minutely"), (1, "secondly"))
Answer = Callable[[list[dict[str, Any]]], list[Any]]  # bodies → flags (n,) of each, or the text of an error

PEER = r"""
import io, json, sys, time, warnings, contextlib, logging
warnings.filterwarnings("ignore"); logging.disable(logging.CRITICAL)
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    import pandas as pd
    from anomaly_detector import EntireAnomalyDetector
for line in sys.stdin:
    body = json.loads(line)
    frame = pd.DataFrame(body.pop("series"))
    start = time.perf_counter()
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            found = EntireAnomalyDetector().predict(None, frame, body)
        said = {"flags": [bool(row["result"]["is_anomaly"]) for row in found]}
    except Exception as error:
        said = {"error": f"{type(error).__name__}: {error}"[:200]}
    print(json.dumps({**said, "seconds": time.perf_counter() - start}), flush=True)
"""


def series(folder: Path) -> Iterator[tuple[str, list[str], np.ndarray, np.ndarray]]:
    """(name, stamps, values, labels) of each file."""
    below = folder / "series" / "nab"
    for path in sorted((below if below.is_dir() else folder).glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        yield path.stem, [row["timestamp"] for row in rows], np.array([float(row["value"]) for row in rows]), \
            np.array([int(float(row["label"])) for row in rows], dtype=bool)


def clock(stamps: list[str]) -> dict[str, Any]:
    """The granularity and customInterval whose grid holds every stamp, or granularity none."""
    times = np.array([stamp.replace(" ", "T") for stamp in stamps], "M8[s]").astype(np.int64)
    apart = np.diff(times)
    step = Counter(apart.tolist()).most_common(1)[0][0]
    slots = (times[-1] - times[0]) // max(step, 1) + 1
    if step <= 0 or (apart <= 0).any() or ((times - times[0]) % step).any() or slots > 1.5 * len(times):
        return {"granularity": "none"}
    length, name = next((length, name) for length, name in STEPS if step % length == 0)
    return {"granularity": name, "customInterval": int(step // length)}


def bodies(stamps: list[str], values: np.ndarray, sensitivity: int) -> list[dict[str, Any]]:
    """The requests for one series, of at most 8,640 points each."""
    parts = np.array_split(np.arange(len(values)), -(-len(values) // 8640))
    said = []
    for part in parts:
        own = [stamps[i] for i in part]
        points = [{"timestamp": stamp.replace(" ", "T") + "Z", "value": float(values[i])} for stamp, i in zip(own, part)]
        said.append({"series": points, **clock(own), "maxAnomalyRatio": 0.25, "sensitivity": sensitivity, "imputeMode": "auto"})
    return said


def tocsin_answers(port: int) -> Answer:
    import httpx

    def answer(asked: list[dict[str, Any]]) -> list[Any]:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Ocp-Apim-Subscription-Key": "bench"}, timeout=60) as client:
            replies = [client.post("/anomalydetector/v1.1/timeseries/entire/detect", json=body) for body in asked]
        return [np.array(reply.json()["isAnomaly"]) if reply.status_code == 200 else reply.text for reply in replies]

    return answer


def peer_answers(peer: subprocess.Popen[str]) -> Answer:
    def answer(asked: list[dict[str, Any]]) -> list[Any]:
        return [np.array(reply["flags"]) if "flags" in reply else reply["error"] for reply in (_ask(peer, body) for body in asked)]

    return answer


def _ask(peer: subprocess.Popen[str], body: dict[str, Any]) -> dict[str, Any]:
    assert peer.stdin is not None and peer.stdout is not None
    peer.stdin.write(json.dumps(body) + "\n")
    peer.stdin.flush()
    return dict(json.loads(peer.stdout.readline()))


def runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """(first, after last) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(int)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2])]


def count(flags: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Points: hits, flags, labelled; windows: found, all; false runs; points."""
    windows = runs(labels)
    found = sum(bool(flags[a:b].any()) for a, b in windows)
    return np.array([(flags & labels).sum(), flags.sum(), labels.sum(), found, len(windows), len(runs(flags & ~labels)), len(flags)])


def line(name: str, total: np.ndarray, sets: int) -> str:
    hit, flagged, labelled, found, windows, false, n = (float(v) for v in total)
    precision, recall = hit / max(flagged, 1), hit / max(labelled, 1)
    window_precision, window_recall = found / max(found + false, 1), found / max(windows, 1)
    harmonic = 2 * window_precision * window_recall / max(window_precision + window_recall, 1e-9)
    return (f"| {name} | {sets} | {100 * flagged / n:.2f} % | {precision:.3f} | {recall:.3f} "
            f"| {window_precision:.3f} | {window_recall:.3f} | {harmonic:.3f} | {false:.0f} |")


def random_like(counts: list[tuple[int, np.ndarray]]) -> np.ndarray:
    """The same count for as many flags at random positions of each series, mean of 20 draws."""
    rng, total = np.random.default_rng(0), np.zeros(7)
    for flagged, labels in counts:
        for _ in range(20):
            flags = np.zeros(len(labels), dtype=bool)
            flags[rng.choice(len(labels), flagged, replace=False)] = True
            total += count(flags, labels) / 20
    return total


def serve() -> int:
    """Tocsin's router on a free port of 127.0.0.1."""
    import uvicorn
    from fastapi import FastAPI

    from tocsin.interfaces.server.azure.routes import router

    app = FastAPI()
    app.include_router(router(lambda key: None))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.05)
    return int(server.servers[0].sockets[0].getsockname()[1])


def long_body() -> dict[str, Any]:
    rng, at = np.random.default_rng(0), np.arange(8640)
    values = 100 + 20 * np.sin(at * 2 * np.pi / 24) + rng.normal(size=8640)
    start = datetime(2024, 1, 1)
    return {"granularity": "hourly", "series": [{"timestamp": (start + timedelta(hours=int(i))).isoformat() + "Z", "value": float(v)}
                                                for i, v in zip(at, values)], "maxAnomalyRatio": 0.25, "sensitivity": 95}


def seconds(work: Callable[[], Any]) -> float:
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--data", type=Path, required=True)
    asked.add_argument("--peer-python", default="")
    asked.add_argument("--sensitivity", default="99,95")
    asked.add_argument("--csv", type=Path)
    given = asked.parse_args()
    port = serve()
    sides: dict[str, Answer] = {"tocsin": tocsin_answers(port)}
    peer = None
    if given.peer_python:
        peer = subprocess.Popen([given.peer_python, "-W", "ignore", "-c", PEER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True)
        sides["time-series-anomaly-detector 0.4.0"] = peer_answers(peer)
    rows = []
    for sensitivity in (int(part) for part in given.sensitivity.split(",")):
        print(f"\nsensitivity {sensitivity}, maxAnomalyRatio 0.25\n")
        print("| side | series | flagged | point precision | point recall | window precision | window recall | window F1 | false runs |")
        print("|---|---|---|---|---|---|---|---|---|")
        rows += _compare(sides, list(series(given.data)), sensitivity)
    _speed(port, peer)
    if given.csv:
        with given.csv.open("w", newline="", encoding="utf-8") as file:
            names = ["sensitivity", "side", "series", "hits", "flagged", "labelled", "found", "windows", "false_runs", "n"]
            csv.writer(file).writerows([names, *rows])
    if peer is not None:
        peer.kill()
        peer.wait()
    return 0


def _compare(sides: dict[str, Answer], sets: list[Any], sensitivity: int) -> list[list[Any]]:
    answers: dict[str, dict[str, np.ndarray]] = {side: {} for side in sides}
    for name, stamps, values, _labels in sets:
        for side, answer in sides.items():
            parts = answer(bodies(stamps, values, sensitivity))
            wrong = [part for part in parts if isinstance(part, str)]
            if wrong:
                print(f"{side} refuses {name}: {wrong[0]}", file=sys.stderr)
            else:
                answers[side][name] = np.concatenate(parts)
    shared = [item for item in sets if all(item[0] in found for found in answers.values())]
    rows = []
    for side, found in answers.items():
        counted = [(name, count(found[name], labels)) for name, _, _, labels in shared]
        print(line(side, np.sum([part for _, part in counted], axis=0), len(shared)))
        print(line(f"random, as many flags as {side}", random_like([(int(found[name].sum()), labels) for name, _, _, labels in shared]),
                   len(shared)))
        rows += [[sensitivity, side, name, *part.tolist()] for name, part in counted]
    return rows


def _speed(port: int, peer: subprocess.Popen[str] | None) -> None:
    import httpx

    from tocsin.flows.univariate.judge import entire
    from tocsin.flows.univariate.terms import Terms

    body = long_body()
    values = np.array([point["value"] for point in body["series"]])
    stamps = np.array([point["timestamp"][:-1] for point in body["series"]], "M8[us]")
    content = json.dumps(body).encode()
    url = f"http://127.0.0.1:{port}/anomalydetector/v1.1/timeseries/entire/detect"
    print("\n| 8,640 points | seconds |\n|---|---|")
    print(f"| tocsin, the judgement alone | {seconds(lambda: entire(values, stamps, Terms('hourly', sensitivity=95))):.3f} |")
    print(f"| tocsin, over HTTP with JSON | "
          f"{seconds(lambda: httpx.post(url, content=content, headers={'Ocp-Apim-Subscription-Key': 'bench'}, timeout=60)):.3f} |")
    if peer is not None:
        print(f"| time-series-anomaly-detector 0.4.0, in its process | {np.median([_ask(peer, body)['seconds'] for _ in range(3)]):.3f} |")


if __name__ == "__main__":
    raise SystemExit(main())
