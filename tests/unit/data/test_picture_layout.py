"""What folders' names mean, on names alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tocsin.core.errors import DataError
from tocsin.data.picture_entry import Entry
from tocsin.data.picture_layout import Layout, arrange, is_junk, is_normal


def _arranged(*names: str, part: str | None = None, **words: object) -> Layout:
    return arrange([Entry(name, Path(name)) for name in names], part=part, **words)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["good", "GOOD", "Normal", "ok", "defect-free", "No Defect", "non_defective"])
def test_words_for_normal(name: str) -> None:
    assert is_normal(name)


@pytest.mark.parametrize("name", ["bad", "goods", "crack", "", "not_good", "0"])
def test_other_words(name: str) -> None:
    assert not is_normal(name)


def test_junk() -> None:
    assert is_junk("a/.hidden/b.png") and is_junk("Thumbs.db") and not is_junk("a.b/c.png")


@pytest.mark.parametrize(("names", "part", "y"), [
    (["a.png", "b.png"], None, None),
    (["good/a.png", "bad/b.png"], None, (0, 1)),
    (["good/a.png"], None, None),
    (["monday/a.png", "tuesday/b.png"], None, None),
    (["train/good/a.png", "train/bad/b.png"], "train", (0, 1)),
    (["train/good/a.png", "test/crack/b.png"], "test", (1,)),
    (["test/crack/b.png", "test/hole/b.png"], None, None),
    (["test/good/b.png"], None, (0,)),
    (["test/b.png", "train/good/a.png"], "test", None),
    (["Train/Good/a.png", "Test/OK/b.png", "Test/Bent/b.png"], "test", (0, 1)),
])
def test_labels(names: list[str], part: str | None, y: tuple[int, ...] | None) -> None:
    assert _arranged(*names, part=part).y == y


def test_a_folder_of_test_pictures_says_so_itself() -> None:
    assert _arranged("good/a.png").y is None and _arranged("good/a.png", tested=True).y == (0,)


def test_products_are_told_when_there_are_several_in_any_part() -> None:
    names = ("cap/train/good/a.png", "cap/test/bad/b.png", "nut/train/good/a.png")
    assert [one.product for one in _arranged(*names, part="train").pictures] == ["cap", "nut"]
    assert [one.product for one in _arranged(*names, part="test").pictures] == ["cap"]
    assert [one.product for one in _arranged(*names[:2], part="test", product="mine").pictures] == ["mine"]


@pytest.mark.parametrize(("picture", "mask"), [
    ("test/crack/004.png", "ground_truth/crack/004_mask.png"), ("test/crack/004.png", "ground_truth/crack/004.bmp"),
    ("test/crack/004.png", "ground_truth/crack/004/000.png"), ("crack/004.jpg", "ground_truth/crack/004_mask.png"),
    ("cap/test/crack/004.png", "cap/ground_truth/crack/004_mask.png"), ("a.jpg", "masks/a.png"),
    ("test/x/a.jpg", "test/ground_truth/x/a.png"),
])
def test_masks_belong_to_their_picture(picture: str, mask: str) -> None:
    other = picture.replace("004", "005").replace("a.jpg", "b.jpg")
    placed = _arranged(picture, other, mask).pictures
    assert [[entry.name for entry in one.masks] for one in placed] == [[mask], []]


def test_a_product_may_be_called_masks() -> None:
    assert len(_arranged("masks/train/good/a.png").pictures) == 1


def test_what_is_outside_the_part_is_said() -> None:
    found = _arranged("test/good/a.png", "validation/good/b.png", "c.png")
    assert len(found.pictures) == 1 and found.notes == ("part `test` is read; pictures of other folders that are not: 2",)


def test_parts() -> None:
    with pytest.raises(DataError, match="TOC-163"):
        _arranged("test/a.png", "train/a.png")
    with pytest.raises(DataError, match="TOC-162"):
        _arranged("test/a.png", part="train")
    with pytest.raises(DataError, match="TOC-162"):
        _arranged("a.png", part="valid")
    assert len(_arranged("a.png", part="train").pictures) == 1
