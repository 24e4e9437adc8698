"""Opening, writing and reading a store: what is told when it does not work, and what two processes see of each other."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, insert, inspect, make_url, select, text
from sqlalchemy.exc import IntegrityError

from tocsin.core.errors import ConfigError, MissingExtra, ServiceError
from tocsin.store import tables
from tocsin.store.engine import Store

NOW = "2026-01-31T12:00:00.000000Z"
WORD = {"name": "w", "value": {"a": [1, "ö", None]}, "at": NOW}


def words(store: Store) -> int:
    with store.read() as base:
        return int(base.execute(select(func.count()).select_from(tables.setting)).scalar_one())


def test_the_migrations_make_exactly_the_tables(store):
    with store.engine.connect() as base:
        context = MigrationContext.configure(base, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []


def test_the_comparison_would_see_a_difference(store):
    with store.begin() as base:
        base.execute(text("alter table setting add column extra integer"))
    with store.engine.connect() as base:
        assert compare_metadata(MigrationContext.configure(base), tables.metadata) != []


def test_migrations_go_back_to_nothing(store):
    from alembic import command

    from tocsin.store.engine import alembic_config

    with store.begin() as base:
        command.downgrade(alembic_config(base), "base")
    with store.engine.connect() as base:
        assert inspect(base).get_table_names() == ["alembic_version"]


def test_json_text_and_truth_come_back_as_they_went(store):
    with store.begin() as base:
        base.execute(insert(tables.setting).values(WORD))
    with store.read() as base:
        assert dict(base.execute(select(tables.setting)).one()._mapping) == WORD


def test_a_transaction_that_fails_leaves_nothing(store):
    with pytest.raises(RuntimeError, match="half way"), store.begin() as base:
        base.execute(insert(tables.setting).values(WORD))
        raise RuntimeError("half way")
    assert words(store) == 0


def test_a_reader_sees_one_moment(store):
    with store.read() as base:
        count = select(func.count()).select_from(tables.setting)
        before = base.execute(count).scalar()
        with store.begin() as other:
            other.execute(insert(tables.setting).values(WORD))
        assert base.execute(count).scalar() == before == 0
    assert words(store) == 1


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), {1, 2}])
def test_what_is_no_json_is_refused(store, odd):
    with pytest.raises(ServiceError) as told, store.begin() as base:
        base.execute(insert(tables.setting).values({**WORD, "value": {"a": odd}}))
    assert told.value.code == "TOC-614"
    assert words(store) == 0


def test_a_broken_rule_stays_a_broken_rule(store):
    with store.begin() as base:
        base.execute(insert(tables.setting).values(WORD))
    with pytest.raises(IntegrityError), store.begin() as base:
        base.execute(insert(tables.setting).values(WORD))


def test_foreign_keys_hold(store):
    with pytest.raises(IntegrityError), store.begin() as base:
        base.execute(insert(tables.alias).values(model="none", name="live", number=1, at=NOW, by="x", why=""))


def test_sizes_beyond_two_gigabytes_fit(store):
    row = {"digest": "0" * 64, "name": "big.csv", "ending": "csv", "bytes": 5 << 30, "seen": {}, "at": NOW, "by": "x", "why": ""}
    with store.begin() as base:
        base.execute(insert(tables.upload).values(row))
    with store.read() as base:
        assert base.execute(select(tables.upload.c.bytes)).scalar() == 5 << 30


def test_a_newer_data_folder_is_refused(store, tmp_path, database):
    with store.begin() as base:
        base.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(ServiceError, match="9999") as told:
        Store(tmp_path / "place", database)
    assert told.value.code == "TOC-612"


OPEN = """
import sys, time
from tocsin.store.engine import Store
print("ready", flush=True)
sys.stdin.readline()
for i in range(int(sys.argv[3])):
    with Store(f"{sys.argv[1]}{i}", sys.argv[2] or None):
        pass
