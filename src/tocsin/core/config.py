"""Settings: frozen, validated, serialisable. A wrong setting is a :class:`ConfigError` with what came and what to do."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tocsin.core.errors import ConfigError


class Config(BaseModel):
    """Base of all settings. Unknown names are refused, values cannot change after construction.

    >>> Training(epochs=5).epochs
    5
    >>> Training(epochz=5)
    Traceback (most recent call last):
    tocsin.core.errors.ConfigError: TOC-201: Training: epochz: unknown setting; came: 5; to do: ...
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=False)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _as_config_error(type(self), error) from None

    def with_(self, **changes: Any) -> Self:
        """A copy with some settings changed, validated again."""
        return type(self)(**{**self.model_dump(), **changes})


class Training(Config):
    """How a network is trained. One object instead of forty arguments.

    ``validation`` is the share of training rows (for series: of whole windows, cut in time) held out for early stopping;
    ``patience`` counts epochs without improvement there. ``clip`` is the largest gradient norm, 0 switches clipping off.
    ``checkpoint`` is a folder: training writes its state there after each epoch and resumes from it when it exists.
    """

    epochs: int = Field(100, ge=1)
    lr: float = Field(1e-3, gt=0)
    batch_size: int = Field(128, ge=1)
    patience: int = Field(10, ge=1)
    validation: float = Field(0.1, ge=0, lt=1)
    weight_decay: float = Field(1e-5, ge=0)
    clip: float = Field(1.0, ge=0)
    schedule: Literal["constant", "cosine", "plateau"] = "cosine"
    device: str = "cpu"
    precision: Literal["float32", "bfloat16"] = "float32"
    seed: int = Field(0, ge=0)
    checkpoint: str | None = None


def _as_config_error(owner: type[BaseModel], error: ValidationError) -> ConfigError:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"]) or "(whole)"
    if first["type"] == "extra_forbidden":
        return ConfigError("TOC-201", f"{owner.__name__}: {name}: unknown setting", came=repr(first["input"]),
                           todo=f"use one of {', '.join(owner.model_fields)}")
    return ConfigError("TOC-202", f"{owner.__name__}: {name}: {first['msg']}", came=repr(first["input"])[:200],
                       todo=f"give {name} a value of the stated form")
