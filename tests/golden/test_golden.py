"""Every model file ever released stays readable and says what it said. ``make.py`` writes the files of the current format."""

import json
from pathlib import Path

import numpy as np
import pytest

import tocsin
from tocsin.delivery.artifact import READERS, read
from tocsin.delivery.manifest import FORMAT

EXPECTED = sorted(Path(__file__).parent.glob("format_*.json"))


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda path: path.stem)
def test_it_stays_readable_with_equal_scores(expected):
    kept = json.loads(expected.read_text(encoding="utf-8"))
    model, rows = tocsin.load(expected.with_suffix("")), kept["rows"]
    found = model.detect(np.array(rows["array"]) if "array" in rows else rows)
    # the last bits may differ between processors and versions of numerical libraries
    np.testing.assert_allclose(found.score, kept["found"]["score"], rtol=1e-9)
    np.testing.assert_allclose(found.p_value, kept["found"]["p_value"], rtol=1e-7)
    assert found.is_anomaly.tolist() == kept["found"]["is_anomaly"]


def test_every_format_number_with_a_reader_is_kept_here():
    numbers = {read(path.with_suffix(""))[0]["format"] for path in EXPECTED}
    assert numbers == set(READERS) and FORMAT in numbers


def test_golden_files_are_small():
    for path in EXPECTED:
        model = path.with_suffix("")
        size = sum(part.stat().st_size for part in model.iterdir()) if model.is_dir() else model.stat().st_size
        assert size < 100_000
