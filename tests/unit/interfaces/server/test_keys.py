"""Keys: shown once, kept as a hash, looked up rarely, stamped seldom."""

from __future__ import annotations

import pytest

from tocsin.core.errors import ConfigError, ServiceError
from tocsin.interfaces.server import keys as module
from tocsin.interfaces.server.keys import Keys
from tocsin.store.engine import Store


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "data") as store:
        yield store


def test_the_secret_is_nowhere_in_the_data_folder(store):
    key = Keys(store).create(["score"], name="line 3")
    Keys(store).find(key)
    secret = key.split("_")[2]
    assert len(secret) == 64
    files = [path for path in store.folder.rglob("*") if path.is_file()]
    assert any(key.split("_")[1].encode() in path.read_bytes() for path in files)  # the id is found, so the search works
    assert [path.name for path in files if secret.encode() in path.read_bytes() or bytes.fromhex(secret) in path.read_bytes()] == []


def test_two_keys_have_nothing_in_common(store):
    one, other = Keys(store).create(["score"]), Keys(store).create(["score"])
    assert not set(one.split("_")[1:]) & set(other.split("_")[1:])


@pytest.mark.parametrize(("scopes", "name"), [([], ""), (["all"], ""), (["score", "admin"], ""), (["score"], "x" * 101),
                                              (["score"], "a\nb")])
def test_unknown_scopes_and_unusable_names_are_refused(store, scopes, name):
    with pytest.raises(ConfigError) as refused:
        Keys(store).create(scopes, name=name)
    assert refused.value.code == "TOC-259"
    assert Keys(store).list() == []


def test_the_list_holds_what_is_known_of_a_key(store):
    keys = Keys(store)
    key = keys.create(["score", "label", "score"], name="line 3")
    (found,) = keys.list()
    assert (found.id, found.name, found.scopes) == (key.split("_")[1], "line 3", {"score", "label"})
    assert (found.used, found.revoked, found.label) == (None, None, "line 3")
    assert key.split("_")[2] not in repr(found)


def test_revoking_is_for_good_and_may_be_repeated(store):
    keys = Keys(store)
    key = keys.create(["score"])
    first = keys.revoke(key.split("_")[1])
    assert keys.revoke(key).revoked == first.revoked is not None
    assert keys.find(key) is None
    assert keys.remembered(key) == (True, None)
    with pytest.raises(ServiceError) as refused:
        keys.revoke("0" * 12)
    assert refused.value.code == "TOC-601"


def test_a_look_up_is_remembered_for_a_few_seconds(store, monkeypatch):
    keys, now = Keys(store), [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    key = keys.create(["score"])
    assert keys.remembered(key) == (False, None)
    assert keys.find(key) is not None
    assert keys.remembered(key)[1] is not None
    assert keys.remembered(key[:-1] + ("0" if key[-1] != "0" else "1")) == (True, None)  # the secret is checked all the same
    Keys(store).revoke(key)  # by another process
    assert keys.remembered(key)[1] is not None
    now[0] += module._FRESH + 0.1
    assert keys.remembered(key) == (False, None)
    assert keys.find(key) is None
    assert keys.remembered(key) == (True, None)
    assert module._FRESH <= 5


def test_use_is_stamped_at_most_once_a_minute(store, monkeypatch):
    keys, now = Keys(store), [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    key = keys.create(["score"])
    keys.find(key)
    keys.stamping.join()
    first = keys.list()[0].used
    assert first is not None
    now[0] += 30
    keys.find(key)
    assert keys.list()[0].used == first
    now[0] += 31
    assert keys.remembered(key) == (False, None)
    keys.find(key)
    keys.stamping.join()
    assert keys.list()[0].used > first


def test_what_is_no_key_does_not_reach_the_database(store):
    keys = Keys(store)
    store.close()
    for given in ("", "x", "tk_a_b", "tk_" + "0" * 12 + "_" + "g" * 64, "TK_" + "0" * 12 + "_" + "0" * 64):
        assert keys.remembered(given) == (True, None)
        assert keys.find(given) is None


def test_memory_of_look_ups_is_bounded(store, monkeypatch):
    monkeypatch.setattr(module, "_MOST", 5)
    keys = Keys(store)
    for i in range(20):
        keys.find(f"tk_{i:012x}_{'0' * 64}")
    assert len(keys._seen) <= 5
