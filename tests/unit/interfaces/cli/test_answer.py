"""``tocsin ask`` and ``tocsin answer``: from a file to rows to judge, to a model that heeds them; and ``fit --answers``."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tocsin as package


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """known.csv, new.csv with one odd row at the end, and m.tocsin learned from the first."""
    made = tmp_path_factory.mktemp("answers")
    rng = np.random.default_rng(0)
    for name, n in (("known", 200), ("new", 60)):
        rows = rng.normal(size=(n, 3)).round(4)
        if name == "new":
            rows[-1] = [9.0, 0.0, 0.0]
        with (made / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["a", "b", "c"], *rows.tolist()])
    package.save(package.fit(str(made / "known.csv"), detector="knn"), made / "m.tocsin")
    return made


def lines(path: Path) -> list[dict[str, Any]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def filled(path: Path, said: dict[str, str]) -> Path:
    table = lines(path)
    with path.open("w", newline="") as file:
        out = csv.DictWriter(file, table[0])
        out.writeheader()
        out.writerows({**line, "is_anomaly": said.get(line["row"], "")} for line in table)
    return path


def test_ask_judge_answer(tocsin, folder, tmp_path):
    ran = tocsin("ask", folder / "m.tocsin", folder / "new.csv", "--rows", 6, "--out", tmp_path / "judge.csv")
    assert ran.code == 0, ran.err
    assert "wrote 6 of 60 rows" in ran.out and "tocsin answer" in ran.out
    table = lines(tmp_path / "judge.csv")
    assert len(table) == 6 and "59" in {line["row"] for line in table} and {line["is_anomaly"] for line in table} == {""}
    filled(tmp_path / "judge.csv", {"59": "0"})
    ran = tocsin("answer", folder / "m.tocsin", tmp_path / "judge.csv", "--out", tmp_path / "n.tocsin", "--reach", "near")
    assert ran.code == 0, ran.err
    assert "0 confirmed, 1 judged normal" in ran.out
    odd = [[9.0, 0.0, 0.0]]
    assert package.load(folder / "m.tocsin").detect(odd).is_anomaly[0] and not package.load(tmp_path / "n.tocsin").detect(odd).is_anomaly[0]


def test_json(tocsin, folder, tmp_path):
    told = tocsin("ask", folder / "m.tocsin", folder / "new.csv", "--rows", 3, "--out", tmp_path / "j.csv", "--json").json
    assert len(told["rows"]) == 3 and told["of"] == 60
    filled(tmp_path / "j.csv", {str(told["rows"][0]): "1"})
    told = tocsin("answer", folder / "m.tocsin", tmp_path / "j.csv", "--out", tmp_path / "n.tocsin", "--json").json
    assert told["answers"]["anomaly"] == 1


def test_no_answer_is_a_stated_error_and_writes_nothing(tocsin, folder, tmp_path):
    tocsin("ask", folder / "m.tocsin", folder / "new.csv", "--rows", 3, "--out", tmp_path / "j.csv")
    ran = tocsin("answer", folder / "m.tocsin", tmp_path / "j.csv", "--out", tmp_path / "n.tocsin", "--json")
    assert ran.code == 1 and ran.json["error"]["code"] == "TOC-145" and not (tmp_path / "n.tocsin").exists()


def test_who_and_why_belong_to_a_named_model(tocsin, folder, tmp_path):
    assert tocsin("answer", folder / "m.tocsin", tmp_path / "j.csv", "--out", tmp_path / "n.tocsin", "--why", "x").code == 2


def test_a_named_model_gets_a_candidate(tocsin, folder, tmp_path):
    place = ("--data-dir", tmp_path / "place")
    assert tocsin("models", "add", "pump", folder / "m.tocsin", "--by", "ann", "--promote", *place).code == 0
    with (tmp_path / "said.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["a", "b", "c", "is_anomaly"], [9.0, 0.0, 0.0, 0]])
    ran = tocsin("answer", "pump", tmp_path / "said.csv", "--by", "ann", *place)
    assert ran.code == 0, ran.err
    assert "version 2 is a candidate" in " ".join(ran.out.split()) and "tocsin models promote pump 2" in " ".join(ran.out.split())
    assert tocsin("answer", "pump", tmp_path / "said.csv", "--by", "ann", "--json", *place).json["version"]["number"] == 3


def test_fit_learns_from_answers(tocsin, folder, tmp_path):
    with (tmp_path / "said.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["row", "is_anomaly"], [59, 0], [3, 1]])
    ran = tocsin("fit", folder / "new.csv", "--detector", "knn", "--answers", tmp_path / "said.csv", "--out", tmp_path / "m", "--json")
    assert ran.code == 0, ran.out
    assert (ran.json["learned"]["false_alarms"], ran.json["labelled_anomalies_left_out"]) == (1, 1)
    assert not package.load(tmp_path / "m").detect([[9.0, 0.0, 0.0]]).is_anomaly[0]
