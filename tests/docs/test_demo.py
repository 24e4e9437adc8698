"""The demo's data and commands: each one runs, on the real data, without the network's training."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("statsmodels")
_FILE = Path(__file__).resolve().parent.parent.parent / "examples" / "demo.py"


@pytest.fixture(scope="module")
def demo() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo", _FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_demo_runs_and_names_its_reports(demo, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, "find_spec", lambda _name: None)  # no network: seconds instead of half a minute
    demo.main(tmp_path)
    told = capsys.readouterr().out
    for name in ("cancer", "cancer-mixed", "elnino"):
        assert str(tmp_path / name / "report.html") in told
        assert (tmp_path / name / "report.html").stat().st_size > 1_000_000
    assert [line["id"] for line in rows(tmp_path / "elnino" / "detections.csv") if line["is_anomaly"] == "1"]


def test_the_data_say_where_they_come_from(demo, tmp_path):
    demo.write_table(tmp_path)
    demo.write_series(tmp_path)
    assert (len(rows(tmp_path / "cancer-known.csv")), len(rows(tmp_path / "cancer-new.csv"))) == (179, 390)
    assert (len(rows(tmp_path / "elnino-known.csv")), len(rows(tmp_path / "elnino-all.csv"))) == (360, 732)
    for name in ("cancer", "elnino"):
        text = (tmp_path / f"{name}-source.txt").read_text(encoding="utf-8")
        assert "Source:" in text
        assert "Licence:" in text


def test_with_torch_a_network_is_trained(demo, tmp_path):
    pytest.importorskip("torch")
    assert any("vae" in command for command in demo.commands(tmp_path))
