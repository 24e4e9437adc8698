"""Many detectors on many sets: the harness behind ``tocsin benchmark --data DIR``.

Every run is a process of its own with its own time limit; results go to a csv that only grows, and runs that it already holds are
skipped, so an interrupted benchmark is simply started again. Figures are of the raw anomaly score: no calibration, no threshold.
"""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

import tocsin
from tocsin.core.config import Config
from tocsin.core.errors import ConfigError
from tocsin.evaluation import ledger
from tocsin.evaluation.methods import Method, parse
from tocsin.evaluation.sets import SUITES, find
from tocsin.evaluation.tables import summarise, to_csv, to_markdown
from tocsin.evaluation.worker import Worker

Progress = Callable[[int, int, dict[str, Any]], None]
"""Called after each run with the number done, the number planned, and the run's row."""


class Benchmark(Config):
    """What to run.

    data        folder of sets (``sets`` describes the layout); ``out`` the csv of results
    methods     detectors of the catalog and peers: "knn", "knn(k=1)", "windows(detector='knn')", "pyod:KNN"
    suites      folders of sets; ``protocols`` of them, all by default; ``sets`` keeps the names that hold one of these texts
    seeds       one run each; deterministic detectors see only another split
    limit       seconds a run may take; ``memory_mb`` it may claim (0: no bound), ``budget`` seconds in all (0: no bound)
    cap         most rows of a set that brings no split of its own (0: all)
    jobs        runs at a time, one core each
    retry       run again what did not end well
    """

    data: str
    out: str
    methods: tuple[str, ...] = Field(min_length=1)
    suites: tuple[Literal["adbench", "oddbench", "ovrbench", "tsbad_u", "tsbad_m"], ...] = ("adbench",)
    protocols: tuple[Literal["one-class", "unsupervised", "split", "prefix"], ...] = ()
    sets: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0,)
    limit: float = Field(90, gt=0)
    memory_mb: int = Field(0, ge=0)
    budget: float = Field(0, ge=0)
    cap: int = Field(10_000, ge=0)
    jobs: int = Field(1, ge=1)
    retry: bool = False


def run(config: Benchmark, progress: Progress | None = None) -> list[dict[str, Any]]:
    """Runs what is not done yet and returns the rows of everything that ``config`` names, done now or before.

    A row holds the columns of ``ledger.COLUMNS``; ``status`` "ok" or what went wrong. Raises ConfigError TOC-203, TOC-264 (unknown
    method), TOC-265 (no fork here), TOC-266 (nothing to run), TOC-267 (no sets), TOC-268 (``out`` is another kind of file).
    """
    out, jobs = Path(config.out), plan(config)
    if not jobs:
        raise ConfigError("TOC-266", "these settings leave nothing to run", came=f"suites {config.suites}, protocols {config.protocols}",
                          todo="detectors for series need a series suite; peers need tables; check the protocols and set names")
    done = ledger.read(out)
    left = [job for job in jobs if ledger.key(job) not in done or (config.retry and not _well(done[ledger.key(job)]))]
    _work(left, config, out, _counted(progress, len(jobs) - len(left), len(jobs)))
    done = ledger.read(out)
    return [done[ledger.key(job)] for job in jobs if ledger.key(job) in done]


def render(rows: Iterable[dict[str, Any]], reference: str | None = None) -> tuple[str, str]:
    """The rows of :func:`run` as tables: (markdown, csv). ``reference`` is the method that the others are tested against."""
    records = summarise(rows, reference)
    return to_markdown(records), to_csv(records)


def plan(config: Benchmark) -> list[dict[str, Any]]:
    """All runs that ``config`` names, in order: small sets first, all methods of a set together. Methods that do not suit are left out."""
    methods: list[Method] = [parse(text) for text in config.methods]
    made = []
    for suite in (SUITES[name] for name in config.suites):
        files = find(config.data, suite.name)
        names = [name for name in files if not config.sets or any(text in name for text in config.sets)]
        protocols = [protocol for protocol in suite.protocols if not config.protocols or protocol in config.protocols]
        for protocol, name, seed, method in itertools.product(protocols, names, config.seeds, methods):
            if method.suits(suite.form):
                made.append({"suite": suite.name, "set": name, "protocol": protocol, "method": method.label, "seed": seed,
                             "cap": config.cap, "path": str(files[name].resolve()), "limit": config.limit,
                             "memory_mb": config.memory_mb})
    return made


def _work(jobs: list[dict[str, Any]], config: Benchmark, out: Path, record: Callable[[dict[str, Any]], None]) -> None:
    """Hands the jobs to ``config.jobs`` workers. The first failure of the harness itself stops all and is raised here."""
    waiting: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)
    lock, failed = threading.Lock(), list[BaseException]()
    end = time.monotonic() + config.budget if config.budget else float("inf")
    stop = threading.Event()

    def labour() -> None:
        try:
            with Worker() as worker:
                while not stop.is_set() and time.monotonic() < end:
                    job = waiting.get_nowait()
                    row = {**job, **worker.ask(job), "tocsin": tocsin.__version__}
                    with lock:
                        ledger.append(out, row)
                        record({name: row.get(name) for name in ledger.COLUMNS})
        except queue.Empty:
            pass  # the work is done
        except BaseException as error:
            stop.set()
            failed.append(error)

    threads = [threading.Thread(target=labour, daemon=True) for _ in range(min(config.jobs, len(jobs)))]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    finally:
        stop.set()
    if failed:
        raise failed[0]


def _counted(progress: Progress | None, done: int, total: int) -> Callable[[dict[str, Any]], None]:
    count = itertools.count(done + 1)
    return lambda row: progress(next(count), total, row) if progress is not None else None


def _well(row: dict[str, Any]) -> bool:
    return str(row["status"]).startswith("ok")
