"""How grave a log line says it is: its level field, on one scale for all systems.

A prior, not learning: whoever writes a log chooses the levels, and some write alarms at low ones. Detectors take it as a channel that
can be seen and switched off.
"""

from __future__ import annotations

from collections.abc import Sequence

NONE = -1.0
"""A line without a level."""
REACH = 6
"""The level is looked for among so many first words behind the time stamp."""
_FIRST = 3
_RANKS = {0.0: "trace verbose debug debug0 fine finer finest config", 1.0: "info information informational",
          1.5: "notice", 2.0: "warn warning", 3.0: "error err", 3.5: "severe failure", 4.0: "critical crit",
          5.0: "fatal alert emerg emergency panic"}
RANKS = {word: rank for rank, words in _RANKS.items() for word in words.split()}
_AROUND = "()[]{}<>,;:\"'|*-"
_NAMES = ("level", "lvl", "severity", "sev", "loglevel", "priority", "levelname")


def severity(word: str) -> float | None:
    """0 (trace) to 5 (fatal) where ``word`` is a level field, else None.

    A level is written in capitals, in brackets or after its name; "error" in the middle of a sentence is none. Digits are zeros here.

    >>> severity("FATAL"), severity("[notice]"), severity("level=warning"), severity("error")
    (5.0, 1.5, 2.0, None)
    """
    core = word.strip(_AROUND)
    name, mark, value = core.replace("\"", "").partition("=") if "=" in core else core.replace("\"", "").partition(":")
    if mark and name.lower() in _NAMES:
        return RANKS.get(value.strip(_AROUND).lower())
    rank = RANKS.get(core.lower())
    if rank is None:
        return None
    enclosed = word[0] in "[(<|" and len(word) > len(core) + 1
    return rank if core.isupper() or enclosed else None


def find(words: Sequence[str]) -> tuple[float, int]:
    """(rank, position) of the level among the first words; (-1, -1) without one. Among the very first, "error:" is a level, too.

    >>> find(["RAS", "KERNEL", "INFO", "generating", "core"])
    (1.0, 2)
    """
    for j, word in enumerate(words[:REACH]):
        rank = severity(word)
        if rank is None and j < _FIRST and word.endswith(":"):
            rank = RANKS.get(word[:-1].lower())
        if rank is not None:
            return rank, j
    return NONE, -1
