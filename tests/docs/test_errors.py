"""docs/errors.md and the code hold the same error codes."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tocsin.core import errors

_ROOT = Path(__file__).resolve().parent.parent.parent
_PAGE = (_ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
_SOURCE = sorted((_ROOT / "src" / "tocsin").rglob("*.py"))
_HEADINGS = re.findall(r"^### (.+)$", _PAGE, flags=re.MULTILINE)
_KIND = {"DataError": 1, "ConfigError": 2, "StateError": 3, "ArtifactError": 4, "MissingExtra": 5, "ServiceError": 6}


def _raised() -> dict[str, set[str]]:
    """Code → where it is given to an error: any string that is a code, outside the checks, which only compare."""
    found: dict[str, set[str]] = {}
    for path in _SOURCE:
        if path.name == "checks.py" and path.parent.name == "testing":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"TOC-\d{3}", node.value):
                found.setdefault(node.value, set()).add(f"{path.name}:{node.lineno}")
    return found


def test_every_code_is_a_heading() -> None:
    assert {code: sorted(places) for code, places in _raised().items() if code not in _HEADINGS} == {}


def test_every_heading_is_a_code() -> None:
    raised = _raised()
    assert [heading for heading in _HEADINGS if heading not in raised] == []


def test_codes_named_in_docstrings_exist() -> None:
    named = {code for path in _SOURCE for code in re.findall(r"TOC-\d{3}", path.read_text(encoding="utf-8"))}
    assert sorted(named - set(_HEADINGS)) == []


def test_headings_stand_once_in_order_in_their_section_with_words() -> None:
    assert sorted(set(_HEADINGS)) == _HEADINGS
    for part in re.split(r"^## ", _PAGE, flags=re.MULTILINE)[1:]:
        hundred, entries = part[0], re.split(r"^### ", part, flags=re.MULTILINE)[1:]
        for entry in entries:
            code, _, words = entry.partition("\n")
            assert re.fullmatch(rf"TOC-{hundred}\d\d", code), code
            assert len(words.split()) >= 4, f"{code} is not explained"


def test_each_kind_of_error_keeps_to_its_hundred() -> None:
    wrong = []
    for path in _SOURCE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = ast.unparse(node.func).split(".")[-1] if isinstance(node, ast.Call) else ""
            if name in _KIND and node.args and isinstance(node.args[0], ast.Constant) \
                    and not str(node.args[0].value).startswith(f"TOC-{_KIND[name]}"):
                wrong.append(f"{path.name}:{node.lineno}: {name} {node.args[0].value}")
    assert wrong == []


def test_every_kind_of_error_has_a_hundred() -> None:
    kinds = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, errors.TocsinError)}
    assert kinds == {*_KIND, "TocsinError"}
