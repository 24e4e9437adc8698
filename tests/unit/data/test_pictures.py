"""Reading folders, archives, lists and arrays of pictures: what is read, in which order, with which labels, and what is refused."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tocsin.core.errors import DataError, MissingExtra
from tocsin.core.picture import Pixels
from tocsin.data import pictures
from tocsin.data.pictures import read, unread


def _picture(path: Path, seed: int = 0, size: tuple[int, int] = (8, 12), form: str | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.uint8)).save(path, form)


def _mask(path: Path, size: tuple[int, int] = (8, 12)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn = np.zeros(size, dtype=np.uint8)
    drawn[2:4, 3:5] = 255
    Image.fromarray(drawn).save(path)


@pytest.fixture()
def bottle(tmp_path: Path) -> Path:
    root = tmp_path / "bottle"
    for i in (0, 1, 2, 10):
        _picture(root / "train" / "good" / f"{i}.png", i)
    for i in (0, 1):
        _picture(root / "test" / "good" / f"{i}.png", 20 + i)
        _picture(root / "test" / "crack" / f"{i}.png", 30 + i)
        _mask(root / "ground_truth" / "crack" / f"{i}_mask.png")
    return root


def _zip(folder: Path, path: Path, kind: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", kind) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())
    return path


def test_training_pictures_in_natural_order_without_labels(bottle: Path) -> None:
    data = read(bottle, part="train")
    assert data.kind == "images" and data.y is None and data.schema.names == ("image",)
    assert data.ids.tolist() == [f"train/good/{i}.png" for i in (0, 1, 2, 10)]
    assert data.X[0].pixels().shape == (8, 12, 3) and data.X[0].mask() is None and data.X[0].product == ""
    assert data.origin.source == str(bottle) and len(data.origin.digest) == 64
    assert "part `train` is read; pictures of other folders that are not: 4" in data.origin.notes


def test_test_pictures_with_labels_and_masks(bottle: Path) -> None:
    for data in (read(bottle, part="test"), read(bottle / "test")):
        assert data.y is not None and data.y.tolist() == [1, 1, 0, 0]
        masks = [picture.mask() for picture in data.X]
        assert masks[0] is not None and masks[0].sum() == 4 and masks[0][2, 3] and masks[2] is None
    assert read(bottle / "test", label=False).y is None
    assert data[2:].ids.tolist() == ["good/0.png", "good/1.png"]


def test_one_class_folder_is_flat_and_keeps_its_masks(bottle: Path) -> None:
    crack, good = read(bottle / "test" / "crack"), read(bottle / "train" / "good")
    assert crack.y is None and crack.X[1].mask() is not None and crack.ids.tolist() == ["0.png", "1.png"]
    assert good.y is None and len(good) == 4 and good.X[0].mask() is None


def test_which_part_must_be_said(bottle: Path) -> None:
    with pytest.raises(DataError, match=r"TOC-163.*train and test.*part='train'"):
        read(bottle)
    with pytest.raises(DataError, match=r"TOC-162.*'val'"):
        read(bottle, part="val")
    for path in (bottle / "train").rglob("*.png"):
        path.unlink()
    assert len(read(bottle)) == 4
    with pytest.raises(DataError, match=r"TOC-162.*only 'test'"):
        read(bottle, part="train")
    assert len(read(bottle / "test" / "good", part="test")) == 2  # a folder of one part is that part


def test_a_defect_folder_alone_is_judged_by_the_good_ones_of_training(bottle: Path) -> None:
    for path in (bottle / "test" / "good").iterdir():
        path.unlink()
    data = read(bottle, part="test")
    assert data.y is not None and data.y.tolist() == [1, 1]


def test_several_products_side_by_side(bottle: Path) -> None:
    shop = bottle.parent
    _picture(shop / "tile" / "train" / "good" / "0.png")
    _picture(shop / "tile" / "test" / "gap" / "0.png", 9)
    _mask(shop / "tile" / "ground_truth" / "gap" / "0.png")
    train, test = read(shop, part="train"), read(shop, part="test")
    assert [picture.product for picture in train.X] == ["bottle"] * 4 + ["tile"]
    assert train.y is None and test.y is not None and test.y.tolist() == [1, 1, 0, 0, 1]
    assert [picture.mask() is None for picture in test.X] == [False, False, True, True, False]
    assert test.ids[-1] == "tile/test/gap/0.png"
    assert read(bottle, part="train", product="bottle").X[0].product == "bottle"


def test_class_folders(tmp_path: Path) -> None:
    for folder in ("OK", "scratch", "dent"):
        _picture(tmp_path / folder / "a.png")
    data = read(tmp_path)
    assert dict(zip(data.ids.tolist(), data.y.tolist())) == {"OK/a.png": 0, "dent/a.png": 1, "scratch/a.png": 1}  # type: ignore[union-attr]
    (tmp_path / "OK").rename(tmp_path / "monday")
    unknown = read(tmp_path)
    assert unknown.y is None and any("none is called good" in note for note in unknown.origin.notes)
    with pytest.raises(DataError, match="TOC-109"):
        read(tmp_path, label=True)


def test_a_folder_of_good_ones_alone_has_no_labels(tmp_path: Path) -> None:
    _picture(tmp_path / "shots" / "good" / "a.png")
    assert read(tmp_path / "shots").y is None
    _picture(tmp_path / "shots" / "bad" / "b.png")
    _picture(tmp_path / "shots" / "loose.png")
    loose = read(tmp_path / "shots")
    assert loose.y is None and any("lie in no class folder" in note for note in loose.origin.notes)


def test_a_folder_of_masks_for_each_picture(tmp_path: Path) -> None:
    _picture(tmp_path / "test" / "logical" / "000.png")
    _mask(tmp_path / "ground_truth" / "logical" / "000" / "000.png")
    _mask(tmp_path / "ground_truth" / "logical" / "000" / "001.png")
    mask = read(tmp_path).X[0].mask()
    assert mask is not None and mask.sum() == 4


def test_what_is_no_picture_is_left_out_and_counted(tmp_path: Path) -> None:
    _picture(tmp_path / "a.png")
    for name in (".DS_Store", "Thumbs.db", "__MACOSX/._a.png", ".hidden/b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "notes.txt").write_text("BMW")
    _picture(tmp_path / "scan0001", 3, form="PNG")
    os.mkfifo(tmp_path / "pipe")
    data = read(tmp_path)
    assert data.ids.tolist() == ["a.png", "scan0001"]
    assert data.origin.notes == ("files left out as no pictures: 2, such as `notes.txt`", "hidden files left out: 4")


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="TOC-162"):
        read(tmp_path)
    with pytest.raises(DataError, match="TOC-120"):
        read(tmp_path / "none.png")
    with pytest.raises(DataError, match="TOC-120"):
        read("")
    _mask(tmp_path / "ground_truth" / "a_mask.png")
    with pytest.raises(DataError, match=r"TOC-162.*masks"):
        read(tmp_path)


def test_a_jpeg_named_png_is_read_and_noted(tmp_path: Path) -> None:
    _picture(tmp_path / "a.png", form="JPEG")
    assert read(tmp_path).origin.notes == ("files named for another form than they have: 1, such as `a.png` (JPEG); content decides",)


def _spoil(root: Path) -> None:
    (root / "b.png").write_bytes(b"")
    (root / "c.png").write_text("words")
    _picture(root / "d.jpg", size=(100, 100))
    (root / "d.jpg").write_bytes((root / "d.jpg").read_bytes()[:4000])


def test_a_bad_file_stops_the_reading_or_is_left_out_and_counted(tmp_path: Path) -> None:
    _picture(tmp_path / "good" / "a.png")
    _picture(tmp_path / "bad" / "e.png")
    _spoil(tmp_path / "bad")
    with pytest.raises(DataError, match=r"TOC-155.*`bad/b.png`.*skip_bad"):
        read(tmp_path)
    data = read(tmp_path, skip_bad=True)
    assert data.ids.tolist() == ["bad/e.png", "good/a.png"] and data.y is not None and data.y.tolist() == [1, 0]
    notes = " / ".join(data.origin.notes)
    assert all(f"`bad/{name}`" in notes for name in ("b.png", "c.png", "d.jpg"))
    finding = unread(data.origin)
    assert finding is not None and (finding.count, finding.of, finding.level) == (3, 5, "warning")
    assert unread(read(tmp_path / "good").origin) is None


def test_twenty_bad_files_are_named_and_all_are_counted(tmp_path: Path) -> None:
    _picture(tmp_path / "a.png")
    for i in range(25):
        (tmp_path / f"b{i}.png").write_bytes(b"")
    data = read(tmp_path, skip_bad=True)
    assert sum("TOC-155" in note for note in data.origin.notes) == 20
    assert unread(data.origin).count == 25  # type: ignore[union-attr]
    (tmp_path / "a.png").unlink()
    with pytest.raises(DataError, match=r"TOC-162.*25 files.*TOC-155"):
        read(tmp_path, skip_bad=True)


def test_a_mask_of_another_size(bottle: Path) -> None:
    _mask(bottle / "ground_truth" / "crack" / "1_mask.png", (12, 8))
    with pytest.raises(DataError, match=r"TOC-158.*1_mask.png.*mask 8 x 12, picture 12 x 8"):
        read(bottle / "test")
    data = read(bottle / "test", skip_bad=True)
    assert len(data) == 4 and data.X[0].mask() is not None and data.X[1].mask() is None
    assert any("1_mask.png" in note and "read without it" in note for note in data.origin.notes)


def test_many_files_are_looked_at_quickly_and_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "WHOLE", 2)
    for i in range(3):
        _picture(tmp_path / f"{i}.jpg", i, (100, 100))
    assert "of 3 pictures headers, checksums and ends were checked, not every byte" in read(tmp_path).origin.notes
    assert not any("headers" in note for note in read(tmp_path, skip_bad=True).origin.notes)
    (tmp_path / "1.jpg").write_bytes((tmp_path / "1.jpg").read_bytes()[:4000])
    with pytest.raises(DataError, match=r"TOC-149.*`1.jpg`"):
        read(tmp_path)


def test_the_digest_tells_names_and_bytes(bottle: Path) -> None:
    first = read(bottle, part="train").origin.digest
    assert read(bottle, part="train").origin.digest == first
    assert read(_zip(bottle, bottle.parent / "b.zip"), part="train").origin.digest == first
    (bottle / "train" / "good" / "10.png").rename(bottle / "train" / "good" / "11.png")
    assert read(bottle, part="train").origin.digest != first


@pytest.mark.parametrize("kind", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_an_archive_is_read_like_its_folder(bottle: Path, kind: int) -> None:
    path = _zip(bottle.parent, bottle.parent / "all.zip", kind)
    folder, packed = read(bottle, part="test"), read(path, part="test")
    assert packed.ids.tolist() == [f"bottle/{name}" for name in folder.ids] and packed.y is not None and packed.y.tolist() == [1, 1, 0, 0]
    assert all(np.array_equal(a.pixels(), b.pixels()) for a, b in zip(folder.X, packed.X))
    assert packed.X[0].mask().sum() == 4 and packed.X[0].product == ""  # type: ignore[union-attr]


def _members(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return path


@pytest.mark.parametrize("name", ["../../a.png", "/a.png", "C:/a.png", "x/../../a.png", "..\\a.png"])
def test_a_path_that_leaves_the_archive_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"TOC-161.*leaves it"):
        read(_members(tmp_path / "a.zip", **{name: b"x"}))


def test_spoilt_and_hostile_archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO()
    Image.fromarray(np.zeros((8, 8), dtype=np.uint8)).save(stream, "PNG")
    path = _members(tmp_path / "a.zip", **{"a.png": stream.getvalue(), "b.png": stream.getvalue()})
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    with pytest.raises(DataError, match=r"TOC-161.*damaged"):
        read(path)
    path.write_bytes(whole.replace(b"IHDR", b"IHDX", 1) if b"IHDR" in whole else whole[:40] + b"\xff\xff" + whole[42:])
    data = read(path, skip_bad=True)
    assert data.ids.tolist() == ["b.png"] and "`a.png`" in data.origin.notes[0] and "TOC-161" in data.origin.notes[0]
    monkeypatch.setattr("tocsin.data.picture_entry._SURE", 10_000)
    with pytest.raises(DataError, match=r"TOC-161.*zip bomb"):
        read(_members(tmp_path / "bomb.zip", **{"a.bmp": b"BM" + bytes(10_000_000)}))


def test_too_many_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _picture(tmp_path / "a.png")
    monkeypatch.setattr("tocsin.data.picture_entry.MAX_BYTES", 100)
    for source in (tmp_path, _zip(tmp_path, tmp_path.parent / f"{tmp_path.name}.zip")):
        with pytest.raises(DataError, match=r"TOC-156.*`a.png`"):
            read(source)


def test_paths_globs_and_lists(bottle: Path) -> None:
    good = bottle / "train" / "good"
    assert read(good / "1.png").ids.tolist() == ["1.png"]
    assert read(str(good / "*.png")).ids.tolist() == ["0.png", "1.png", "2.png", "10.png"]
    assert read([good / "10.png", str(good / "2.png")]).ids.tolist() == ["10.png", "2.png"]  # in its order: scores belong to it
    several = read(str(bottle / "test" / "*" / "*.png"))
    assert several.y is not None and several.y.tolist() == [1, 1, 0, 0] and several.X[0].mask() is not None
    (good / "note.txt").write_text("words")
    with pytest.raises(DataError, match=r"TOC-146.*`note.txt`"):
        read([good / "1.png", good / "note.txt"])
    with pytest.raises(DataError, match="TOC-159"):
        read([good / "1.png", np.zeros((3, 3))])


def test_arrays() -> None:
    stack = np.zeros((3, 8, 12), dtype=np.uint8)
    assert [len(read(source)) for source in (stack, np.zeros((2, 8, 12, 3)), [stack[0], np.zeros((4, 4, 3))])] == [3, 2, 2]
    data = read([Pixels(stack[0], "mine")], product="tile")
    assert data.X[0].name == "mine" and read(stack, product="tile").X[0].product == "tile"
    assert read(stack).origin.digest == read(stack.copy()).origin.digest != read(stack + 1).origin.digest
    for source in (np.zeros((8, 12)), np.zeros((8, 12, 3)), np.zeros((2, 3, 8, 12)), [np.zeros(3)], 7):
        with pytest.raises(DataError, match="TOC-159"):
            read(source)
    skipped = read([stack[0], np.full((2, 2), np.nan), stack[1]], skip_bad=True)
    assert skipped.ids.tolist() == [0, 2] and unread(skipped.origin).count == 1  # type: ignore[union-attr]
    with pytest.raises(DataError, match="TOC-162"):
        read([])


def test_mixed_sizes_stay_as_they_are(tmp_path: Path) -> None:
    _picture(tmp_path / "a.png", size=(8, 12))
    _picture(tmp_path / "b.png", size=(30, 5))
    assert [picture.pixels().shape for picture in read(tmp_path).X] == [(8, 12, 3), (30, 5, 3)]


def test_linked_folders_are_followed_once(tmp_path: Path) -> None:
    _picture(tmp_path / "here" / "a.png")
    _picture(tmp_path / "there" / "b.png")
    os.symlink(tmp_path / "there", tmp_path / "here" / "link")
    os.symlink(tmp_path / "here", tmp_path / "here" / "again")
    assert read(tmp_path / "here").ids.tolist() == ["a.png", "link/b.png"]


def test_no_file_stays_open(bottle: Path) -> None:
    path = _zip(bottle, bottle.parent / "b.zip")
    before = set(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else set()
    held = [read(bottle, part="test"), read(path, part="test")]
    for data in held:
        data.X[0].pixels(), data.X[0].mask()
    assert not before or len(os.listdir("/proc/self/fd")) <= len(before)


def test_without_pillow_the_install_line_is_told(bottle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError("No module named 'PIL'", name="PIL")

    monkeypatch.setattr("tocsin.data.pictures.importlib.import_module", missing)
    with pytest.raises(MissingExtra, match=r"TOC-501.*tocsin\[vision\]"):
        read(bottle, part="train")
