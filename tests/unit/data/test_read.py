"""read() and batches(): every source, every kind of bad input."""

import datetime
import gzip
import hashlib

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as parquet
import pytest
import sqlalchemy

from tocsin.core.errors import DataError
from tocsin.core.types import Dataset
from tocsin.data import sniff
from tocsin.data.read import batches, read


def write(folder, name, text, encoding="utf-8"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


def refused(code, source, **options):
    with pytest.raises(DataError) as caught:
        read(source, **options)
    assert caught.value.code == code, str(caught.value)
    assert caught.value.todo
    return str(caught.value)


def column(data, name):
    return data.X[name].to_pylist()


def kinds(data):
    return {each.name: each.kind for each in data.schema.columns}


# ---- csv -------------------------------------------------------------------------------------------------------------------

def test_csv_types_are_decided_by_whole_columns(tmp_path):
    path = write(tmp_path, "a.csv", "code,flow (l/s),on,who\n007,7.9,yes,ann\n012,8,no,bob\n120,NA,yes,\n")
    data = read(path)
    assert column(data, "code") == ["007", "012", "120"]
    assert column(data, "flow (l/s)") == [7.9, 8.0, None]
    assert column(data, "on") == [True, False, True]
    assert column(data, "who") == ["ann", "bob", None]
    assert data.schema["flow (l/s)"].unit == "l/s" and data.kind == "table"


def test_a_late_leading_zero_keeps_the_column_text(tmp_path):
    rows = [str(1000 + i) for i in range(5000)] + ["0042"]
    assert column(read(write(tmp_path, "a.csv", "zip,x\n" + "".join(f"{r},{i}.5\n" for i, r in enumerate(rows)))), "zip")[-1] == "0042"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "latin-1"])
def test_encodings_are_found(tmp_path, encoding):
    data = read(write(tmp_path, "a.csv", "Größe;Ort\n1,5;Köln\n2,5;Görlitz\n", encoding))
    assert column(data, "Größe") == [1.5, 2.5] and column(data, "Ort") == ["Köln", "Görlitz"]


def test_an_accent_after_the_sample_is_read_as_cp1252(tmp_path):
    body = b"x,y\n" + b"1,plain\n" * 200_000 + "2,Köln\n".encode("cp1252")
    data = read(write(tmp_path, "a.csv", body))
    assert column(data, "y")[-1] == "Köln" and "encoding cp1252" in data.origin.notes


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_found(tmp_path, delimiter):
    text = "a,b,c\n1.5,2,x\n2.5,3,y\n".replace(",", delimiter)
    assert read(write(tmp_path, "a.csv", text)).schema.names == ("a", "b", "c")


def test_quoted_fields_may_hold_delimiters_newlines_and_markup(tmp_path):
    cells = ['<script>alert("x")</script>', "=1+1", "a\nb", "c, d"]
    text = "n,s\n" + "".join('{},"{}"\n'.format(i, c.replace('"', '""')) for i, c in enumerate(cells))
    assert column(read(write(tmp_path, "a.csv", text)), "s") == cells


@pytest.mark.parametrize(("text", "expected"), [
    ("a;b\n0,5;1.234,5\n1,25;2\n", [1234.5, 2.0]),     # decimal comma, thousands marked by points
    ("a;b\n0.5;1,234\n1.25;12,000\n", [1234, 12000]),  # other cells prove the point: the comma marks thousands
    ("a;b\n1;1,234\n2;12,000\n", [1.234, 12.0]),       # nothing proves it: in a semicolon file a decimal comma
    ('a,b\n1,"1,234"\n2,"12,000"\n', ["1,234", "12,000"]),  # nothing proves it: text
    ('a,b\n1,"1,234,567"\n2,12\n', [1234567, 12]),
])
def test_decimal_comma_and_thousands(tmp_path, text, expected):
    assert column(read(write(tmp_path, "a.csv", text)), "b") == expected


def test_an_ambiguous_comma_is_noted_and_decimal_overrides(tmp_path):
    path = write(tmp_path, "a.csv", 'a,b\n1,"1,234"\n2,"12,000"\n')
    data = read(path)
    assert any("1,234" in note for note in data.origin.notes) and data.schema["b"].kind == "category"
    again = read({"a": [1] * 6, "b": ["1,234"] * 6}, schema=data.schema)
    assert again.X["b"].to_pylist() == ["1,234"] * 6
    assert column(read(path, decimal=","), "b") == [1.234, 12.0]
    assert column(read(path, decimal="."), "b") == [1234, 12000]


