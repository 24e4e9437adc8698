"""``tocsin keys``: the key alone on standard output, everything else beside it."""

from __future__ import annotations

import re

import pytest

from tocsin.interfaces.server.keys import Keys
from tocsin.interfaces.server.session import Sessions
from tocsin.store.engine import Store


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data"


def test_create_prints_the_key_alone(tocsin, folder):
    ran = tocsin("keys", "create", "--data-dir", folder, "--scope", "score", "--scope", "label", "--name", "line 3")
    assert ran.code == 0
    assert re.fullmatch(r"tk_[0-9a-f]{12}_[0-9a-f]{64}\n", ran.out)
    assert "cannot be shown again" in ran.err
    with Store(folder) as store:
        found = Keys(store).find(ran.out.strip())
    assert found is not None
    assert (found.name, found.scopes) == ("line 3", {"score", "label"})


def test_list_shows_no_secret_and_revoke_ends_a_key(tocsin, folder):
    assert "no keys" in tocsin("keys", "list", "--data-dir", folder).out
    key = tocsin("keys", "create", "--data-dir", folder, "--scope", "manage", "--name", "[red]boss[/red]").out.strip()
    id, secret = key.split("_")[1:]
    shown = tocsin("keys", "list", "--data-dir", folder)
    assert id in shown.out
    assert "[red]boss[/red]" in shown.out
    assert "never" in shown.out
    assert secret not in shown.out
    assert tocsin("keys", "revoke", id, "--data-dir", folder).code == 0
    assert "revoked" in tocsin("keys", "list", "--data-dir", folder).out
    with Store(folder) as store:
        assert Keys(store).find(key) is None


def test_json(tocsin, folder):
    made = tocsin("keys", "create", "--data-dir", folder, "--scope", "score", "--json").json
    assert made["key"].startswith(f"tk_{made['id']}_")
    (listed,) = tocsin("keys", "list", "--data-dir", folder, "--json").json["keys"]
    assert (listed["id"], listed["scopes"], listed["revoked"]) == (made["id"], ["score"], None)
    assert tocsin("keys", "revoke", made["id"], "--data-dir", folder, "--json").json["revoked"]


def test_page_link_is_a_link_that_works_once(tocsin, folder):
    ran = tocsin("keys", "page-link", "--data-dir", folder)
    assert re.fullmatch(r"http://127\.0\.0\.1:8000/login\?token=[0-9a-f]{64}\n", ran.out)
    with Store(folder) as store:
        assert Sessions(store).exchange(ran.out.strip().partition("token=")[2])


@pytest.mark.parametrize(("words", "code"), [(["create"], "TOC-259"), (["create", "--scope", "root"], "TOC-259"),
                                             (["revoke", "0" * 12], "TOC-601"), (["list", "--database", "mysql://x/y"], "TOC-250")])
def test_stated_errors(tocsin, folder, words, code):
    ran = tocsin("keys", *words, "--data-dir", folder, "--json")
    assert (ran.code, ran.json["error"]["code"]) == (1, code)


@pytest.mark.parametrize("words", [[], ["nonsense"], ["revoke"], ["list", "0" * 12], ["list", "--scope", "score"],
                                   ["page-link", "--name", "x"]])
def test_wrong_usage(tocsin, folder, words):
    assert tocsin("keys", *words, "--data-dir", folder).code == 2


def test_the_folder_and_the_database_come_from_the_environment(tocsin, tmp_path, monkeypatch):
    monkeypatch.setenv("TOCSIN_DATA_DIR", str(tmp_path / "place"))
    assert tocsin("keys", "create", "--scope", "score").code == 0 and (tmp_path / "place" / "tocsin.db").is_file()
    monkeypatch.setenv("TOCSIN_DATABASE", "postgresql://nobody@127.0.0.1:1/none")
    for words in (("keys", "list"), ("serve", "--port", "0"), ("models", "list")):
        told = tocsin(*words)  # a folder with rows of its own is not opened empty elsewhere
        assert told.code == 1 and "TOC-250" in told.err and "TOCSIN_DATABASE" in told.err, words
