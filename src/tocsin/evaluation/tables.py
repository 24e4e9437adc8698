"""Many runs as a few tables: one for each suite and protocol, one line a method.

Means, ranks and wins are over the sets that every method of the table finished (a method that finished none is listed and left out of
that count); the comparison with the reference method is over the sets that those two finished. Seeds are averaged first.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

import numpy as np

from tocsin.evaluation.compare import mean_interval, paired, ranks, wins
from tocsin.evaluation.sets import SUITES

_MAIN = {"table": ("auroc", "ap"), "series": ("vus_pr", "vus_roc")}
_HEAD = {"method": "method", "finished": "finished", "mean": "{main}", "interval": "95 %", "mean_second": "{second}", "rank": "mean rank",
         "wins": "wins", "difference": "to {reference}", "won": "won-lost", "p_value": "p", "seconds": "median s", "peak_mb": "peak MB"}


def summarise(rows: Iterable[dict[str, Any]], reference: str | None = None) -> list[dict[str, Any]]:
    """One plain record for each suite, protocol and method, best mean first; figures in 0 to 1, ``None`` where there is none.

    ``reference`` defaults to the best method; its own comparison is None.
    """
    made, held = [], list(rows)
    for suite, protocol in sorted({(row["suite"], row["protocol"]) for row in held}):
        part = [row for row in held if (row["suite"], row["protocol"]) == (suite, protocol)]
        made += _table(suite, protocol, part, reference)
    return made


def to_csv(records: list[dict[str, Any]]) -> str:
    """The records of :func:`summarise` as csv."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]) if records else ["suite"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def to_markdown(records: list[dict[str, Any]]) -> str:
    """The records as one markdown table for each suite and protocol; shares in percent."""
    parts = []
    for place in dict.fromkeys((record["suite"], record["protocol"]) for record in records):
        lines = [record for record in records if (record["suite"], record["protocol"]) == place]
        main, second = _MAIN[SUITES[place[0]].form]
        words = {"main": main.upper().replace("_", "-"), "second": second.upper().replace("_", "-"), "reference": lines[0]["reference"]}
        head = [text.format(**words) for text in _HEAD.values()]
        parts.append(f"## {place[0]}, {place[1]} ({lines[0]['common']} common of {lines[0]['sets']} sets)\n\n"
                     + "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *(_line(record) for record in lines)]) + "\n")
    return "\n".join(parts)


def _table(suite: str, protocol: str, rows: list[dict[str, Any]], reference: str | None) -> list[dict[str, Any]]:
    main, second = _MAIN[SUITES[suite].form]
    sets = sorted({row["set"] for row in rows})
    values = {name: _by_set(rows, name, main, sets) for name in dict.fromkeys(row["method"] for row in rows)}
    finishers = [name for name, value in values.items() if np.isfinite(value).any()]
    grid = np.array([values[name] for name in finishers]).T.reshape(len(sets), len(finishers))
    common = np.isfinite(grid).all(axis=1) if finishers else np.zeros(len(sets), bool)
    place = dict(zip(finishers, zip(ranks(grid), wins(grid))))
    order = sorted(values, key=lambda name: (name not in place, -_mean(values[name][common], -np.inf)))
    chosen = reference if reference is not None and reference in values else order[0]
    return [_record(name, suite, protocol, chosen, rows, values, common, place, _by_set(rows, name, second, sets)) for name in order]


def _record(name: str, suite: str, protocol: str, reference: str, rows: list[dict[str, Any]], values: dict[str, np.ndarray],
            common: np.ndarray, place: dict[str, tuple[float, float]], second: np.ndarray) -> dict[str, Any]:
    own = [row for row in rows if row["method"] == name]
    spent = [row["fit_s"] + row["score_s"] for row in own if row["fit_s"] is not None]
    against = None if name == reference or name not in place or reference not in place else paired(values[name], values[reference])
    rank, won = place.get(name, (np.nan, np.nan))
    interval = mean_interval(values[name][common]) if name in place else None
    return {"suite": suite, "protocol": protocol, "method": name, "reference": reference, "sets": len(common), "common": int(common.sum()),
            "finished": int(np.isfinite(values[name]).sum()), "mean": _none(_mean(values[name][common])), "low": interval and interval[0],
            "high": interval and interval[1], "mean_second": _none(_mean(second[common])), "rank": _none(rank), "wins": _none(won),
            "difference": against and against["mean_difference"], "won": against and against["wins"], "lost": against and against["losses"],
            "p_value": against and against["p_value"], "seconds": float(np.median(spent)) if spent else None,
            "peak_mb": max((row["peak_mb"] for row in own if row["peak_mb"] is not None), default=None)}


def _by_set(rows: list[dict[str, Any]], method: str, figure: str, sets: list[str]) -> np.ndarray:
    """(s,) mean over the seeds, NaN where the method has no figure."""
    own = [row for row in rows if row["method"] == method and row[figure] is not None]
    made = {name: [row[figure] for row in own if row["set"] == name] for name in sets}
    return np.array([float(np.mean(found)) if found else np.nan for found in made.values()])


def _mean(values: np.ndarray, otherwise: float = np.nan) -> float:
    return float(values.mean()) if len(values) and np.isfinite(values).all() else otherwise


def _none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _line(record: dict[str, Any]) -> str:
    def percent(value: float | None, form: str = ".1f") -> str:
        return "" if value is None else format(100 * value, form)
    interval = "" if record["low"] is None else f"{percent(record['low'])}-{percent(record['high'])}"
    cells = [f"`{record['method']}`", str(record["finished"]), percent(record["mean"]), interval, percent(record["mean_second"]),
             _number(record["rank"], ".2f"), _number(record["wins"], ".1f"), percent(record["difference"], "+.1f"),
             "" if record["won"] is None else f"{record['won']}-{record['lost']}", _number(record["p_value"], ".2g"),
             _number(record["seconds"], ".3g"), _number(record["peak_mb"], ".0f")]
    return "| " + " | ".join(cells) + " |"


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
