"""What comes into a figure is checked the same way everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tocsin.core.errors import ConfigError, DataError
from tocsin.evaluation.adjusted import point_adjusted
from tocsin.evaluation.affiliation import affiliation
from tocsin.evaluation.checked import decisions, labels, scores
from tocsin.evaluation.nab import nab_score, nab_windows
from tocsin.evaluation.ranges import events, vus

Y = [0, 1, 1, 0, 0, 0]
WRONG: list[tuple[Any, str]] = [
    ([0, 1, 2, 0, 0, 0], "TOC-117"), ([0, np.nan, 1, 0, 0, 0], "TOC-117"), (list("abcdef"), "TOC-117"), ([0, None, 1, 0, 0, 0], "TOC-117"),
    ([0.5] * 6, "TOC-117"), ([1j] * 6, "TOC-117"), (None, "TOC-115"), (1, "TOC-115"), ("yes", "TOC-115"), (np.zeros((6, 1)), "TOC-115"),
    ([[0, 1], [1]], "TOC-115"), ([0, 1], "TOC-101"), ([0] * 7, "TOC-101")]


@pytest.mark.parametrize("figure", [events, affiliation, point_adjusted])
@pytest.mark.parametrize(("wrong", "code"), WRONG)
def test_decisions_and_labels_of_anything_but_0_and_1_are_refused(figure: Any, wrong: Any, code: str) -> None:
    with pytest.raises(DataError, match=code):
        figure(Y, wrong)
    with pytest.raises(DataError, match=code):
        figure(wrong, Y)


@pytest.mark.parametrize("figure", [events, affiliation, point_adjusted])
def test_segments_have_one_entry_per_step(figure: Any) -> None:
    with pytest.raises(DataError, match="TOC-101"):
        figure(Y, Y, groups=[0, 0])
    assert figure(Y, Y, groups=[0] * 6) == figure(Y, Y)


@pytest.mark.parametrize("figure", [events, affiliation, point_adjusted])
def test_zeros_and_ones_of_any_type_are_the_same(figure: Any) -> None:
    made = figure(Y, Y)
    for given in (np.array(Y, bool), np.array(Y, float), np.array(Y, object), np.array(Y, np.uint8)):
        assert figure(given, given) == made
    assert figure([], []) == figure(np.zeros(0, bool), np.zeros(0, bool))


@pytest.mark.parametrize(("wrong", "code"), [
    ([0, np.nan, 1, 0, 0, 0], "TOC-115"), (list("abcdef"), "TOC-115"), ([1j] * 6, "TOC-115"), (None, "TOC-115"), (1.0, "TOC-115"),
    (np.zeros((6, 1)), "TOC-115"), ([0.5, 1.0], "TOC-101")])
def test_scores_that_are_no_numbers_are_refused(wrong: Any, code: str) -> None:
    with pytest.raises(DataError, match=code):
        vus(Y, wrong, 2)
    with pytest.raises(DataError, match=code):
        scores(wrong, 6)


@pytest.mark.parametrize(("wrong", "code"), WRONG)
def test_a_volume_takes_labels_of_0_and_1(wrong: Any, code: str) -> None:
    with pytest.raises(DataError, match=code):
        vus(wrong, np.arange(6.0), 2)


def test_infinite_scores_have_an_order() -> None:
    assert vus(Y, [-np.inf, 1, np.inf, 0, 0, 0], 2) == vus(Y, [-1, 1, 2, 0, 0, 0], 2)


@pytest.mark.parametrize("wrong", [{"window": "a"}, {"window": np.nan}, {"window": 2, "thresholds": 2.5}])
def test_a_surface_is_counted_in_whole_numbers(wrong: Any) -> None:
    with pytest.raises(ConfigError, match="TOC-261"):
        vus(Y, np.arange(6.0), **wrong)


@pytest.mark.parametrize("wrong", [list("abcdef"), [1j] * 6, None, 1.0, np.zeros((6, 1))])
def test_nab_takes_one_column_of_numbers(wrong: Any) -> None:
    with pytest.raises(DataError, match="TOC-115"):
        nab_score([(wrong, Y)])


@pytest.mark.parametrize("files", [None, 3, [None], [([0.0] * 6, Y, Y)], np.zeros((2, 6))])
def test_nab_takes_pairs(files: Any) -> None:
    with pytest.raises(DataError, match="TOC-115"):
        nab_score(files)


@pytest.mark.parametrize(("settings", "code"), [
    ({"threshold": np.nan}, "TOC-298"), ({"threshold": "a"}, "TOC-298"), ({"threshold": 1j}, "TOC-298"), ({"threshold": [1.0]}, "TOC-298"),
    ({"profile": []}, "TOC-297"), ({"profile": None}, "TOC-297")])
def test_settings_of_nab(settings: dict[str, Any], code: str) -> None:
    with pytest.raises(ConfigError, match=code):
        nab_score([(np.arange(6.0), Y)], **settings)
    assert nab_score([(np.arange(6.0), Y)], threshold=np.inf).found == 0


def test_windows_of_nab_are_read_from_labels_alone() -> None:
    for wrong, code in ((3, "TOC-115"), (None, "TOC-115"), ([0, 2], "TOC-117")):
        with pytest.raises(DataError, match=code):
            nab_windows(wrong)


def test_what_came_is_told() -> None:
    with pytest.raises(DataError, match=r"decisions must be 0.*such as .2.0, 3.0.*to do: map"):
        decisions([0, 1, 3, 2.0], 4)
    with pytest.raises(DataError, match=r"labels do not have one entry.*2,.* for 3 rows"):
        labels([0, 1], 3)
