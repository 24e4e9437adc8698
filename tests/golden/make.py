"""Writes the golden models of the current format: ``python tests/golden/make.py``.

Run it once for every new format number and commit what it writes. Files of earlier formats are never written again: that they stay
readable, with equal scores, is what ``test_golden.py`` checks. (Before a format is first released its files may be remade.)
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

import tocsin
from tocsin.delivery.manifest import FORMAT
from tocsin.flows.train import fit

HERE = Path(__file__).parent


def table() -> tuple[tocsin.Pipeline, dict]:
    """Numbers, a category and missing cells, judged by nearest neighbours."""
    rng = np.random.default_rng(1)
    train = {"flow": rng.normal(8, 0.5, 60).round(3), "valve": rng.choice(["open", "shut"], 60).tolist(),
             "heat": [None if i % 9 == 0 else round(20 + i / 10, 2) for i in range(60)]}
    rows = {"flow": [8.1, 3.0, 8.0, 7.5], "valve": ["open", "open", "ajar", None], "heat": [21.0, 22.0, None, 25.5]}
    return fit(train, detector="knn"), rows


def series() -> tuple[tocsin.Pipeline, dict]:
    """A wave with a noisy second channel, judged window by window."""
    rng = np.random.default_rng(2)
    t = np.arange(240)
    train = np.stack([np.sin(t * 2 * np.pi / 16).round(4), rng.normal(0, 0.1, 240).round(4)], axis=1)
    rows = train[:64].copy()
    rows[40:46, 0] = 0
    return fit(train, kind="series", detector="windows", params={"window": 8, "max_windows": 100}), {"array": rows.tolist()}


def scores(model: tocsin.Pipeline, rows: dict) -> dict:
    """What must come out again."""
    found = model.detect(np.array(rows["array"]) if "array" in rows else rows)
    return {"score": found.score.tolist(), "p_value": found.p_value.tolist(), "is_anomaly": found.is_anomaly.tolist(),
            "threshold": found.threshold}


def main() -> None:
    """One file and one directory, so that both forms are kept."""
    for name, make, as_directory in (("table", table, False), ("series", series, True)):
        model, rows = make()
        place = HERE / f"format_{FORMAT}_{name}"
        tocsin.save(model, place, as_directory=as_directory)
        place.with_suffix(".json").write_text(json.dumps({"rows": rows, "found": scores(model, rows)}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
