"""Which columns make one model's rows unfit for another."""

from __future__ import annotations

from tocsin.delivery.suits import other


def schema(time: str | None = None, **kinds: str) -> dict[str, object]:
    return {"columns": [{"name": name, "kind": kind} for name, kind in kinds.items()], "time": time}


def test_what_tells_nothing_may_come_and_go() -> None:
    before = schema(flow="number", order="id", unit="constant", note="text")
    assert other(before, schema(flow="number", note="category")) == []
    assert other(before, schema(flow="number", order="number", unit="category", note="text")) == []


def test_columns_that_scoring_needs_are_told() -> None:
    before = schema(flow="number", state="category")
    changed = ["without 'state'", "with 'level'", "'flow' holds category instead of number"]
    assert other(before, schema(flow="category", level="number")) == changed
    assert other(before, schema(time="at", flow="number", state="category")) == ["time column 'at' instead of None"]
