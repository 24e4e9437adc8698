from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import DataError
from tocsin.data.known import known


def test_ones_are_known() -> None:
    assert known(np.array([1, 0, 0, 1]), "x").tolist() == [True, False, False, True]


@pytest.mark.parametrize(("y", "code", "came"), [(None, "TOC-185", "no labels"), (np.zeros(3, int), "TOC-185", "3 labels, all 0"),
                                                 (np.ones(2, int), "TOC-186", "2 labels, all 1")])
def test_what_cannot_be_learned_from_is_refused(y: np.ndarray | None, code: str, came: str) -> None:
    with pytest.raises(DataError, match=f"{code}: boosting .*{came}.*to do: pass"):
        known(y, "boosting")
