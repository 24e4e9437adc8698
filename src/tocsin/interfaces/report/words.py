"""Numbers, moments and chances as a reader says them. Shared by the report and the command."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tocsin.core.types import Dataset

_Z90 = 1.6449  # 90 % two-sided


def number(value: Any, digits: int = 4) -> str:
    """A number with ``digits`` significant digits and thousands separators; anything else as text.

    >>> number(1234567.0), number(0.00012345), number(3.0), number(None), number(2.5e-9)
    ('1,234,567', '0.0001234', '3', 'missing', '2.5e-09')
    """
    if value is None:
        return "missing"
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (np.datetime64,)) or hasattr(value, "isoformat"):
        return moment(value)
    if not isinstance(value, (int, float, np.integer, np.floating)):
        return str(value)
    if isinstance(value, (int, np.integer)):
        return f"{int(value):,}"
    value = float(value)
    if not math.isfinite(value):
        return "missing" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if size < -4 or size > 9:
        return f"{value:.{digits - 1}g}"
    text = f"{value:,.{max(0, digits - 1 - size)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: float, digits: int = 2) -> str:
    """A share as a percentage; the space before the sign does not break.

    >>> [percent(share).replace("\\u00a0", " ") for share in (0.01, 0.1234, 0.0005)]
    ['1 %', '12 %', '0.05 %']
    """
    return f"{number(100 * float(share), digits)}\u00a0%"


def count(n: float, one: str, many: str | None = None) -> str:
    """A count with its noun: ``count(1, "row")`` is "1 row".

    >>> count(1, "row"), count(1200, "row"), count(2, "series", "series")
    ('1 row', '1,200 rows', '2 series')
    """
    return f"{number(int(n))} {one if int(n) == 1 else many or one + 's'}"


def odds(p: float) -> str:
    """A p-value as "1 in N", N to two digits; beyond a million the figure would claim more than any calibration set can tell.

    >>> odds(0.004), odds(1 / 2437), odds(0.7), odds(1.3e-9)
    ('1 in 250', '1 in 2,400', 'ordinary', '< 1 in 1 million')
    """
    if p < 1e-6:
        return "< 1 in 1 million"
    if p > 0.5:
        return "ordinary"
    n = 1 / p
    n = round(n, 1 - math.floor(math.log10(n))) if n >= 10 else round(n, 1)
    return f"1 in {number(n, 7)}"


def moment(value: Any) -> str:
    """A time as ISO text without the parts that say nothing.

    >>> moment(np.datetime64("2024-03-01T00:00:00.000")), moment(np.datetime64("2024-03-01T07:30:00")), moment(12.5)
    ('2024-03-01', '2024-03-01 07:30', '12.5')
    """
    if hasattr(value, "isoformat"):
        value = value.isoformat()
    elif not isinstance(value, np.datetime64):
        return number(value)
    text = str(value)
    if text == "NaT":
        return "missing"
    day, _, clock = text.partition("T")
    clock = clock.rstrip("0").rstrip(".") if "." in clock else clock
    if clock.endswith(":00") and clock.count(":") == 2:
        clock = clock[:-3]
    return day if clock in ("", "00:00") else f"{day} {clock}"


def seconds(value: float) -> str:
    """A duration.

    >>> seconds(0.0312), seconds(4.25), seconds(312), seconds(7320)
    ('31 ms', '4.2 s', '5 min 12 s', '2 h 2 min')
    """
    value = float(value)
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def rows_word(kind: str) -> str:
    """What one entry of the data is called."""
    return {"series": "time step", "images": "image", "texts": "text", "logs": "line", "sessions": "session"}.get(kind, "row")


def spoken(data: Dataset) -> str:
    """The kind of ``data`` as :func:`rows_word` takes it: a log by sessions is one of sessions, not of lines."""
    return "sessions" if data.kind == "logs" and data.schema.session is not None else data.kind


def headline(flagged: int, n: int, kind: str, events: int = 0) -> str:
    """The first sentence of every result; flagged neighbours of a series are one event.

    >>> headline(12, 569, "table"), headline(0, 40, "series"), headline(1, 40, "table")
    ('12 of 569 rows are unusual', 'None of 40 time steps is unusual', '1 of 40 rows is unusual')
    >>> headline(12, 569, "series", 2)
    '2 unusual events, 12 of 569 time steps'
    """
    word = rows_word(kind)
    if flagged == 0:
        return f"None of {count(n, word)} is unusual"
    if events:
        return f"{count(events, 'unusual event')}, {number(flagged)} of {count(n, word)}"
    return f"{number(flagged)} of {count(n, word)} {'is' if flagged == 1 else 'are'} unusual"


def left_out(flagged: int, told: int, kind: str) -> str:
    """That not all flagged rows are on the page, and where their reasons are; "" when all are.

    >>> left_out(12, 12, "table")
    ''
    >>> left_out(5000, 2000, "table")
    '5,000 rows were flagged; the 2,000 with the highest scores are shown. summary.json holds the reason of every one.'
    """
    if told >= flagged:
        return ""
    shown = f"the {number(told)} with the highest scores are shown"
    return f"{count(flagged, rows_word(kind))} were flagged; {shown}. summary.json holds the reason of every one."


def meaning(
    flagged: int, n: int, kind: str, threshold: Mapping[str, Any], rarest: float = 1.0, smallest: float = 0.0, block: int = 1
) -> str:
    """What the threshold's promise means in numbers for this data; "" when its rule makes no promise that can be put so.

    ``threshold`` is {"rule", "value"}; ``rarest`` the lowest p-value found, ``smallest`` the lowest that the
    calibration rows let one count; ``block`` how many neighbours count as one independent row.
    """
    rule, value = threshold.get("rule"), threshold.get("value")
    word = rows_word(kind)
    if not isinstance(value, (int, float)):
        return ""
    if rule == "false_alarm_rate":
        chance = value * n
        shown = f"about {number(round(chance))}" if chance >= 1.5 else "about 1" if chance >= 0.5 else "fewer than 1"
        return (
            f"At a false-alarm rate of {percent(value)}, {shown} flag{'' if shown.endswith(' 1') else 's'} among {count(n, word)} "
            "would be expected by chance even if nothing were wrong"
            + (" (neighbouring steps together, so as fewer events). " if kind == "series" and chance >= 1.5 else ". ")
            + (_too_few(smallest) if flagged == 0 and value < smallest else _against(flagged, chance, n, rarest, block))
        )
    if rule == "false_discovery":
        false = number(round(value * flagged))
        return f"At a false-discovery rate of {percent(value)}, about {false} of these flags are expected to be false."
    if rule == "contamination":
        return f"The threshold was set to flag the most unusual {percent(value)}, however unusual they are."
    if rule == "cost":
        return "The threshold was set where the stated cost of false and missed alarms is lowest."
    return ""


def _too_few(smallest: float) -> str:
    return (
        f"But with so few calibration rows the rarest that can be counted is {odds(smallest)}, so hardly any score is high enough "
        f"for this rate: learn from more rows, or ask for a rate above {percent(smallest)}."
    )


def _against(flagged: int, chance: float, n: int, rarest: float, block: int) -> str:
    if flagged == 0:
        return "Nothing stood out that far."
    if flagged > chance + 3 * math.sqrt(max(chance, 1) * block):  # false alarms of a series come in runs: their number varies more
        return "There are clearly more than that."
    if rarest * n < 0.05:
        return f"The rarest one found ({odds(rarest)}) would not be expected by chance among so many: start there."
    if flagged > chance:
        return "There are slightly more than that: look at the highest ranks first."
    return "That is no more than chance alone would give: look at the highest ranks first, and expect most to be harmless."


def rate_range(rate: float, n: int) -> tuple[float, float]:
    """The 90 % range of the true false-alarm rate when a cut at ``rate`` was learned from ``n`` calibration scores (Wilson, 1927).

    >>> low, high = rate_range(0.01, 1000)
    >>> 0.005 < low < 0.01 < high < 0.02
    True
    """
    z2 = _Z90**2
    centre = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z90 * math.sqrt(rate * (1 - rate) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)