def test_delimiter_encoding_and_header_override(tmp_path):
    path = write(tmp_path, "a.csv", "a;b,c\n1;2,3\n")
    assert read(path, delimiter=",").schema.names == ("a;b", "c")
    assert column(read(write(tmp_path, "b.csv", "a,b\nä,1\n", "latin-1"), encoding="latin-1"), "a") == ["ä"]
    assert len(read(write(tmp_path, "c.csv", "u,v\nw,x\n"), header=False)) == 2
    refused("TOC-138", path, delimiter=";;")


def test_a_first_line_of_values_is_data(tmp_path):
    data = read(write(tmp_path, "a.csv", "1.5,2\n2.5,3\n"))
    assert data.schema.names == ("x0", "x1") and len(data) == 2 and "first line" in data.origin.notes[0]
    assert read(write(tmp_path, "b.csv", "0,1,2\n5,6,7\n")).schema.names == ("0", "1", "2")


@pytest.mark.parametrize("token", ["", "NA", "N/A", "NaN", "null", "None", "-", "?"])
def test_spellings_of_missing(tmp_path, token):
    assert column(read(write(tmp_path, "a.csv", f"a,b\n1,x\n{token},y\n3,z\n")), "a") == [1, None, 3]


def test_stray_text_does_not_cost_the_numbers(tmp_path):
    data = read(write(tmp_path, "a.csv", "a;b\n" + "".join(f"{i},5;1\n" for i in range(9)) + "broken;2\n"))
    assert kinds(data)["a"] == "number"
    assert column(data, "a")[0] == "0.5" and column(data, "a")[-1] == "broken"


def test_infinities_arrive_as_such(tmp_path):
    assert column(read(write(tmp_path, "a.csv", "a,b\ninf,1\n-inf,2\n1,3\n")), "a")[:2] == [np.inf, -np.inf]


def test_one_column_one_row_and_blank_lines(tmp_path):
    assert column(read(write(tmp_path, "a.csv", "a\n1\n\nNA\n3\n\n\n")), "a") == [1, None, None, 3]
    assert column(read(write(tmp_path, "b.csv", "\n\na,b\n1,2")), "b") == [2]
    assert column(read(write(tmp_path, "c.csv", "flow\n1,5\n2,25\n")), "flow") == [1.5, 2.25]
    assert column(read(write(tmp_path, "d.csv", "say\nhello, you\nno\n")), "say") == ["hello, you", "no"]


def test_an_all_missing_column_stays(tmp_path):
    data = read(write(tmp_path, "a.csv", "a,b\n1,\n2,\n"))
    assert column(data, "b") == [None, None] and kinds(data)["b"] == "constant"


def test_a_delimiter_at_each_end_makes_no_column(tmp_path):
    assert read(write(tmp_path, "a.csv", "a,b,\n1,2,\n3,4,\n")).schema.names == ("a", "b")


def test_ten_thousand_columns(tmp_path):
    names = [f"c{i}" for i in range(10_000)]
    data = read(write(tmp_path, "a.csv", ",".join(names) + "\n" + (",".join(["1.5"] * 10_000) + "\n") * 2))
    assert data.X.shape == (2, 10_000)


def test_packed_text_is_unpacked(tmp_path):
    import gzip

    assert column(read(write(tmp_path, "a.csv.gz", gzip.compress(b"a,b\n1,2\n"))), "b") == [2]


# ---- bad input -------------------------------------------------------------------------------------------------------------

def test_missing_file_names_the_nearest(tmp_path):
    write(tmp_path, "pump.csv", "a\n1\n")
    assert "pump.csv" in refused("TOC-120", tmp_path / "pumpe.csv")
    refused("TOC-120", str(tmp_path / "*.tsv"))


def test_a_folder_is_refused(tmp_path):
    refused("TOC-121", tmp_path)


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff", "a,b,c\n", "a,b,c"])
def test_no_rows(tmp_path, text):
    refused("TOC-122", write(tmp_path, "a.csv", text))


