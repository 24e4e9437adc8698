"""Files that appear together or not at all."""

from __future__ import annotations

import pytest

from tocsin.core.errors import ConfigError
from tocsin.interfaces.cli.folder import staged


def test_files_appear_at_the_end_and_replace_old_ones(tmp_path):
    (tmp_path / "a").write_text("old", encoding="utf-8")
    with staged(tmp_path) as stage:
        (stage / "a").write_text("new", encoding="utf-8")
        assert (tmp_path / "a").read_text(encoding="utf-8") == "old"
    assert (tmp_path / "a").read_text(encoding="utf-8") == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_failure_leaves_no_trace(tmp_path):
    with pytest.raises(KeyboardInterrupt), staged(tmp_path / "new" / "deep") as stage:
        (stage / "a").write_text("half", encoding="utf-8")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_is_a_stated_error(tmp_path):
    (tmp_path / "f").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="TOC-282"), staged(tmp_path / "f"):
        pass
