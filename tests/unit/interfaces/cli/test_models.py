"""Versions on the command line."""

from __future__ import annotations

import getpass
import json
import subprocess
import sys

import numpy as np
import pytest

from tocsin.delivery.artifact import load, save, write
from tocsin.delivery.registry import Registry
from tocsin.delivery.sign import PublicKey, SigningKey
from tocsin.flows.train import fit
from tocsin.interfaces.cli.models import _size
from tocsin.store.engine import Store


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A data folder, named by the environment."""
    monkeypatch.setenv("TOCSIN_DATA_DIR", str(tmp_path / "place"))
    return tmp_path / "place"


def small(path, **about):
    return write(path, {"a": np.arange(3)}, {"detector": "gaussian", "kind": "table", "n_train": 3, **about})


@pytest.fixture
def two(tocsin, place, model, tmp_path):
    """Version 1, live, is of the command; version 2 says other things."""
    assert tocsin("models", "add", "pump", model, "--promote", "--by", "ann", "--why", "first").code == 0
    assert tocsin("models", "add", "pump", small(tmp_path / "b.tocsin", detector="knn", params={"k": 9}), "--by", "bo").code == 0
    return place


def test_add_promote_show_rollback(tocsin, place, model):
    told = tocsin("models", "add", "pump", model, "--by", "ann", "--why", "first")
    assert (told.code, told.out) == (0, "added pump, version 1; next:  tocsin models promote pump 1\n")
    assert tocsin("models", "promote", "pump", 1, "--by", "bo").out == "pump: live is version 1 now\n"
    assert tocsin("models", "add", "pump", model, "--promote", "--by", "bo").out == "added pump, version 2, live now\n"
    assert tocsin("models", "rollback", "pump", "--by", "cy", "--why", "missed the leak").out == "pump: live is version 1 now\n"
    told = tocsin("models", "show", "pump", "--json").json
    assert [one["number"] for one in told["versions"]] == [2, 1] and told["model"]["live"] == 1
    assert [(one["kind"], one["by"], one["why"]) for one in told["moves"]] == [
        ("rollback", "cy", "missed the leak"), ("promote", "bo", ""), ("promote", "bo", "")]


def test_what_is_added_is_signed_and_can_be_used_from_its_place(tocsin, place, model, files):
    assert tocsin("models", "add", "pump", model, "--promote").code == 0
    told = tocsin("models", "show", "pump", "live", "--json").json
    key = SigningKey.load_or_create(place)
    assert told["version"]["signer"] == key.fingerprint
    assert load(told["file"], require_signature=key.public).facts_["detector"] == "gaussian"
    with Store(place) as store:
        assert Registry(store, key).load("pump").facts_ == load(model).facts_
    assert tocsin("detect", files["mixed"], "--id", "order", "--model", told["file"], "--json").code == 0


def test_tables_hold_what_is_asked_for(tocsin, two):
    asked = {"list": "pump table ann first", "show pump": "gaussian knn live promote rate 1", "show pump 1": "signed digest Training",
             "compare pump 1 2": "params.k 9"}
    for words, expected in ((words.split(), expected.split()) for words, expected in asked.items()):
        told = tocsin("models", *words)
        assert told.code == 0 and [word for word in expected if word not in told.out] == [], told.out


def test_json_is_one_document(tocsin, two, tmp_path):
    listed = tocsin("models", "list", "--json").json["models"]
    assert [(line["name"], line["live"], line["versions"]) for line in listed] == [("pump", 1, 2)]
    told = tocsin("models", "compare", "pump", "live", "2", "--json").json
    assert told["facts"]["detector"] == ["gaussian", "knn"] and told["facts"]["n_train"] == [120, 3]
    assert tocsin("models", "promote", "pump", "2", "--json").json["version"]["live"] is True
    added = tocsin("models", "add", "pump", small(tmp_path / "c.tocsin"), "--json").json
    assert (added["done"], added["version"]["number"]) == ("added", 3)


def test_another_kind_and_other_columns_are_refused(tocsin, two, place, tmp_path, monkeypatch):
    for values in ([0.1, 0.3, 0.2, 0.4], [0.1, 0.2, 0.3, 0.5]):
        save(fit({"x": values * 20, "y": [1, 3, 2, 4] * 20}, detector="gaussian"), tmp_path / "xy.tocsin")
        assert tocsin("models", "add", "xy", tmp_path / "xy.tocsin").code == 0
    monkeypatch.delenv("TOCSIN_DATA_DIR", raising=False)
    told = tocsin("models", "add", "pump", two_columns(tmp_path), "--data-dir", place)
    assert told.code == 0 and f"--data-dir {place}" in told.out
    refused = tocsin("models", "add", "xy", two_columns(tmp_path), "--data-dir", place)
    assert refused.code == 1 and "TOC-626" in refused.err and "without 'x'" in refused.err.replace("\n", " ")
    assert tocsin("models", "add", "xy", two_columns(tmp_path), "--new-columns", "--data-dir", place).code == 0
    assert tocsin("models", "list", "--new-columns", "--data-dir", place).code == 2


def two_columns(folder):
    save(fit({"p": [0.1, 0.3, 0.2, 0.4] * 20, "q": [1, 2, 4, 3] * 20}, detector="gaussian"), folder / "pq.tocsin")
    return folder / "pq.tocsin"


def test_other_aliases(tocsin, two):
    assert tocsin("models", "promote", "pump", "2", "--alias", "canary").out == "pump: canary is version 2 now\n"
    assert tocsin("models", "promote", "pump", "canary").code == 0  # to live
    assert tocsin("models", "show", "pump", "--json").json["model"]["live"] == 2


def test_an_empty_place(tocsin, place):
    place.mkdir()
    assert "There are no models" in tocsin("models", "list").out
    assert tocsin("models", "list", "--json").json == {"models": []}


def test_the_same_manifest_twice(tocsin, two, model):
    assert tocsin("models", "add", "pump", model).code == 0
    assert tocsin("models", "compare", "pump", "1", "3").out == "Their manifests say the same.\n"


def test_the_login_name_is_who(tocsin, place, model, monkeypatch):
    monkeypatch.setattr(getpass, "getuser", lambda: "dora")
    assert tocsin("models", "add", "pump", model, "--json").json["version"]["by"] == "dora"


def test_without_a_login_name_one_is_asked_for(tocsin, place, model, monkeypatch):
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    told = tocsin("models", "add", "pump", model)
    assert told.code == 2 and "--by" in told.err
    assert tocsin("models", "add", "pump", model, "--by", "me").code == 0


def test_the_key(tocsin, two):
    told = tocsin("models", "key")
    key = PublicKey.read(told.out.encode())
    assert told.err == f"fingerprint {key.fingerprint}\n"
    assert tocsin("models", "key", "--json").json == {"fingerprint": key.fingerprint, "public": key.pem}
    assert key == SigningKey.load_or_create(two).public


def test_a_strangers_model_needs_trust(tocsin, two, tmp_path):
    key = SigningKey.generate()
    (tmp_path / "their.pub").write_text(key.public.pem)
    path = write(tmp_path / "their.tocsin", {}, {"detector": "knn", "kind": "table"}, key=key)
    assert tocsin("models", "add", "pump", path, "--json").json["error"]["code"] == "TOC-441"
    assert tocsin("models", "add", "pump", path, "--trust", tmp_path / "their.pub").code == 0


@pytest.mark.parametrize(("words", "code"), [
    (("show", "none"), "TOC-621"), (("show", "pump", "7"), "TOC-622"), (("promote", "pump", "7"), "TOC-622"),
    (("rollback", "pump"), "TOC-624"), (("rollback", "none"), "TOC-621"), (("compare", "pump", "1", "none"), "TOC-622"),
    (("add", "pump", "/no/such/file"), "TOC-401"), (("add", "Not A Name", "FILE"), "TOC-251"),
    (("promote", "pump", "1", "--by", ""), "TOC-252"), (("promote", "pump", "1", "--alias", "7"), "TOC-251")])
def test_errors_are_stated(tocsin, two, model, words, code):
    told = tocsin("models", *(model if word == "FILE" else word for word in words), "--json")
    assert told.code == 1 and told.json["error"]["code"] == code
    told = tocsin("models", *(model if word == "FILE" else word for word in words))
    assert told.code == 1 and code in told.err and "Traceback" not in told.err


@pytest.mark.parametrize("words", ["show", "add pump", "list pump", "compare pump 1", "promote pump", "rollback", "key pump", "nothing", "",
                                   "list --promote", "show pump --by me", "list --why so", "promote pump 1 --trust x"])
def test_wrong_usage(tocsin, two, words):
    assert tocsin("models", *words.split()).code == 2


def test_nothing_is_made_by_looking(tocsin, place):
    for words in (("list",), ("show", "pump"), ("promote", "pump", "1"), ("key",)):
        assert tocsin("models", *words, "--json").json["error"]["code"] == "TOC-254"
    assert not place.exists()


def test_a_file_that_is_no_model_begins_no_line(tocsin, place, tmp_path):
    (tmp_path / "x.tocsin").write_bytes(b"hello")
    assert tocsin("models", "add", "pump", tmp_path / "x.tocsin", "--json").json["error"]["code"] == "TOC-404"
    assert tocsin("models", "list", "--json").json == {"models": []}


def test_what_others_wrote_does_not_steer_the_terminal(tocsin, two, model):
    tocsin("models", "add", "pump", model, "--promote", "--why", "\x1b[2J\x1b]0;owned\x07 line\nbreak [bold]")
    for words in (("show", "pump"), ("show", "pump", "live"), ("list",)):
        told = tocsin("models", *words)
        assert "\x1b" not in told.out and "\x07" not in told.out
    assert "[bold]" in tocsin("models", "show", "pump", "live").out


def test_a_database_of_its_own(tocsin, place, model, new_postgres, monkeypatch):
    monkeypatch.setenv("TOCSIN_DATABASE", new_postgres)
    assert tocsin("models", "add", "pump", model, "--promote").code == 0
    assert tocsin("models", "list", "--json").json["models"][0]["live"] == 1
    assert not (place / "tocsin.db").exists() and (place / "files").exists()


def test_a_package_that_is_missing_is_told(tmp_path):
    code = ("import importlib.util as u; real = u.find_spec; u.find_spec = lambda n, *a: None if n == 'alembic' else real(n, *a)\n"
            "from tocsin.interfaces.cli.app import main\nmain(['models', 'list', '--json', '--data-dir', '.'])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1 and json.loads(done.stdout)["error"]["todo"] == "pip install 'tocsin[serve]'"


def test_looking_loads_no_detector(two):
    code = ("import sys\nfrom tocsin.interfaces.cli.app import main\ntry:\n    main(['models', 'list'])\nexcept SystemExit:\n    pass\n"
            "sys.exit(' '.join({'torch'} & set(sys.modules)) or 0)")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_sizes_are_short():
    assert [_size(count) for count in (0, 999, 1_000, 12_345, 999_999, 1_234_567, 5 << 30, 5 << 50)] == [
        "0 bytes", "999 bytes", "1 kB", "12.3 kB", "1,000 kB", "1.23 MB", "5.37 GB", "5,629,500 GB"]