@pytest.mark.parametrize(("text", "line", "fields"), [
    ("a,b\n1,2\n3,4,5\n", 3, 3),
    ("a,b,c\n1,2,3\n4,5\n", 3, 2),
    ('a,b\n"x\ny",2\n3,4,5\n', 4, 3),
    ("a,b\n" + "1,2\n" * 300_000 + "3\n", 300_002, 1),
])
def test_a_ragged_line_is_named(tmp_path, text, line, fields):
    assert f"line {line} has {fields} fields" in refused("TOC-125", write(tmp_path, "a.csv", text))


def test_wrong_encoding(tmp_path):
    path = write(tmp_path, "a.csv", "a,b\nKöln,1\n", "latin-1")
    refused("TOC-124", path, encoding="utf-8")
    refused("TOC-124", path, encoding="no-such")


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n" + b"\x00" * 50, b"PK\x03\x04" + b"x" * 50, b"a,b\n1,\x00\x002\n" * 9,
                                     b"\x1f\x8b\x08\x00"])
def test_binary_named_csv(tmp_path, content):
    refused("TOC-123", write(tmp_path, "a.csv", content))


def test_a_cut_gzip_file(tmp_path):
    import gzip

    refused("TOC-123", write(tmp_path, "a.csv.gz", gzip.compress(b"a,b\n" + np.random.default_rng(0).bytes(9999).hex().encode())[:200]))


