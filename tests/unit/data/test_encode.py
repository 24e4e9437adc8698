"""From typed columns to one matrix, and back."""

import numpy as np
import pyarrow as pa
import pytest

from tocsin.core.errors import ConfigError, DataError, StateError
from tocsin.core.state import build
from tocsin.core.types import Dataset
from tocsin.data.clean import Clean
from tocsin.data.coding import CAP
from tocsin.data.encode import Encode
from tocsin.data.impute import Impute
from tocsin.data.scale import Scale

N = 120
RNG = np.random.default_rng(0)
TABLE = pa.table({
    "flow": RNG.normal(8, 1, N), "gap": [None if i % 4 == 0 else float(i) for i in range(N)],
    "pump": [["a", "b", None][i % 3] for i in range(N)], "on": [i % 5 != 0 for i in range(N)], "site": ["north"] * N,
    "empty": pa.nulls(N, pa.float64()), "key": [f"k{i}" for i in range(N)],
    "shop": [f"shop {i % 30}" for i in range(N)], "note": [f"valve {i} was seen open by hand" for i in range(N)],
    "when": np.datetime64("2024-01-01T00:00", "us") + np.arange(N) * np.timedelta64(7, "h"),
})
KINDS = {"columns": [{"name": name, "kind": kind} for name, kind in zip(
    TABLE.column_names, ("number", "number", "category", "boolean", "constant", "constant", "id", "category", "text", "date"))]}


@pytest.fixture(scope="module")
def clean():
    return Clean(KINDS).fit(TABLE)


@pytest.fixture(scope="module")
def encode(clean):
    return Encode().fit(clean.transform(TABLE))


def changed(clean, **cells):
    """The first row of the table with other cells, cleaned."""
    row = {**TABLE.slice(0, 1).to_pydict(), **{name: [value] for name, value in cells.items()}}
    return clean.transform(pa.table({name: pa.array(row[name], TABLE.schema.field(name).type) for name in TABLE.column_names}))


def columns(encode, source, role):
    return [j for j, feature in enumerate(encode.features_) if feature["source"] == source and feature["role"] == role]


def test_the_features_describe_the_matrix(clean, encode):
    matrix = encode.transform(clean.transform(TABLE))
    assert matrix.shape == (N, len(encode.features_)) and matrix.dtype == np.float64 and matrix.flags["C_CONTIGUOUS"]
    names = [feature["name"] for feature in encode.features_]
    assert len(set(names)) == len(names)
    assert encode.sources() == [feature["source"] for feature in encode.features_]
    assert set(encode.sources()) == set(TABLE.column_names) - {"key"}
    nan = np.isnan(matrix).any(axis=0)
    assert [names[j] for j in np.flatnonzero(nan)] == ["gap"], "only number columns leave NaN, for Impute"


def test_evidence_comes_in_its_final_scale(clean, encode):
    matrix = encode.transform(clean.transform(TABLE))
    evidence = [j for j, feature in enumerate(encode.features_) if feature["role"] != "value"]
    assert np.abs(matrix[:, evidence]).max() <= CAP and matrix[:, evidence].var(axis=0).max() < 1.1


def test_a_missing_cell_is_evidence_with_and_without_a_column_of_its_own(clean, encode):
    (own,), (value,) = columns(encode, "gap", "missing"), columns(encode, "flow", "value")
    assert not columns(encode, "flow", "missing"), "no second column for what never happened"
    row = encode.transform(changed(clean, flow=None, gap=None))[0]
    assert row[own] > 1 and row[value] > TABLE["flow"].to_numpy().max() + 9
    boolean = encode.transform(changed(clean, on=None))[0, columns(encode, "on", "boolean")[0]]
    assert boolean == CAP
    assert encode.transform(changed(clean, pump=None))[0, columns(encode, "pump", "missing")[0]] > 1
    assert encode.transform(changed(clean, shop=None))[0, columns(encode, "shop", "unseen")[0]] == CAP
    assert encode.transform(changed(clean, note=None))[0, columns(encode, "note", "text")[0]] == CAP
    assert encode.transform(changed(clean, when=None))[0, columns(encode, "when", "cyclic")[0]] == CAP
    assert encode.transform(changed(clean, site=None))[0, columns(encode, "site", "changed")[0]] == CAP


def test_an_unseen_value_and_a_changed_constant_are_evidence(clean, encode):
    row = encode.transform(changed(clean, pump="z", site="south", empty=1.0))[0]
    assert row[columns(encode, "pump", "unseen")[0]] > 8
    assert row[columns(encode, "site", "changed")[0]] == CAP and row[columns(encode, "empty", "changed")[0]] == CAP
    calm = encode.transform(clean.transform(TABLE))
    quiet = [j for j, feature in enumerate(encode.features_) if feature["role"] in ("unseen", "changed")]
    assert not calm[:, quiet].any()


