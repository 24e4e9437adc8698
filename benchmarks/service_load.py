"""The service under load: single-row requests a second and their latency, and seconds from a dropped csv to its result.

    python benchmarks/service_load.py                 # with wrk when it is installed, else with a client in Python
    python benchmarks/service_load.py --seconds 5

One ``tocsin serve`` (one worker process beside it), one client process. The detector: nearest neighbours, learned from 1,000 rows of four
numbers and two categories. Each request carries one row and a key, each answer a score, a p-value and the decision; rows are journalled.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import csv
import io
import json
import os
import random
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import httpx

CONNECTIONS = (1, 8, 32)
_LUA = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("TOCSIN_KEY")
local bodies, next = {}, 0
for line in io.lines(os.getenv("TOCSIN_BODIES")) do bodies[#bodies + 1] = line end
function request()
  next = next % #bodies + 1
  return wrk.format(nil, nil, nil, bodies[next])
end
function done(summary, latency)
  io.write(string.format("figures %f %f %f %d\\n", summary.requests / summary.duration * 1e6, latency:percentile(50) / 1000,
    latency:percentile(99) / 1000, summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout))
end
"""


def rows(n: int, seed: int) -> list[dict[str, Any]]:
    draw = random.Random(seed)
    return [{"amount": round(draw.gauss(50, 5), 3), "weight": round(draw.gauss(4, 1), 3), "items": draw.randrange(1, 9),
             "ratio": round(draw.random(), 4), "city": draw.choice(["Oslo", "Rome", "Kyiv", "Lima"]), "paid": draw.choice(["card", "cash"])}
            for _ in range(n)]


def as_csv(table: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(table[0]))
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue().encode()


@contextlib.contextmanager
def service(folder: Path) -> Iterator[tuple[str, str]]:
    """(address, key) of a service in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tocsin"]
    process = subprocess.Popen([*command, "serve", "--data-dir", folder, "--port", str(port)], stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        until = time.monotonic() + 120
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{address}/healthz").status_code == 200:
                    break
            if time.monotonic() > until or process.poll() is not None:
                raise SystemExit("the service did not start")
            time.sleep(0.1)
        key = subprocess.run([*command, "keys", "create", "--data-dir", folder, "--scope", "manage"], check=True, capture_output=True,
                             text=True).stdout.strip()
        yield address, key
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def dropped(http: httpx.Client, name: str, content: bytes, detector: str) -> float:
    """Seconds from the first byte of the upload to the page's view of what was found."""
    started = time.perf_counter()
    upload = http.post("/uploads", files={"file": (f"{name}.csv", content)}).raise_for_status().json()["digest"]
    body = {"name": name, "upload": upload, "detector": detector}
    job = http.post("/detectors", json=body).raise_for_status().json()
    with http.stream("GET", f"/jobs/{job['id']}/events") as events:
        last = [line for line in events.iter_lines() if line.startswith("data: ")][-1]
    if json.loads(last[6:])["state"] != "done":
        raise SystemExit(last)
    http.get(f"/detectors/{name}").raise_for_status()
    return time.perf_counter() - started


def by_wrk(url: str, key: str, bodies: list[str], connections: int, seconds: int, folder: Path) -> tuple[float, float, float, int]:
    """(requests a second, p50 ms, p99 ms, errors)."""
    (folder / "load.lua").write_text(_LUA)
    (folder / "bodies").write_text("\n".join(bodies))
    said = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", folder / "load.lua", url], check=True, text=True,
                          capture_output=True, env={**os.environ, "TOCSIN_KEY": key, "TOCSIN_BODIES": str(folder / "bodies")}).stdout
    found = re.search(r"figures ([\d.]+) ([\d.]+) ([\d.]+) (\d+)", said)
    if found is None:
        raise SystemExit(said)
    return float(found[1]), float(found[2]), float(found[3]), int(found[4])


def by_python(url: str, key: str, bodies: list[str], connections: int, seconds: int, folder: Path) -> tuple[float, float, float, int]:
    """The same without wrk; the client itself takes a part of the machine."""
    taken: list[float] = []
    wrong = 0

    async def ask(http: httpx.AsyncClient, until: float) -> None:
        nonlocal wrong
        draw = random.Random(0)
        while (started := time.perf_counter()) < until:
            answer = await http.post(url, content=draw.choice(bodies), headers={"Content-Type": "application/json"})
            taken.append(time.perf_counter() - started)
            wrong += answer.status_code != 200

    async def all_of_them() -> None:
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=30) as http:
            await asyncio.gather(*(ask(http, time.perf_counter() + seconds) for _ in range(connections)))

    asyncio.run(all_of_them())
    cuts = statistics.quantiles(taken, n=100)
    return len(taken) / seconds, cuts[49] * 1000, cuts[98] * 1000, wrong


def main() -> None:
    given = argparse.ArgumentParser(description="Load figures of the service.")
    given.add_argument("--seconds", type=int, default=10, help="of load for each number of connections")
    given.add_argument("--runs", type=int, default=3, help="of the way from a dropped csv to its result")
    asked = given.parse_args()
    load = by_wrk if shutil.which("wrk") else by_python
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        address, key = stack.enter_context(service(scratch / "data"))
        http = stack.enter_context(httpx.Client(base_url=f"{address}/api/v1", headers={"Authorization": f"Bearer {key}"}, timeout=300))
        dropped(http, "warm", as_csv(rows(1_000, 0)), "knn")
        bodies = [json.dumps({"rows": [row]}) for row in rows(500, 1)]
        url = f"{address}/api/v1/detectors/warm/score"
        load(url, key, bodies, 8, 2, scratch)
        print(f"| one row a request, {'wrk' if load is by_wrk else 'a client in Python'} | requests/s | p50 ms | p99 ms | errors |")
        print("|---|---|---|---|---|")
        for connections in CONNECTIONS:
            rate, p50, p99, errors = load(url, key, bodies, connections, asked.seconds, scratch)
            print(f"| {connections} connection{'s' * (connections > 1)} | {rate:.0f} | {p50:.1f} | {p99:.1f} | {errors} |", flush=True)
        taken = [dropped(http, f"run{i}", as_csv(rows(10_000, 10 + i)), "auto") for i in range(asked.runs)]
        print(f"\nfrom a dropped csv of 10,000 rows to its result: {statistics.median(taken):.1f} s "
              f"(median of {', '.join(f'{one:.1f}' for one in taken)})")


if __name__ == "__main__":
    main()
