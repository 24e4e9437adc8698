import json
import math

import numpy as np
import pytest

from tocsin.core.errors import ArtifactError, StateError
from tocsin.delivery.manifest import FORMAT, compose, parse, verify

FILES = {"state.json": b"{}", "arrays.safetensors": b"abc"}


def pages(**changes):
    return {**json.loads(compose({"metrics": {"auroc": 0.5}}, FILES)), **changes}


def test_it_says_what_it_is():
    made = verify(parse(compose({"metrics": {"auroc": math.nan}, "rows": 3}, FILES)))
    assert made["format"] == FORMAT and made["created"].endswith("+00:00") and set(made["versions"]) == {"tocsin", "python", "numpy"}
    assert math.isnan(made["model"]["metrics"]["auroc"]) and made["model"]["rows"] == 3
    assert made["files"]["arrays.safetensors"]["size"] == 3 and len(made["files"]["state.json"]["sha256"]) == 64


def test_arrays_have_no_place_in_it():
    with pytest.raises(StateError, match="TOC-304"):
        compose({"x": np.zeros(3)}, FILES)


@pytest.mark.parametrize("number", [FORMAT + 1, 10**30])
def test_a_newer_format_is_named_as_such(number):
    with pytest.raises(ArtifactError, match=r"TOC-409.*newer tocsin.*written by tocsin"):
        parse(json.dumps(pages(format=number)).encode())


@pytest.mark.parametrize("content", [{}, [], 3, {"format": "1"}, {"format": True}, {"format": -1}, {"format": None}])
def test_no_format_number_is_no_model(content):
    with pytest.raises(ArtifactError, match="TOC-404"):
        parse(json.dumps(content).encode())


@pytest.mark.parametrize("change", [{"created": "yesterday"}, {"digest": "0"}, {"digest": None}, {"model": {}}, {"extra": 1},
                                    {"files": {}}])
def test_any_change_shows(change):
    with pytest.raises(ArtifactError, match="TOC-408"):
        verify(parse(json.dumps(pages(**change)).encode()))


def test_another_layout_of_the_same_content_does_not_matter():
    assert verify(parse(json.dumps(dict(reversed(pages().items())), indent=4).encode()))["model"] == {"metrics": {"auroc": 0.5}}
