"""Writing what may be there already, and taking turns, in both databases."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from sqlalchemy import func, select

from tocsin.monitoring.once import insert_once, turn
from tocsin.store import tables
from tocsin.store.engine import Store

ROW = {"name": "a", "value": {"n": 1}, "at": "2026-01-31T12:00:00.000000Z"}


def test_only_the_first_is_new(store: Store) -> None:
    with store.begin() as base:
        assert insert_once(base, tables.setting, ROW) is True
        assert insert_once(base, tables.setting, {**ROW, "value": {"n": 2}}) is False
    with store.begin() as base:
        assert insert_once(base, tables.setting, ROW) is False
        assert insert_once(base, tables.setting, {**ROW, "name": "b"}) is True
        assert base.execute(select(tables.setting.c.value).where(tables.setting.c.name == "a")).scalar() == {"n": 1}


def test_turns_keep_writers_apart(tmp_path: Path, database: str | None) -> None:
    """Each reads how many rows there are and adds one of that name: without turns two would see the same number."""
    def add() -> None:
        with Store(tmp_path / "place", database) as own:
            for _ in range(3):
                with own.begin() as base:
                    turn(base, "test", "a")
                    n = base.execute(select(func.count()).select_from(tables.setting)).scalar_one()
                    time.sleep(0.01)
                    base.execute(tables.setting.insert().values({**ROW, "name": str(n)}))

    with Store(tmp_path / "place", database) as store:
        threads = [threading.Thread(target=add) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with store.read() as base:
            assert sorted(base.execute(select(tables.setting.c.name)).scalars()) == sorted(map(str, range(9)))
