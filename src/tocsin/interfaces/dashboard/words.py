"""What the page says, in plain words: short sentences from the plain dicts of the desk. Text only; the templates escape it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tocsin.interfaces.dashboard import plain
from tocsin.interfaces.report.words import count, moment, number, odds, percent

_UNTIL = re.compile(r"until (\d{4}-\d\d-\d\dT[\d:.]+Z)(?:: (.*))?", re.DOTALL)
_ISO = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d|$)")
_KINDS = {
    "number": "numbers",
    "boolean": "yes or no",
    "date": "dates",
    "category": "categories",
    "text": "text",
    "id": "names of rows",
    "constant": "always the same",
    "time": "moments",
    "series": "measurements over time",
    "table": "a list of separate things",
}
_STATES = {"fine": "Fine", "trouble": "Needs a look", "training": "Learning", "empty": "Nothing learned yet"}
_JOB_STATES = {"waiting": "Waiting", "running": "Running", "done": "Done", "failed": "Did not work", "cancelled": "Stopped"}
_INCIDENT_STATES = {"open": "Open", "acknowledged": "Seen", "resolved": "Resolved"}
_RULES = {
    "anomaly": "Odd rows came in",
    "input_drift": "The data changed",
    "score_drift": "The data as a whole look different",
    "alarm_rate": "More or fewer alarms than promised",
    "quality": "The data came in damaged",
}
_DONE = {
    "opened": "Opened",
    "fired": "Happened again",
    "acknowledged": "Seen",
    "assigned": "Taken",
    "labelled": "Answered",
    "muted": "Muted",
    "unmuted": "Mute ended",
    "retrained": "Learning again",
    "resolved": "Resolved",
    "note": "Note",
    "noted": "Note",
    "rolled_back": "Rolled back",
    "rolled back": "Rolled back",
}


def kind(name: str | None) -> str:
    """A kind of column or of file, as a reader says it.

    >>> kind("series"), kind("number"), kind("blob")
    ('measurements over time', 'numbers', 'blob')
    """
    return _KINDS.get(str(name), str(name or ""))


def state(name: str) -> str:
    """The state of a detector, a job or an incident.

    >>> state("trouble"), state("failed"), state("acknowledged")
    ('Needs a look', 'Did not work', 'Seen')
    """
    return _STATES.get(name) or _JOB_STATES.get(name) or _INCIDENT_STATES.get(name) or name


def rule(name: str) -> str:
    """What a rule of the monitor looks for."""
    return _RULES.get(name, name.replace("_", " "))


def done(what: str) -> str:
    """An entry of an incident's timeline.

    >>> done("fired"), done("called_home")
    ('Happened again', 'Called home')
    """
    return _DONE.get(what, what.replace("_", " ").capitalize())


def who(by: str) -> str:
    """Who did something; whoever is signed in at this page is the reader.

    >>> who("page"), who("tocsin"), who("line 3")
    ('you', 'Tocsin', 'line 3')
    """
    return {"page": "you", "tocsin": "Tocsin", "": "somebody"}.get(by, by)


def has_it(owner: str) -> str:
    """Whose an incident is.

    >>> has_it("page"), has_it("Ada"), has_it("")
    ('You have it', 'Ada has it', 'Nobody has it yet')
    """
    return "Nobody has it yet" if not owner else "You have it" if owner == "page" else f"{owner} has it"


def noted(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What an entry of a timeline says beside its name: {until, text}; a moment is told apart, to be shown in the reader's own zone.

    >>> noted({"what": "muted", "note": "until 2026-01-31T12:00:00.000000Z: service"})
    {'until': '2026-01-31T12:00:00.000000Z', 'text': 'service'}
    >>> noted({"what": "assigned", "note": "page"})["text"]
    'you'
    """
    found = _UNTIL.fullmatch(str(entry["note"] or ""))
    if found:
        return {"until": found[1] if entry["what"] == "muted" else None, "text": found[2] or ""}
    return {"until": None, "text": who(entry["note"]) if entry["what"] == "assigned" else plain.sentence(entry["note"] or "")}


