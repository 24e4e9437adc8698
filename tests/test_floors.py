"""The building's rules, held by reading the source: who imports whom, which packages live where, and what is never written.

A file may import only from floors below its own; folders on one floor do not know each other.
"""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parent.parent
_SOURCE = _ROOT / "src" / "tocsin"

FLOORS = [{"interfaces"}, {"flows"}, {"streaming", "monitoring", "delivery"}, {"governance"}, {"evaluation"}, {"pipeline"},
          {"detectors", "explanation"}, {"deep", "memory"}, {"data", "decision", "store"}, {"core"}]
_LEVEL = {folder: len(FLOORS) - i for i, floor in enumerate(FLOORS) for folder in floor}

_CORE = {"numpy", "pyarrow", "pydantic"}
PACKAGES = {
    "core": _CORE,
    "data": _CORE | {"sklearn", "scipy", "narwhals", "pandas", "polars", "sqlalchemy", "PIL", "pydicom", "drain3"},
    "decision": {"numpy", "scipy"},
    "explanation": {"numpy", "scipy"},
    "memory": {"numpy", "scipy"},
    "streaming": _CORE,
    "deep": {"numpy", "torch", "safetensors", "tokenizers"},
    "detectors": {"numpy", "scipy", "sklearn", "torch"},
    "pipeline": _CORE | {"sklearn"},
    "evaluation": _CORE | {"scipy", "sklearn", "pyod", "optuna"},
    "governance": _CORE,
    "store": {"sqlalchemy", "alembic"},
    "delivery": _CORE | {"safetensors", "scipy", "sqlalchemy", "cryptography", "onnx", "onnxruntime", "torch"},
    "monitoring": _CORE | {"scipy", "sqlalchemy", "httpx"},
    "flows": _CORE | {"sqlalchemy"},
    "interfaces": _CORE | {"typer", "rich", "jinja2", "markupsafe", "plotly", "fastapi", "starlette", "uvicorn", "multipart",
                           "prometheus_client", "structlog", "httpx", "h11", "sqlalchemy", "PIL"},
    "testing": {"numpy"},
    "": set(),  # tocsin/__init__.py
    "__main__": set(),
}
_STANDARD = set(sys.stdlib_module_names)
_NO_NAMES = {"util", "utils", "helper", "helpers", "common", "base", "manager", "managers", "misc"}
_NO_MODULES = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
# The checks look at the global states to see that others leave them alone; other packages' detectors run in a process of their own.
_GLOBAL_STATE = {"tocsin.testing.probe", "tocsin.evaluation.peers"}
_FILES = sorted(_SOURCE.rglob("*.py"))


def _module(path: Path) -> str:
    return ".".join(("tocsin", *path.relative_to(_SOURCE).with_suffix("").parts)).removesuffix(".__init__")


_MODULES = {_module(path) for path in _FILES}


def _folder(module: str) -> str:
    """"data" of tocsin.data.read; "" of tocsin itself."""
    return [*module.split("."), ""][1]


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def _running(node: ast.AST) -> list[ast.AST]:
    """All nodes below, without those that only a type checker reads."""
    found = [node]
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            found += [inner for part in child.orelse for inner in _running(part)]
        else:
            found += _running(child)
    return found


