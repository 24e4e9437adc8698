"""The public surface: what ``tocsin`` names, and what importing it costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import tocsin

_HEAVY = ("torch", "sklearn", "scipy", "pandas", "plotly")


def test_all_is_what_is_offered() -> None:
    assert sorted(tocsin.__all__) == sorted(tocsin._HOMES)
    assert tocsin.__all__ == sorted(tocsin.__all__)
    assert set(tocsin.__all__) <= set(dir(tocsin))


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(tocsin.__file__).read_text(encoding="utf-8"))
    seen = {alias.asname: node.module for block in tree.body if isinstance(block, ast.If) for node in block.body
            if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == {name: f"tocsin.{home}" for name, home in tocsin._HOMES.items()}


@pytest.mark.parametrize("name", tocsin.__all__)
def test_each_name_resolves(name: str) -> None:
    value = getattr(tocsin, name)
    assert value.__name__ == name
    assert value.__module__.startswith("tocsin.")
    assert value.__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'mak'"):
        tocsin.mak  # noqa: B018


def _loaded_by(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_tocsin_loads_nothing_heavy() -> None:
    loaded = _loaded_by("import tocsin\nassert tocsin.__version__")
    assert not loaded & {*_HEAVY, "numpy", "pyarrow"}


def test_the_command_loads_nothing_heavy() -> None:
    assert not _loaded_by("import tocsin.interfaces.cli.app") & set(_HEAVY)


def test_listing_the_detectors_imports_none() -> None:
    code = ("import sys\nfrom tocsin.core import catalog\nassert all(catalog.card(name).summary for name in catalog.names())\n"
            "print(*(name for name in sys.modules if name.startswith('tocsin.detectors.')))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
