"""Small data, a small model, and the command run in this process."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tocsin.interfaces.cli.app import main


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def tocsin(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Runs ``tocsin`` with words; returns exit code and output."""

    def run(*words: object) -> Ran:
        try:
            main([str(word) for word in words])
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run


def write(path: Path, header: list[str], rows: list[list[Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """normal.csv and mixed.csv (a table; mixed has labels, one wild row and hostile cells), pump.csv (a series with a burst)."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    ordinary = [
        [f"n{i}", *np.round(rng.normal([50, 4, 1], [5, 1, 0.1]), 3).tolist(), str(rng.choice(["Oslo", "Rome"]))] for i in range(240)
    ]
    header = ["order", "amount", "<b>weight</b>", "ratio", "city"]
    mixed = [[*row, 0] for row in ordinary[120:]]
    mixed.insert(40, ["=cmd|' /C calc'!A0", 500.0, 40.0, 9.0, "<script>alert(1)</script>", 1])
    t = np.arange(400)
    flow = 10 + 3 * np.sin(t * 2 * np.pi / 24) + rng.normal(size=400) * 0.1
    flow[300:306] += 8
    stamps = np.datetime_as_string(np.datetime64("2024-01-01T00:00") + t * np.timedelta64(1, "h"), unit="s").tolist()
    return {
        "normal": write(folder / "normal.csv", header, ordinary[:120]),
        "mixed": write(folder / "mixed.csv", [*header, "odd"], mixed),
        "pump": write(folder / "pump.csv", ["stamp", "flow (l/s)"], [[a, round(b, 3)] for a, b in zip(stamps, flow.tolist())]),
    }


@pytest.fixture(scope="session")
def model(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model of normal.csv."""
    path = tmp_path_factory.mktemp("model") / "m.tocsin"
    with pytest.raises(SystemExit) as end:
        main(["fit", str(files["normal"]), "--id", "order", "--detector", "gaussian", "--out", str(path), "--json"])
    assert not end.value.code
    return path
