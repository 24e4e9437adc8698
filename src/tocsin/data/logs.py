"""Logs → Dataset: one item a line, or one a session, in the order of writing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from tocsin.core.errors import ConfigError, DataError
from tocsin.core.types import Column, Dataset, Origin, Schema
from tocsin.data import digest
from tocsin.data.logfile import Lines, given, lines_of
from tocsin.data.logstamp import stamps
from tocsin.data.logtable import is_structured, structured

LABELS = {"bgl": "^[^-]"}
"""Names of labels' spellings that are in use: in the logs of Blue Gene/L and other supercomputers, alert lines do not begin with "-"."""
_SHOWN = 5


@dataclass(frozen=True)
class _Found:
    """n lines and what is known of each."""

    texts: Sequence[str]
    ids: np.ndarray
    y: np.ndarray | None
    keys: Sequence[str | None] | None
    time: np.ndarray | None = None


def read(source: Any, *, session: str | None = None, encoding: str | None = None, label: str | None = None, skip_bad: bool = False,
         lines_most: int = 20_000_000) -> Dataset:
    """``source`` as a Dataset of kind "logs": a log file (plain, .gz, .bz2, .zst), a glob of rotated ones, or lines.

    source     a path; a glob, whose files are read from the oldest to the newest (app.log.2.gz, app.log.1, app.log); a list of lines; an
               open file or any other source of lines, such as standard input. A csv, Parquet or JSON-lines file gives its message column
    session    which lines belong together: a regular expression, whose group (or whole match) is the session's name, or the name of a
               column of a structured file; each item is then a session, its lines joined by line ends, in order of first appearance.
               None: each line is an item. Lines without a session are left out and counted
    label      for evaluation: a regular expression that alert lines match ("bgl": ``^[^-]``), or a column of a structured file; the word
               that holds it is cut from all lines, so that no detector sees it. A session with an alert line is an anomaly
    skip_bad   leave lines out that cannot be read, counted in ``origin.notes``, instead of refusing the file
    lines_most lines from which on a log is refused, so that memory holds

    Blank lines are no items. ``ids`` are line numbers from 1 ("app.log:17" of several files) or the sessions' names; ``time`` holds the
    lines' (a session's first line's) time stamps when all have one.
    Raises DataError TOC-120 to TOC-124 and TOC-142 (files), TOC-166 (a line that is no text), TOC-167 (sessions, labels, too many lines),
    ConfigError TOC-219 (an expression that is none).

    >>> data = read(["10:01 job=7 start", "10:02 job=8 start", "10:03 job=7 lost"], session=r"job=(\\d+)")
    >>> data.kind, data.X[0].split("\\n"), data.ids.tolist()
    ('logs', ['10:01 job=7 start', '10:03 job=7 lost'], ['7', '8'])
    """
    lines = _lines(source, encoding, skip_bad)
    if lines is None:
        table = structured(source, encoding, session, label)
        count, name, mark = len(table.texts), os.fspath(source), table.digest
        found, notes = _Found(table.texts, np.arange(1, count + 1), table.y, table.keys), list(table.notes)
    else:
        count, name, mark = len(lines.texts), lines.source, lines.digest
        found, notes = _plain(lines, session, label), _bad(lines)
    if not count:
        raise DataError("TOC-122", "there are no lines", came=f"{name}: {notes[0] if notes else 'nothing but blank lines'}"[:300],
                        todo="pass a log with at least one line")
    if count > lines_most:
        raise DataError("TOC-167", "the log has more lines than may be read at once", came=f"{name}: {count}, allowed {lines_most}",
                        todo="pass fewer files, raise lines_most, or follow the log with tocsin watch")
    found = replace(found, time=stamps(found.texts))
    if found.keys is not None:
        found, left = _sessions(found, str(session), name)
        notes += left
    schema = Schema((Column("line", "line"),), label=label, session=session)
    return Dataset(list(found.texts), "logs", schema, found.ids, found.y, found.time, None,
                   Origin(name, mark or digest.together([_sum(found.texts)]), "", tuple(notes)))


