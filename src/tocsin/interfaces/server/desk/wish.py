"""What somebody who wants a detector may say."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field

from tocsin.core import catalog
from tocsin.core.config import Config
from tocsin.decision.threshold import parse


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
