from __future__ import annotations

import pickle

import pytest

from tocsin.core import errors
from tocsin.core.errors import ArtifactError, ConfigError, DataError, MissingExtra, StateError, TocsinError


def test_message_has_its_parts_in_order() -> None:
    assert str(DataError("TOC-112", "there are no rows", came="shape (0, 3)", todo="pass rows")) == \
        "TOC-112: there are no rows; came: shape (0, 3); to do: pass rows"


def test_empty_parts_are_left_out() -> None:
    assert str(StateError("TOC-301", "not fitted")) == "TOC-301: not fitted"


def test_plain_form() -> None:
    assert ConfigError("TOC-202", "w", came="c", todo="t").to_dict() == {"code": "TOC-202", "what": "w", "came": "c", "todo": "t"}


@pytest.mark.parametrize(("kind", "parent"), [(DataError, ValueError), (ConfigError, ValueError), (StateError, RuntimeError),
                                              (ArtifactError, ValueError), (MissingExtra, ImportError)])
def test_each_kind_is_also_the_builtin_that_callers_expect(kind: type[TocsinError], parent: type[Exception]) -> None:
    with pytest.raises(parent):
        raise kind("TOC-000", "wrong")
    assert issubclass(kind, TocsinError)


@pytest.mark.parametrize("name", ["DataError", "ConfigError", "StateError", "ArtifactError", "MissingExtra"])
def test_errors_cross_process_borders(name: str) -> None:
    error = getattr(errors, name)("TOC-000", "what", came="came", todo="todo")
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert back.to_dict() == error.to_dict()
    assert str(back) == str(error)
