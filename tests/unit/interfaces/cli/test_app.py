"""The border: exit codes, errors as text and as JSON, and a start without heavy imports."""

from __future__ import annotations

import subprocess
import sys

import pytest

import tocsin
from tocsin.core.errors import DataError
from tocsin.interfaces.cli import app as application

COMMANDS = ["detect", "fit", "score", "evaluate", "explain", "check", "detectors", "benchmark", "export", "shrink", "models",
            "serve", "watch", "keys", "version"]


def test_help_names_every_command(tocsin):
    ran = tocsin("--help")
    assert ran.code == 0
    assert [name for name in COMMANDS if name not in ran.out] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(tocsin, name):
    ran = tocsin(name, "--help")
    assert ran.code == 0
    assert f"tocsin {name}" in ran.out.split("Example")[1]


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom tocsin.interfaces.cli.app import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'sklearn', 'scipy', 'pyarrow', 'plotly', 'numpy', 'pandas', 'jinja2', 'pydantic'} & set(sys.modules)\n"
        "sys.exit(f'imported {sorted(heavy)}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_no_arguments_show_the_help(tocsin):
    ran = tocsin()
    assert ran.code == 2
    assert "detect" in ran.out + ran.err


def test_wrong_usage_is_2_and_stdout_stays_empty(tocsin):
    for words in (["detect"], ["nonsense"], ["detect", "x.csv", "--nonsense"], ["detect", "x.csv", "--save"]):
        ran = tocsin(*words)
        assert (ran.code, ran.out) == (2, "")
        assert ran.err


def test_a_stated_error_is_told_in_four_parts_on_stderr(tocsin):
    ran = tocsin("check", "missing.csv")
    assert (ran.code, ran.out) == (1, "")
    assert [line.split()[0] for line in ran.err.strip().splitlines()] == ["error", "what", "came", "to"]
    assert "TOC-120" in ran.err
    assert "missing.csv" in ran.err


def test_with_json_the_error_is_one_document_on_stdout(tocsin):
    ran = tocsin("check", "missing.csv", "--json")
    assert (ran.code, ran.err) == (1, "")
    assert set(ran.json["error"]) == {"code", "what", "came", "todo"}


def test_markup_in_a_message_stays_text(tocsin, monkeypatch):
    def fail(*_args, **_kwargs):
        raise DataError("TOC-112", "nothing in [bold]x[/bold]", came="[red]", todo="look")

    monkeypatch.setattr(application, "app", fail)
    assert "[bold]x[/bold]" in tocsin("check", "x").err


def test_interruption_is_130(tocsin, monkeypatch):
    def interrupt(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(application, "app", interrupt)
    assert tocsin("check", "x").code == 130


def test_a_system_error_is_a_stated_one(tocsin, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied", "secret.csv")

    monkeypatch.setattr(application, "app", refuse)
    ran = tocsin("check", "x", "--json")
    assert ran.code == 1
    assert ran.json["error"]["code"] == "TOC-282"
    assert "secret.csv" in ran.json["error"]["came"]


def test_version(tocsin):
    assert tocsin("version").out == tocsin("--version").out == f"tocsin {tocsin_version()}\n"


def tocsin_version() -> str:
    return tocsin.__version__
