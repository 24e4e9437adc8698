"""Objects that can be written down and built again without running anything from the file.

A state is a tree of plain values: numbers, strings, booleans, ``None``, lists, dictionaries with string keys, and numeric
NumPy arrays. No class names that are imported, no code. Whoever rebuilds chooses the class; the tree only fills it.
"""

from __future__ import annotations

import inspect
from typing import Any, Self

import numpy as np

from tocsin.core.config import Config
from tocsin.core.errors import ArtifactError, ConfigError, StateError

_PLAIN = (str, bool, int, float, type(None))


class Stateful:
    """The constructor stores, ``fit`` learns into names with a trailing underscore, and both can be written down.

    A subclass whose learned values are not plain (a network) overrides ``_learned`` and ``_load_learned``.
    """

    @classmethod
    def parameters(cls) -> tuple[str, ...]:
        """The constructor's parameter names, in order."""
        names = list(inspect.signature(cls.__init__).parameters)[1:]
        return () if names == ["args", "kwargs"] else tuple(names)

    def params(self) -> dict[str, Any]:
        """The constructor's parameters as they are stored now."""
        return {name: getattr(self, name) for name in self.parameters()}

    def fresh(self, **changes: Any) -> Self:
        """A new, unfitted object with the same parameters, some changed."""
        return type(self)(**{**self.params(), **changes})

    def state(self) -> dict[str, Any]:
        """Parameters and learned values as a tree of plain values and numeric arrays."""
        return {"params": {k: to_plain(v) for k, v in self.params().items()}, "learned": self._learned()}

    def load_state(self, state: dict[str, Any]) -> Self:
        """Take learned values from ``state``; the parameters must be those that this object was built with.

        Raises ArtifactError (TOC-410) when the tree is not of this object's form.
        """
        if not isinstance(state, dict) or not isinstance(state.get("learned"), dict):
            raise ArtifactError("TOC-410", f"the state of {type(self).__name__} is not of the expected form",
                                came=type(state).__name__, todo="load a file that this version of tocsin wrote")
        self._load_learned(state["learned"])
        return self

    def is_fitted(self) -> bool:
        """Whether anything has been learned."""
        return any(_is_learned(name) for name in vars(self))

    def _learned(self) -> dict[str, Any]:
        return {name: to_plain(value) for name, value in vars(self).items() if _is_learned(name)}

    def _load_learned(self, learned: dict[str, Any]) -> None:
        for name, value in learned.items():
            if not _is_learned(name) or not name.isidentifier():
                raise ArtifactError("TOC-410", f"{name!r} is not a learned value", came=repr(name)[:80],
                                    todo="load a file that this version of tocsin wrote")
            setattr(self, name, value)

    def _forget(self) -> None:
        """Drop what was learned, so that a refit equals a fresh fit."""
        for name in [name for name in vars(self) if _is_learned(name)]:
            delattr(self, name)

    def __repr__(self) -> str:
        defaults = {k: p.default for k, p in inspect.signature(type(self).__init__).parameters.items()}
        shown = [f"{k}={v!r}" for k, v in self.params().items() if not _same(v, defaults.get(k))]
        return f"{type(self).__name__}({', '.join(shown)})"


def to_plain(value: Any) -> Any:
    """``value`` as a tree of plain values and numeric arrays; raises StateError (TOC-304) for anything else."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "biuf":
            return value
        if value.dtype.kind in "US" or all(isinstance(v, _PLAIN) for v in value.ravel()):
            return value.tolist()
    if isinstance(value, Config):
        return value.model_dump(mode="json")
    if isinstance(value, (list, tuple)):
        return [to_plain(v) for v in value]
    if isinstance(value, dict) and all(isinstance(k, str) for k in value):
        return {k: to_plain(v) for k, v in value.items()}
    if isinstance(value, Stateful):
        return value.state()
    raise StateError("TOC-304", "a value cannot be written down", came=type(value).__name__,
                     todo="learn numbers, strings, lists, dictionaries or numeric arrays")


def build(cls: type[Stateful], state: dict[str, Any]) -> Any:
    """An object of ``cls`` from its state; parameters that ``cls`` does not have are refused (TOC-410)."""
    params = state.get("params") if isinstance(state, dict) else None
    unknown = set(params) - set(cls.parameters()) if isinstance(params, dict) else {"(no parameters)"}
    if unknown:
        raise ArtifactError("TOC-410", f"the state of {cls.__name__} is not of the expected form",
                            came=", ".join(sorted(map(str, unknown)))[:200], todo="load a file that this version of tocsin wrote")
    assert isinstance(params, dict)
    try:
        made = cls(**params)
    except (TypeError, ConfigError) as error:
        raise ArtifactError("TOC-410", f"{cls.__name__} cannot be built from its stored parameters", came=str(error)[:200],
                            todo="load a file that this version of tocsin wrote") from error
    return made.load_state(state)


def _is_learned(name: str) -> bool:
    return name.endswith("_") and not name.startswith("_")


def _same(a: Any, b: Any) -> bool:
    try:
        return bool(a == b)
    except ValueError:
        return False
