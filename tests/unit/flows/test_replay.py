"""Old and new rows as one training set: what is held out, what is drawn, and that no stretch runs into another."""

from __future__ import annotations

import numpy as np
import pytest

import tocsin
from tocsin.core.errors import DataError
from tocsin.core.types import Dataset
from tocsin.flows.replay import part, together


def series(t: int, **words: object) -> Dataset:
    return Dataset.of(np.arange(t, dtype=float), kind="series", **words)  # type: ignore[arg-type]


def all_of(n: int) -> np.ndarray:
    return np.ones(n, dtype=bool)


def test_a_quarter_of_a_series_is_held_out_in_long_stretches() -> None:
    parted = part(series(3_200), all_of(3_200), 10)
    held, learned = np.concatenate(parted.held), np.concatenate(parted.learned)
    assert len(held) == 800 and parted.rows == 2_400 and not set(held) & set(learned)
    assert all((np.diff(one) == 1).all() and len(one) >= 40 for one in [*parted.held, *parted.learned])


def test_stretches_never_hold_a_row_that_may_not_be_used_nor_two_groups() -> None:
    usable = all_of(2_000)
    usable[500:700] = False
    data = series(2_000, group=np.repeat([0, 1], 1_000))
    parted = part(data, usable, 10)
    for one in [*parted.held, *parted.learned]:
        assert usable[one].all() and (np.diff(one) == 1).all() and len(set(data.group[one])) == 1  # type: ignore[index]


def test_of_a_long_series_stretches_from_everywhere_are_drawn() -> None:
    first = part(series(50_000), all_of(50_000), 10, most=8_000, seed=1)
    again, other = (part(series(50_000), all_of(50_000), 10, most=8_000, seed=seed) for seed in (1, 2))
    rows = np.concatenate(first.learned)
    assert 5_000 < len(rows) <= 6_400 and all(np.any(rows // 5_000 == tenth) for tenth in range(10))
    assert all((a == b).all() for a, b in zip(first.learned, again.learned))
    assert [len(one) for one in first.learned] != [len(one) for one in other.learned] or any(
        (a != b).any() for a, b in zip(first.learned, other.learned))


def test_of_a_table_rows_are_drawn_or_whole_groups() -> None:
    rng = np.random.default_rng(0)
    plain = part(Dataset.of(rng.normal(size=(1_000, 2))), all_of(1_000), 1, most=400)
    assert len(plain.held[0]) == 100 and plain.rows == 300
    group = np.arange(1_000) % 8
    parted = part(Dataset.of(rng.normal(size=(1_000, 2)), group=group), all_of(1_000), 1)
    assert not set(group[parted.held[0]]) & set(group[parted.learned[0]]) and len(set(group[parted.held[0]])) == 2


@pytest.mark.parametrize(("t", "usable"), [(150, 150), (5_000, 100)])
def test_too_few_rows_are_refused(t: int, usable: int) -> None:
    with pytest.raises(DataError) as caught:
        part(series(t), np.arange(t) < usable, 10)
    assert caught.value.code == "TOC-177"


def test_both_sides_are_mixed_and_every_stretch_is_a_group() -> None:
    old, new = series(400), Dataset.of(np.arange(1_000.0, 1_200.0), kind="series")
    joined = together(old, np.array_split(np.arange(400), 4), new, np.array_split(np.arange(200), 2))
    assert joined.group is not None and joined.y is None and len(joined) == 600
    order = list(dict.fromkeys(joined.group.tolist()))
    assert order == ["old 0", "new 0", "old 1", "old 2", "new 1", "old 3"]
    for name in order:
        assert (np.diff(joined.X[joined.group == name, 0]) == 1).all()


def test_frames_and_arrays_can_be_joined() -> None:
    frame = tocsin.read({"x0": [1.0, 2.0]}, kind="table")
    joined = together(Dataset.of([[5.0], [6.0]]), [np.arange(2)], frame, [np.arange(2)])
    assert joined.X.column("x0").to_pylist() == [5.0, 6.0, 1.0, 2.0] and joined.group is None


def test_two_clocks_are_refused() -> None:
    dated = series(4, time=np.array(["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"], dtype="M8[s]"))
    for other in (series(4), series(4, time=np.arange(4.0))):
        with pytest.raises(DataError) as caught:
            together(other, [np.arange(4)], dated, [np.arange(4)])
        assert caught.value.code == "TOC-178"


def test_the_digest_of_the_joined_rows_hangs_on_both() -> None:
    rows = tocsin.read({"a": [1.0, 2.0, 3.0]}, kind="table")
    more = tocsin.read({"a": [1.0, 2.0, 4.0]}, kind="table")
    both = together(rows, [np.arange(3)], more, [np.arange(3)]).origin.digest
    assert len({both, rows.origin.digest, more.origin.digest}) == 3
