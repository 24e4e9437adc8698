"""See :class:`Surface`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from tocsin.core.tags import Tags
from tocsin.memory.surface import FEATURES, Form, shows, surface
from tocsin.memory.text_detector import NEAR, Signals, TextDetector

_STANDS_OUT = np.log(20.0)  # evidence from which on a feature is named: one in twenty normal texts goes so far
_NAMED = 3


class Surface(TextDetector):
    """The form of a text: length, capitals, digits, punctuation, their longest runs. What it says is not looked at.

    Of 21 features each speaks in the direction of its longer tail among the training texts; the sum of these tails, and the distance to
    the nearest training texts in all features together, are two signals, whose evidence adds up. No pattern is made for a kind of
    anomaly: a sign counts by how rare so much of it is.

    Works where anomalies are written differently: advertisements among messages, log lines or code among sentences, another language's
    script. Blind to what differs in meaning only (reviews that praise and that blame): take ``texts.fusion``.

    ``trim``: share of the training texts, the oddest, that are not learned from, so that a few anomalies among them do no harm.
    ``rows``: texts that are remembered for the nearest. Raises ConfigError TOC-202, DataError TOC-168 when all texts are empty.
    Source: tails after Li et al. (2022, "ECOD"), summed after Fisher.

    >>> texts = [f"see you at {hour} then" for hour in range(1, 10)] * 6
    >>> usual, odd = Surface().fit(texts).anomaly_score(["see you at 8 then", "WIN 1000 NOW!!! CALL 0900123456"])
    >>> bool(odd > usual + 3)
    True
    """

    tags = Tags(modality="texts", min_rows=4, gives_map=True, gives_reasons=True, judges_own=True, own_held_out=True)

    def __init__(self, trim: float = 0.1, rows: int = 10_000, seed: int = 0) -> None:
        self.trim, self.rows, self.seed = trim, rows, seed

    @classmethod
    def small(cls) -> Self:
        return cls()

    def _prepare(self, texts: Sequence[str]) -> np.ndarray:
        return surface(texts)

    def _learn(self, made: np.ndarray, at: np.ndarray) -> None:
        self._form = Form.learn(made[at], self._remember(at))

    def _signals(self, made: np.ndarray, own: np.ndarray | None) -> Signals:
        near, _ = self._form.distance(made, self._own_places(own))
        return {"form": self._form.tails(made).sum(axis=1), "form, all together": np.log(near + 1e-6)}

    def _where(self, text: str) -> np.ndarray:
        made = np.full(len(text), 1e-9)
        for name, seen in zip(FEATURES, self._form.tails(surface([text]))[0]):
            places = shows(name, text)
            if places.any() and seen > 0:
                made += seen * places / places.sum()
        return made

    def _nearest(self, made: np.ndarray) -> np.ndarray:
        return np.asarray(self.places_)[self._form.distance(made)[1][:, :NEAR]]

    def _told(self, text: str, named: Sequence[str]) -> str:
        return ", ".join(self.said(text)) or "each feature of its form is ordinary, all of them together are not"

    def said(self, text: str) -> list[str]:
        """What stands out in the form of ``text``, the oddest first."""
        seen = self._form.tails(surface([text]))[0]
        order = np.argsort(-seen, kind="stable")
        names = list(FEATURES)
        found = [FEATURES[names[j]][0 if self._form.side[j] > 0 else 1] for j in order if seen[j] >= _STANDS_OUT]
        return list(dict.fromkeys(found))[:_NAMED]

    def _learned(self) -> dict[str, Any]:
        made = super()._learned()
        return {**made, "form_": self._form.state()} if made else made

    def _rebuild(self) -> None:
        self._form = Form.from_state(self.__dict__.pop("form_"))

    def _forget(self) -> None:
        super()._forget()
        self.__dict__.pop("_form", None)
