"""The tables: one schema for the registry, the stored detections, incidents, jobs and keys, so that one migration history serves all.

Times are text (see ``moment``), free structure is JSON. Rows that record what happened (``move``, ``label``, ``incident_entry``, …) are
only ever added. Each table is written by one module, named beside it.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData(naming_convention={
    "ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s", "pk": "pk_%(table_name)s"})

_TIME = String(27)
_DIGEST = String(64)


def _by_whom() -> list[Column]:
    return [Column("at", _TIME, nullable=False), Column("by", Text, nullable=False), Column("why", Text, nullable=False, default="")]


# ---- the registry: delivery/registry -----------------------------------------------------------------------------------------

model = Table(  # a named line of versions: "pump", "orders"
    "model", metadata,
    Column("name", String(100), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("settings", JSON, nullable=False, default=dict),  # what a new version is trained with: Setup fields and column roles
    *_by_whom())

version = Table(
    "version", metadata,
    Column("model", String(100), ForeignKey("model.name"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("digest", _DIGEST, nullable=False),  # SHA-256 of the artefact, its name among the files
    Column("bytes", BigInteger, nullable=False),
    Column("facts", JSON, nullable=False),  # the manifest's account of the model
    Column("data", _DIGEST),  # digest of the training data, when they are kept
    Column("signer", String(64)),  # fingerprint of the key that signed the manifest
    *_by_whom())

alias = Table(  # "live" → a version; the previous target makes rollback one step
    "alias", metadata,
    Column("model", String(100), primary_key=True),
    Column("name", String(50), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("previous", Integer),
    *_by_whom(),
    ForeignKeyConstraint(["model", "number"], ["version.model", "version.number"]),
    ForeignKeyConstraint(["model", "previous"], ["version.model", "version.number"], name="fk_alias_previous_version"))

move = Table(  # every move of an alias, for ever
    "move", metadata,
    Column("id", Integer, primary_key=True),
    Column("model", String(100), nullable=False),
    Column("alias", String(50), nullable=False),
    Column("source", Integer),
    Column("target", Integer, nullable=False),
    Column("kind", String(12), nullable=False),  # promote, rollback
    *_by_whom(),
    Index(None, "model", "id"))

# ---- detections: monitoring/journal ------------------------------------------------------------------------------------------

batch = Table(  # one call of detect, or one part of a stream
    "batch", metadata,
    Column("id", String(32), primary_key=True),
    Column("model", String(100), nullable=False),
    Column("number", Integer, nullable=False),  # the version that judged
    Column("at", _TIME, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("alarms", Integer, nullable=False),
    Column("source", Text, nullable=False, default=""),  # "api", "page", "stream", a file's name: told, never trusted
    Column("digest", _DIGEST, nullable=False, default=""),
    Column("seconds", Float, nullable=False, default=0.0),
    Column("quality", JSON, nullable=False, default=dict),  # missing, unseen, out of range, per column: monitoring/quality
    Column("sketch", JSON, nullable=False, default=dict),  # histograms of inputs and scores against training: monitoring/drift
    Column("trace", _DIGEST),  # a stored file: every row's score and what the chart needs, when asked to be kept
    Index(None, "model", "at"))

detection = Table(  # flagged rows, and those that were asked to be kept
    "detection", metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(80), nullable=False, unique=True),  # batch and position: writing twice changes nothing
    Column("batch", String(32), ForeignKey("batch.id"), nullable=False),
    Column("model", String(100), nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", _TIME, nullable=False),  # when it was judged
    Column("row", Integer, nullable=False),  # position in its batch
    Column("row_id", Text, nullable=False),
    Column("time", Text),  # the row's own clock, ISO or a number as text
    Column("score", Float, nullable=False),
    Column("p_value", Float, nullable=False),
    Column("is_anomaly", Boolean, nullable=False),
    Column("event", String(80)),  # rows of one event share it (series)
    Column("cells", JSON, nullable=False, default=dict),  # column → value as it came
    Column("reason", JSON),  # {"sentence", "shares": {column: share}, "expected": {column: value}}
    Index(None, "model", "at"), Index(None, "batch"))

label = Table(  # what people said of a row; the newest one of a detection holds
    "label", metadata,
    Column("id", Integer, primary_key=True),
    Column("model", String(100), nullable=False),
    Column("detection", Integer, ForeignKey("detection.id")),
    Column("is_anomaly", Boolean, nullable=False),
    Column("cells", JSON, nullable=False, default=dict),  # the row itself: labels outlive detections
    Column("time", Text),
    *_by_whom(),
    Index(None, "model", "id"))

# ---- watching: monitoring/monitor, monitoring/incident, monitoring/notify ---------------------------------------------------------

signal = Table(  # one measured thing of one look: a feature's drift, the alarm rate, a quality count
    "signal", metadata,
    Column("id", Integer, primary_key=True),
    Column("model", String(100), nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", _TIME, nullable=False),
    Column("what", String(40), nullable=False),  # input_drift, score_drift, alarm_rate, quality
    Column("column", Text, nullable=False, default=""),
    Column("value", Float, nullable=False),
    Column("p_value", Float),
    Column("fired", Boolean, nullable=False),
    Column("detail", JSON, nullable=False, default=dict),
    Index(None, "model", "at"))

incident = Table(
    "incident", metadata,
    Column("id", Integer, primary_key=True),
    Column("model", String(100), nullable=False),
    Column("rule", String(40), nullable=False),  # anomaly, input_drift, score_drift, alarm_rate, quality
    Column("key", Text, nullable=False),  # same key, still open: the same incident
    Column("title", Text, nullable=False),
    Column("severity", String(8), nullable=False),  # low, high
    Column("state", String(12), nullable=False),  # open, acknowledged, resolved
    Column("owner", Text, nullable=False, default=""),
    Column("opened", _TIME, nullable=False),
    Column("changed", _TIME, nullable=False),
    Column("count", Integer, nullable=False, default=1),  # how often its rule fired while it was open
    Column("detail", JSON, nullable=False, default=dict),
    Index(None, "state", "opened"), Index(None, "model", "key"))

incident_entry = Table(  # the timeline
    "incident_entry", metadata,
    Column("id", Integer, primary_key=True),
    Column("incident", Integer, ForeignKey("incident.id"), nullable=False),
    Column("at", _TIME, nullable=False),
    Column("by", Text, nullable=False),
    Column("what", String(40), nullable=False),  # opened, fired, acknowledged, assigned, labelled, muted, retrained, resolved, …
    Column("note", Text, nullable=False, default=""),
    Index(None, "incident", "id"))

mute = Table(
    "mute", metadata,
    Column("id", Integer, primary_key=True),
    Column("model", String(100), nullable=False),
    Column("key", Text, nullable=False, default=""),  # an incident's key; "" mutes the whole model
    Column("until", _TIME, nullable=False),
    *_by_whom(),
    Index(None, "model", "until"))

notice = Table(  # webhooks on their way: written with the incident, sent afterwards, at least once
    "notice", metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(120), nullable=False, unique=True),
    Column("incident", Integer, ForeignKey("incident.id"), nullable=False),
    Column("url", Text, nullable=False),
    Column("body", JSON, nullable=False),
    Column("state", String(8), nullable=False),  # waiting, sent, failed, dropped
    Column("tries", Integer, nullable=False, default=0),
    Column("due", _TIME, nullable=False),
    Column("error", Text, nullable=False, default=""),
    Index(None, "state", "due"))

# ---- the service: interfaces/server ------------------------------------------------------------------------------------------

upload = Table(  # a file that somebody dropped, kept by its content
    "upload", metadata,
    Column("digest", _DIGEST, primary_key=True),
    Column("name", Text, nullable=False),  # shown, never used as a path
    Column("ending", String(12), nullable=False),  # csv, parquet, jsonl
    Column("bytes", BigInteger, nullable=False),
    Column("seen", JSON, nullable=False, default=dict),  # what we see in it
    *_by_whom())

job = Table(
    "job", metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(20), nullable=False),  # fit, retrain
    Column("model", String(100), nullable=False),
    Column("state", String(12), nullable=False),  # waiting, running, done, failed, cancelled
    Column("settings", JSON, nullable=False),
    Column("progress", Float, nullable=False, default=0.0),
    Column("message", Text, nullable=False, default=""),
    Column("result", JSON),
    Column("error", JSON),
    Column("cancel", Boolean, nullable=False, default=False),  # asked for
    Column("tries", Integer, nullable=False, default=0),
    Column("beat", _TIME),  # last sign of life of its worker
    Column("started", _TIME),
    Column("ended", _TIME),
    *_by_whom(),
    Index(None, "state", "at"), Index(None, "model", "at"))

api_key = Table(
    "api_key", metadata,
    Column("id", String(16), primary_key=True),  # the public part
    Column("hash", _DIGEST, nullable=False),  # of the secret part, which is never stored
    Column("scopes", JSON, nullable=False),  # of score, label, manage
    Column("name", Text, nullable=False, default=""),
    Column("at", _TIME, nullable=False),
    Column("used", _TIME),
    Column("revoked", _TIME))

session = Table(  # a browser that has shown the first-run token
    "session", metadata,
    Column("hash", _DIGEST, primary_key=True),
    Column("csrf", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("at", _TIME, nullable=False),
    Column("until", _TIME, nullable=False))

setting = Table(  # of the whole place: the webhook's address, the token's hash
    "setting", metadata,
    Column("name", String(60), primary_key=True),
    Column("value", JSON, nullable=False),
    Column("at", _TIME, nullable=False))