def day(models: Sequence[Mapping[str, Any]], jobs: Sequence[Mapping[str, Any]]) -> str:
    """The last 24 hours: what came in, apart from what was found in the files that were learned from.

    >>> job = {"kind": "fit", "model": "a", "state": "done", "result": {"rows": 100, "alarms": 11}}
    >>> day([{"name": "a", "rows_24h": 110, "alarms_24h": 12}], [job])
    'In the last 24 hours, 10 rows came in and 1 alarm went off. In the file that it learned from, 11 of 100 rows are odd.'
    """
    names = {model.get("name") for model in models}
    learned = [
        job["result"]
        for job in jobs
        if job["kind"] == "fit" and job["state"] == "done" and job["model"] in names and (job.get("result") or {}).get("rows")
    ]
    own, odd = (sum(int(result.get(key) or 0) for result in learned) for key in ("rows", "alarms"))
    rows = max(0, sum(int(model.get("rows_24h") or 0) for model in models) - own)
    alarms = max(0, sum(int(model.get("alarms_24h") or 0) for model in models) - odd)
    said = (
        f"In the last 24 hours, {count(rows, 'row')} came in and {count(alarms, 'alarm') if alarms else 'no alarm'} went off."
        if rows
        else "Nothing new came in during the last 24 hours."
        if own
        else "No rows came in during the last 24 hours."
    )
    if own:
        file = "file that it" if len(learned) == 1 else "files that they"
        said += f" In the {file} learned from, {number(odd)} of {count(own, 'row')} {'is' if odd == 1 else 'are'} odd."
    return said


def home(
    incidents: Sequence[Mapping[str, Any]], models: Sequence[Mapping[str, Any]], jobs: Sequence[Mapping[str, Any]] = ()
) -> tuple[str, str]:
    """Headline and lead of the first page.

    >>> home([{"state": "open"}], [{"state": "trouble"}])[0], home([], [{"state": "fine", "rows_24h": 0, "alarms_24h": 0}])[0]
    ('1 thing needs a look', 'All is quiet')
    """
    waiting = [incident for incident in incidents if incident["state"] != "resolved"]
    told = day(models, jobs)
    if waiting:
        return f"{count(len(waiting), 'thing needs', 'things need')} a look", told
    if not models:
        return "Find the odd ones", "Drop a file. Tocsin learns what is normal in it and tells you which rows are odd, and why."
    return "All is quiet", told


def lead(brief: Mapping[str, Any], jobs: Sequence[Mapping[str, Any]] = ()) -> str:
    """One sentence on a detector.

    >>> lead({"name": "a", "kind": "series", "live": 2, "rows_24h": 1000, "alarms_24h": 1})
    'Version 2 watches measurements over time. In the last 24 hours, 1,000 rows came in and 1 alarm went off.'
    """
    if brief.get("live") is None:
        return "It has not learned anything yet."
    return f"Version {brief['live']} watches {kind(brief.get('kind'))}. {day([brief], jobs)}"


def strictness(rule_name: str | None, value: float | None) -> str:
    """What a threshold promises.

    >>> strictness("false_alarm_rate", 0.01)
    'about 1 false alarm in 100 normal rows'
    """
    if value is None or not value:
        return "its own setting"
    if rule_name == "false_alarm_rate":
        return (
            "about 1 false alarm in " + odds(float(value)).removeprefix("1 in ") + " normal rows"
            if value <= 0.5
            else f"{percent(value)} of normal rows"
        )
    if rule_name == "false_discovery":
        return f"about {percent(value)} of the alarms are false"
    if rule_name == "contamination":
        return f"the oddest {percent(value)} of the rows"
    return f"{str(rule_name).replace('_', ' ')} {number(value)}"


