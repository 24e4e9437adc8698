"""A state as one file: exact, whole or not at all."""

from __future__ import annotations

import io
import math
import zipfile

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


def _packed(path, **parts):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in parts.items():
            file.writestr(f"{name}.npy", data)


def _array(shape, data=b"", kind="<f8"):
    made = io.BytesIO()
    np.lib.format.write_array_header_1_0(made, {"descr": kind, "fortran_order": False, "shape": shape})
    return made.getvalue() + data


def test_a_claimed_size_is_not_believed(tmp_path, monkeypatch):
    _packed(tmp_path / "s", tree=_array((2,), b"{}", "|u1"), a0=_array((10**12,)))
    with pytest.raises(ArtifactError, match=r"TOC-404.*shape"):
        keep.read(tmp_path / "s")
    monkeypatch.setattr(keep, "_MOST", 100_000)
    _packed(tmp_path / "s", tree=_array((2,), b"{}", "|u1"), a0=_array((10**5,), bytes(8 * 10**5)))
    with pytest.raises(ArtifactError, match=r"TOC-404.*unpacks"):
        keep.read(tmp_path / "s")
    with pytest.raises(StateError, match="TOC-345"):
        keep.write(tmp_path / "t", {"a": np.zeros(10**5)})
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize("tree", [b"[", b"9" * 5000, b'{"a": {"$array": 7}}', b'{"a": {"$float": 1}}', b"[" * 100_000, b"\xff"],
                         ids=list("abcdef"))
def test_a_tree_that_is_none_is_told(tmp_path, tree):
    _packed(tmp_path / "s", tree=_array((len(tree),), tree, "|u1"))
    with pytest.raises(ArtifactError, match="TOC-404"):
        keep.read(tmp_path / "s")


def test_another_file_is_told(tmp_path):
    np.save(tmp_path / "s.npy", np.arange(3.0))
    with pytest.raises(ArtifactError, match="TOC-404"):
        keep.read(tmp_path / "s.npy")
    with pytest.raises(ArtifactError, match="TOC-404"):
        keep.read(f"{tmp_path}/\0s")


def test_a_path_that_no_file_can_have_is_told(tmp_path):
    with pytest.raises(StateError, match="TOC-345"):
        keep.write(f"{tmp_path}/\0s", {"a": 1})
