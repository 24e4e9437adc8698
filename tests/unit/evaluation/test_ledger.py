import pytest

from tocsin.core.errors import ConfigError
from tocsin.evaluation import ledger

ROW = {"suite": "adbench", "set": "a, \"b\"", "protocol": "one-class", "method": "knn(k=3)", "seed": 0, "cap": 100, "auroc": 0.5,
       "status": "ok", "n": 7, "tocsin": "0.1.0", "path": "not a column"}


def test_rows_come_back_typed(tmp_path):
    ledger.append(tmp_path / "deep" / "r.csv", ROW)
    (row,) = ledger.read(tmp_path / "deep" / "r.csv").values()
    assert row["auroc"] == 0.5 and row["n"] == 7 and row["seed"] == 0 and row["vus_pr"] is None and row["set"] == "a, \"b\""
    assert ledger.key(row) == ledger.key(ROW) and set(row) == set(ledger.COLUMNS)


def test_a_later_row_of_the_same_run_wins(tmp_path):
    for value in (0.5, 0.7):
        ledger.append(tmp_path / "r.csv", {**ROW, "auroc": value})
    ledger.append(tmp_path / "r.csv", {**ROW, "seed": 1})
    assert [row["auroc"] for row in ledger.read(tmp_path / "r.csv").values()] == [0.7, 0.5]


@pytest.mark.parametrize("torn", [b"adbench,b,one-cl", b"x" * 100_000])
def test_a_line_cut_short_is_dropped_and_the_next_row_is_whole(tmp_path, torn):
    path = tmp_path / "r.csv"
    ledger.append(path, ROW)
    before = path.read_bytes()
    path.write_bytes(before + torn[:60_000])
    assert len(ledger.read(path)) == 1
    ledger.append(path, {**ROW, "seed": 1})
    assert path.read_bytes().startswith(before) and len(ledger.read(path)) == 2


def test_a_header_cut_short_is_written_again(tmp_path):
    (tmp_path / "r.csv").write_text("suite,se")
    ledger.append(tmp_path / "r.csv", ROW)
    assert len(ledger.read(tmp_path / "r.csv")) == 1


def test_nothing_there_and_another_file(tmp_path):
    assert ledger.read(tmp_path / "r.csv") == {}
    (tmp_path / "r.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ConfigError, match="TOC-268"):
        ledger.read(tmp_path / "r.csv")
