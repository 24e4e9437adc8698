"""The quality report says what is odd and what preparation would change."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

import tocsin
from tocsin.core.types import Dataset
from tocsin.flows.check import check


def test_findings_and_changes_are_counted_and_told_once() -> None:
    table = pa.table({"flow": [1.0, 2.0, None, float("inf"), 5.0] * 20, "what": ["1", "2", "x", "4", "5"] * 20, "fixed": ["a"] * 100,
                      "valve": ["open", "shut"] * 50})
    findings, changes = check(tocsin.read(table))
    whats = {finding.what: finding for finding in findings}
    assert whats["missing"].count == 20 and whats["missing"].column == "flow"
    assert {"imputed", "scaled"} <= {change.what for change in changes}
    assert not {(f.what, f.column) for f in findings} & {(c.what, c.column) for c in changes}


def test_data_that_cannot_be_prepared_are_an_error_finding_not_an_exception() -> None:
    findings, changes = check(Dataset.of(np.ones((9, 2))))
    assert changes == () and any(finding.level == "error" and "TOC-153" in finding.message for finding in findings)
