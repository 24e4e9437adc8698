"""The catalog on the terminal."""

from __future__ import annotations

import subprocess
import sys

from tocsin.core import catalog
from tocsin.core.catalog import Card
from tocsin.core.tags import Tags
from tocsin.interfaces.cli import detectors


def test_all_are_listed(tocsin):
    told = tocsin("detectors", "--json").json["detectors"]
    assert [line["name"] for line in told] == list(catalog.names())
    assert {line["installed"] for line in told} <= {True, False}
    assert [name for name in catalog.names() if name not in tocsin("detectors").out] == []


def test_listing_imports_no_detector():
    code = (
        "import sys\nfrom tocsin.interfaces.cli.app import main\ntry:\n    main(['detectors'])\nexcept SystemExit:\n    pass\n"
        "sys.exit(' '.join({'torch', 'sklearn', 'tocsin.detectors.knn'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_one_shows_its_settings(tocsin):
    assert "--param k=" in tocsin("detectors", "knn").out
    assert "k" in tocsin("detectors", "knn", "--json").json["settings"]


def test_an_unknown_name_is_a_stated_error(tocsin):
    assert tocsin("detectors", "knm", "--json").json["error"]["code"] == "TOC-203"


def test_a_missing_extra_shows(monkeypatch, tocsin):
    monkeypatch.setitem(detectors._PACKAGE_OF, "deep", "a_package_that_is_not_there")
    deep = Card("x", "", Tags("vector", extra="deep"), "")
    assert not detectors.installed(deep)
    assert detectors.installed(Card("y", "", Tags("vector"), ""))
