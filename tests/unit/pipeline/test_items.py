from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tocsin
from tocsin.core.errors import ConfigError
from tocsin.core.types import Dataset, Reason, Schema
from tocsin.pipeline import items
from tocsin.testing.toy import toy


def _texts(values: list[str]) -> Dataset:
    return Dataset(values, "texts", Schema(()), np.array([f"t{i}" for i in range(len(values))]))


def test_references_are_names_until_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    data = _texts(["a", "b", "c"])
    assert items.reference(data, np.array([True, False, True])) == {"ids": ["t0", "t2"]}
    monkeypatch.setattr(items, "_NAMED", 1)
    assert items.reference(data, np.ones(3, dtype=bool)) == {"ids": []}


@pytest.mark.parametrize(("detector", "kind"), [("knn", "images"), ("texts.surface", "table"), ("texts.surface", "logs"),
                                                ("images.patch_gaussian", "series")])
def test_a_detector_of_another_kind_is_refused(detector: str, kind: str) -> None:
    with pytest.raises(ConfigError, match="TOC-291"):
        items.check_kind(tocsin.make(detector), kind)  # type: ignore[arg-type]


def test_a_vector_detector_judges_tables_and_series() -> None:
    for kind in ("table", "series"):
        items.check_kind(tocsin.make("knn"), kind)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["texts", "logs"])
def test_the_whole_road_of_items(kind: str, tmp_path: Path) -> None:
    data = toy(kind)  # type: ignore[arg-type]
    session = r"^" if kind == "logs" else None
    train = Dataset(list(data.train), kind, Schema((), session=session), np.array([f"t{i}" for i in range(len(data.train))]))  # type: ignore[arg-type]
    new = Dataset(list(data.planted), kind, Schema((), session=session), np.arange(len(data.planted)))  # type: ignore[arg-type]
    model = tocsin.fit(train, threshold="false_alarm_rate=0.05")
    found = model.detect(new)
    odd = int(np.flatnonzero(data.where)[0])
    assert found.top(1).tolist() == [odd] and found.is_anomaly[odd] and found.is_anomaly.sum() < 6
    why = model.explain(new, [odd, 0], found=found)
    assert why.kind == "parts" and len(why.parts) == len(why.sentences) == 2 and why.parts[0]
    assert "normal" in why.sentences[0] and why.sentences[0] != why.sentences[1]
    tocsin.save(model, tmp_path / "model.tocsin")
    again = tocsin.load(tmp_path / "model.tocsin").detect(new)
    assert np.allclose(again.score, found.score, rtol=1e-9) and np.array_equal(again.is_anomaly, found.is_anomaly)


def test_data_judged_by_themselves() -> None:
    data = toy("texts")
    found = tocsin.detect([*data.train[:60], *data.test[-2:]], kind="texts")
    assert sorted(found.top(2).tolist()) == [60, 61]


def test_sentences_tell_the_odds_of_the_kind() -> None:
    assert items._sentence(Reason("`x` is new").sentence, "sessions", 0.01) == "`x` is new; 1 in 100 normal sessions is this odd"
    assert items._sentence("", "images", 0.5).startswith("50% of normal images")
