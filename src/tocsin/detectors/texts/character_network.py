"""See :class:`CharacterNetwork`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import torch

from tocsin.core.config import Training
from tocsin.core.errors import ArtifactError
from tocsin.core.seed import generator
from tocsin.core.tags import Tags
from tocsin.deep import settings
from tocsin.deep.language.characters import Alphabet, Foretelling, blank, learn, surprise
from tocsin.memory.text_detector import Signals, TextDetector, joined

_WORST = 10  # characters


class CharacterNetwork(TextDetector):
    """How surprising a text is, character by character, to a recurrent network learned from the training texts alone.

    Two gated recurrent units are trained, each on half of the texts; a new text is judged by both, a training text by the one that has
    not seen it. The signals are the mean surprise and that of the ten worst characters, as in ``texts.characters``.

    Works where long-range habits of writing matter and there are many texts: thousands. On short messages it tells what counts of runs
    tell (``texts.characters``), at some fifty times the cost. No pretrained weights. Texts are read in pieces of 128 characters.

    ``hidden``: width of the state. ``training``: a Training, a mapping of changes, or None. ``trim``: see ``texts.characters``.
    Raises ConfigError TOC-202 and TOC-220 to TOC-225, StateError TOC-320 when training diverges, DataError TOC-168.
    Source: character networks, Sutskever et al. (2011); gated units, Cho et al. (2014).

    >>> texts = ["the cat sat on the mat", "the dog sat on the rug", "a cat and a dog sat"] * 20
    >>> model = CharacterNetwork(hidden=16, training={"epochs": 10, "lr": 0.02}).fit(texts)
    >>> usual, odd = model.anomaly_score(["the dog sat on the mat", "zx9 qqj vv#k w0"])
    >>> bool(odd > usual + 3)
    True
    """

    tags = Tags(modality="texts", min_rows=4, gives_map=True, gives_reasons=True, judges_own=True, own_held_out=True, slow_fit=True,
                extra="deep")
    DEFAULT: ClassVar[Training] = Training(epochs=15, lr=5e-3, batch_size=32, patience=3)
    rows, seed = 2, 0  # nothing is remembered

    def __init__(self, hidden: int = 128, trim: float = 0.1, training: Training | Mapping[str, Any] | None = None) -> None:
        self.hidden, self.trim, self.training = hidden, trim, training

    @classmethod
    def small(cls) -> Self:
        return cls(hidden=16, training={"epochs": 4, "lr": 0.03, "batch_size": 16})

    def _check(self) -> None:
        super()._check()
        settings.at_least(1, hidden=self.hidden)

    def _prepare(self, texts: Sequence[str]) -> np.ndarray:
        made = np.empty(len(texts), dtype=object)
        made[:] = list(texts)
        return made

    def _learn(self, made: np.ndarray, at: np.ndarray) -> None:
        training = settings.training(self.training, self.DEFAULT)
        self._alphabet = Alphabet.of(made[at].tolist())
        order = generator(training.seed, "halves").permutation(len(at))
        self.halves_ = [np.sort(at[part]) for part in np.array_split(order, 2)]
        self._nets = [learn(made[half].tolist(), self._alphabet, self.hidden, training) for half in self.halves_]

    def _signals(self, made: np.ndarray, own: np.ndarray | None) -> Signals:
        if own is None:
            return _summed(surprise(self._nets, self._alphabet, made.tolist()))
        first = np.isin(own, self.halves_[0])
        by_second = _summed(surprise(self._nets[1:], self._alphabet, made[first].tolist()))
        by_first = _summed(surprise(self._nets[:1], self._alphabet, made[~first].tolist()))
        return {name: joined(first, by_second[name], by_first[name]) for name in by_first}

    def _where(self, text: str) -> np.ndarray:
        return surprise(self._nets, self._alphabet, [text])[0]

    def _learned(self) -> dict[str, Any]:
        made = super()._learned()
        if made:
            made["signs_"] = self._alphabet.signs
            made["nets_"] = [{name: tensor.numpy().copy() for name, tensor in net.state_dict().items()} for net in self._nets]
        return made

    def _rebuild(self) -> None:
        self._alphabet = Alphabet(str(self.__dict__.pop("signs_")))
        self._nets = [_filled(blank(len(self._alphabet), self.hidden), arrays) for arrays in self.__dict__.pop("nets_")]

    def _forget(self) -> None:
        super()._forget()
        for name in ("_nets", "_alphabet"):
            self.__dict__.pop(name, None)


def _summed(each: Sequence[np.ndarray]) -> Signals:
    return {"characters": np.array([row.mean() if len(row) else 0.0 for row in each]),
            "worst characters": np.array([np.sort(row)[-_WORST:].mean() if len(row) else 0.0 for row in each])}


def _filled(net: Foretelling, arrays: dict[str, np.ndarray]) -> Foretelling:
    try:
        net.load_state_dict({name: torch.tensor(array) for name, array in arrays.items()})
    except RuntimeError as error:
        raise ArtifactError("TOC-410", "the stored weights are not those of this network", came=str(error)[:200],
                            todo="load a file that this version of tocsin wrote") from error
    return net