def test_repeated_names(tmp_path):
    assert "'a'" in refused("TOC-102", write(tmp_path, "a.csv", "a,b,a\n1,2,3\n"))
    refused("TOC-102", pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_blank_names_are_called_by_position(tmp_path):
    data = read(write(tmp_path, "a.csv", ",b,\n1,2,3\n4,5,6\n"))
    assert data.schema.names == ("column 1", "b", "column 3") and any("blank" in note for note in data.origin.notes)


def test_an_unclosed_quotation_mark(tmp_path):
    refused("TOC-125", write(tmp_path, "a.csv", 'a,b\n1,2\n"3,4\n5,6\n'))


def test_unknown_ending_is_read_by_content(tmp_path):
    assert read(write(tmp_path, "a.txt", "a;b\n1;2\n3;4\n")).schema.names == ("a", "b")
    assert read(write(tmp_path, "b.dat", '{"a": 1}\n{"a": 2}\n')).schema.names == ("a",)
    parquet.write_table(pa.table({"q": [1, 2]}), tmp_path / "c")
    assert read(tmp_path / "c").schema.names == ("q",)
    refused("TOC-123", write(tmp_path, "d.txt", "It was a dark, stormy night.\nThe rain fell in torrents,\nexcept at times, when, yes.\n"))
    refused("TOC-123", write(tmp_path, "e.xlsx", b"PK\x03\x04" + b"x" * 50))


@pytest.mark.parametrize("name", ["a.parquet", "a.feather", "a.npz", "a.npy"])
def test_corrupt_binary_files(tmp_path, name):
    refused("TOC-123", write(tmp_path, name, b"not at all " * 20))


def test_cut_parquet(tmp_path):
    parquet.write_table(pa.table({"a": np.arange(1000.0)}), tmp_path / "a.parquet")
    refused("TOC-123", write(tmp_path, "b.parquet", (tmp_path / "a.parquet").read_bytes()[:2000]))


def test_a_header_that_numpy_would_mend_with_a_warning_is_corrupt(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((12, 3)))
    damaged = (tmp_path / "a.npy").read_bytes().replace(b"(12, 3)", b"(1L, 3)")
    refused("TOC-123", write(tmp_path, "b.npy", damaged))


@pytest.mark.parametrize("name", ["a.csv.gz", "a.jsonl.gz", "a.json.gz", "a.npz"])
def test_a_packed_file_that_grows_beyond_measure_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.setattr(sniff, "LARGE", 2 << 20)
    if name == "a.npz":
        np.savez_compressed(tmp_path / name, X=np.zeros((100_000, 4)))
    else:
        first, line, last = {"a.csv.gz": (b"a,b\n", b"0,0\n", b""), "a.jsonl.gz": (b"", b'{"a": 0}\n', b""),
                             "a.json.gz": (b"[", b'{"a": 0},', b'{"a": 0}]')}[name]
        write(tmp_path, name, gzip.compress(first + line * (3 * 2**20 // len(line)) + last))
    refused("TOC-142", tmp_path / name)
    with pytest.raises(DataError, match="TOC-142"):
        list(batches(tmp_path / name))
    monkeypatch.setattr(sniff, "RATIO", 5000)
    if name != "a.json.gz":
        assert len(read(tmp_path / name)) >= 100_000


def test_a_packed_file_cut_after_the_first_megabyte_is_damaged(tmp_path):
    text = "a,b\n" + "".join(f"{i},{i * 7919 % 1000}\n" for i in range(200_000))
    refused("TOC-123", write(tmp_path, "a.csv.gz", gzip.compress(text.encode(), 1)[:-5000]))


def test_pickled_objects_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", X=np.array([{"a": 1}], dtype=object))
    np.save(tmp_path / "b.npy", np.array([None, "x"], dtype=object))
    refused("TOC-127", tmp_path / "a.npz")
    refused("TOC-127", tmp_path / "b.npy")


def test_things_that_are_no_data():
    refused("TOC-136", 7)
    refused("TOC-136", {"a": "text"})
    refused("TOC-101", {"a": [1, 2], "b": [1]})
    refused("TOC-137", {"label": [0, 1, 0]})
    refused("TOC-122", {"a": []})
    refused("TOC-122", pd.DataFrame())


def test_options_that_do_not_fit(tmp_path):
    path = write(tmp_path, "a.csv", "a\n1\n")
    refused("TOC-138", path, query="select 1")
    refused("TOC-138", path, tolerance="5s")
    refused("TOC-138", path, on="a")
    refused("TOC-138", path, decimal=";")
    assert "'flow'" in refused("TOC-129", {"flow": [1]}, group="flwo")


# ---- other files -----------------------------------------------------------------------------------------------------------

def test_json_lines_with_mixed_and_absent_values(tmp_path):
    path = write(tmp_path, "a.jsonl", '{"a": 1, "b": {"c": 2}}\n{"a": "x"}\n\n{"a": 2.5, "d": [1]}\n')
    refused("TOC-151", path)
    data = read(path, ignore=["d"])
    assert column(data, "a") == ["1", "x", "2.5"] and column(data, "b.c") == [2, None, None]
    assert column(read(write(tmp_path, "b.json", '[{"a": 1}, {"a": 2}]')), "a") == [1, 2]


@pytest.mark.parametrize("text", ['{"a": 1}\n{"a": \n', '{"a": 1}\n[1]\n', '{"a": 1}\nplain\n'])
def test_a_bad_json_line_is_named(tmp_path, text):
    assert "line 2" in refused("TOC-126", write(tmp_path, "a.jsonl", text))


def test_columnar_files(tmp_path):
    table = pa.table({"n": pa.array([1, 2], pa.int16()), "d": pa.array(["u", "v"]).dictionary_encode(), "s": ["07", "08"]})
    parquet.write_table(table, tmp_path / "a.parquet")
    feather.write_feather(table, str(tmp_path / "a.feather"))
    with pa.ipc.new_stream(str(tmp_path / "a.arrow"), table.schema) as writer:
        writer.write_table(table)
    for name in ("a.parquet", "a.feather", "a.arrow"):
        assert read(tmp_path / name).X.to_pydict() == {"n": [1, 2], "d": ["u", "v"], "s": ["07", "08"]}


def test_numpy_files(tmp_path):
    X = np.arange(6.0).reshape(3, 2)
    np.save(tmp_path / "a.npy", X)
    np.savez(tmp_path / "b.npz", x=X, y=[0, 1, 0])
    np.savez(tmp_path / "c.npz", u=X, v=X)
    assert np.array_equal(read(tmp_path / "a.npy").X, X)
    data = read(tmp_path / "b.npz", kind="series")
    assert data.y.tolist() == [0, 1, 0] and data.kind == "series" and data.schema.names == ("x0", "x1")
    assert "u, v" in refused("TOC-123", tmp_path / "c.npz")


def test_digest_is_that_of_the_bytes(tmp_path):
    path = write(tmp_path, "a.csv", "a,b\n1,2\n")
    assert read(path).origin.digest == hashlib.sha256(b"a,b\n1,2\n").hexdigest()
    assert read(path, licence="CC0").origin.licence == "CC0"


# ---- memory ----------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, lambda c: pl.DataFrame(c).lazy(), pa.table, dict,
                                  lambda c: pa.table(c).to_batches()[0], lambda c: pa.table(c).to_reader()])
def test_frames(make):
    data = read(make({"a": [1.5, 2.5], "s": ["u", "v"]}))
    assert data.X.to_pydict() == {"a": [1.5, 2.5], "s": ["u", "v"]} and len(data.origin.digest) == 64


def test_arrays_and_lists_of_rows_keep_their_form():
    X = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert np.array_equal(read(X).X, X) and np.array_equal(read(X.tolist()).X, X)
    assert read(np.arange(4.0), kind="series").X.shape == (4, 1)
    assert read(X, id="x0").schema.names == ("x1",)
    refused("TOC-115", [[1, 2], [3]])
    refused("TOC-122", np.empty((0, 3)))
    assert read(np.array([[1, "a"], [2, "b"]], dtype=object)).X.to_pydict() == {"x0": [1, 2], "x1": ["a", "b"]}


def test_records_and_mixed_objects():
    assert read([{"a": 1}, {"a": 2, "b": "x"}]).X.to_pydict() == {"a": [1, 2], "b": [None, "x"]}
    mixed = pd.DataFrame({"a": [1, "two", None], 7: [1, 2, 3]})
    assert read(mixed).X.to_pydict() == {"a": ["1", "two", None], "7": [1, 2, 3]}


def test_pandas_index_becomes_time_or_ids():
    stamps = pd.date_range("2024-01-01", periods=4, freq="h")
    data = read(pd.DataFrame({"v": [1.0, 2, 3, 4]}, index=stamps))
    assert data.kind == "series" and data.schema.time == "time" and data.time.tolist() == stamps.to_numpy().tolist()
    assert read(pd.DataFrame({"v": [1.0, 2]}, index=["p", "q"])).ids.tolist() == ["p", "q"]
    assert read(pd.DataFrame({"v": [1.0, 2, 3]})[1:]).ids.tolist() == [1, 2]


def test_a_dataset_passes_through():
    data = read({"a": [1, 2]})
    assert read(data) is data


def test_reading_never_writes(tmp_path):
    path = write(tmp_path, "a.csv", "a,b\n1,2\n")
    read(path)
    list(batches(path))
    assert [each.name for each in tmp_path.iterdir()] == ["a.csv"]


# ---- several sources -------------------------------------------------------------------------------------------------------

def test_globs_and_lists_append_by_name(tmp_path):
    write(tmp_path, "a1.csv", "x,y\n1,u\n")
    write(tmp_path, "a2.csv", "y;x\nv;2,5\n")
    for source in (str(tmp_path / "a*.csv"), [tmp_path / "a1.csv", tmp_path / "a2.csv"]):
        data = read(source)
        assert data.X.to_pydict() == {"x": [1.0, 2.5], "y": ["u", "v"]} and data.ids.tolist() == [0, 1]


def test_different_columns_are_named(tmp_path):
    write(tmp_path, "a1.csv", "x,y\n1,2\n")
    write(tmp_path, "a2.csv", "x,z\n1,2\n")
    message = refused("TOC-128", str(tmp_path / "a*.csv"))
    assert "a2.csv" in message and "without 'y'" in message and "with 'z'" in message


# ---- roles -----------------------------------------------------------------------------------------------------------------

def series(**more):
    start = datetime.datetime(2024, 1, 1)
    return {"when": [start + datetime.timedelta(minutes=i) for i in range(10)], "flow": np.arange(10.0), **more}


def test_a_clock_makes_a_series_and_leaves_the_features():
    data = read(series())
    assert data.kind == "series" and data.schema.time == "when" and data.schema.names == ("flow",)
    assert read(series(), kind="table").schema.names == ("when", "flow")


def test_dates_that_do_not_tick_stay_a_table():
    days = ["2024-01-05", "2023-02-01", "2024-03-09", "2022-01-01", "2024-01-05", "2023-07-07"]
    data = read({"born": days, "x": range(6)})
    assert data.kind == "table" and kinds(data)["born"] == "date" and "time=" in data.origin.notes[0]


def test_epoch_needs_a_name():
    seconds = [1_700_000_000 + 60 * i for i in range(10)]
    assert read({"timestamp": seconds, "x": range(10)}).time[0] == np.datetime64("2023-11-14T22:13:20")
    assert read({"ts": [1000 * s for s in seconds], "x": range(10)}).kind == "series"
    assert read({"amount": seconds, "x": range(10)}).kind == "table"


def test_an_unsorted_series_is_sorted_stably_and_says_so():
    data = read({"t": ["2024-01-02", "2024-01-01", "2024-01-03", "2024-01-01"], "x": [2, 1, 3, 9]}, time="t")
    assert data.X["x"].to_pylist() == [1, 9, 2, 3] and data.ids.tolist() == [1, 3, 0, 2]
    assert any("not in time order" in note for note in data.origin.notes) and any("repeat" in note for note in data.origin.notes)


def test_groups_stay_together():
    data = read({"m": ["b", "a", "b", "a"], "t": [1, 1, 0, 0], "x": [1, 2, 3, 4]}, time="t", group="m")
    assert data.group.tolist() == ["b", "b", "a", "a"] and data.X["x"].to_pylist() == [3, 1, 4, 2]
    refused("TOC-141", {"m": ["b", None], "x": [1, 2]}, group="m")


def test_a_time_that_cannot_be_read_is_shown():
    assert "'soon'" in refused("TOC-130", {"t": ["2024-01-01", "soon"], "x": [1, 2]}, time="t")


@pytest.mark.parametrize("values", [[0, 1, 0], [True, False, True], ["normal", "Abnormal", "normal"], ["0", "1", "1"], [0.0, 1.0, 0.0]])
def test_labels_are_recognised_and_never_a_feature(values):
    data = read({"x": [1.0, 2.0, 3.0], "is_anomaly": values})
    assert data.y.dtype == np.int64 and set(data.y) == {0, 1} and data.schema.names == ("x",) and data.schema.label == "is_anomaly"
    assert "is_anomaly" in data.origin.notes[0]


def test_labels_that_are_none():
    assert read({"x": [1, 2], "target": [3, 4]}).y is None
    assert read({"x": [1, 2], "label": [0, 1]}, label=False).schema.names == ("x", "label")
    both = read({"x": [1, 2], "label": [0, 1], "anomaly": [0, 0]})
    assert both.schema.names == ("x",) and both.y.tolist() == [0, 1]
    assert read({"x": [1, 2, 3], "label": [0, 1, None]}).y is None
    assert "'spam'" in refused("TOC-131", {"x": [1, 2], "c": ["spam", "0"]}, label="c")
    refused("TOC-131", {"x": [1, 2], "c": [None, "0"]}, label="c")


def test_a_changepoint_beside_a_label_is_no_feature():
    rows = {"x": [1, 2, 3], "changepoint": [0, 1, 0]}
    for data in (read({**rows, "anomaly": [0, 1, 1]}), read({**rows, "fault": [0, 1, 1]}, label="fault")):
        assert data.schema.names == ("x",) and data.y.tolist() == [0, 1, 1]
        assert any("'changepoint'" in note for note in data.origin.notes)
    assert read(rows).schema.names == ("x", "changepoint"), "without a label it is a column like any other"
    assert read({**rows, "anomaly": [0, 1, 1]}, label=False).schema.names == ("x", "changepoint", "anomaly")
    assert read({"x": [1, 2], "changepoint": [0, 7], "label": [0, 1]}).schema.names == ("x", "changepoint")


def test_ids_and_ignored_columns():
    data = read({"k": ["p", None], "x": [1, 2], "z": [1, 2]}, id="k", ignore=["z"])
    assert data.ids.tolist() == ["p", "row 1"] and data.schema.names == ("x",)


# ---- with the schema of a model --------------------------------------------------------------------------------------------

def test_schema_orders_names_roles_and_leaves_extras_out(tmp_path):
    schema = read({"a": [0.5, 1], "code": ["007", "9"], "label": [0, 1]}).schema
    data = read(write(tmp_path, "n.csv", "extra,code,a\n1,12,3\n"), schema=schema)
    assert data.X.to_pydict() == {"a": [3.0], "code": ["12"]} and data.y is None and data.schema == schema
    assert any("'extra'" in note for note in data.origin.notes)
    assert "'a'" in refused("TOC-133", write(tmp_path, "m.csv", "code,b\n1,2\n"), schema=schema)


def test_schema_of_a_series_needs_its_time():
    schema = read(series()).schema
    refused("TOC-133", {"flow": [1.0]}, schema=schema)
    assert read({"when": ["2024-01-01"], "flow": [1.0]}, schema=schema).kind == "series"


def test_schema_and_width_of_arrays():
    schema = read(np.ones((3, 2))).schema
    refused("TOC-133", np.ones((3, 4)), schema=schema)
    assert read(np.ones((1, 2)), schema=schema).schema == schema


# ---- batches ---------------------------------------------------------------------------------------------------------------

@pytest.fixture
def big():
    rng = np.random.default_rng(0)
    return pa.table({"n": rng.normal(size=1000), "i": rng.integers(0, 9, 1000), "s": rng.choice(["u", "v"], 1000)})


def save(table, path):
    if path.suffix == ".csv":
        table.to_pandas().to_csv(path, index=False)
    elif path.suffix == ".jsonl":
        table.to_pandas().to_json(path, orient="records", lines=True, double_precision=15)
    elif path.suffix == ".parquet":
        parquet.write_table(table, path, row_group_size=300)
    else:
        feather.write_feather(table, str(path), chunksize=300)
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet", "a.arrow"])
def test_batches_equal_the_whole(tmp_path, big, name):
    path = save(big, tmp_path / name)
    whole, parts = read(path), list(batches(path, rows=128))
    assert [len(part) for part in parts] == [128] * 7 + [104]
    assert np.concatenate([part.ids for part in parts]).tolist() == whole.ids.tolist()
    joined = pa.concat_tables([part.X for part in parts])
    assert np.allclose(joined["n"].to_numpy(), whole.X["n"].to_numpy(), rtol=1e-12) and joined["s"].to_pylist() == whole.X["s"].to_pylist()
    assert len({part.X.schema for part in parts}) == 1 and joined["i"].type == pa.float64()


def test_batches_of_memory_arrays_and_databases(tmp_path, big):
    assert [len(part) for part in batches(big, rows=600)] == [600, 400]
    np.save(tmp_path / "a.npy", np.ones((10, 2)))
    assert [part.ids[0] for part in batches(tmp_path / "a.npy", rows=4)] == [0, 4, 8]
    url = f"sqlite:///{tmp_path / 'a.db'}"
    big.to_pandas().to_sql("t", engine := sqlalchemy.create_engine(url), index=False)
    engine.dispose()
    assert [len(part) for part in batches(url, query="t", rows=600)] == [600, 400]


def test_types_of_batches_come_from_the_schema(tmp_path):
    path = write(tmp_path, "a.csv", "a,b\n" + "1,x\n" * 5 + "2.5,7\n" * 5 + "bad,8\n2,9\n")
    schema = read(path).schema
    parts = list(batches(path, rows=5, schema=schema))
    assert [part.X["a"].type for part in parts] == [pa.float64(), pa.float64(), pa.string()]
    assert all(part.X["b"].type == pa.string() for part in parts) and parts[2].X["a"].to_pylist() == ["bad", "2"]


def test_batches_over_several_files(tmp_path):
    for i in range(3):
        write(tmp_path, f"p{i}.csv", f"a,b\n{i},1\n{i},2\n")
    parts = list(batches(str(tmp_path / "p*.csv"), rows=2))
    assert np.concatenate([part.ids for part in parts]).tolist() == list(range(6))
    write(tmp_path, "p9.csv", "a,c\n1,2\n")
    with pytest.raises(DataError, match="TOC-128"):
        list(batches(str(tmp_path / "p*.csv")))


def test_batches_name_the_ragged_line_and_refuse_disorder(tmp_path):
    with pytest.raises(DataError, match="line 4 has 1 fields"):
        list(batches(write(tmp_path, "a.csv", "a,b\n1,2\n3,4\n5\n")))
    text = "t,x\n" + "".join(f"2024-01-{d:02d},{d}\n" for d in (*range(1, 9), 3))
    with pytest.raises(DataError, match="TOC-139"):
        list(batches(write(tmp_path, "b.csv", text), rows=4, time="t"))
    with pytest.raises(DataError, match="TOC-122"):
        list(batches(write(tmp_path, "c.csv", "a,b\n")))


def test_batches_of_one_column_treat_blank_lines_like_read(tmp_path):
    path = write(tmp_path, "a.csv", "a\n1\n\n3\n\n\n")
    assert [value for part in batches(path, rows=2) for value in part.X["a"].to_pylist()] == column(read(path), "a") == [1, None, 3]


def test_datasets_are_whole():
    assert isinstance(read({"a": [1]}), Dataset)
