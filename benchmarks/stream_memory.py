"""Peak resident memory of `tocsin score` over a 5-million-row Parquet file, read off the finished process.

    python benchmarks/stream_memory.py [--rows 5000000] [--columns 10] [--detector gaussian]
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def write(path: Path, rows: int, columns: int) -> None:
    """A Parquet file of normal numbers, in row groups of a million rows."""
    rng = np.random.default_rng(0)
    names = [f"c{j}" for j in range(columns)]
    with pq.ParquetWriter(path, pa.schema([(name, pa.float64()) for name in names])) as sink:
        for start in range(0, rows, 1_000_000):
            n = min(1_000_000, rows - start)
            sink.write_table(pa.table({name: rng.normal(size=n) for name in names}))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--columns", type=int, default=10)
    parser.add_argument("--detector", default="gaussian")
    given = parser.parse_args()
    tocsin = [sys.executable, "-m", "tocsin"]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "train.parquet", 5_000, given.columns)
        write(folder / "all.parquet", given.rows, given.columns)
        fit = [*tocsin, "fit", str(folder / "train.parquet"), "--out", str(folder / "m.tocsin"), "--detector", given.detector]
        subprocess.run(fit, check=True, env=env, stdout=subprocess.DEVNULL)
        start = time.perf_counter()
        score = [*tocsin, "score", str(folder / "m.tocsin"), str(folder / "all.parquet"), "--out", str(folder / "out")]
        child = subprocess.Popen(score, env=env, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        seconds, size = time.perf_counter() - start, (folder / "all.parquet").stat().st_size
        with open(folder / "out" / "detections.csv", "rb") as lines:
            written = sum(1 for _ in lines) - 1
    scale = 1 if sys.platform == "darwin" else 1024
    print(f"exit {os.waitstatus_to_exitcode(status)}; {written:,} of {given.rows:,} rows written; file {size / 2**20:,.0f} MiB; "
          f"{given.detector}: peak resident {usage.ru_maxrss * scale / 2**20:,.0f} MiB; {seconds:.1f} s wall; "
          f"this script itself {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 2**20:,.0f} MiB")


if __name__ == "__main__":
    main()
