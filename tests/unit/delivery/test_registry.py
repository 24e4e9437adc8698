"""Versions, aliases and moves, in both databases; killed writers and two writers at once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import insert, select, update

import tocsin
from tocsin.core.errors import ArtifactError, ConfigError, ServiceError, TocsinError
from tocsin.delivery.artifact import read_signer, save, write
from tocsin.delivery.registry import Registry, Version
from tocsin.delivery.sign import SigningKey
from tocsin.pipeline.pipeline import Pipeline
from tocsin.store import tables
from tocsin.store.engine import Store

ROWS = np.random.default_rng(0).normal(size=(60, 2))
KEY, OTHER = SigningKey.generate(), SigningKey.generate()


@pytest.fixture(scope="module")
def model() -> Pipeline:
    return tocsin.fit(ROWS, detector="gaussian")


@pytest.fixture
def registry(store: Store) -> Registry:
    made = Registry(store)
    made.create("pump", "table", {"detector": "auto"}, by="ann", why="the north pump")
    return made


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return write(tmp_path / "small.tocsin", {"a": np.arange(3)}, {"detector": "gaussian", "n_train": 3})


def refused(code: str, act: object, *given: object, **words: object) -> TocsinError:
    with pytest.raises(TocsinError) as told:
        act(*given, **words)  # type: ignore[operator]
    assert told.value.code == code, told.value
    return told.value


# ---- lines ------------------------------------------------------------------------------------------------------------------------------


def test_a_line_is_created_and_listed(registry):
    registry.create("a-line_2", "series", {"time": "t", "clean": False, "deep": {"k": [1, None]}}, by="bo")
    first, second = registry.models()
    assert first["name"] == "a-line_2" and first["settings"] == {"time": "t", "clean": False, "deep": {"k": [1, None]}}
    assert {key: second[key] for key in ("name", "kind", "by", "why", "live", "previous", "versions")} == {
        "name": "pump", "kind": "table", "by": "ann", "why": "the north pump", "live": None, "previous": None, "versions": 0}
    assert registry.model("pump") == second


def test_a_taken_name_is_refused(registry):
    refused("TOC-620", registry.create, "pump", "series", {}, by="bo")
    assert registry.model("pump")["kind"] == "table"


@pytest.mark.parametrize("name", ["", "Pump", "-pump", "_p", "a b", "a/b", "..", "a" * 64, "pümp", "a\n", None, 5])
def test_odd_names_are_refused(registry, name):
    refused("TOC-251", registry.create, name, "table", {}, by="ann")
    refused("TOC-621", registry.model, name)


def test_the_longest_name_fits(registry):
    registry.create("a" * 63, "table", {}, by="ann")
    assert registry.model("a" * 63)["versions"] == 0


@pytest.mark.parametrize(("kind", "settings"), [("image", {}), (None, {}), ("table", {"a": object()}), ("table", {"a": {1, 2}})])
def test_odd_kinds_and_settings_are_refused(registry, kind, settings):
    refused("TOC-253", registry.create, "new", kind, settings, by="ann")


def test_numbers_that_json_does_not_have_become_none(registry):
    registry.create("odd", "table", {"a": float("nan"), "b": [float("inf"), 1.5]}, by="ann")
    assert registry.model("odd")["settings"] == {"a": None, "b": [None, 1.5]}


@pytest.mark.parametrize(("by", "why"), [("", ""), ("  ", ""), (None, ""), ("x" * 201, ""), ("a\0b", ""), ("\ud800", ""), ("ann", "\0"),
                                         ("ann", "\udfff"), ("ann", "x" * 4_001), ("ann", None)])
def test_who_and_why_are_text(registry, saved, by, why):
    for act in (lambda: registry.create("new", "table", {}, by=by, why=why), lambda: registry.add("pump", saved, by=by, why=why),
                lambda: registry.promote("pump", 1, by=by, why=why), lambda: registry.rollback("pump", by=by, why=why)):
        refused("TOC-252", act)
    assert registry.versions("pump") == []


def test_any_other_text_is_kept(registry, saved):
    why = "it's \"odd\"; drop table model; -- 100% \\ ü 漢 🚨\n" * 20
    assert registry.add("pump", saved, by="Ann O'Neil", why=why).why == why
    assert registry.version("pump", 1).by == "Ann O'Neil"


# ---- versions ---------------------------------------------------------------------------------------------------------------------------


def test_a_fitted_model_comes_back_with_equal_scores(registry, model):
    version = registry.add("pump", model, by="ann", why="first")
    assert (version.number, version.live, version.signer, version.data, version.by, version.why) == (1, False, None, None, "ann", "first")
    assert version.facts["detector"] == "gaussian" and version.facts["n_train"] == 60
    assert version.bytes == registry.store.files.path(version.digest, check=True).stat().st_size
    again = registry.load("pump", 1)
    assert np.array_equal(again.anomaly_score(ROWS), model.anomaly_score(ROWS))


def test_a_saved_model_keeps_its_bytes(registry, saved, tmp_path):
    version = registry.add("pump", saved, by="ann")
    assert registry.store.files.path(version.digest).read_bytes() == saved.read_bytes()
    folder = write(tmp_path / "folder", {"a": np.arange(3)}, {"detector": "gaussian"})
    assert registry.store.files.path(registry.add("pump", folder, by="ann").digest, check=True).is_file()


def test_numbers_count_from_one_and_the_newest_is_first(registry, saved):
    assert [registry.add("pump", saved, by="ann").number for _ in range(3)] == [1, 2, 3]
    assert [one.number for one in registry.versions("pump")] == [3, 2, 1]
    registry.create("other", "table", {}, by="ann")
    assert registry.add("other", saved, by="ann").number == 1
    assert registry.model("pump")["versions"] == 3 and registry.models()[0]["versions"] == 1


def test_the_training_data_are_named_when_they_are_there(registry, saved):
    digest, _ = registry.store.files.put([b"a,b\n1,2\n"])
    assert registry.add("pump", saved, by="ann", data=digest).data == digest
    refused("TOC-610", registry.add, "pump", saved, by="ann", data="0" * 64)
    assert len(registry.versions("pump")) == 1


def test_a_line_that_is_not_there(registry, saved):
    for act in (registry.versions, registry.version, registry.moves, registry.model, registry.load,
                lambda name: registry.add(name, saved, by="a"), lambda name: registry.promote(name, 1, by="a"),
                lambda name: registry.rollback(name, by="a"), lambda name: registry.compare(name, 1, 2)):
        for name in ("none", "a\0b", "\ud800"):
            refused("TOC-621", act, name)


@pytest.mark.parametrize("which", [0, 2, -1, 1 << 40, True, 1.0, "2", "0", "none", "LIVE", "a\0", "\ud800", "99999999999", b"live"])
def test_a_version_that_is_not_there(registry, saved, which):
    registry.add("pump", saved, by="ann")
    refused("TOC-622", registry.version, "pump", which)
    refused("TOC-622", registry.load, "pump", which)


def test_nothing_is_live_at_first(registry, saved):
    registry.add("pump", saved, by="ann")
    for which in (None, "live"):
        refused("TOC-623", registry.version, "pump", which)


def test_what_is_no_model_is_not_added(registry, tmp_path):
    (tmp_path / "x.tocsin").write_bytes(b"hello")
    refused("TOC-404", registry.add, "pump", tmp_path / "x.tocsin", by="ann")
    refused("TOC-401", registry.add, "pump", tmp_path / "none.tocsin", by="ann")
    refused("TOC-301", registry.add, "pump", Pipeline("gaussian"), by="ann")
    assert registry.versions("pump") == [] and registry.store.files.sweep() == 0


def test_infinities_in_a_manifest_do_not_stop_it(registry, tmp_path):
    path = write(tmp_path / "m.tocsin", {}, {"detector": "knn", "threshold": {"score": float("inf")}, "history": [{"loss": float("nan")}]})
    assert registry.add("pump", path, by="ann").facts == {"detector": "knn", "threshold": {"score": None}, "history": [{"loss": None}]}


def test_a_damaged_file_is_found_on_loading(registry, model):
    version = registry.add("pump", model, by="ann")
    path = registry.store.files.path(version.digest)
    path.write_bytes(path.read_bytes()[:-1])
    refused("TOC-610", registry.load, "pump", 1)
    path.unlink()
    refused("TOC-610", registry.load, "pump", 1)


# ---- aliases ----------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def three(registry: Registry, saved: Path) -> Registry:
    for _ in range(3):
        registry.add("pump", saved, by="ann")
    return registry


def test_promoting_moves_live_and_keeps_the_previous(three):
    assert three.promote("pump", 1, by="ann").live
    version = three.promote("pump", 3, by="bo", why="better")
    assert (version.number, version.live) == (3, True)
    assert (three.model("pump")["live"], three.model("pump")["previous"]) == (3, 1)
    assert [one.live for one in three.versions("pump")] == [True, False, False]
    assert three.version("pump").number == three.version("pump", "live").number == three.version("pump", "3").number == 3


def test_rolling_back_is_one_step_and_twice_swaps(three):
    for number in (1, 2, 3):
        three.promote("pump", number, by="ann")
    assert three.rollback("pump", by="bo", why="too many alarms").number == 2
    assert three.rollback("pump", by="bo").number == 3
    assert three.rollback("pump", by="bo").number == 2
    told = [(move["source"], move["target"], move["kind"], move["by"]) for move in three.moves("pump")]
    assert told == [(3, 2, "rollback", "bo"), (2, 3, "rollback", "bo"), (3, 2, "rollback", "bo"),
                    (2, 3, "promote", "ann"), (1, 2, "promote", "ann"), (None, 1, "promote", "ann")]
    assert three.moves("pump")[2]["why"] == "too many alarms"


def test_there_is_nothing_to_roll_back_to_at_first(three):
    refused("TOC-624", three.rollback, "pump", by="ann")
    three.promote("pump", 1, by="ann")
    refused("TOC-624", three.rollback, "pump", by="ann")
    assert len(three.moves("pump")) == 1


def test_promoting_what_is_live_changes_nothing(three):
    three.promote("pump", 1, by="ann")
    three.promote("pump", 2, by="ann")
    assert three.promote("pump", 2, by="bo").live
    assert three.model("pump")["previous"] == 1 and len(three.moves("pump")) == 2


def test_a_version_that_is_not_there_cannot_be_promoted(three):
    three.promote("pump", 1, by="ann")
    for number in (0, 4, -1, 1 << 40):
        refused("TOC-622", three.promote, "pump", number, by="ann")
    assert three.model("pump")["live"] == 1 and len(three.moves("pump")) == 1


def test_other_aliases_move_by_themselves(three):
    three.promote("pump", 1, by="ann")
    assert not three.promote("pump", 2, alias="canary", by="ann").live
    assert three.version("pump", "canary").number == 2 and three.version("pump").number == 1
    three.promote("pump", 3, alias="canary", by="ann")
    assert three.rollback("pump", alias="canary", by="ann").number == 2
    assert three.model("pump")["live"] == 1


@pytest.mark.parametrize("alias", ["", "3", "Live", "a b", "a" * 51, "a\0", None])
def test_odd_aliases_are_refused(three, alias):
    refused("TOC-251", three.promote, "pump", 1, alias=alias, by="ann")


def test_a_click_that_comes_twice_moves_once(three):
    for number in (1, 2):
        three.promote("pump", number, by="ann")
    assert three.rollback("pump", by="ann", expect=2).number == 1
    refused("TOC-625", three.rollback, "pump", by="ann", expect=2)
    refused("TOC-625", three.promote, "pump", 3, by="ann", expect=2)
    assert three.model("pump")["live"] == 1


def test_moves_of_one_line_are_its_own(three, saved):
    three.create("other", "table", {}, by="ann")
    three.add("other", saved, by="ann")
    three.promote("other", 1, by="ann")
    three.promote("pump", 2, by="ann")
    assert [(one["model"], one["target"]) for one in three.moves("pump")] == [("pump", 2)]
    assert three.version("other").number == 1


# ---- comparing --------------------------------------------------------------------------------------------------------------------------


def test_comparing_tells_what_differs(registry, tmp_path):
    about = {"detector": "knn", "n_train": 3, "params": {"k": 5, "scale": True}, "threshold": {"rule": "far", "p": 0.01}}
    registry.add("pump", write(tmp_path / "a.tocsin", {}, about), by="ann")
    registry.add("pump", write(tmp_path / "b.tocsin", {}, {**about, "params": {"k": 9, "scale": True}, "n_train": 4, "new": [1]}), by="ann")
    registry.promote("pump", 2, by="ann")
    told = registry.compare("pump", 1, "live")
    assert told["facts"] == {"n_train": [3, 4], "params.k": [5, 9], "new": [None, [1]]}
    assert told["numbers"] == [1, 2] and told["detector"] == ["knn", "knn"] and told["n_train"] == [3, 4]
    assert told["bytes"] == [one.bytes for one in reversed(registry.versions("pump"))] and told["threshold"] == [about["threshold"]] * 2
    assert registry.compare("pump", 1, 1)["facts"] == {}
    json.dumps(told, allow_nan=False)


# ---- signatures -------------------------------------------------------------------------------------------------------------------------


def test_what_is_added_is_signed_and_checked(store, model):
    registry = Registry(store, KEY)
    registry.create("pump", "table", {}, by="ann")
    version = registry.add("pump", model, by="ann")
    assert version.signer == KEY.fingerprint == read_signer(store.files.path(version.digest))
    assert registry.load("pump", 1).facts_ == model.facts_
    refused("TOC-441", Registry(store, OTHER).load, "pump", 1)
    assert Registry(store).load("pump", 1)


def test_a_row_that_names_another_file_is_found(store, model, tmp_path):
    """Someone who can write the database, and the files, but has no key."""
    registry = Registry(store, KEY)
    registry.create("pump", "table", {}, by="ann")
    registry.add("pump", model, by="ann")
    for key, code in ((None, "TOC-440"), (OTHER, "TOC-441")):
        digest, _ = store.files.put_file(save(tocsin.fit(ROWS * 2, detector="gaussian"), tmp_path / "m.tocsin", key=key))
        with store.begin() as base:
            base.execute(update(tables.version).values(digest=digest))
        refused(code, registry.load, "pump", 1)


def test_saved_models_are_signed_on_the_way_in_unless_a_stranger_signed_them(store, model, tmp_path):
    registry = Registry(store, KEY)
    registry.create("pump", "table", {}, by="ann")
    unsigned, own, theirs = (save(model, tmp_path / f"{i}.tocsin", key=key) for i, key in enumerate((None, KEY, OTHER)))
    for path in (unsigned, own):
        number = registry.add("pump", path, by="ann").number
        assert registry.load("pump", number)
    refused("TOC-441", registry.add, "pump", theirs, by="ann")
    assert registry.load("pump", registry.add("pump", theirs, by="ann", trust=OTHER.public).number)
    refused("TOC-440", registry.add, "pump", unsigned, by="ann", trust=OTHER.public)
    assert len(registry.versions("pump")) == 3


def test_a_version_without_a_signature_is_not_loaded_where_there_is_a_key(store, model):
    """Else whoever writes the database could say that a file of his own was never signed."""
    registry = Registry(store)
    registry.create("pump", "table", {}, by="ann")
    first = registry.add("pump", model, by="ann")
    assert first.signer is None and registry.load("pump", 1)
    signing = Registry(store, KEY)
    refused("TOC-440", signing.load, "pump", 1)
    assert signing.load("pump", signing.add("pump", store.files.path(first.digest), by="ann", why="signed").number)


# ---- several at once --------------------------------------------------------------------------------------------------------------------

_ORDERS = Path(__file__).with_name("writers.py")


class Writers:
    """Processes that add and promote. They are forked from one that has imported everything, so that many of them cost little."""

    def __init__(self) -> None:
        self.forge = subprocess.Popen([sys.executable, str(_ORDERS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def start(self, work: str, folder: Path, database: str | None, **words: object) -> int:
        """A new writer, by its process number; it does its work as soon as the store is open."""
        return self._ask({"work": work, "folder": str(folder), "database": database, **words})

    def end(self, pid: int) -> int:
        """How it ended: 0, or minus the signal."""
        return self._ask({"wait": pid})

    def close(self) -> None:
        self.forge.communicate(timeout=60)

    def _ask(self, order: dict[str, object]) -> int:
        assert self.forge.stdin is not None and self.forge.stdout is not None
        self.forge.stdin.write(json.dumps(order) + "\n")
        self.forge.stdin.flush()
        return int(self.forge.stdout.readline())


@pytest.fixture(scope="module")
def writers() -> Iterator[Writers]:
    if os.name != "posix":
        pytest.skip("fork and SIGKILL are of POSIX")
    made = Writers()
    yield made
    made.close()


def check_consistent(registry: Registry) -> None:
    """What must hold at any moment, whoever died when: every row has its file, numbers have no holes, the alias is where the last move
    put it, with the target before that as its previous."""
    versions = registry.versions("pump")
    assert [one.number for one in versions] == list(range(len(versions), 0, -1))
    for digest in {one.digest for one in versions}:
        registry.store.files.path(digest, check=True)
    moves, live, previous = registry.moves("pump")[::-1], None, None
    for move in moves:
        assert move["source"] == live and move["target"] in range(1, len(versions) + 1)
        if move["kind"] == "rollback":
            assert move["target"] == previous
        live, previous = move["target"], live
    line = registry.model("pump")
    assert (line["live"], line["previous"], line["versions"]) == (live, previous, len(versions))


def test_two_writers_lose_nothing(registry, writers, saved, tmp_path, database):
    both = {"path": str(saved), "times": 12, "meet": str(tmp_path / "meet")}
    started = [writers.start("some", tmp_path / "place", database, who=who, **both) for who in ("ann", "bo")]
    assert [writers.end(pid) for pid in started] == [0, 0]
    check_consistent(registry)
    versions, moves = registry.versions("pump"), registry.moves("pump")
    assert Counter(one.by for one in versions) == {"ann": 12, "bo": 12}
    for who in ("ann", "bo"):
        assert [one.why for one in reversed(versions) if one.by == who] == [str(i) for i in range(12)]
        kinds = Counter(one["kind"] for one in moves if one["by"] == who)
        assert kinds == {"promote": 12, "rollback": 4}


# ---- killed -----------------------------------------------------------------------------------------------------------------------------

_POINTS = ["before fsync", "before replace", "after replace", "after version", "before commit", "after alias", "after move"]


def after_a_death(registry: Registry, saved: Path, told: list[int]) -> None:
    check_consistent(registry)
    assert len(registry.versions("pump")) >= max(told, default=0)  # what was acknowledged is there
    registry.store.files.sweep()
    assert list(registry.store.files.folder.glob("*.part")) == []
    before = len(registry.versions("pump"))
    assert registry.add("pump", saved, by="next").number == before + 1
    registry.promote("pump", before + 1, by="next")
    check_consistent(registry)


@pytest.mark.parametrize("point", _POINTS)
def test_killed_at_a_named_point(registry, writers, saved, tmp_path, database, point):
    log = tmp_path / "log"
    pid = writers.start("loop", tmp_path / "place", database, point=point, scratch=str(tmp_path), log=str(log))
    assert writers.end(pid) == -signal.SIGKILL
    after_a_death(registry, saved, said(log))


def test_killed_at_any_moment(registry, writers, saved, tmp_path, database):
    chance, logs = random.Random(7), [tmp_path / "log 0", tmp_path / "log 1"]
    for _ in range(6):
        two = [writers.start("loop", tmp_path / "place", database, point="", scratch=str(tmp_path), log=str(log)) for log in logs]
        seen, until = len(said(logs[0])), time.monotonic() + 60
        while len(said(logs[0])) <= seen and time.monotonic() < until:  # it is at work
            time.sleep(0.01)
        time.sleep(0.3 * chance.random())
        for pid in two:
            os.kill(pid, signal.SIGKILL)
        assert [writers.end(pid) for pid in two] == [-signal.SIGKILL] * 2
        after_a_death(registry, saved, [number for log in logs for number in said(log)])
    assert len(registry.versions("pump")) > 12  # they did write


def said(log: Path) -> list[int]:
    """The numbers of versions that a writer was told of before it died."""
    return [int(word) for word in log.read_text().split("\n")[:-1]] if log.exists() else []


def test_a_place_opened_again_is_the_same(registry, saved, tmp_path, database):
    registry.add("pump", saved, by="ann")
    registry.promote("pump", 1, by="ann")
    with Store(tmp_path / "place", database) as again:
        assert Registry(again).versions("pump") == registry.versions("pump")
        assert isinstance(Registry(again).version("pump"), Version)


def test_a_hole_would_be_noticed(registry, saved):
    """The check of the killing tests can fail."""
    registry.add("pump", saved, by="ann")
    with registry.store.begin() as base:
        row = dict(base.execute(select(tables.version)).one()._mapping)
        base.execute(insert(tables.version).values({**row, "number": 3}))
    with pytest.raises(AssertionError):
        check_consistent(registry)


def test_errors_are_of_the_stated_kinds(registry, saved):
    assert isinstance(refused("TOC-251", registry.create, "A", "table", {}, by="a"), ConfigError)
    assert isinstance(refused("TOC-621", registry.model, "none"), ServiceError)
    assert isinstance(refused("TOC-401", registry.add, "pump", "none", by="a"), ArtifactError)
