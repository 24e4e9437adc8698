"""Writers for test_registry: a process that has imported everything and forks others, one order a line.

    {"work": "some" | "loop", "folder", "database", …}   forks a writer; answers with its process number
    {"wait": number}                                     answers how it ended: 0, or minus the signal
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import event

from tocsin.delivery.artifact import write
from tocsin.delivery.registry import Registry
from tocsin.store.engine import Store


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        print(_ended(order["wait"]) if "wait" in order else _started(order), flush=True)


def _started(order: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        with Store(order.pop("folder"), order.pop("database")) as store:
            {"some": some, "loop": loop}[order.pop("work")](store, **order)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def some(store: Store, who: str, path: str, times: int, meet: str) -> None:
    """Add and promote ``times``, with a rollback after every third. Two begin together: each leaves a mark and waits for the other's."""
    registry = Registry(store)
    Path(meet).mkdir(exist_ok=True)
    (Path(meet) / who).touch()
    while len(list(Path(meet).iterdir())) < 2:
        time.sleep(0.002)
    for i in range(times):
        version = registry.add("pump", path, by=who, why=str(i))
        registry.promote("pump", version.number, by=who)
        if i % 3 == 2:
            registry.rollback("pump", by=who)


def loop(store: Store, point: str, scratch: str, log: str) -> None:
    """Add and promote until killed; with a ``point``, when it is passed for the third time. ``log`` gets the numbers that were answered."""
    registry, passed = Registry(store), Counter[str]()

    def pass_by(here: str) -> None:
        passed[here] += 1
        if here == point and passed[here] == 3:
            os.kill(os.getpid(), signal.SIGKILL)

    _watch_files(pass_by)
    _watch_statements(store, pass_by)
    i = 0
    while True:
        arrays = {"a": np.arange(2_000) + 1_000 * os.getpid() + i}  # each time another file
        path = write(Path(scratch, f"{os.getpid()}.tocsin"), arrays, {"detector": "gaussian", "n_train": i})
        version = registry.add("pump", path, by="loop")
        registry.promote("pump", version.number, by="loop")
        if i % 3 == 2:
            registry.rollback("pump", by="loop")
        with open(log, "a", encoding="utf-8") as file:
            file.write(f"{version.number}\n")
        i += 1


def _watch_files(pass_by: Any) -> None:
    def around(name: str) -> None:
        real = getattr(os, name)

        def act(*given: Any, **words: Any) -> Any:
            pass_by(f"before {name}")
            done = real(*given, **words)
            pass_by(f"after {name}")
            return done

        setattr(os, name, act)

    around("replace")
    around("fsync")


def _watch_statements(store: Store, pass_by: Any) -> None:
    @event.listens_for(store.engine, "after_cursor_execute")
    def _(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        for table in ("version", "alias", "move"):
            if statement.lower().startswith((f"insert into {table} ", f"update {table} ")):
                pass_by(f"after {table}")

    event.listen(store.engine, "commit", lambda _connection: pass_by("before commit"))


if __name__ == "__main__":
    main()