def _lines(source: Any, encoding: str | None, skip_bad: bool) -> Lines | None:
    """None for a structured file."""
    if isinstance(source, (str, os.PathLike)) and not (isinstance(source, str) and "\n" in source):
        return None if is_structured(source) else lines_of(source, encoding, skip_bad)
    if isinstance(source, (list, tuple)) and source and all(isinstance(each, os.PathLike) for each in source):
        return _several(source, encoding, skip_bad)
    lines = source.split("\n") if isinstance(source, str) else source
    if isinstance(lines, (bytes, dict)) or not isinstance(lines, Iterable):
        raise DataError("TOC-115", "a log is a file or lines of text", came=type(source).__name__, todo="pass a path, or a list of lines")
    return given(lines, encoding, skip_bad)


def _several(source: Sequence[Any], encoding: str | None, skip_bad: bool) -> Lines:
    parts = [lines_of(each, encoding, skip_bad) for each in source]
    made = Lines(source=" + ".join(part.source for part in parts), digest=digest.together([part.digest for part in parts]))
    for part in parts:
        made.texts += part.texts
        made.numbers += part.numbers
        made.names += part.names or [Path(part.source).name] * len(part.texts)
        made.bad += part.bad
    return made


def _plain(lines: Lines, session: str | None, label: str | None) -> _Found:
    ids = np.array([f"{name}:{number}" for name, number in zip(lines.names, lines.numbers)] if lines.names else lines.numbers)
    texts, y = (lines.texts, None) if label is None else _labelled(lines.texts, label)
    keys = None
    if session is not None:
        rule = _rule(session, "session")
        if rule.groups > 1:
            raise ConfigError("TOC-219", "a session's expression has at most one group", came=session, todo="mark other groups (?:...)")
        matches = [rule.search(text) for text in texts]
        keys = [None if match is None else match[rule.groups] for match in matches]
    return _Found(texts, ids, y, keys)


def _rule(pattern: str, name: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except (re.error, TypeError) as error:
        raise ConfigError("TOC-219", f"{name} is not a regular expression", came=f"{pattern!r}: {error}"[:200],
                          todo=r"pass one, such as 'blk_-?\d+'; a column's name needs a table (csv, Parquet, JSON lines)") from error


def _labelled(texts: Sequence[str], label: str) -> tuple[list[str], np.ndarray]:
    """(lines without the word that holds the label, (n,) 0 and 1)."""
    rule = _rule(LABELS.get(label, label), "label")
    matches = [rule.search(text) for text in texts]
    y = np.array([match is not None for match in matches], dtype=np.int64)
    at = {len(text[:match.start()].split()) - (match.start() > 0 and not text[match.start() - 1].isspace())
          for text, match in zip(texts, matches) if match is not None}
    if len(at) == 1:  # one field: cut from normal lines, too
        j = at.pop()
        return [_without(text, j) for text in texts], y
    cut = [text if match is None else text[:match.start()] + text[match.end():] for text, match in zip(texts, matches)]
    return cut, y


def _without(text: str, j: int) -> str:
    """``text`` without its word number ``j``."""
    words = list(re.finditer(r"\S+\s*", text))
    return text if j >= len(words) else text[:words[j].start()] + text[words[j].end():]


def _sessions(found: _Found, session: str, name: str) -> tuple[_Found, list[str]]:
    assert found.keys is not None
    place: dict[str, int] = {}
    at = np.array([-1 if key is None else place.setdefault(key, len(place)) for key in found.keys])
    if not place:
        raise DataError("TOC-167", "no line belongs to a session", came=f"{name}: {session!r} in {len(at)} lines: {found.texts[0][:80]!r}",
                        todo="check the expression on a line of the log")
    kept = np.flatnonzero(at >= 0)
    order = kept[np.argsort(at[kept], kind="stable")]
    starts = np.searchsorted(at[order], np.arange(len(place) + 1))
    texts = ["\n".join(found.texts[i] for i in order[a:b]) for a, b in pairwise(starts)]
    left = len(at) - len(kept)
    first = order[starts[:-1]]
    return _Found(texts, np.array(list(place)), None if found.y is None else np.maximum.reduceat(found.y[order], starts[:-1]), None,
                  None if found.time is None else found.time[first]), [f"{left} of {len(at)} lines belong to no session"] if left else []


def _bad(lines: Lines) -> list[str]:
    if not lines.bad:
        return []
    shown = "; ".join(lines.bad[:_SHOWN])
    return [f"{len(lines.bad)} lines left out that cannot be read as text: {shown}{'; ...' if len(lines.bad) > _SHOWN else ''}"]


def _sum(texts: Sequence[str]) -> str:
    return digest.of_array(np.frombuffer("\n".join(texts).encode("utf-8", "surrogatepass"), dtype=np.uint8))
