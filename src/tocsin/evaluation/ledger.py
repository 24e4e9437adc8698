"""The results of a benchmark on disk: a csv that only grows, one row a run, so that an interrupted benchmark goes on where it stopped."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import Any

from tocsin.core.errors import ConfigError

KEY = ("suite", "set", "protocol", "method", "seed", "cap")
"""Names a run. The same run written again replaces the earlier row when read."""

COLUMNS = (*KEY, "n", "d", "anomalies", "auroc", "ap", "precision_at_n", "vus_pr", "vus_roc", "fit_s", "score_s", "fit_cpu_s",
           "score_cpu_s", "peak_mb", "limit", "tocsin", "status")

_WHOLE = {"seed", "cap", "n", "d", "anomalies"}
_TEXT = {"suite", "set", "protocol", "method", "tocsin", "status"}


def append(path: Path, row: dict[str, Any]) -> None:
    """Adds one row, on disk before this returns; starts the file with its header, and drops a last line that was cut short."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab+") as handle:
        if _mend(handle) == 0:
            writer.writeheader()
        writer.writerow({name: "" if row.get(name) is None else row[name] for name in COLUMNS})
        handle.write(text.getvalue().encode())
        handle.flush()
        os.fsync(handle.fileno())


def read(path: Path) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Runs by key, typed; {} when there is no file. Raises ConfigError TOC-268 for a file of other columns."""
    if not path.exists():
        return {}
    text = path.read_text(encoding="utf-8")
    rows = csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1]))
    if rows.fieldnames is not None and tuple(rows.fieldnames) != COLUMNS:
        raise ConfigError("TOC-268", "this is not a file of benchmark results", came=f"columns {', '.join(rows.fieldnames)}"[:200],
                        todo="give another name for the results")
    made = [{name: _typed(name, value) for name, value in row.items()} for row in rows]
    return {key(row): row for row in made}


def key(row: dict[str, Any]) -> tuple[Any, ...]:
    """What identifies a run."""
    return tuple(row[name] for name in KEY)


def _typed(name: str, text: str) -> Any:
    if name in _TEXT:
        return text
    return None if text == "" else int(text) if name in _WHOLE else float(text)


def _mend(handle: Any) -> int:
    """The size of the file, up to its last whole line."""
    handle.seek(0, os.SEEK_END)
    size = handle.tell()
    if size == 0:
        return 0
    handle.seek(max(0, size - (1 << 16)))
    tail = handle.read()
    whole = size - (len(tail) - tail.rfind(b"\n") - 1)
    if whole != size:
        handle.truncate(whole)
    handle.seek(0, os.SEEK_END)
    return int(whole)
