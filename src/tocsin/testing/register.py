"""The list of checks, and which of them a detector has to pass."""

from __future__ import annotations

from collections.abc import Callable

from tocsin.core.detector import Detector
from tocsin.core.tags import ITEMS, Tags

Check = Callable[[type[Detector]], None]
CHECKS: list[Check] = []
_NEEDS: dict[Check, Callable[[Tags], bool]] = {}


def holds(needs: Callable[[Tags], bool] = lambda tags: True) -> Callable[[Check], Check]:
    """Enter a check, for detectors whose tags fulfil ``needs``."""
    def enter(check: Check) -> Check:
        CHECKS.append(check)
        _NEEDS[check] = needs
        return check
    return enter


def checks_for(tags: Tags) -> list[Check]:
    """The checks that a detector with these tags has to pass."""
    return [check for check in CHECKS if _NEEDS[check](tags)]


def cells(tags: Tags) -> bool:
    """Whether its data are cells of numbers."""
    return tags.modality not in ITEMS


def items(tags: Tags) -> bool:
    """Whether its data are pictures, texts or lines of a log."""
    return tags.modality in ITEMS
