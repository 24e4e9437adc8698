"""Every detector of the catalog passes every check that its tags call for. A new file in ``detectors/`` is tested from then on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tocsin.core import catalog
from tocsin.testing import checks_for

_PAIRS = [(name, check) for name in catalog.names() for check in checks_for(catalog.card(name).tags)]


@pytest.mark.parametrize(("name", "check"), _PAIRS, ids=[f"{name}-{check.__name__}" for name, check in _PAIRS])
def test_contract(name: str, check: Callable[[type], Any]) -> None:
    check(catalog.load(name))