def steps(threshold: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The stops of the strictness slider, strictest first; ``now`` marks the one in use (the nearest, when none is equal).

    >>> made = steps({"rule": "false_alarm_rate", "value": 0.01, "alarms": [{"value": 0.05, "alarms": 9}, {"value": 0.01, "alarms": 2}]})
    >>> [(step["alarms"], step["now"]) for step in made], made[0]["send"]
    ([(2, True), (9, False)], 'false_alarm_rate=0.01')
    """
    rows = sorted(threshold.get("alarms") or (), key=lambda row: row["value"])
    if not rows:
        return []
    value = float(threshold.get("value") or threshold.get("cut") or rows[0]["value"])
    nearest = min(rows, key=lambda row: abs(row["value"] - value))
    asked = "false_alarm_rate" if threshold.get("rule") in (None, "false_discovery", "cost") else str(threshold["rule"])
    return [
        {
            "value": row["value"],
            "alarms": int(row["alarms"]),
            "words": strictness(asked, row["value"]),
            "send": f"{asked}={row['value']:.6g}",
            "now": row is nearest,
        }
        for row in rows
    ]


def cell(value: Any) -> str:
    """A cell of a file; an ISO time without what says nothing.

    >>> cell(7.84), cell("2026-03-01T00:05:00"), cell("T-shirt"), cell(None)
    ('7.84', '2026-03-01 00:05', 'T-shirt', '')
    """
    if value is None:
        return ""
    return moment(_Stamp(value)) if isinstance(value, str) and _ISO.match(value) else number(value)


class _Stamp(str):
    """An ISO time that is text already, in the form that ``moment`` reads."""

    def isoformat(self) -> str:
        return self.removesuffix("Z").removesuffix("+00:00")


def range_of(column: Mapping[str, Any]) -> str:
    """The values of a column: its range, or its levels.

    >>> range_of({"low": 1.5, "high": 1200}), range_of({"levels": ["on", "off"]})
    ('1.5 to 1,200', 'on, off')
    """
    if column.get("low") is not None and column.get("high") is not None:
        return f"{cell(column['low'])} to {cell(column['high'])}"
    levels = column.get("levels")
    if isinstance(levels, int):
        return f"{number(levels)} different"
    if levels:
        shown = ", ".join(str(level) for level in list(levels)[:4])
        return shown + (f" and {len(levels) - 4} more" if len(levels) > 4 else "")
    return ""


def job(told: Mapping[str, Any], cards: Sequence[Mapping[str, Any]] = (), window: int = 0) -> tuple[str, str]:
    """Headline of a job's page, and a sentence below it; ``cards`` are the odd things that it found, ``window`` the moments that a series
    detector looks at together.

    >>> done = {"state": "done", "kind": "fit", "model": "pump", "result": {"rows": 10000, "alarms": 12}}
    >>> job(done), job(done, [{"steps": 11}, {"steps": 1}])[0]
    (('I looked at 10,000 rows. 12 are odd.', ''), 'I looked at 10,000 moments. 2 stretches are odd.')
    >>> job({"state": "running", "kind": "fit", "model": "pump"})[0]
    'Learning what is normal for pump'
    """
    state, kind, result = told["state"], told["kind"], told.get("result") or {}
    if state in ("waiting", "running"):
        doing = "Looking at a file for" if kind == "judge" else f"Learning {'again ' if kind == 'retrain' else ''}what is normal for"
        return f"{doing} {told['model']}", ""
    if state != "done":
        return ("That did not work", "") if state == "failed" else ("Stopped", "Nothing was kept of it.")
    if kind == "retrain":
        return (f"Version {result['number']} is ready" if result.get("number") else "A new version is ready"), (
            "It is a candidate: compare it, and promote it when you like it. Until then nothing changes."
        )
    if result.get("rows") is None:
        return "Done", ""
    rows, alarms = int(result["rows"]), int(result.get("alarms") or 0)
    if rows < window:
        return "Too short to judge", (
            f"The file holds {count(rows, 'moment')}. This detector looks at {window} in a row, so nothing can be said of "
            f"{'it' if rows == 1 else 'them'}."
        )
    if any(card["steps"] > 1 for card in cards) and sum(card["steps"] for card in cards) == alarms:
        odd = f"{count(len(cards), 'stretch is', 'stretches are')} odd."
        return (
            f"I looked at {count(rows, 'moment')}. {odd}",
            f"Together they are {number(alarms)} of the moments, {percent(alarms / rows)}.",
        )
    odd = "None is odd." if not alarms else f"{number(alarms)} {'is' if alarms == 1 else 'are'} odd."
    return f"I looked at {count(rows, 'row')}. {odd}", ""


def ended(told: Mapping[str, Any]) -> str:
    """A job that is over, in a few words.

    >>> ended({"state": "done", "kind": "judge", "model": "pump", "result": {"rows": 10, "alarms": 1}})
    '10 rows judged, 1 alarm'
    """
    result = told.get("result") or {}
    if told["state"] != "done":
        return plain.sentence((told.get("error") or {}).get("what") or told.get("message") or "")
    if told["kind"] == "retrain":
        return "learned again"
    made = "judged" if told["kind"] == "judge" else "learned from"
    return (
        "done"
        if result.get("rows") is None
        else f"{count(int(result['rows']), 'row')} {made}, {count(int(result.get('alarms') or 0), 'alarm')}"
    )


def incidents(shown: Sequence[Mapping[str, Any]], state: str) -> str:
    """Headline of the list.

    >>> incidents([], "unresolved"), incidents([{}], "resolved")
    ('Nothing is waiting', '1 incident resolved')
    """
    if state == "unresolved":
        return f"{count(len(shown), 'incident waits', 'incidents wait')} for somebody" if shown else "Nothing is waiting"
    return count(len(shown), "incident") + (" resolved" if state == "resolved" else "")


def reason(why: str) -> str:
    """Why somebody did something, without the marks that machines leave; a setting of the threshold in words.

    >>> reason("learned from pump.csv (job 0123456789ab)"), reason("threshold false_alarm_rate=0.005")
    ('learned from pump.csv', 'How strict: about 1 false alarm in 200 normal rows')
    """
    text = re.sub(r" ?\(job [0-9a-f]+\)$", "", why)
    setting = re.fullmatch(r"threshold (\w+)=([\d.e-]+)", text)
    return f"How strict: {strictness(setting[1], float(setting[2]))}" if setting else text


def learn(answers: int) -> str:
    """What learning again would use.

    >>> learn(1)
    '1 answer of yours waits to be learned from.'
    """
    if answers:
        return f"{count(answers, 'answer')} of yours {'waits' if answers == 1 else 'wait'} to be learned from."
    return "You have given no new answers yet. Say “really odd” or “false alarm” above: that is what it learns from."


def ago(at: str | None, now: datetime | None = None) -> str:
    """How long ago, roughly.

    >>> ago("2026-01-01T00:00:00Z", datetime(2026, 1, 3, tzinfo=UTC)), ago(None)
    ('2 days ago', 'never')
    """
    if not at:
        return "never"
    passed = ((now or datetime.now(UTC)) - _utc(at)).total_seconds()
    if passed < 60:
        return "just now"
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if passed >= size:
            return f"{count(int(passed // size), name)} ago"
    raise AssertionError(passed)


def clock(at: str) -> tuple[str, str]:
    """A moment as a machine reads it, and as a reader without script does.

    >>> clock("2026-01-01T10:00:05.123+00:00")
    ('2026-01-01T10:00:05Z', '2026-01-01 10:00 UTC')
    """
    moment = _utc(at)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ"), moment.strftime("%Y-%m-%d %H:%M UTC")


def _utc(at: str) -> datetime:
    moment = datetime.fromisoformat(str(at).replace("Z", "+00:00"))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
