"""Bodies and answers as pydantic models, with examples, so that the description of the addresses can be read and tried."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

_JOB: Any = {"id": "0d1c1a8b6f4e4bb2a8a4f0f4f3c1d2e3", "kind": "fit", "model": "pump", "state": "running", "progress": 0.1,
        "message": "Learning what is normal in 10,000 rows", "result": None, "error": None, "at": "2026-01-31T12:00:00.000000Z",
        "started": "2026-01-31T12:00:00.100000Z", "ended": None, "by": "line 3"}
_ROW = {"flow (l/s)": 3.1, "state": "on"}


def _like(*examples: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", allow_inf_nan=False, json_schema_extra={"examples": list(examples)})


class Create(BaseModel):
    """A new detector from an uploaded file; what is left out is found out."""

    model_config = _like({"name": "pump", "upload": "9f86d0…", "clean": False}, {"name": "orders", "upload": "9f86d0…", "detector": "knn",
                                                                                "threshold": "false_alarm_rate=0.005", "clean": True})
    name: str = Field(description="Small letters, digits, - and _; at most 63.")
    upload: str = Field(description="The digest that the upload was answered with.")
    detector: str = Field("auto", description="A name that `tocsin detectors` lists.")
    threshold: str = Field("false_alarm_rate=0.01", description="As false_alarm_rate=0.01, fdr=0.1, contamination=0.05 or cost=1:10.")
    clean: bool = Field(False, description="True: the rows are (nearly) all normal. False: find the odd ones among them.")
    kind: Literal["table", "series"] | None = None
    time: str | None = Field(None, description="Column of times.")
    label: str | None = Field(None, description="Column of 0 and 1.")
    group: str | None = Field(None, description="Column that tells one series from another.")
    id: str | None = Field(None, description="Column of row names.")


class Rows(BaseModel):
    """Rows to judge, as rows or as columns; of a series in time order, with its time column."""

    model_config = _like({"rows": [_ROW, {"flow (l/s)": 8.0, "state": "idle"}]},
                         {"columns": {"flow (l/s)": [3.1, 8.0], "state": ["on", None]}})
    rows: list[dict[str, Any]] | None = Field(None, description="Objects {column: value}; null for a missing value.")
    columns: dict[str, list[Any]] | None = Field(None, description="Lists of values by column.")
    explain: bool = Field(False, description="Give flagged rows a reason.")
    version: int | None = Field(None, description="A version's number; the live one when it is left out.")


class Broken(BaseModel):
    """Two channels that usually move together (correlation ``usual``) and did not (``now``); ``b`` follows ``a`` by ``lag`` steps."""

    a: str
    b: str
    usual: float
    now: float
    z: float = Field(description="The difference, in standard deviations.")
    lag: int


class Reason(BaseModel):
    """Why a row scores as it does."""

    sentence: str
    shares: dict[str, float]
    observed: dict[str, Any]
    expected: dict[str, Any]
    relations: list[Broken] | None = Field(None, description="Of a series: relations between channels that broke around the row.")


class Row(BaseModel):
    """One judged row."""

    id: int | str
    time: str | None = None
    score: float = Field(description="Higher = more anomalous.")
    p_value: float = Field(description="How often a normal row scores at least this high.")
    is_anomaly: bool
    reason: Reason | None = None


class Event(BaseModel):
    """A run of anomalous rows of a series: rows start to end, worst at peak."""

    start: int
    end: int
    peak: int
    score: float
    p_value: float
    start_time: str | None
    end_time: str | None


class Scores(BaseModel):
    """Judged rows."""

    model_config = ConfigDict(json_schema_extra={"examples": [
        {"model": "pump", "version": 1, "threshold": 3.2, "batch": "5f0c…", "first_row": 0,
         "rows": [{"id": 0, "score": 7.1, "p_value": 0.0004, "is_anomaly": True}]}]})
    model: str
    version: int
    threshold: float | None = Field(description="The score from which on a row is an anomaly; null when no score is high enough.")
    batch: str = Field(description="Under which the rows are found among the detections, a moment later.")
    first_row: int = Field(description="Position of the first of these rows in that batch.")
    rows: list[Row] = Field(description="In the order that was sent.")
    events: list[Event] | None = None
    notes: list[str] | None = Field(None, description="What was left out, sorted, unread or too short; else absent.")


class Reasons(BaseModel):
    """Rows with their reasons."""

    model: str
    version: int
    threshold: float | None
    rows: list[Row]
    notes: list[str] | None = None


class Upload(BaseModel):
    """Which upload."""

    model_config = _like({"upload": "9f86d0…"})
    upload: str


class Label(BaseModel):
    """What a person says of a row: of a stored detection, or of cells that are given."""

    model_config = _like({"detection": 12, "is_anomaly": False, "why": "cleaning day"}, {"cells": _ROW, "is_anomaly": True})
    is_anomaly: bool
    detection: int | None = Field(None, ge=0, lt=2**53)
    cells: dict[str, float | int | str | bool | None] | None = None
    time: str | None = Field(None, max_length=100)
    why: str = Field("", max_length=3900)


class Threshold(BaseModel):
    """Another decision rule."""

    model_config = _like({"threshold": "false_alarm_rate=0.005", "why": "too many alarms at night"})
    threshold: str = Field(max_length=100)
    why: str = Field("", max_length=3900)


class Learn(BaseModel):
    """A further version from an uploaded file; what is left out stays as the detector has it, the live version's threshold included."""

    model_config = _like({"upload": "9f86d0…", "why": "after the overhaul"}, {"upload": "9f86d0…", "detector": "knn", "clean": True})
    upload: str = Field(description="The digest that the upload was answered with.")
    why: str = Field("", max_length=3900)
    detector: str | None = Field(None, description="A name that `tocsin detectors` lists.")
    threshold: str | None = Field(None, max_length=100, description="As in POST /detectors.")
    clean: bool | None = Field(None, description="True: the rows are (nearly) all normal.")


