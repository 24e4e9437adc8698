"""The example in CONTRIBUTING.md is a detector: put into the folder, it is in the catalog and passes the suite that the page promises."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

import tocsin.detectors
from tocsin.core import catalog
from tocsin.testing import check_detector

_PAGE = Path(__file__).resolve().parents[2] / "CONTRIBUTING.md"


def test_the_example_detector_passes_the_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", _PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    shutil.copytree(catalog._FOLDER, tmp_path, dirs_exist_ok=True)
    (tmp_path / "my_idea.py").write_text(code, encoding="utf-8")
    monkeypatch.setattr(catalog, "_FOLDER", tmp_path)
    monkeypatch.setattr(tocsin.detectors, "__path__", [*tocsin.detectors.__path__, str(tmp_path)])
    try:
        assert "my_idea" in catalog.names() and catalog.card("my_idea").summary.startswith("Distance from the plane")
        check_detector("my_idea")
    finally:
        sys.modules.pop("tocsin.detectors.my_idea", None)
