"""The main job on real data, from the raw file to the report, with the commands that a person would type.

    python examples/demo.py [DIR]        # default: ./demo

Two data sets, both from installed packages, nothing is downloaded:

table    Wisconsin breast cancer (scikit-learn): half of the benign cases are learned from, all other cases are judged, once by nearest
         neighbours and once by a network; and a mix of benign cases with a few malignant ones is judged by itself.
series   El Niño, monthly sea-surface temperature 1950-2010 (statsmodels): the years to 1979 are learned from, all years are judged.
"""

from __future__ import annotations

import csv
import shlex
import sys
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

TABLE_SOURCE = """Wisconsin breast cancer (diagnostic)
Source: W. H. Wolberg, W. N. Street, O. L. Mangasarian (1995), UCI Machine Learning Repository, https://doi.org/10.24432/C5DW2B;
        copy taken from the installed package scikit-learn (sklearn.datasets.load_breast_cancer).
Licence: CC BY 4.0
cancer-known.csv   every second benign case, to learn from
cancer-new.csv     all other cases, to judge; column malignant (1 = malignant) is used for evaluation only
cancer-mixed.csv   all benign cases and every twentieth malignant one, to judge by themselves; the column malignant is left out
"""
SERIES_SOURCE = """El Niño: monthly averaged sea-surface temperature of the Pacific, 0-10 degrees South, 90-80 degrees West, 1950 to 2010
Source: National Oceanic and Atmospheric Administration, ERSST.V3B, Nino 1+2, http://www.cpc.ncep.noaa.gov/data/indices/;
        copy taken from the installed package statsmodels (statsmodels.datasets.elnino).
Licence: public domain
elnino-known.csv   1950 to 1979, to learn from
elnino-all.csv     1950 to 2010, to judge
"""


def main(folder: Path) -> None:
    """Write the data, run the commands, say where the reports are."""
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    write_table(data)
    write_series(data)
    for command in commands(folder):
        run(command)
    print("\nOpen in a browser:")
    for report in sorted(folder.glob("*/report.html")):
        print(f"  {report.resolve()}")


def commands(folder: Path) -> list[list[str]]:
    """What is run, in order."""
    data = folder / "data"
    cancer, elnino = str(folder / "cancer.tocsin"), str(folder / "elnino.tocsin")
    new, years = str(data / "cancer-new.csv"), str(data / "elnino-all.csv")
    network = str(folder / "cancer-network.tocsin")
    deep = (
        [
            ["fit", str(data / "cancer-known.csv"), "--id", "case", "--detector", "vae", "--epochs", "60", "--out", network],
            ["detect", new, "--label", "malignant", "--model", network, "--out", str(folder / "cancer-network"), "--top", "3"],
        ]
        if find_spec("torch")
        else []
    )
    return [
        ["check", new, "--label", "malignant", "--id", "case"],
        ["fit", str(data / "cancer-known.csv"), "--id", "case", "--out", cancer],
        ["detect", new, "--label", "malignant", "--model", cancer, "--out", str(folder / "cancer"), "--top", "5"],
        ["evaluate", cancer, new, "--label", "malignant"],
        ["explain", cancer, new, "--label", "malignant", "--top", "2"],
        ["score", cancer, new, "--label", "malignant", "--out", str(folder / "cancer-scored")],
        ["fit", str(data / "elnino-known.csv"), "--time", "month", "--out", elnino],
        ["detect", years, "--time", "month", "--model", elnino, "--out", str(folder / "elnino"), "--top", "5"],
        ["detect", str(data / "cancer-mixed.csv"), "--id", "case", "--out", str(folder / "cancer-mixed"), "--top", "5"],
        *deep,
    ]


def run(arguments: Sequence[str]) -> None:
    """One ``tocsin`` command, in this process; a failing one ends the demo with its exit code."""
    from tocsin.interfaces.cli.app import main as tocsin

    print(f"\n$ tocsin {shlex.join(arguments)}", flush=True)
    try:
        tocsin(arguments)
    except SystemExit as end:
        if end.code:
            raise
    sys.stdout.flush()


def write_table(folder: Path) -> None:
    """cancer-known.csv, cancer-new.csv, cancer-mixed.csv and where they come from."""
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    malignant = bunch.target == 0
    known = np.flatnonzero(~malignant)[::2]
    new = np.setdiff1d(np.arange(len(malignant)), known)
    names = [str(name).replace(" ", "_") for name in bunch.feature_names]
    write(folder / "cancer-known.csv", ["case", *names], ([f"c{i:03d}", *bunch.data[i]] for i in known))
    write(folder / "cancer-new.csv", ["case", *names, "malignant"], ([f"c{i:03d}", *bunch.data[i], int(malignant[i])] for i in new))
    mixed = np.sort(np.r_[np.flatnonzero(~malignant), np.flatnonzero(malignant)[::20]])
    write(folder / "cancer-mixed.csv", ["case", *names], ([f"c{i:03d}", *bunch.data[i]] for i in mixed))
    (folder / "cancer-source.txt").write_text(TABLE_SOURCE, encoding="utf-8")


def write_series(folder: Path) -> None:
    """elnino-known.csv, elnino-all.csv and where they come from."""
    from statsmodels.datasets import elnino

    years = elnino.load_pandas().data.to_numpy()
    rows = [[f"{int(line[0])}-{month:02d}-01", value] for line in years for month, value in enumerate(line[1:], start=1)]
    header = ["month", "temperature (°C)"]
    write(folder / "elnino-known.csv", header, (row for row in rows if row[0] < "1980"))
    write(folder / "elnino-all.csv", header, rows)
    (folder / "elnino-source.txt").write_text(SERIES_SOURCE, encoding="utf-8")


def write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A csv file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("demo"))
