"""A place with an upload, for tests of the worker."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tocsin.interfaces.server.desk.desk import Desk
from tocsin.interfaces.server.place import Place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with Place.open(tmp_path / "data") as place:
        yield place


@pytest.fixture
def desk(place: Place) -> Iterator[Desk]:
    desk = Desk(place)
    yield desk
    desk.close()


@pytest.fixture
def upload(desk: Desk) -> str:
    """The digest of a csv of 120 rows, one of them odd."""
    return str(desk.upload("orders.csv", [csv_of(120)], "ada")["digest"])


def csv_of(n: int, columns: int = 2) -> bytes:
    values = np.random.default_rng(0).normal(50, 5, (n, columns)).round(3)
    values[7, 0] = 500.0
    lines = [",".join(f"c{j}" for j in range(columns)), *(",".join(map(str, row)) for row in values.tolist())]
    return ("\n".join(lines) + "\n").encode()


def eventually(look: Callable[[], Any], seconds: float = 60) -> Any:
    """What ``look`` says once it says something."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"nothing within {seconds} s")


@pytest.fixture
def ended(desk: Desk) -> Callable[[str], dict[str, Any]]:
    """``ended(job id)``: the job once it is over."""

    def over(id: str) -> Any:
        job = desk.job(id)
        return job if job["state"] in ("done", "failed", "cancelled") else None

    return lambda id: eventually(lambda: over(id))


@pytest.fixture
def wait() -> Callable[..., Any]:
    """``wait(look)``: what it says once it says something."""
    return eventually
