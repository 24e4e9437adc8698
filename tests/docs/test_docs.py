"""The docs keep up: every command, option and detector is in them, and their Python examples run."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from typing import Any

import pytest
import typer

from tocsin.core import catalog
from tocsin.interfaces.cli.app import app

_ROOT = Path(__file__).resolve().parent.parent.parent
_PAGES = sorted([_ROOT / "README.md", *(_ROOT / "docs").rglob("*.md")])
_REFERENCE = "\n".join(path.read_text(encoding="utf-8") for path in [_ROOT / "README.md", *(_ROOT / "docs" / "reference").glob("*.md")])
_COMMAND = (_ROOT / "docs" / "reference" / "command.md").read_text(encoding="utf-8")


def _commands() -> dict[str, Any]:
    return dict(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def _section(name: str) -> str:
    """The part of the command's page under ``## tocsin name``, with the shared parts that it points to."""
    parts = re.split(r"^## ", _COMMAND, flags=re.MULTILINE)
    own = next(part for part in parts if part.startswith(f"tocsin {name}\n"))
    shared = [
        part
        for part in parts
        if (part.startswith("Reading") and "(#reading" in own) or (part.startswith("Learning") and "(#learning" in own)
    ]
    return own + "".join(shared)


def test_every_command_has_a_section():
    assert [name for name in _commands() if f"## tocsin {name}\n" not in _COMMAND] == []


def test_every_section_is_a_command():
    assert set(re.findall(r"^## tocsin (\S+)$", _COMMAND, flags=re.MULTILINE)) == set(_commands())


@pytest.mark.parametrize("name", sorted(_commands()))
def test_every_option_is_in_the_commands_section(name):
    options = [
        word for parameter in _commands()[name].params for word in (*parameter.opts, *parameter.secondary_opts) if word.startswith("--")
    ]
    section = _section(name)
    assert [word for word in options if word != "--help" and f"`{word}`" not in section] == []


@pytest.mark.parametrize("name", sorted(_commands()))
def test_every_option_in_the_section_exists(name):
    known = {word for parameter in _commands()[name].params for word in (*parameter.opts, *parameter.secondary_opts)}
    assert set(re.findall(r"^\| `(--[a-z-]+)`", _section(name), flags=re.MULTILINE)) - known == set()


def test_every_detector_is_in_the_reference():
    assert [name for name in catalog.names() if f"`{name}`" not in _REFERENCE] == []


@pytest.mark.parametrize("path", _PAGES, ids=lambda path: str(path.relative_to(_ROOT)))
def test_prompts_in_the_docs_run(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
    failed, _ = doctest.testfile(str(path), module_relative=False, optionflags=flags, encoding="utf-8")
    assert failed == 0


@pytest.mark.parametrize("path", _PAGES, ids=lambda path: str(path.relative_to(_ROOT)))
def test_python_blocks_in_the_docs_are_valid(path):
    for block in re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), flags=re.DOTALL):
        if ">>>" not in block:
            compile(block, str(path), "exec")


@pytest.mark.parametrize("path", _PAGES, ids=lambda path: str(path.relative_to(_ROOT)))
def test_commands_in_the_docs_are_known(path):
    """Each ``tocsin WORD`` line of a code block names a command, and its options exist."""
    commands = _commands()
    for block in re.findall(r"```(?:sh|bash|console|text)?\n(.*?)```", path.read_text(encoding="utf-8"), flags=re.DOTALL):
        for line in re.findall(r"^\$? ?tocsin (.+)$", block, flags=re.MULTILINE):
            words = line.partition(" #")[0].split()
            assert words[0] in commands or words[0].startswith("-"), line
            known = (
                {word for parameter in commands[words[0]].params for word in (*parameter.opts, *parameter.secondary_opts)}
                if words[0] in commands
                else set()
            )
            assert [
                word for word in words if word.startswith("--") and words[0] in commands and word.partition("=")[0] not in known
            ] == [], line


def test_relative_links_lead_somewhere():
    broken = []
    for path in _PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
            if not (path.parent / target).exists():
                broken.append(f"{path.relative_to(_ROOT)}: {target}")
    assert broken == []
