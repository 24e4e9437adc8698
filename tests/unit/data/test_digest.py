import numpy as np
import pyarrow as pa

from tocsin.data.digest import of_array, of_file, of_table, together


def test_tables_count_by_content():
    table = pa.table({"a": [1.0, None, 3.0], "s": ["x", "y", None]})
    assert of_table(table) == of_table(pa.concat_tables([table.slice(0, 2), table.slice(2)]))
    changed = [pa.table({"a": [1.0, None, 4.0], "s": ["x", "y", None]}), pa.table({"b": table["a"], "s": table["s"]}), table.slice(0, 2),
               pa.table({"a": [1.0, 3.0, None], "s": ["x", "y", None]})]
    assert len({of_table(each) for each in [table, *changed]}) == 5


def test_arrays_count_by_content():
    X = np.arange(6.0).reshape(2, 3)
    assert of_array(X) == of_array(np.asfortranarray(X)) == of_array(X.astype(">f8"))
    assert len({of_array(X), of_array(X.T), of_array(X.astype("f4")), of_array(X + 1)}) == 4


def test_several(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    empty = of_file(tmp_path / "a")
    assert empty.startswith("e3b0c442")
    assert together([empty]) == empty and together([empty, ""]) == "" and len(together([empty, empty])) == 64
