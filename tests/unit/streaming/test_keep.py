"""A state as one file: exact, whole or not at all."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tocsin.core.errors import ArtifactError, StateError
from tocsin.streaming import keep


def test_what_is_written_is_read(tmp_path):
    state = {"a": [1, 2.5, None, True, "x"], "odd": [math.inf, -math.inf], "$mark": {"n": 0.1 + 0.2}, "x": np.arange(6.0).reshape(2, 3)}
    keep.write(tmp_path / "s", state)
    made = keep.read(tmp_path / "s")
    np.testing.assert_array_equal(made.pop("x"), state.pop("x"))
    assert made == state
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_what_cannot_be_written_leaves_the_old_file(tmp_path):
    keep.write(tmp_path / "s", {"a": 1})
    with pytest.raises(StateError, match="TOC-304"):
        keep.write(tmp_path / "s", {"a": object()})
    assert keep.read(tmp_path / "s") == {"a": 1}


def test_a_damaged_file_is_told(tmp_path):
    keep.write(tmp_path / "s", {"a": np.arange(100.0)})
    whole = (tmp_path / "s").read_bytes()
    (tmp_path / "s").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArtifactError, match="TOC-404"):
        keep.read(tmp_path / "s")


def test_objects_in_a_file_are_not_built(tmp_path):
    with (tmp_path / "s").open("wb") as file:
        np.savez(file, tree=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ArtifactError, match="TOC-404"):
        keep.read(tmp_path / "s")
