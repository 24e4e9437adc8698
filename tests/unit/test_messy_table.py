"""One messy table through fit, detect and explain: nothing is cleaned by hand, and reasons name raw columns and raw values."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import tocsin
from tocsin.core.types import Dataset, Detections, Explanation

NAMES = ["order", "service", "size", "amount", "day", "stamp", "paid", "currency", "void", "note", "mixed", "città", "customer", "remark"]
MISSING = ["", "NA", "n/a", "-", "null", "?"]
ODD = {  # column → an odd cell, and what the sentence must say of it
    "service": ("tftp_u", "`service` is 'tftp_u', never seen in training"), "size": ("9999999", "`size` is 10,000,000 where"),
    "amount": ("900,000", "`amount` is 900,000 where"), "currency": ("USD", "`currency` is 'USD' where 'EUR' was expected"),
    "void": ("full", "`void` is 'full'"), "remark": ("X" * 400, "`remark` is 'XXX"), "mixed": ("4000000", "`mixed` is 4,000,000"),
    "città": ("Москва", "`città` is 'Москва', never seen in training"), "note": ("another", "`note` is 'another'"),
}
SIX = ("size", "amount", "mixed", "remark", "service", "currency")  # a row odd in six of them


def _rows(n: int, seed: int) -> list[list[str]]:
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        day = np.datetime64("2023-01-02") + np.timedelta64(int(rng.integers(0, 150)), "D")
        words = rng.choice(["please", "call", "back", "invoice", "late", "thanks", "delivery"], int(rng.integers(3, 9)))
        size = MISSING[i % 6] if i % 9 == 4 else f"{rng.lognormal(6, 1):.2f}"
        rows.append([f"ord-{seed}-{i:06d}", str(rng.choice(["http", "smtp", "dns"], p=[0.7, 0.2, 0.1])), size,
                     f"{int(rng.integers(1000, 9000)):,}", str(day), f"{day} {rng.integers(8, 18):02d}:{rng.integers(0, 60):02d}:00",
                     str(rng.choice(["yes", "no"])), "EUR", "", "rare note" if i % 50 == 0 else "",
                     str(rng.choice(["7", "12", "unknown", "40"], p=[0.3, 0.3, 0.05, 0.35])),
                     str(rng.choice(["Zürich", "東京", "São Paulo"])),
                     f"customer {rng.integers(0, 120)}", " ".join(words)])
    return [*rows, *(row.copy() for row in rows[3:8])]  # some rows come twice


def _file(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([NAMES, *rows])
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Training rows; and new rows: one for each of ``ODD``, one odd in six cells, the rest plain."""
    folder = tmp_path_factory.mktemp("messy")
    new = _rows(30, 1)
    for i, (column, (cell, _)) in enumerate(ODD.items()):
        new[i][NAMES.index(column)] = cell
    for column in SIX:
        new[len(ODD)][NAMES.index(column)] = ODD[column][0]
    return _file(folder / "train.csv", _rows(200, 0)), _file(folder / "new.csv", new)


def _judged(files: tuple[Path, Path], detector: str, **setup: object) -> tuple[Dataset, Detections, Explanation]:
    model = tocsin.fit(str(files[0]), detector=detector, **setup)
    new = tocsin.read(files[1], schema=model.schema_)
    return new, model.detect(new), model.explain(new, rows=np.arange(len(ODD) + 1))


@pytest.mark.parametrize("detector", ["knn", "gaussian"])
def test_each_odd_cell_is_found_and_named_as_it_stands_in_the_file(files, detector):
    _, found, why = _judged(files, detector)
    assert np.isfinite(found.score).all() and found.is_anomaly[:len(ODD) + 1].all()
    assert found.is_anomaly[len(ODD) + 1:].mean() <= 0.1
    for sentence, (_, said) in zip(why.sentences, ODD.values()):
        assert sentence.startswith(said), sentence
    assert set(why.labels) == set(NAMES) - {"order"}, "raw columns, the identifier apart"


@pytest.mark.parametrize(("detector", "setup"), [("iforest", {"params": {"trees": 50}}),
                                                 ("autoencoder", {"training": tocsin.Training(epochs=5)})])
def test_a_forest_and_a_network_see_the_row_that_is_odd_in_many_cells(files, detector, setup):
    """A forest overlooks a single odd cell among many columns: its cuts are drawn only where training rows differ."""
    _, found, why = _judged(files, detector, **setup)
    plain = found.score[len(ODD) + 1:]
    assert np.isfinite(found.score).all() and found.score[len(ODD)] > np.quantile(plain, 0.7 if detector == "iforest" else 0.99)
    best = why.labels[int(np.argmax(why.values[len(ODD)]))]
    assert best in SIX and f"`{best}` is" in why.sentences[len(ODD)]


def test_the_table_judged_by_itself(files):
    found = tocsin.detect(str(files[0]))
    assert len(found) == 205 and np.isfinite(found.score).all() and found.is_anomaly.mean() < 0.1


def test_what_could_not_be_kept_is_told(files):
    told = {finding.column: finding.what for finding in tocsin.fit(str(files[0]), detector="gaussian").preparation_.changes()}
    assert told["order"] == "id" and told["void"] == "empty" and told["currency"] == "constant" and told["customer"] == "many_levels"
    assert told["mixed"] == "wrong_type" and told["stamp"] == "date_by_place"