def _imports(tree: ast.AST, module: str = "") -> set[str]:
    """Full names of what is imported anywhere, in functions, too: tocsin's own down to the module, others as written."""
    found = set()
    for node in _running(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: relative import"
            home = node.module or ""
            below = {f"{home}.{alias.name}" for alias in node.names} & _MODULES
            found |= below or {home}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module") and isinstance(node.args[0], ast.Constant):
            found.add(str(node.args[0].value))
    return found - {module}


def _calls(tree: ast.AST) -> list[tuple[str, ast.Call]]:
    return [(ast.unparse(node.func), node) for node in ast.walk(tree) if isinstance(node, ast.Call)]


def _own(path: Path) -> set[str]:
    return {name for name in _imports(_tree(path), _module(path)) if name.split(".")[0] == "tocsin"}


def _where(path: Path) -> str:
    return str(path.relative_to(_ROOT))


def test_reading_imports() -> None:
    source = """
from typing import TYPE_CHECKING
import numpy as np
if TYPE_CHECKING:
    import pandas
def late():
    from tocsin.core import catalog, errors
    import torch.nn
    importlib.import_module("polars")
"""
    assert _imports(ast.parse(source)) == {"typing", "numpy", "tocsin.core.catalog", "tocsin.core.errors", "torch.nn", "polars"}


def test_every_folder_has_a_floor() -> None:
    folders = {path.name for path in _SOURCE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders - {"testing"} == set(_LEVEL)


def test_imports_go_down() -> None:
    wrong = []
    for path in _FILES:
        here = _folder(_module(path))
        for name in sorted(_own(path)):
            there = _folder(name)
            if here == there:
                continue
            allowed = there == "core" if here == "testing" else there in _LEVEL and _LEVEL[there] < _LEVEL.get(here, 99)
            if not allowed and not (name == "tocsin" and here != "core"):  # the package itself holds the version
                wrong.append(f"{_where(path)} imports {name}")
    assert wrong == []


def test_packages_stay_in_their_folders() -> None:
    wrong = []
    for path in _FILES:
        folder = _folder(_module(path))
        allowed = PACKAGES["" if _module(path) == "tocsin" else folder] | _STANDARD | {"tocsin"}
        imported = sorted(_imports(_tree(path), _module(path)))
        wrong += [f"{_where(path)} imports {name}" for name in imported if name.split(".")[0] not in allowed]
    assert wrong == []


def test_no_import_cycles() -> None:
    edges = {_module(path): {name for name in _own(path) if name in _MODULES and name != "tocsin"} for path in _FILES}
    done: set[str] = set()

    def walk(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " → ".join((*trail[trail.index(name):], name))
        if name not in done:
            for below in sorted(edges[name]):
                walk(below, (*trail, name))
            done.add(name)

    for name in sorted(edges):
        walk(name, ())


def test_nothing_below_interfaces_prints() -> None:
    wrong = [f"{_where(path)}:{call.lineno}" for path in _FILES if _folder(_module(path)) != "interfaces"
             for name, call in _calls(_tree(path)) if name in ("print", "sys.stdout.write", "sys.stderr.write", "warnings.warn")]
    assert wrong == []


def test_nothing_that_runs_code_from_data() -> None:
    wrong = []
    for path in _FILES:
        tree = _tree(path)
        wrong += [f"{_where(path)} imports {name}" for name in _imports(tree) if name.split(".")[0] in _NO_MODULES]
        for name, call in _calls(tree):
            words = {word.arg: ast.unparse(word.value) for word in call.keywords}
            if name in ("eval", "exec", "compile", "__import__") or words.get("allow_pickle", "False") != "False" \
                    or (name == "torch.load" and words.get("weights_only") != "True") or words.get("shell", "False") != "False":
                wrong.append(f"{_where(path)}:{call.lineno}: {name}")
    assert wrong == []


def test_no_global_random_state() -> None:
    wrong = []
    for path in _FILES:
        if _module(path) in _GLOBAL_STATE:
            continue
        tree = _tree(path)
        wrong += [f"{_where(path)} imports random" for name in _imports(tree) if name == "random"]
        wrong += [f"{_where(path)}:{call.lineno}: {name}" for name, call in _calls(tree)
                  if (name.startswith("np.random.") and name .split("(")[0] not in ("np.random.default_rng", "np.random.SeedSequence"))
                  or name in ("torch.manual_seed", "torch.seed", "torch.set_rng_state")]
    assert wrong == []


@pytest.mark.parametrize("path", _FILES, ids=_where)
def test_files_are_small_and_named_after_one_thing(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
    assert path.stem not in _NO_NAMES and not path.stem.endswith(("_utils", "_helpers", "_manager"))


@pytest.mark.parametrize("path", sorted((_ROOT / "tests").rglob("*.py")), ids=_where)
def test_tests_are_named_after_one_thing_too(path: Path) -> None:
    assert path.stem.removeprefix("test_") not in _NO_NAMES
