"""Extend: a fitted model of images, texts or logs takes new normal ones in, without fitting anew; p-values are calibrated again."""

from __future__ import annotations

import copy
import hashlib
from typing import Any

import numpy as np

from tocsin.core import catalog
from tocsin.core.detector import Detector
from tocsin.core.errors import ConfigError, DataError
from tocsin.core.seed import generator
from tocsin.core.tags import ITEMS
from tocsin.core.types import Dataset
from tocsin.pipeline import facts
from tocsin.pipeline.pipeline import Pipeline

_FEWEST = 2  # new items: one is judged while the other is learned


def extend(model: Pipeline, new: Any) -> Pipeline:
    """A new pipeline that knows what ``model`` knows and what ``new`` shows; ``model`` is not changed.

    The detector's memory takes the new items in (``Detector.update``). Their scores as unseen ones come from two copies, each of which
    learned one half and judged the other; together with the scores that ``model`` was calibrated on they make the new p-values, and the
    decision rule is kept. Items labelled 1 are left out.

    When it works: a detector with a memory (``online`` in ``tocsin detectors``), new items that were looked at and are normal: another
    batch, another light, another product. When not: what is odd in ``new`` is normal from then on.

    Raises ConfigError TOC-290 for a detector that cannot learn further, or a model of a table or series; DataError TOC-113 for fewer than
    two new items, and those of reading. Deterministic.

    >>> from tocsin.testing.toy import toy
    >>> import tocsin
    >>> pictures = toy("images")
    >>> detector = tocsin.make("images.patch_memory", backbone="random", size=48)
    >>> model = tocsin.fit(pictures.train[:40], detector, kind="images")
    >>> wider = extend(model, pictures.train[40:])
    >>> wider.facts_["n_train"], model.facts_["n_train"]
    (80, 40)
    """
    _check(model)
    data = model.as_dataset(new)
    data = data if data.y is None else data[data.y == 0]
    if len(data) < _FEWEST:
        raise DataError("TOC-113", "too few new items to learn from", came=f"{len(data)} normal ones", todo=f"pass at least {_FEWEST}")
    items = model.preparation_.transform(data).matrix
    unseen = _unseen(model.detector_, items, model.seed)
    made = copy.copy(model)
    made._own, made._at = None, None
    made.detector_ = _updated(model.detector_, items)
    scores = np.concatenate([np.asarray(model.calibrator_.state()["learned"]["scores_"], dtype=np.float64), unseen])
    made.calibrator_ = model.calibrator_.fresh().fit(scores)
    made.held_ = {"p": made.calibrator_.transform(scores), "y": None}
    made.threshold_ = model.threshold_.fresh().fit(made.held_["p"], None)
    made.reference_ = {**model.reference_, "ids": []}  # positions of nearest items are those of the first fit no longer
    made.facts_ = {
        **model.facts_, "version": _version(model, data), "n_train": model.facts_["n_train"] + len(data),
        "threshold": facts.rule_facts(made.threshold_, made.calibrator_),
        "calibration": {**model.facts_["calibration"], "n": len(scores), "effective": float(len(scores)),
                        "smallest_p": 1 / (len(scores) + 1)},
        "extended": [*model.facts_.get("extended", []),
                     {"from": model.facts_["version"], "items": len(data), "digest": data.origin.digest}],
    }
    return made


def _check(model: Pipeline) -> None:
    model.manifest()  # raises when it has not been fitted
    if model.kind_ not in ITEMS:
        raise ConfigError("TOC-290", "models of images, texts and logs are extended", came=f"a model of a {model.kind_}",
                          todo="tocsin adapt takes a table's model to new rows; tocsin models learn teaches one of a series further")
    if not model.detector_.tags.online:
        able = [name for name in catalog.names() if catalog.card(name).tags.online and name.startswith(f"{model.kind_}.")]
        raise ConfigError("TOC-290", f"{catalog.name_of(model.detector_)} cannot learn further", came=f"a model of {model.kind_}",
                          todo=f"fit anew with the old and the new items, or use {', '.join(able) or 'another detector'}")


def _unseen(detector: Detector, items: np.ndarray, seed: int) -> np.ndarray:
    """(n,) scores of the new ``items``, each by a copy that learned the other half."""
    scores = np.empty(len(items))
    halves = np.array_split(generator(seed, "extend").permutation(len(items)), 2)
    for held, rest in ((halves[0], halves[1]), (halves[1], halves[0])):
        scores[held] = _updated(detector, items[np.sort(rest)]).anomaly_score(items[held])
    return scores


def _updated(detector: Detector, items: np.ndarray) -> Detector:
    made: Detector = copy.deepcopy(detector).update(items)
    return made


def _version(model: Pipeline, data: Dataset) -> str:
    text = f"{model.facts_['version']} {data.origin.digest} {len(data)} {list(data.ids[:1000])}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]
