"""Check: what is odd about the data themselves, and what preparing them for a detector would change."""

from __future__ import annotations

from tocsin.core.errors import DataError
from tocsin.core.types import Dataset, Finding
from tocsin.data.screen import screen
from tocsin.pipeline.preparation import Preparation, standard_steps


def check(data: Dataset) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """(findings about ``data``, changes that the standard preparation makes: which step, in which column, how often).

    The steps are fitted on ``data`` as they would be for training. Data that cannot be prepared give an "error" finding with the
    stated error's words instead of changes; nothing is raised.

    >>> found, changed = check(Dataset.of([[1.0, 5.0], [2.0, 5.0], [float("nan"), 5.0]]))
    >>> [finding.what for finding in changed]
    ['imputed', 'scaled']
    """
    findings = screen(data)
    preparation = Preparation(standard_steps(data.kind, data.schema))
    try:
        prepared = preparation.fit(data)
    except DataError as error:
        return (*findings, Finding("unusable", "error", f"These data cannot be prepared for a detector: {error}.")), ()
    known = {(finding.what, finding.column) for finding in findings}
    changes = (*preparation.changes(), *prepared.findings)
    return findings, tuple(change for change in changes if (change.what, change.column) not in known)
