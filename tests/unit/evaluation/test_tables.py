import csv
import io

from tocsin.evaluation.tables import summarise, to_csv, to_markdown


def rows(figures, suite="adbench", protocol="one-class"):
    return [{"suite": suite, "set": f"s{i}", "protocol": protocol, "method": method, "seed": seed, "auroc": value,
             "ap": value and value / 2, "vus_pr": value, "vus_roc": value, "fit_s": None if value is None else 1.0,
             "score_s": 0.5, "peak_mb": 100.0}
            for method, values in figures.items() for i, value in enumerate(values) for seed in (0, 1)]


def test_means_are_over_the_common_sets_and_tests_over_the_shared_ones():
    made = summarise(rows({"a": [0.9, 0.8, 0.7], "b": [0.8, 0.8, None], "c": [None, None, None]}))
    assert [record["method"] for record in made] == ["a", "b", "c"] and made[0]["common"] == 2 and made[0]["sets"] == 3
    a, b, c = made
    assert abs(a["mean"] - 0.85) < 1e-12 and abs(a["mean_second"] - 0.425) < 1e-12
    assert a["finished"] == 3 and a["rank"] == 1.25 and a["wins"] == 1.5
    assert b["finished"] == 2 and abs(b["difference"] + 0.05) < 1e-12 and (b["won"], b["lost"]) == (0, 1) and b["seconds"] == 1.5
    assert c["finished"] == 0 and c["mean"] is None and c["rank"] is None and c["seconds"] is None
    assert a["difference"] is None and a["reference"] == "a"


def test_the_reference_may_be_chosen_and_suites_stay_apart():
    made = summarise(rows({"a": [0.9, 0.8], "b": [0.7, 0.6]}) + rows({"w": [0.5, 0.4]}, "tsbad_u", "prefix"), reference="b")
    assert made[0]["reference"] == "b" and made[0]["won"] == 2 and made[2]["suite"] == "tsbad_u" and made[2]["reference"] == "w"


def test_it_is_written_as_markdown_and_csv():
    made = summarise(rows({"a": [0.9, 0.8], "b": [0.7, None]}) + rows({"w": [0.5, 0.4]}, "tsbad_u", "prefix"))
    text = to_markdown(made)
    assert "## adbench, one-class (1 common of 2 sets)" in text and "| `a` | 2 | 90.0 |" in text and "VUS-PR" in text and "nan" not in text
    assert all(line.count("|") == 13 for line in text.splitlines() if line.startswith("|"))
    back = list(csv.DictReader(io.StringIO(to_csv(made))))
    assert len(back) == 3 and back[0]["method"] == "a" and back[1]["low"] == ""
    assert to_markdown([]) == "" and to_csv([]) == "suite\n"
