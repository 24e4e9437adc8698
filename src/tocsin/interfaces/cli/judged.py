"""One judgement with all that belongs to it, and how it is written and told. Shared by ``detect`` and ``explain``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tocsin.core.types import Dataset, Detections, Explanation, Finding
    from tocsin.pipeline.pipeline import Pipeline

_CLOSEST = 5  # rows with a reason when nothing was flagged


@dataclass(frozen=True)
class Judged:
    """What ``model`` found in ``data``, why, how the data are, and how good the labels say it is."""

    model: Pipeline
    data: Dataset
    found: Detections
    explanation: Explanation
    findings: tuple[Finding, ...]
    evaluation: dict[str, Any] | None

    @classmethod
    def of(cls, model: Pipeline, data: Dataset, found: Detections) -> Judged:
        """Add reasons for the flagged rows, the data-quality findings, and metrics where there are labels."""
        from tocsin.data.screen import screen
        from tocsin.flows.evaluate import measure

        seen = (finding for finding in screen(data) if finding.what != "few")  # how many were learned from is what counts here
        findings = tuple(dict.fromkeys((*seen, *model.findings(data))))
        evaluation = None if data.y is None else measure(found, data)
        return cls(model, data, found, model.explain(data, told_rows(found), found=found), findings, evaluation)

    def summary(self) -> dict[str, Any]:
        """Plain data: the numbers of the report."""
        from tocsin.interfaces.report.trained import block, promise, smallest_p
        from tocsin.interfaces.report.words import headline, meaning, spoken

        found, data, facts = self.found, self.data, self.model.facts_
        flagged, told = int(found.is_anomaly.sum()), int(found.is_anomaly[self.explanation.rows].sum())
        return {
            "headline": headline(flagged, len(found), spoken(data), len(found.events)),
            "meaning": meaning(
                flagged, len(found), spoken(data), promise(facts["threshold"]), float(found.p_value.min()), smallest_p(facts), block(facts)
            ),
            "source": data.origin.source,
            "digest": data.origin.digest,
            "kind": data.kind,
            "rows": len(found),
            "anomalies": flagged,
            "threshold": {**facts["threshold"], "score": found.threshold},
            "reasons": {"flagged_rows_with_reason": told},
            "top": self.top(),
            "events": [vars(event) for event in found.events],
            "findings": [vars(finding) for finding in self.findings],
            "evaluation": self.evaluation,
            "model": {name: value for name, value in facts.items() if name not in ("history", "findings")},
        }

    def top(self) -> list[dict[str, Any]]:
        """The explained rows with sentence and shares, worst first; of a series the events' peaks first, then their other steps."""
        why, found = self.explanation, self.found
        return [
            {
                "row": int(row),
                "id": found.ids[row],
                "time": None if found.time is None else found.time[row],
                "score": found.score[row],
                "p_value": found.p_value[row],
                "is_anomaly": found.is_anomaly[row],
                "sentence": why.sentences[i] if why.sentences else "",
                "shares": {
                    name: share for name, share in sorted(zip(why.labels, why.values[i]), key=lambda pair: -pair[1]) if share > 0.01
                },
                **({"relations": [vars(pair) for pair in why.relations[i]]} if why.relations and why.relations[i] else {}),
                **({"parts": [vars(part) for part in why.parts[i]]} if why.parts and why.parts[i] else {}),
            }
            for i, row in enumerate(why.rows)
        ]

    def report(self) -> str:
        """The report as HTML text."""
        from tocsin.interfaces.report.page import render

        return render(
            self.model, self.data, self.found, self.explanation, self.findings, self.evaluation, title=Path(self.data.origin.source).name
        )

    def write(self, folder: Path, *, save: bool) -> list[str]:
        """detections.csv, summary.json, report.html and, with ``save``, model.tocsin: all of them or none. Returns their paths."""
        from tocsin.delivery import artifact
        from tocsin.flows.score import atomic_csv
        from tocsin.interfaces.cli.folder import staged
        from tocsin.interfaces.cli.output import to_json

        with staged(folder) as stage:
            with atomic_csv(stage / "detections.csv") as lines:
                lines(self.found)
            (stage / "summary.json").write_text(to_json(self.summary()) + "\n", encoding="utf-8")
            (stage / "report.html").write_text(self.report(), encoding="utf-8")
            if save:
                artifact.save(self.model, stage / "model.tocsin")
            names = sorted(path.name for path in stage.iterdir())
        return [str(folder / name) for name in names]


def told_rows(found: Detections) -> Any:
    """The rows to explain: every flagged one, worst first, the peaks of a series' events before the rest; or the closest."""
    import numpy as np

    flagged = int(found.is_anomaly.sum())
    worst = found.top(flagged) if flagged else found.top(min(len(found), _CLOSEST))
    if found.events:
        first = np.isin(worst, [event.peak for event in found.events])
        worst = np.concatenate([worst[first], worst[~first]])
    return worst


def top_table(data: Dataset, found: Detections, explanation: Explanation, most: int) -> Any:
    """The most unusual rows as a table for the terminal."""
    from rich.table import Table
    from rich.text import Text

    from tocsin.interfaces.report.ranks import heads, name_of_row, without_odds
    from tocsin.interfaces.report.words import number, odds, rows_word, spoken

    named = "event peak" if found.events else rows_word(spoken(data))
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading, justify in (("", "right"), (named, "left"), ("score", "right"), ("how unusual", "right"), ("why", "left")):
        table.add_column(heading, justify=justify, no_wrap=heading in ("score", "how unusual"), overflow="fold")  # type: ignore[arg-type]
    for place, i in enumerate(heads(found, explanation, most)):
        row = int(explanation.rows[i])
        mark = "bold red" if found.is_anomaly[row] else ""
        why = explanation.sentences[i] if explanation.sentences else ""
        table.add_row(
            str(place + 1),
            Text(name_of_row(data, found, row), style=mark),
            number(found.score[row]),
            odds(float(found.p_value[row])),
            Text(without_odds(why)),
        )
    return table
