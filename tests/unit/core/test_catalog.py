from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tocsin.core import catalog
from tocsin.core.detector import Detector
from tocsin.core.errors import ConfigError, MissingExtra
from tocsin.core.tags import Tags
from tocsin.detectors.baseline import Baseline


class Plugged(Detector):
    """A detector of another package."""

    tags = Tags(modality="vector")

    def __init__(self) -> None:
        pass

    @classmethod
    def small(cls) -> Detector:
        return cls()

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        pass

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return X[:, 0]


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> str:
    module = ModuleType("other_package")
    module.Plugged = Plugged  # type: ignore[attr-defined]
    monkeypatch.setattr(Plugged, "__module__", "other_package")
    monkeypatch.setitem(sys.modules, "other_package", module)
    point = EntryPoint("plugged", "other_package:Plugged", catalog.GROUP)
    absent = EntryPoint("absent", "package_that_is_not_there:Gone", catalog.GROUP)
    monkeypatch.setattr(catalog, "_plugins", lambda: {"plugged": point, "absent": absent})
    return "plugged"


def test_names_are_the_files() -> None:
    files = {path.stem for path in Path(catalog._FOLDER).glob("*.py")} - {"__init__"}
    assert set(catalog.names()) >= files
    assert {f"logs.{path.stem}" for path in Path(catalog._FOLDER, "logs").glob("*.py")} - {"logs.__init__"} <= set(catalog.names())
    assert list(catalog.names()) == sorted(catalog.names())


def test_a_short_name_is_resolved_by_the_kind_of_data() -> None:
    assert catalog.resolve("patch_memory", "images") == "images.patch_memory"
    assert catalog.resolve("patch_memory", "series") == catalog.resolve("patch_memory", "table") == "patch_memory"
    assert catalog.resolve("images.patch_memory", "images") == "images.patch_memory"
    assert catalog.resolve("no_such", "texts") == "no_such"


def test_load_and_name_of_are_inverse() -> None:
    assert catalog.load("baseline") is Baseline
    assert catalog.name_of(Baseline) == catalog.name_of(Baseline()) == "baseline"


def test_unknown_name_suggests_a_near_one() -> None:
    with pytest.raises(ConfigError, match=r"TOC-203.*'baselin'.*did you mean 'baseline'"):
        catalog.load("baselin")


@pytest.mark.parametrize("name", ["__init__", "../core/config", "core.config", "", "knn.py"])
def test_only_names_of_the_catalog_are_loaded(name: str) -> None:
    with pytest.raises(ConfigError, match="TOC-203"):
        catalog.load(name)
    with pytest.raises(ConfigError, match="TOC-203"):
        catalog.card(name)


def test_make_gives_the_parameters() -> None:
    assert catalog.make("knn", k=3).params()["k"] == 3


def test_make_refuses_unknown_parameters() -> None:
    with pytest.raises(ConfigError, match=r"TOC-204.*came: kk; to do: use k, metric, scale"):
        catalog.make("knn", kk=3)


def test_card_is_read_as_text() -> None:
    card = catalog.card("baseline")
    assert card.tags == Baseline.tags
    assert card.summary.startswith("The null model")


def test_plugins_join(plugged: str) -> None:
    assert plugged in catalog.names()
    assert catalog.load(plugged) is Plugged
    assert catalog.name_of(Plugged) == plugged
    assert catalog.card(plugged).summary == "A detector of another package."
    assert catalog.make(plugged).fit([[1.0], [2.0]]).anomaly_score([[3.0]]).tolist() == [3.0]


def test_a_plugin_with_a_missing_package_says_what_to_install(plugged: str) -> None:
    with pytest.raises(MissingExtra, match=r"TOC-501.*pip install package_that_is_not_there"):
        catalog.load("absent")


def test_a_missing_package_of_an_own_detector_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(name: str) -> None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(catalog.importlib, "import_module", gone)
    monkeypatch.setattr(catalog, "card", lambda name: catalog.Card(name, "", Tags(modality="vector", extra="deep"), ""))
    with pytest.raises(MissingExtra, match=r"TOC-501: 'knn' needs the package 'torch'.*pip install 'tocsin\[deep\]'"):
        catalog.load("knn")


def test_an_import_error_inside_tocsin_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise ImportError("cannot import name 'x'", name="tocsin.core.tags")

    monkeypatch.setattr(catalog.importlib, "import_module", broken)
    with pytest.raises(ImportError, match="cannot import name") as caught:
        catalog.load("knn")
    assert not isinstance(caught.value, MissingExtra)


def test_a_class_outside_the_catalog_has_no_name() -> None:
    with pytest.raises(ConfigError, match=r"TOC-203.*entry-point group"):
        catalog.name_of(Plugged)


def test_a_file_without_a_detector_is_refused() -> None:
    with pytest.raises(ConfigError, match="TOC-205"):
        catalog._only_detector(catalog)


def test_a_file_without_literal_tags_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "odd.py"
    file.write_text("class Odd:\n    '''Odd.'''\n    tags = make_tags()\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="TOC-205"):
        catalog._read_card("odd", file)
