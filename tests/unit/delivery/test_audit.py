import json

import numpy as np
import pytest
from safetensors.numpy import save

from tocsin.core.errors import ArtifactError
from tocsin.delivery.audit import check_names, check_size, parse_json, read_arrays


def buffer(header, body=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def tensor(begin, end, dtype="U8", shape=None):
    return {"dtype": dtype, "shape": [end - begin] if shape is None else shape, "data_offsets": [begin, end]}


def test_arrays_come_back_writable():
    made = read_arrays(save({"a": np.arange(6.0).reshape(2, 3), "b": np.array(True), "c": np.zeros((0, 4))}))
    made["a"][0, 0] = 7
    assert made["a"][0, 0] == 7 and made["b"].shape == () and made["c"].shape == (0, 4)


@pytest.mark.parametrize("content", [
    b"", b"\x00" * 7, (10**12).to_bytes(8, "little") + b"{}", buffer(b"[]"), buffer({"a": 1}),
    buffer({"a": tensor(0, 4)}, b"123"),                                        # longer than the bytes that are there
    buffer({"a": tensor(0, 3)}, b"1234"),                                       # bytes that nobody describes
    buffer({"a": tensor(0, 4), "b": tensor(2, 6)}, b"123456"),                  # overlap
    buffer({"a": tensor(0, 2), "b": tensor(4, 6)}, b"123456"),                  # hole
    buffer({"a": tensor(0, 4, shape=[2, 3])}, b"1234"),                         # shape and size disagree
    buffer({"a": tensor(0, 4, dtype="F128", shape=[1])}, b"1234"),
    buffer({"a": tensor(0, 4, dtype=["U8"], shape=[4])}, b"1234"),
    buffer({"a": tensor(0, 0, shape=[-1])}),
    buffer({"a": tensor(0, 0, shape=[2**62, 2**62, 0])}),
    buffer({"a": tensor(0, 4, shape=[4.0])}, b"1234"),
    buffer({"a": {**tensor(0, 4), "more": 1}}, b"1234"),
    buffer({"a": tensor(0, 1, dtype="BOOL")}, b"\x02"),
])
def test_a_wrong_arrays_buffer_is_refused(content):
    with pytest.raises(ArtifactError, match=r"TOC-41[23]"):
        read_arrays(content)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"[" * 100_000, b"[" * 200 + b"]" * 200,
                                     b'{"a":' * 100 + b"1" + b"}" * 100, b"1" * 5000])
def test_wrong_json_is_refused(content):
    with pytest.raises(ArtifactError, match="TOC-412"):
        parse_json("state.json", content)


@pytest.mark.parametrize(("names", "code"), [
    ([], "TOC-404"), (["readme.txt"], "TOC-404"), (["state.json", "arrays.safetensors"], "TOC-404"),
    (["manifest.json", "state.json"], "TOC-405"),
    (["manifest.json", "state.json", "arrays.safetensors", "../../etc/passwd"], "TOC-406"),
    (["manifest.json", "state.json", "arrays.safetensors", "/etc/passwd"], "TOC-406"),
    (["manifest.json", "state.json", "arrays.safetensors", "state.json"], "TOC-406"),
    (["manifest.json", "state.json", "arrays.safetensors", "run.py"], "TOC-406"),
])
def test_wrong_members_are_refused(names, code):
    with pytest.raises(ArtifactError, match=code):
        check_names(names)


def test_a_member_above_its_limit_is_refused():
    check_size("manifest.json", 1000)
    with pytest.raises(ArtifactError, match="TOC-407"):
        check_size("manifest.json", 1 << 30)
