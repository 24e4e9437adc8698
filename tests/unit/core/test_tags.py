from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from tocsin.core.tags import Tags


def test_defaults_promise_little() -> None:
    tags = Tags(modality="vector")
    assert (tags.min_rows, tags.deterministic, tags.extra) == (2, True, "")
    assert not (tags.online or tags.gives_map or tags.gives_expected or tags.slow_fit or tags.exportable or tags.supervised)


def test_tags_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Tags(modality="vector").online = True  # type: ignore[misc]
