"""Folders of images, texts and logs from the command line: found, told, written, refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from tocsin.testing.toy import toy

SMALL = ["--detector", "patch_memory", "--param", "backbone=random", "--param", "size=48", "--threshold", "false_alarm_rate=0.05"]


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    """A folder in MVTec's layout: 40 normal pictures to learn from, 12 normal and 6 odd ones with masks."""
    root, data = tmp_path_factory.mktemp("tiles"), toy("images")
    for part, pictures in (("train/good", data.train[:40]), ("test/good", data.test[:12]), ("test/patch", data.test[30:36])):
        (root / part).mkdir(parents=True)
        for i, picture in enumerate(pictures):
            Image.fromarray((255 * picture.pixels()).round().astype(np.uint8)).save(root / part / f"{i:02d}.png")
    (root / "ground_truth" / "patch").mkdir(parents=True)
    for i, picture in enumerate(data.test[30:36]):
        Image.fromarray(picture.mask().astype(np.uint8) * 255).save(root / "ground_truth" / "patch" / f"{i:02d}_mask.png")
    return root


@pytest.fixture(scope="module")
def app_log(tmp_path_factory):
    path = tmp_path_factory.mktemp("logs") / "app.log"
    data = toy("logs")
    path.write_text("\n".join([*data.train[:60], data.test[-1]]) + "\n", encoding="utf-8")
    return path


def test_images_from_a_folder_to_a_report_and_to_figures(tocsin, tiles, tmp_path):
    ran = tocsin("fit", tiles, *SMALL, "--out", tmp_path / "tiles.tocsin", "--json")
    assert ran.code == 0 and ran.json["n_train"] == 40, ran.err
    ran = tocsin("detect", tiles, "--model", tmp_path / "tiles.tocsin", "--out", tmp_path / "o")
    assert ran.code == 0 and "of 18 images are unusual" in ran.out, ran.out + ran.err
    summary = json.loads((tmp_path / "o" / "summary.json").read_text(encoding="utf-8"))
    assert summary["kind"] == "images" and {one["id"] for one in summary["top"][:6]} == {f"test/patch/{i:02d}.png" for i in range(6)}
    left, top, right, bottom = summary["top"][0]["parts"][0]["where"]
    assert 0 <= left < right <= 48 and 0 <= top < bottom <= 48 and summary["evaluation"]["ranking"]["auroc"] == 1.0
    report = (tmp_path / "o" / "report.html").read_text(encoding="utf-8")
    assert report.count("data:image/jpeg;base64,") == 2 * min(25, len(summary["top"]))
    ran = tocsin("evaluate", tmp_path / "tiles.tocsin", tiles, "--json")
    assert ran.json["places"]["pixel_auroc"] > 0.8 and ran.json["places"]["regions"] == 6
    assert "AU-PRO" in tocsin("evaluate", tmp_path / "tiles.tocsin", tiles).out
    assert "pixels" in tocsin("explain", tmp_path / "tiles.tocsin", tiles, "--top", 1).out
    ran = tocsin("score", tmp_path / "tiles.tocsin", tiles / "test", "--out", tmp_path / "s", "--json")
    assert ran.json["rows"] == 18


def test_a_memory_is_extended(tocsin, tiles, tmp_path):
    tocsin("fit", tiles / "train" / "good", *SMALL, "--out", tmp_path / "a.tocsin")
    before = tocsin("detect", tiles / "test", "--model", tmp_path / "a.tocsin", "--json").json["anomalies"]
    ran = tocsin("extend", tmp_path / "a.tocsin", tiles / "test" / "patch", "--out", tmp_path / "b.tocsin")
    assert ran.code == 0 and "46 images are known now" in ran.out, ran.err
    assert tocsin("detect", tiles / "test", "--model", tmp_path / "b.tocsin", "--json").json["anomalies"] < before


def test_a_bad_picture_stops_or_is_left_out(tocsin, tiles, tmp_path):
    for i, picture in enumerate(toy("images").train[:24]):
        Image.fromarray((255 * picture.pixels()).round().astype(np.uint8)).save(tmp_path / f"{i:02d}.png")
    (tmp_path / "broken.png").write_bytes((tmp_path / "00.png").read_bytes()[:200])
    ran = tocsin("detect", tmp_path, *SMALL, "--json")
    assert ran.code == 1 and "broken.png" in str(ran.json["error"]) and ran.json["error"]["todo"]
    ran = tocsin("detect", tmp_path, *SMALL, "--skip-bad", "--json")
    assert ran.code == 0 and ran.json["rows"] == 24
    assert any("1 of 25" in finding["message"] for finding in ran.json["findings"]), ran.json["findings"]


def test_a_log_just_works(tocsin, app_log, tmp_path):
    ran = tocsin("detect", app_log, "--out", tmp_path / "o", "--save")
    assert ran.code == 0 and "lines" in ran.out, ran.err
    summary = json.loads((tmp_path / "o" / "summary.json").read_text(encoding="utf-8"))
    assert "parity failure" in app_log.read_text(encoding="utf-8").splitlines()[summary["top"][0]["id"] - 1]
    assert "parity failure" in (tmp_path / "o" / "report.html").read_text(encoding="utf-8")
    ran = tocsin("detect", app_log, "--model", tmp_path / "o" / "model.tocsin", "--json")
    assert ran.code == 0 and ran.json["rows"] == summary["rows"]


def test_sessions_of_a_log(tocsin, app_log, tmp_path):
    ran = tocsin("detect", app_log, "--session", r"block (\d+)", "--json", "--threshold", "false_alarm_rate=0.05")
    assert ran.code == 0 and ran.json["headline"].split(" of ")[1].split()[1] in ("session", "sessions"), ran.err
    assert ran.json["rows"] > 40


def test_texts_from_a_table(tocsin, tmp_path):
    data = toy("texts")
    lines = ["id,body", *(f'{i},"{text}"' for i, text in enumerate([*data.train[:60], data.test[-1]]))]
    (tmp_path / "mails.csv").write_text("\n".join(lines), encoding="utf-8")
    ran = tocsin("detect", tmp_path / "mails.csv", "--kind", "texts", "--text", "body", "--json")
    assert ran.code == 0 and ran.json["top"][0]["row"] == 60 and ran.json["top"][0]["parts"], ran.err


@pytest.mark.parametrize("command", [["tune", "--trials", "2"], ["adapt"]])
def test_what_items_cannot_do_is_refused(tocsin, app_log, tmp_path, command):
    model = tmp_path / "m.tocsin"
    tocsin("fit", app_log, "--out", model)
    given = [app_log, *command[1:]] if command[0] == "tune" else [model, app_log]
    ran = tocsin(command[0], *given, "--out", tmp_path / "x.tocsin", "--json")
    assert ran.code == 1 and ran.json["error"]["code"] == "TOC-290" and not (tmp_path / "x.tocsin").exists()
