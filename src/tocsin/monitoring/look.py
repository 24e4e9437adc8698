"""Looks: fresh rows are tested once by themselves and again together with earlier ones, and all tests of one version share one promise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tocsin.monitoring import drift, performance, quality
from tocsin.monitoring.spending import share
from tocsin.pipeline.pipeline import Pipeline

PROMISE = 0.01
"""For each rule, the chance that a version whose rows never change ever raises a false incident, however long it is watched."""

_FEWEST = 200  # rows of a look
_WINDOWS = 4  # of a series, that a look covers
_STRETCHES = 100  # a look at a series spans at least this part of the training series
_DEEPEST = 8  # 2 ** 8 looks are the longest memory


def rows_needed(model: Pipeline) -> int:
    """How many rows make a look: 200; of a series also four windows, and a hundredth of the training series, the shortest stretch of
    which training tells how much it may differ from the whole."""
    if model.kind_ != "series":
        return _FEWEST
    window = int(model.facts_["params"].get("window") or 1)
    return max(_FEWEST, _WINDOWS * window, math.ceil(int(model.facts_["n_train"]) / _STRETCHES))


def pushed(stack: Sequence[dict[str, Any]], fresh: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(the new stack, the windows to test) after one more look.

    The stack holds sums over 1, 2, 4, … looks, as the ones of a binary number: every second look completes a pair, every fourth a four.
    What is completed is tested, so a small drift is seen in time without testing everything at every look: two tests a look on average.

    >>> stack, windows = pushed([{"looks": 1, "sketch": {"rows": 200}, "quality": {}}], {"sketch": {"rows": 200}, "quality": {}})
    >>> [window["sketch"]["rows"] for window in windows], [one["looks"] for one in stack]
    ([200, 400], [2])
    """
    held, windows = list(stack), [{"looks": 1, "sketch": fresh["sketch"], "quality": fresh["quality"]}]
    while held and held[-1]["looks"] == windows[-1]["looks"]:
        last = held.pop()
        windows.append({"looks": 2 * last["looks"], "sketch": drift.together([last["sketch"], windows[-1]["sketch"]]),
                        "quality": drift.together([last["quality"], windows[-1]["quality"]])})
    held.append(windows[-1])
    return [one for one in held if one["looks"] < 2**_DEEPEST], windows


def examine(windows: Sequence[dict[str, Any]], model: Pipeline, tests: int) -> list[dict[str, Any]]:
    """Signals of all rules over the ``windows`` to test, one for each thing that is watched: of its windows, the one that says most.
    ``tests``: how many windows of this version were tested before."""
    best: dict[tuple[str, str, str], dict[str, Any]] = {}
    for i, window in enumerate(windows):
        level = PROMISE * share(tests + i + 1)
        seen = window["sketch"]
        found = [*drift.inputs(seen, model, level), drift.scores(seen, model, level), performance.alarm_rate(seen, model, level),
                 *quality.worsened(window["quality"], seen, model, level)]
        for signal in found:
            name = (signal["what"], signal["column"], signal["detail"].get("fault", ""))
            signal["detail"] |= {"level": level, "looks": window["looks"]}
            if name not in best or _weight(signal) < _weight(best[name]):
                best[name] = signal
    return list(best.values())


def _weight(signal: dict[str, Any]) -> tuple[bool, float]:
    return not signal["fired"], signal["p_value"]
