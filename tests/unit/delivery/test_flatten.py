import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.core.errors import ArtifactError, StateError
from tocsin.delivery.flatten import DEPTH, DTYPES, flatten, restore


def equal(a, b):
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        both = isinstance(a, np.ndarray) and isinstance(b, np.ndarray)
        return both and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return isinstance(b, list) and len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b))
    if isinstance(a, float) and math.isnan(a):
        return isinstance(b, float) and math.isnan(b)
    return type(a) is type(b) and a == b


def round_trip(state):
    tree, arrays = flatten(state)
    return restore(json.loads(json.dumps(tree, allow_nan=False)), arrays)


keys = st.text(max_size=6) | st.sampled_from(["$array", "$float", "$$x", "a.b"])
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.dictionaries(keys, plain, max_size=4))
def test_every_plain_tree_comes_back_as_it_was(tree):
    assert equal(tree, round_trip(tree))


@pytest.mark.parametrize("dtype", DTYPES.values())
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3)])
def test_every_number_type_and_shape_comes_back(dtype, shape):
    value = np.arange(int(np.prod(shape))).reshape(shape).astype(dtype)
    assert equal(round_trip({"a": value})["a"], value)


def test_odd_memory_layouts_and_byte_orders_are_written_as_ordinary_ones():
    value = np.arange(12.0).reshape(3, 4)
    back = round_trip({"t": value.T, "s": value[:, ::2], "big": value.astype(">f8"), "ro": np.broadcast_to(value, (2, 3, 4))})
    assert all(part.flags.c_contiguous and part.dtype == np.dtype("float64") for part in back.values())
    assert np.array_equal(back["t"], value.T) and np.array_equal(back["big"], value) and back["ro"].shape == (2, 3, 4)


def test_names_that_collide_are_told_apart():
    back = round_trip({"a.b": np.array([1]), "a": {"b": np.array([2])}, "__metadata__": np.array([3])})
    assert back["a.b"] == 1 and back["a"]["b"] == 2 and back["__metadata__"] == 3


@pytest.mark.parametrize("value", [np.array([1 + 2j]), np.zeros(2, "longdouble"), np.array(["2024-01-01"], "datetime64[D]"),
                                   object(), {1: 2}, b"bytes"])
def test_what_cannot_be_written_is_refused(value):
    with pytest.raises(StateError, match="TOC-304"):
        flatten({"x": value})


def test_too_deep_a_state_is_refused_when_written():
    deep = []
    for _ in range(DEPTH + 1):
        deep = [deep]
    with pytest.raises(StateError, match="TOC-304"):
        flatten({"x": deep})


@pytest.mark.parametrize(("tree", "arrays", "code"), [
    ({"x": {"$array": "a"}}, {}, "TOC-414"),
    ({"x": 1}, {"a": np.zeros(1)}, "TOC-414"),
    ({"x": {"$array": 3}}, {}, "TOC-412"),
    ({"x": {"$array": "a", "y": 1}}, {"a": np.zeros(1)}, "TOC-412"),
    ({"x": {"$float": "1.0"}}, {}, "TOC-412"),
    ({"x": {"$float": ["nan"]}}, {}, "TOC-412"),
    ({"x": {"$run": "me"}}, {}, "TOC-412"),
])
def test_a_structure_of_wrong_form_is_refused(tree, arrays, code):
    with pytest.raises(ArtifactError, match=code):
        restore(tree, arrays)