class Version(BaseModel):
    """A version of a detector."""

    model_config = ConfigDict(extra="allow")
    number: int
    live: bool
    previous: bool
    at: str
    by: str
    why: str
    detector: str | None


class Moved(BaseModel):
    """What is live now, and the number that a rollback goes back to."""

    live: Version
    previous: int | None


class Why(BaseModel):
    """Why something is done; ``expect`` is the number that is thought to be live, so that two clicks do not undo each other."""

    model_config = _like({"why": "version 3 misses leaks", "expect": 3}, {})
    why: str = Field("", max_length=3900)
    expect: int | None = Field(None, ge=0, lt=2**31)


class Note(BaseModel):
    """A note in the timeline."""

    model_config = _like({"note": "called the plant"}, {})
    note: str = Field("", max_length=3900)


class Said(BaseModel):
    """A line for the timeline."""

    model_config = _like({"note": "called the plant"})
    note: str = Field(min_length=1, max_length=3900)


class Assign(Note):
    """To whom an incident is given."""

    model_config = _like({"owner": "ada", "note": "is on site"})
    owner: str = Field(min_length=1, max_length=200)


class Mute(BaseModel):
    """For how long an incident's rule stays silent; ``whole``: all rules of its detector."""

    model_config = _like({"hours": 8, "why": "maintenance"})
    hours: float = Field(gt=0, le=24 * 366)
    why: str = Field("", max_length=3900)
    whole: bool = False


class Webhook(BaseModel):
    """Where incidents are told; an empty address ends it. With a secret each notice is signed (HMAC-SHA-256)."""

    model_config = _like({"url": "https://example.org/hook", "secret": "a long secret"}, {"url": ""})
    url: str = Field(max_length=2000)
    secret: str | None = Field(None, max_length=1000)


class Hooked(BaseModel):
    """The address that is set; the secret is never shown."""

    url: str
    signed: bool


class Stated(BaseModel):
    """A stated error."""

    code: str
    what: str
    came: str
    todo: str


class Job(BaseModel):
    """Long work and how far it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [_JOB]})
    id: str
    kind: Literal["fit", "retrain", "judge"]
    model: str
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    progress: float = Field(description="From 0 to 1.")
    message: str
    result: dict[str, Any] | None
    error: Stated | None
    at: str
    started: str | None
    ended: str | None
    by: str


class Brief(BaseModel):
    """A detector in a line."""

    name: str
    kind: str
    live: int | None
    versions: int
    trained: str | None
    detector: str | None
    rows_24h: int
    alarms_24h: int
    open_incidents: int
    state: Literal["fine", "trouble", "training", "empty"]


class Column(BaseModel):
    """A column of an upload."""

    name: str
    kind: str
    missing: int
    example: Any
    low: Any
    high: Any
    levels: list[str] | None


class Finding(BaseModel):
    """Something that was noticed in an upload."""

    what: str
    level: str
    message: str
    column: str | None


class Choice(BaseModel):
    """One answer to the question."""

    value: str
    text: str


class Question(BaseModel):
    """The one question to the owner of a file."""

    text: str
    choices: list[Choice]


class Seen(BaseModel):
    """What is seen in an upload."""

    digest: str
    name: str
    bytes: int
    rows: int
    kind: str
    time: str | None
    label: str | None
    group: str | None
    id: str | None
    columns: list[Column]
    findings: list[Finding]
    question: Question


class Incident(BaseModel):
    """Something is wrong, or was."""

    model_config = ConfigDict(extra="allow")
    id: int
    model: str
    rule: str
    key: str
    title: str
    severity: str
    state: str
    owner: str
    opened: str
    changed: str
    count: int
    detail: dict[str, Any]


class Home(BaseModel):
    """What is wrong now, and what there is."""

    incidents: list[Incident]
    models: list[Brief]
    jobs: list[Job]
