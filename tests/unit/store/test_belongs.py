"""A data folder knows its database, and is not opened empty with another."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from tocsin.core.errors import ConfigError
from tocsin.store.belongs import Belongs
from tocsin.store.engine import Store

ONE = make_url("postgresql+psycopg://ann:open-sesame@DB.example.org/tocsin")


def test_the_mark_names_the_database_without_its_password(tmp_path: Path) -> None:
    Belongs(tmp_path, ONE).claim()
    assert (tmp_path / "database").read_text() == "postgresql://db.example.org:5432/tocsin\n" and len(list(tmp_path.iterdir())) == 1
    Belongs(tmp_path, ONE.set(password="new", username="bob")).check()


@pytest.mark.parametrize("url", [None, ONE.set(database="other"), ONE.set(host="elsewhere")])
def test_a_marked_folder_is_not_opened_with_another_database(tmp_path: Path, url: object) -> None:
    Belongs(tmp_path, ONE).claim()
    for act in (Belongs(tmp_path, url).check, Belongs(tmp_path, url).claim):  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="TOC-250") as told:
            act()
        assert "db.example.org" in told.value.came and "open-sesame" not in str(told.value)
    with pytest.raises(ConfigError, match="TOC-250"):
        Store(tmp_path)


def test_a_folder_with_its_own_database_is_not_opened_with_an_address(tmp_path: Path) -> None:
    Store(tmp_path).close()
    with pytest.raises(ConfigError, match="its own database"):
        Store(tmp_path, "postgresql+psycopg://nobody@127.0.0.1:1/none")
    Store(tmp_path).close()
    assert not (tmp_path / "database").exists()


def test_a_database_that_does_not_answer_leaves_no_mark(tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"TOC-(611|501)"):
        Store(tmp_path, "postgres://nobody@127.0.0.1:1/none")
    Store(tmp_path).close()


def test_a_used_postgresql_is_found_again_under_its_short_name(tmp_path: Path, new_postgres: str) -> None:
    with Store(tmp_path, new_postgres.replace("postgresql+psycopg", "postgres")) as store:
        assert store.engine.url.drivername == "postgresql+psycopg"
    Store(tmp_path, new_postgres).close()
    with pytest.raises(ConfigError, match="TOC-250"):
        Store(tmp_path)
