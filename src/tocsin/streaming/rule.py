"""Score → p and decision, for streams: a pipeline's fixed calibration, or the adaptive threshold."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from tocsin.core.errors import ConfigError
from tocsin.core.state import build
from tocsin.decision.calibrate import Calibrator
from tocsin.decision.spot import Spot, Verdict
from tocsin.decision.threshold import THRESHOLDS, FalseAlarmRate, Threshold, parse
from tocsin.pipeline import facts
from tocsin.pipeline.pipeline import Pipeline


class Rule(Protocol):
    """Final scores teach (``step``), early ones do not (``peek``)."""

    @property
    def needed(self) -> int:
        """Scores still to come before the rule judges."""

    def step(self, score: float) -> Verdict:
        """Judge, then learn."""

    def peek(self, score: float) -> Verdict:
        """Judge."""

    def state(self) -> dict[str, Any]:
        """Plain values and arrays."""


class Fixed:
    """The calibration that a pipeline was fitted with, and a cut on p."""

    needed = 0

    def __init__(self, calibrator: Calibrator, threshold: Threshold) -> None:
        self.calibrator, self.threshold = calibrator, threshold

    def peek(self, score: float) -> Verdict:
        """See :class:`Rule`."""
        p = float(self.calibrator.transform(np.array([score]))[0])
        return Verdict(p, p <= self.threshold.value, "")

    step = peek

    def state(self) -> dict[str, Any]:
        """The threshold; the calibration is the model's."""
        return {"threshold": {"name": facts.part_name(THRESHOLDS, self.threshold), "state": self.threshold.state()}}


def rule_for(model: Any, threshold: Any, warmup: int | None) -> Rule:
    """The rule that ``threshold`` means: None, text ("adaptive=0.001" or what ``tocsin.decision.threshold.parse`` reads), a Threshold,
    a Spot.

    Without a pipeline there is no calibration, and every rate is the adaptive threshold's. Raises ConfigError TOC-202, TOC-242, TOC-278.
    """
    if isinstance(threshold, Spot):
        return threshold
    rate = _adaptive(threshold)
    calibrated = isinstance(model, Pipeline)
    if rate is None and not (calibrated and threshold is None):
        threshold = parse(threshold) if isinstance(threshold, str) else threshold
        if calibrated:
            threshold = _moved(model, threshold)
        elif isinstance(threshold, FalseAlarmRate):
            rate = threshold.rate
        elif threshold is not None:
            raise ConfigError("TOC-278", "a stream without a fitted pipeline has no calibration that this threshold could be learned on",
                              came=repr(threshold)[:80], todo="use adaptive=0.001, or fit a pipeline first")
    if rate is None and calibrated:
        chosen = model.threshold_ if threshold is None else threshold
        if chosen.of_batch:
            raise ConfigError("TOC-278", "this threshold needs all rows together and cannot judge a stream", came=repr(chosen)[:80],
                              todo="use false_alarm_rate=0.01 or adaptive=0.001")
        return Fixed(model.calibrator_, chosen)
    memory = max(2000, warmup) if isinstance(warmup, (int, np.integer)) else 2000  # Spot tells what is wrong with another one
    settings: dict[str, Any] = {} if warmup is None else {"warmup": warmup, "memory": memory}
    return Spot(0.001 if rate is None else rate, **settings)


def rule_from_state(state: dict[str, Any]) -> Spot | Threshold:
    """What to pass as ``threshold`` to get the rule back that gave ``state``."""
    if "threshold" in state:
        made: Threshold = build(THRESHOLDS[state["threshold"]["name"]], state["threshold"]["state"])
        return made
    return Spot.from_state(state)


def _adaptive(threshold: Any) -> float | None:
    if not isinstance(threshold, str) or not threshold.strip().lower().startswith("adaptive"):
        return None
    text = threshold.partition("=")[2].strip() or "0.001"
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise ConfigError("TOC-242", "this is not a threshold", came=repr(threshold)[:80], todo="use adaptive=0.001") from None


def _moved(model: Pipeline, threshold: Any) -> Threshold:
    """As ``model.with_threshold`` would fit it; one that is fitted stays as it is."""
    if isinstance(threshold, Threshold) and threshold.is_fitted():
        return threshold
    return model.with_threshold(threshold).threshold_