def test_a_surprise_reaches_the_scaled_matrix(clean, encode):
    X = encode.transform(clean.transform(TABLE))
    impute = Impute().fit(X)
    for method in ("standard", "robust", "quantile"):
        scale = Scale(method).fit(impute.transform(X), features=encode.features_)
        usual = scale.transform(impute.transform(X))
        assert np.isfinite(usual).all()
        odd = scale.transform(impute.transform(encode.transform(changed(clean, flow=None))))
        assert odd[0, columns(encode, "flow", "value")[0]] > usual[:, columns(encode, "flow", "value")[0]].max() + 1


def test_decode_gives_the_cells_back(clean, encode):
    cells = encode.decode(encode.transform(clean.transform(TABLE)))
    assert np.allclose(cells["flow"], TABLE["flow"].to_numpy())
    assert cells["gap"] == TABLE["gap"].to_pylist()
    assert cells["pump"] == TABLE["pump"].to_pylist() and cells["on"] == TABLE["on"].to_pylist()
    assert cells["site"] == ["north"] * N and cells["empty"] == [None] * N
    assert cells["when"][3] == "21:00, Monday" and cells["note"][0].startswith("(text of 29 characters, 7 words")
    assert "key" not in cells


def test_a_row_is_encoded_the_same_alone_and_in_company(clean, encode):
    table = clean.transform(TABLE)
    alone = np.concatenate([encode.transform(table.slice(i, 1)) for i in range(12)])
    assert np.array_equal(alone, encode.transform(table)[:12], equal_nan=True)


def test_the_state_rebuilds_the_step(clean, encode):
    again = build(Encode, encode.state())
    table = clean.transform(TABLE)
    assert np.array_equal(again.transform(table), encode.transform(table), equal_nan=True)
    assert again.features_ == encode.features_ and again.changes() == encode.changes()
    assert again.decode(again.transform(table))["pump"] == encode.decode(encode.transform(table))["pump"]


def test_what_is_dropped_or_kept_in_part_is_told(encode):
    found = {finding.column: (finding.what, finding.level) for finding in encode.changes()}
    assert found == {"key": ("id", "info"), "site": ("constant", "info"), "empty": ("empty", "warning"), "shop": ("many_levels", "info"),
                     "when": ("date_by_place", "info")}
    short = pa.table({"x": [1.0, 2.0], "d": np.array(["2024-01-01", "2024-01-02"], "M8[us]")})
    assert [finding.what for finding in Encode().fit(short).changes()] == ["date_without_cycle"]


def test_columns_are_found_by_name(clean, encode):
    table = clean.transform(TABLE)
    turned = table.select(table.column_names[::-1])
    assert np.array_equal(encode.transform(turned), encode.transform(table), equal_nan=True)
    with pytest.raises(DataError, match=r"TOC-150.*pump"):
        encode.transform(table.drop_columns(["pump"]))


def test_it_works_on_a_table_that_was_not_cleaned():
    encode = Encode().fit(pa.table({"i": [1, 2, 3], "f": [1.0, np.nan, np.inf], "s": ["a", "b", "a"]}))
    made = encode.transform(pa.table({"i": [4], "f": [2.0], "s": ["b"]}))
    assert made.shape[1] == len(encode.features_) and made[0, 0] == 4.0


@pytest.mark.parametrize("table", [pa.table({"a": [1.0, 1.0]}), pa.table({"e": pa.nulls(3)}), pa.table({"a": [2.0]})])
def test_nothing_that_varies_is_refused(table):
    with pytest.raises(DataError, match="TOC-153"):
        Encode().fit(table)


def test_bad_input_is_refused(encode):
    with pytest.raises(DataError, match="TOC-112"):
        Encode().fit(pa.table({"a": pa.array([], pa.float64())}))
    with pytest.raises(ConfigError, match="TOC-202"):
        Encode(max_levels=0).fit(TABLE)
    with pytest.raises(DataError, match="TOC-151"):
        Encode().fit(pa.table({"a": [[1.0], [2.0]]}))
    with pytest.raises(DataError, match="TOC-111"):
        encode.decode(np.zeros((1, 1)))
    with pytest.raises(StateError, match="TOC-301"):
        Encode().transform(TABLE)


def test_ten_thousand_columns():
    data = Dataset.of(RNG.normal(size=(12, 10_000)))
    table = pa.table([data.X[:, j] for j in range(10_000)], names=list(data.schema.names))
    cleaned = Clean(data.schema.to_dict()).fit_transform(table)
    assert np.array_equal(Encode().fit_transform(cleaned), data.X)