"""


def test_opening_a_new_place_from_several_processes_at_once(tmp_path, database):
    times = "1" if database else "6"  # on SQLite, six new folders; a PostgreSQL is new once
    started = [subprocess.Popen([sys.executable, "-c", OPEN, str(tmp_path / "p"), database or "", times], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for one in started:
        assert one.stdout.readline() == "ready\n"
    for one in started:
        one.stdin.write("go\n")
        one.stdin.flush()
    told = [one.communicate(timeout=60)[1] for one in started]
    assert [one.returncode for one in started] == [0, 0, 0], told
    with Store(tmp_path / "p0", database) as store:
        assert words(store) == 0


def test_opening_many_places_from_threads(tmp_path):
    wrong = []

    def one(i: int) -> None:
        try:
            Store(tmp_path / f"p{i}").close()
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# ---- SQLite alone ------------------------------------------------------------------------------------------------------------------


def test_sqlite_writes_ahead_and_flushes(tmp_path):
    with Store(tmp_path) as store, store.read() as base:
        answers = [base.exec_driver_sql(f"pragma {name}").scalar() for name in ("journal_mode", "synchronous", "foreign_keys")]
    assert answers == ["wal", 2, 1]


@pytest.mark.parametrize("name", ["a b", "q?x=1", "100%", "h#", "ö"])
def test_a_folder_of_any_name(tmp_path, name):
    with Store(tmp_path / name):
        assert (tmp_path / name / "tocsin.db").exists()


def test_the_folder_is_its_owners_alone(tmp_path):
    with Store(tmp_path / "place") as store:
        assert store.folder.stat().st_mode & 0o777 == 0o700


def test_a_locked_database_is_told(tmp_path):
    with Store(tmp_path) as store, Store(tmp_path) as other, other.begin():
        with store.engine.connect() as base:
            base.exec_driver_sql("pragma busy_timeout=1")  # of the one connection that is used again
        with pytest.raises(ServiceError, match="locked") as told, store.begin():
            pass
    assert told.value.code == "TOC-611"


def test_a_reader_is_not_held_up_by_a_writer(tmp_path):
    with Store(tmp_path) as store, Store(tmp_path) as other, other.begin() as base:
        base.execute(insert(tables.setting).values(WORD))
        assert words(store) == 0


def test_a_database_that_may_not_be_written_is_told(tmp_path):
    with Store(tmp_path) as store:
        with store.engine.connect() as base:
            base.exec_driver_sql("pragma query_only=1")
        with pytest.raises(ServiceError, match="readonly") as told, store.begin() as base:
            base.execute(insert(tables.setting).values(WORD))
    assert told.value.code == "TOC-611"


def test_a_full_database_is_told_and_stays_whole(tmp_path):
    with Store(tmp_path) as store:
        with store.engine.connect() as base:
            base.exec_driver_sql(f"pragma max_page_count={base.exec_driver_sql('pragma page_count').scalar()}")
        with pytest.raises(ServiceError, match="full") as told, store.begin() as base:
            for i in range(200):
                base.execute(insert(tables.setting).values({**WORD, "name": f"w{i}", "value": "x" * 1_000}))
        assert told.value.code == "TOC-611"
        assert words(store) == 0


def test_a_file_that_is_no_database_is_told(tmp_path):
    (tmp_path / "tocsin.db").write_bytes(b"dear diary, " * 400)
    with pytest.raises(ServiceError, match="not a database") as told:
        Store(tmp_path)
    assert told.value.code == "TOC-611"


def test_a_damaged_database_is_told(tmp_path):
    with Store(tmp_path) as store, store.begin() as base:
        base.execute(insert(tables.setting), [{**WORD, "name": f"w{i}", "value": "x" * 500} for i in range(200)])
    path = tmp_path / "tocsin.db"
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)
    with pytest.raises(ServiceError, match=r"malformed|corrupt") as told, Store(tmp_path) as store, store.read() as base:
        base.execute(select(tables.setting)).all()
    assert told.value.code == "TOC-611"


def test_old_parts_are_swept_when_the_place_is_opened(tmp_path):
    import os

    (tmp_path / "files").mkdir()
    old, new = tmp_path / "files" / "old.part", tmp_path / "files" / "new.part"
    old.touch()
    new.touch()
    os.utime(old, (1, 1))
    with Store(tmp_path):
        assert not old.exists() and new.exists()  # the new one may be being written


# ---- addresses ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["mysql://host/name", "oracle://host", "not an address", "://", "nonsense+driver://host/x"])
def test_other_databases_are_refused(tmp_path, address):
    with pytest.raises(ConfigError) as told:
        Store(tmp_path, address)
    assert told.value.code == "TOC-250"


def test_a_driver_that_is_missing_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    with pytest.raises(MissingExtra, match=r"tocsin\[sql\]") as told:
        Store(tmp_path, "postgresql+psycopg2://127.0.0.1/x")
    assert told.value.code == "TOC-501"


def test_an_address_without_a_driver_means_psycopg(tmp_path, new_postgres):
    with Store(tmp_path, new_postgres.replace("+psycopg", "")) as store:
        assert words(store) == 0


def test_a_package_that_is_missing_is_told():
    code = ("import importlib.util as u; real = u.find_spec; u.find_spec = lambda n, *a: None if n == 'alembic' else real(n, *a)\n"
            "import tocsin.store.moment")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "TOC-501" in done.stderr and "pip install 'tocsin[serve]'" in done.stderr


def test_a_server_that_is_not_there_is_told(tmp_path):
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    with pytest.raises(ServiceError) as told:
        Store(tmp_path, "postgresql+psycopg://nobody:secret@127.0.0.1:1/none")
    assert told.value.code == "TOC-611" and "secret" not in str(told.value)


def test_a_wrong_password_is_told_without_it(tmp_path, postgres):
    wrong = make_url(postgres).set(password="open-sesame").render_as_string(hide_password=False)
    with pytest.raises(ServiceError) as told:
        Store(tmp_path, wrong)
    assert told.value.code == "TOC-611" and "open-sesame" not in str(told.value)


def test_a_connection_that_was_cut_is_made_again(tmp_path, new_postgres):
    with Store(tmp_path, new_postgres) as store:
        assert words(store) == 0
        with Store(tmp_path, new_postgres) as other, other.begin() as base:
            base.execute(text("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
                              " and datname = current_database()"))
        assert words(store) == 0


def test_a_connection_that_is_cut_half_way_is_told_and_leaves_nothing(tmp_path, new_postgres):
    with Store(tmp_path, new_postgres) as store, Store(tmp_path, new_postgres) as other:
        with pytest.raises(ServiceError) as told, store.begin() as base:
            base.execute(insert(tables.setting).values(WORD))
            with other.begin() as cutter:
                cutter.execute(text("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
                                    " and datname = current_database()"))
            base.execute(select(tables.setting))
        assert told.value.code == "TOC-611"
        assert words(store) == 0


def test_reading_cannot_write(tmp_path, new_postgres):
    with Store(tmp_path, new_postgres) as store:
        with pytest.raises(ServiceError, match="read-only"), store.read() as base:
            base.execute(insert(tables.setting).values(WORD))
        with store.begin() as base:  # the same connection, writing again
            base.execute(insert(tables.setting).values(WORD))
        assert words(store) == 1


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    for wrong in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigError) as told:
            Store(wrong)
        assert told.value.code == "TOC-250"


def test_paths_are_paths(tmp_path):
    with Store(str(tmp_path)) as store:
        assert store.folder == Path(tmp_path)


def test_a_number_that_no_column_takes_is_a_stated_error(store):
    with pytest.raises(ServiceError, match="TOC-614"), store.read() as base:
        base.execute(select(tables.incident).where(tables.incident.c.id == 2**70)).all()


def test_a_new_database_is_its_owners_alone_in_an_open_folder(tmp_path):
    tmp_path.chmod(0o755)
    with Store(tmp_path):
        assert (tmp_path / "tocsin.db").stat().st_mode & 0o077 == 0
