import os
from pathlib import Path

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.evaluation import ledger
from tocsin.evaluation.benchmark import Benchmark, plan, render, run
from tocsin.evaluation.worker import THREADS, Worker

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the harness forks")

ODD = """
import os, signal, sys, time
import numpy as np

class Odd:
    def __init__(self, name, width, seed, params):
        self.name, self.seed, self.params = name, seed, params
    def fit(self, X):
        print("noise that must not reach the answers", flush=True)
        os.write(1, b"{}\\n")
        if self.name == "hangs": time.sleep(600)
        if self.name == "breaks": raise RuntimeError("out of\\nluck")
        if self.name == "dies": os.kill(os.getpid(), signal.SIGKILL)
        if self.name == "leaves": os._exit(3)
        if self.name == "grows": self.held = np.ones(40_000_000)
        self.n = len(X)
        return self
    def score(self, X):
        s = np.abs(X).sum(1)
        if self.name == "nan": s[0] = np.nan
        if self.name == "threads": return np.full(len(X), float(os.environ["OMP_NUM_THREADS"]))
        return s[:-1] if self.name == "short" else s
    def training_score(self):
        return np.arange(self.n, dtype=float)

if sys.argv[0].endswith("nursery.py") and os.environ.get("ODD_IMPORT"): os._exit(7)
"""


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A folder of two small tables and a series, and a family of peers that misbehave."""
    rng, place = np.random.default_rng(0), tmp_path / "data" / "tabular" / "adbench"
    place.mkdir(parents=True)
    for name, n in (("large", 200), ("small", 100)):
        y = (np.arange(n) % 10 == 0).astype(int)
        np.savez(place / f"{name}.npz", X=rng.normal(size=(n, 3)) + 9 * y[:, None], y=y)
    place = tmp_path / "data" / "series" / "tsbad_u"
    place.mkdir(parents=True)
    x, y = np.sin(np.arange(400) * 2 * np.pi / 20), np.zeros(400, int)
    x[300:310], y[300:310] = 0, 1
    np.savez(place / "wave.npz", x=x[:, None], y=y, train_end=200)
    info = tmp_path / "lib" / "odd-1.dist-info"
    info.mkdir(parents=True)
    (tmp_path / "lib" / "oddpeers.py").write_text(ODD)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[tocsin.peers]\nodd = oddpeers:Odd\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "lib"), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep))
    return str(tmp_path / "data")


def config(data, tmp_path, *methods, **more):
    return Benchmark(**{"data": data, "out": str(tmp_path / "r.csv"), "methods": methods, **more})


def test_detectors_are_run_recorded_and_not_run_again(data, tmp_path):
    told = []
    settings = config(data, tmp_path, "baseline", "gaussian", "windows", suites=("adbench", "tsbad_u"))
    rows = run(settings, lambda done, total, row: told.append((done, total, row["method"])))
    assert len(rows) == 2 * 2 * 2 + 3 and all(row["status"] == "ok" for row in rows)  # windows is left out for tables
    assert [done for done, _, _ in told] == list(range(1, 12)) and {total for _, total, _ in told} == {11}
    table = next(row for row in rows if row["method"] == "gaussian" and row["protocol"] == "one-class")
    assert table["set"] == "small" and table["auroc"] > 0.99 and table["n"] == 100 and table["d"] == 3 and table["peak_mb"] > 10
    wave = next(row for row in rows if row["method"] == "windows")
    assert wave["vus_pr"] > 0.5 and wave["protocol"] == "prefix" and table["vus_pr"] is None
    before = (tmp_path / "r.csv").read_bytes()
    assert run(settings, lambda *row: told.append(row)) == rows and (tmp_path / "r.csv").read_bytes() == before and len(told) == 11
    markdown, table = render(rows, reference="baseline")
    assert "adbench, one-class" in markdown and table.count("\n") == 2 + 2 + 3 + 1


def test_a_run_that_goes_wrong_is_a_row_and_the_next_one_is_unharmed(data, tmp_path):
    names = ("breaks", "dies", "leaves", "short", "nan", "fine", "hangs", "threads")
    methods = (*(f"odd:{name}" for name in names), "pyod:Nothing")
    rows = run(config(data, tmp_path, *methods, sets=("small",), protocols=("one-class",), limit=5))
    status = {row["method"].partition(":")[2]: row["status"] for row in rows}
    assert status["breaks"] == "RuntimeError: out of luck"
    assert status["dies"] == "killed by signal 9" and status["leaves"] == "died with code 3"
    assert status["short"].startswith("ValueError: 54 scores for 55 rows") and status["nan"] == "ok, 1 scores not finite"
    assert status["fine"] == status["threads"] == "ok" and status["hangs"] == "timeout" and "TOC-" in status["Nothing"]
    hung = next(row for row in rows if row["method"] == "odd:hangs")
    assert hung["auroc"] is None and hung["limit"] == 5 and hung["peak_mb"] > 10
    assert next(row for row in rows if row["method"] == "odd:threads")["auroc"] == 0.5
    assert "| `odd:hangs` | 0 |" in render(rows)[0]


def test_memory_is_measured_by_run_and_may_be_bounded(data, tmp_path):
    more = {"sets": ("small",), "protocols": ("one-class",)}
    small, large = (row["peak_mb"] for row in run(config(data, tmp_path, "odd:fine", "odd:grows", **more)))
    assert large - small > 250
    (bounded,) = run(config(data, tmp_path, "odd:grows", **more, memory_mb=300, out=str(tmp_path / "bounded.csv")))
    assert "MemoryError" in bounded["status"]


def test_only_failed_runs_are_retried_when_asked(data, tmp_path):
    settings = config(data, tmp_path, "baseline", "gaussian", sets=("small",), protocols=("one-class",))
    run(settings)
    failed = {**next(iter(ledger.read(tmp_path / "r.csv").values())), "status": "timeout", "auroc": None}
    ledger.append(tmp_path / "r.csv", failed)
    assert [row["status"] for row in run(settings)] == ["timeout", "ok"]
    told = []
    assert [row["status"] for row in run(settings.with_(retry=True), lambda *row: told.append(row))] == ["ok", "ok"] and len(told) == 1


def test_jobs_side_by_side_give_the_same_rows(data, tmp_path):
    methods, figures = ("baseline", "gaussian"), ("set", "protocol", "method", "auroc", "ap", "status")
    one = run(config(data, tmp_path, *methods))
    two = run(config(data, tmp_path, *methods, jobs=2, out=str(tmp_path / "two.csv")))
    assert [[row[name] for name in figures] for row in one] == [[row[name] for name in figures] for row in two]


def test_the_budget_ends_the_work_between_runs(data, tmp_path):
    assert run(config(data, tmp_path, "baseline", budget=1e-9)) == []


def test_a_failing_callback_stops_the_harness_with_its_own_error(data, tmp_path):
    def fail(*row):
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError):
        run(config(data, tmp_path, "baseline"), fail)
    assert len(ledger.read(tmp_path / "r.csv")) == 1  # what was done is kept


def test_a_process_that_dies_while_importing_is_started_again(data, tmp_path, monkeypatch):
    monkeypatch.setenv("ODD_IMPORT", "1")
    rows = run(config(data, tmp_path, "odd:fine", "baseline", sets=("small",), protocols=("one-class",)))
    assert [row["status"] for row in rows] == ["worker died", "ok"]


def test_the_worker_sets_one_thread_and_ends_its_process(data):
    with Worker() as worker:
        worker.ask({"suite": "adbench", "path": "nowhere", "protocol": "one-class", "method": "baseline", "seed": 0, "cap": 0, "limit": 60})
        process = worker._process
        assert process.poll() is None
        if os.path.exists("/proc"):
            lines = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
            assert all(f"{name}=1".encode() in lines for name in THREADS)
    assert process.poll() is not None


@pytest.mark.parametrize(("more", "code"), [({"methods": ("nothing",)}, "TOC-203"), ({"methods": ("knn(",)}, "TOC-264"),
                                            ({"suites": ("oddbench",)}, "TOC-267"), ({"protocols": ("prefix",)}, "TOC-266"),
                                            ({"sets": ("zzz",)}, "TOC-266"), ({"methods": ()}, "TOC-202"), ({"limit": 0}, "TOC-202"),
                                            ({"suites": ("mnist",)}, "TOC-202"), ({"colour": 1}, "TOC-201")])
def test_wrong_settings_are_refused_before_anything_runs(data, tmp_path, more, code):
    with pytest.raises(ConfigError, match=code):
        run(config(data, tmp_path, "baseline").with_(**more))
    assert not (tmp_path / "r.csv").exists()


def test_the_plan_is_small_sets_first_with_all_methods_of_a_set_together(data, tmp_path):
    jobs = plan(config(data, tmp_path, "baseline", "gaussian", seeds=(0, 1), protocols=("one-class",)))
    assert [(job["set"], job["seed"], job["method"]) for job in jobs][:4] == [("small", 0, "baseline"), ("small", 0, "gaussian"),
                                                                             ("small", 1, "baseline"), ("small", 1, "gaussian")]
    assert jobs[-1]["set"] == "large"
