"""What somebody who wants a detector may say."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field

from tocsin.core import catalog
from tocsin.core.config import Config
from tocsin.decision.threshold import parse
from tocsin.delivery.registry import Version
from tocsin.flows.rule import written

_ROLES = ("time", "label", "group", "id")


class Wish(Config):
    """A new detector: a name, an uploaded file, and for everything else a default.

    clean      True: the rows are (nearly) all normal; False: find the odd ones among them
    kind       "table" or "series"; found out when None
    time, label, group, id
               column names; found out when None
    """

    name: str = Field(max_length=63)
    upload: str = Field(max_length=64)
    detector: str = "auto"
    threshold: str = Field("false_alarm_rate=0.01", max_length=100)
    clean: bool = False
    kind: Literal["table", "series"] | None = None
    time: str | None = None
    label: str | None = None
    group: str | None = None
    id: str | None = None

    @classmethod
    def of(cls, said: dict[str, Any]) -> Self:
        """From a body or a form: an empty field says nothing. Raises ConfigError TOC-201 to TOC-203, TOC-241, TOC-242."""
        made = cls(**{name: value for name, value in said.items() if value not in (None, "")})
        parse(made.threshold)
        if made.detector != "auto":
            catalog.load(made.detector)
        return made

    def settings(self, filename: str) -> dict[str, Any]:
        """What the registry keeps of it, and a job works from."""
        return {**self.model_dump(exclude={"name"}), "filename": filename}


def further(line: dict[str, Any], source: Version | None, seen: dict[str, Any], said: dict[str, Any]) -> Wish:
    """The wish for a further version of ``line`` from an upload (``seen``): what is ``said``, else the line's settings, the roles and the
    decision rule of ``source``, the version that is live. Raises as :meth:`Wish.of`."""
    kept, facts = line["settings"], {} if source is None else source.facts
    schema, columns = facts.get("schema") or {}, {column["name"] for column in seen["columns"]}
    roles = {role: kept.get(role) or (schema.get(role) if schema.get(role) in columns else None) for role in _ROLES}
    clean = said.get("clean")
    return Wish.of({"name": line["name"], "upload": seen["digest"], "kind": line["kind"], **roles,
                    "detector": said.get("detector") or kept.get("detector"), "clean": kept.get("clean") if clean is None else clean,
                    "threshold": said.get("threshold") or written(facts.get("threshold") or {}) or kept.get("threshold")})
