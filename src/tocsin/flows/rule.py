"""A decision rule's facts as the text that asks for it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def written(rule: Mapping[str, Any]) -> str:
    """A rule's facts as text that can be asked for again; "" when there are none.

    >>> written({"rule": "false_alarm_rate", "rate": 0.01, "p": 0.01})
    'false_alarm_rate=0.01'
    """
    name = str(rule.get("rule") or "")
    if name == "cost":
        return f"cost={rule.get('false_alarm')}:{rule.get('miss')}:{rule.get('share')}"
    return f"{name}={rule.get('rate', rule.get('share'))}" if name else ""
